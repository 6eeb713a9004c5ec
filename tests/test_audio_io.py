"""Files, pipes and raw PCM: every format there and back, and every bad input with its message."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtmf_audio import audio_io, audio_write, pcm
from dtmf_audio.audio_io import (
    RAW_ENCODINGS,
    WRITE_FORMATS,
    WRITE_SUBTYPES,
    RawFormat,
    open_audio,
    read_audio,
    replace_file,
    write_audio,
)
from dtmf_audio.errors import AudioFileError, DtmfError, InvalidSettingError, InvalidSignalError

RATE = 16000  # one that every format takes
ROWS = [(name, subtype) for name in WRITE_FORMATS for subtype in WRITE_SUBTYPES[name]]
LOSSLESS_BITS = {"s8": 8, "u8": 8, "pcm8": 8, "pcm16": 16, "pcm24": 24, "pcm32": 32}
LOSSLESS_BITS |= {f"s{bits}{order}": bits for bits in (16, 24, 32) for order in ("le", "be")}
EXACT_FLOATS = {"float": np.float32, "f32le": np.float32, "f32be": np.float32}
EXACT_FLOATS |= {"double": np.float64, "f64le": np.float64, "f64be": np.float64}
STEADY_DB = 0.5  # how far a lossy codec may move the level of two steady tones; GSM, at 13 kbit/s, is the worst
FULL_SCALE = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}


def two_tones(n: int = RATE) -> npt.NDArray[np.float64]:
    t = np.arange(n) / RATE
    return 0.3 * np.sin(2 * np.pi * 697 * t) + 0.3 * np.sin(2 * np.pi * 1209 * t)


def as_floats(samples: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return samples / FULL_SCALE.get(samples.dtype, 1.0)


def written(samples: npt.ArrayLike, file_format: str = "WAV", subtype: str | None = None, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    write_audio(file, samples, rate, file_format=file_format, subtype=subtype)
    return file.getvalue()


def raw_format(file_format: str, subtype: str, channels: int = 1) -> RawFormat | None:
    return RawFormat(encoding=subtype, samplerate=RATE, channels=channels) if file_format == "RAW" else None


def chunk(name: bytes, payload: bytes, *, size: int | None = None, order: str = "<") -> bytes:
    return name + struct.pack(f"{order}I", len(payload) if size is None else size) + payload


def wave(
    payload: bytes = b"\x01\x00" * 100,
    *,
    size: int | None = None,
    riff_size: int | None = None,
    fmt: bytes | None = None,
    extra: bytes = b"",
    order: str = "<",
) -> bytes:
    """A WAV by hand, 16 bits, mono and 8000 Hz unless told otherwise."""
    fmt = struct.pack(f"{order}HHIIHH", 1, 1, 8000, 16000, 2, 16) if fmt is None else fmt
    body = b"WAVE" + chunk(b"fmt ", fmt, order=order) + extra + chunk(b"data", payload, size=size, order=order)
    return chunk(b"RIFF" if order == "<" else b"RIFX", body, size=riff_size, order=order)


def message(source: Any, **options: Any) -> str:
    with pytest.raises(AudioFileError) as caught:
        read_audio(source, **options)
    return str(caught.value)


@pytest.fixture(params=["file", "pipe"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bytes], Any]:
    """The same bytes as a file and as a stream that cannot seek."""

    def make(content: bytes) -> Any:
        if request.param == "pipe":
            return Unseekable(content)
        (tmp_path / "call.wav").write_bytes(content)
        return tmp_path / "call.wav"

    return make


class Unseekable(io.BytesIO):
    def seek(self, *_: int) -> int:
        raise OSError(errno.ESPIPE, "Illegal seek")

    def seekable(self) -> bool:
        return False


# --- there and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file_format", "subtype"), ROWS)
@pytest.mark.parametrize("through", ["file", "pipe"])
def test_every_row_that_can_be_written_reads_back(file_format: str, subtype: str, through: str, tmp_path: Path) -> None:
    tones = two_tones()
    content = written(tones, file_format, subtype)
    place: Any = Unseekable(content)
    if through == "file":
        place = tmp_path / "call.bin"
        place.write_bytes(content)
    samples, samplerate = read_audio(place, raw=raw_format(file_format, subtype))
    assert samplerate == RATE
    back = as_floats(samples)[:, 0]
    if subtype in LOSSLESS_BITS:
        steps = 2.0 ** (LOSSLESS_BITS[subtype] - 1)
        np.testing.assert_array_equal(back, np.rint(tones * steps) / steps)
    elif subtype in EXACT_FLOATS:
        np.testing.assert_array_equal(samples[:, 0], tones.astype(EXACT_FLOATS[subtype]))
    else:
        steady = slice(RATE // 8, -RATE // 8)  # codecs delay, and need time to settle
        ratio_db = 10 * np.log10(np.mean(back[: len(tones)][steady] ** 2) / np.mean(tones[steady] ** 2))
        assert abs(ratio_db) < STEADY_DB


@pytest.mark.parametrize("encoding", RAW_ENCODINGS)
@pytest.mark.parametrize("channels", [1, 3])
def test_raw_pcm_is_decoded_as_libsndfile_decodes_it(encoding: str, channels: int) -> None:
    raw = RawFormat(encoding=encoding, samplerate=8000, channels=channels)
    payload = np.random.default_rng(5).integers(0, 256, 64 * raw.frame_bytes, dtype=np.uint8).tobytes()
    if encoding.startswith("f"):  # random bytes would be NaN, which is not equal to itself
        payload = written(np.random.default_rng(5).standard_normal((64, channels)), "RAW", encoding)
    samples, _ = read_audio(io.BytesIO(payload), raw=raw)
    known = pcm.ENCODINGS[encoding]
    with sf.SoundFile(
        io.BytesIO(payload),
        samplerate=8000,
        channels=channels,
        format="RAW",
        subtype=known.subtype,
        endian=known.endian,
    ) as file:
        np.testing.assert_array_equal(samples, file.read(dtype=str(samples.dtype), always_2d=True))


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "AIFF", "AU", "RAW"])
def test_every_int16_value_is_written_and_read_exactly(file_format: str) -> None:
    values = np.arange(-(2**15), 2**15, dtype=np.int16)
    raw = raw_format(file_format, "s16le")
    samples, _ = read_audio(io.BytesIO(written(values / 2.0**15, file_format)), raw=raw)
    np.testing.assert_array_equal(samples[:, 0], values)
    samples, _ = read_audio(io.BytesIO(written(values, file_format)), raw=raw)
    np.testing.assert_array_equal(samples[:, 0], values)


@pytest.mark.parametrize("subtype", ["pcm8", "pcm16", "pcm24", "pcm32"])
def test_samples_beyond_full_scale_are_limited_and_do_not_wrap(subtype: str) -> None:
    samples, _ = read_audio(io.BytesIO(written([1.0, 1.5, -1.0, -1.5], subtype=subtype)))
    steps = 2.0 ** (LOSSLESS_BITS[subtype] - 1)
    np.testing.assert_array_equal(as_floats(samples)[:, 0], [1 - 1 / steps, 1 - 1 / steps, -1, -1])


def test_channels_keep_their_order_in_a_file_and_on_a_pipe(source: Callable[[bytes], Any]) -> None:
    values = np.arange(300, dtype=np.int16).reshape(100, 3)
    samples, _ = read_audio(source(written(values)))
    np.testing.assert_array_equal(samples, values)


def test_the_ending_chooses_the_format_in_either_case(tmp_path: Path) -> None:
    for name, form in audio_write._FORMATS.items():
        if name == "RAW":
            continue
        for ending in (*form.endings, form.endings[0].upper()):
            write_audio(tmp_path / f"x{ending}", two_tones(2000), RATE)
            assert sf.info(tmp_path / f"x{ending}").format == form.container


def test_a_minute_of_vorbis_and_opus_is_written_whole() -> None:
    for file_format in ("OGG", "OPUS"):
        samples, _ = read_audio(io.BytesIO(written(np.zeros(60 * RATE), file_format)))
        assert len(samples) == 60 * RATE


# --- blocks and pipes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file_format", "subtype"), [r for r in ROWS if r[0] != "RAW"])
def test_the_size_of_the_blocks_does_not_change_the_samples(file_format: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / "noise.bin"
    noise = 0.1 * np.random.default_rng(1).standard_normal(8000)  # noise fills an MP3's bit reservoir
    path.write_bytes(written(noise, file_format, subtype))
    whole, _ = read_audio(path)
    with open_audio(path) as reader:
        blocks = list(reader.blocks(777))
    assert all(len(block) == 777 for block in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("fmt_order", ["<", ">"])
def test_riff_and_rifx_read_the_same(fmt_order: str, source: Callable[[bytes], Any]) -> None:
    values = np.arange(-50, 50).astype(f"{fmt_order}i2")
    samples, samplerate = read_audio(source(wave(values.tobytes(), order=fmt_order)))
    assert samplerate == 8000
    np.testing.assert_array_equal(samples[:, 0], values)


def test_wave_format_extensible_is_read(source: Callable[[bytes], Any]) -> None:
    guid = struct.pack("<H", 1) + bytes.fromhex("0000000010008000 00aa00389b71")
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4) + guid
    samples, _ = read_audio(source(wave(b"\x05\x00" * 10, fmt=fmt)))
    np.testing.assert_array_equal(samples, np.full((10, 1), 5))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF - 36])
@pytest.mark.parametrize("riff_size", [0, 36, 0xFFFFFFFF])
def test_a_wav_of_unknown_length_is_read_to_its_end(size: int, riff_size: int, source: Callable[[bytes], Any]) -> None:
    content = wave(b"\x07\x00" * 1000, size=size, riff_size=riff_size)
    samples, _ = read_audio(source(content))
    np.testing.assert_array_equal(samples, np.full((1000, 1), 7))
    with open_audio(source(content)) as reader:
        assert reader.frames is None


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_compressed_wav_of_unknown_length_is_read_to_its_end(size: int, source: Callable[[bytes], Any]) -> None:
    content = bytearray(written(two_tones(), subtype="ima-adpcm"))
    whole, _ = read_audio(io.BytesIO(content))
    struct.pack_into("<I", content, 4, size)
    struct.pack_into("<I", content, content.index(b"data") + 4, size)
    samples, _ = read_audio(source(bytes(content)))
    np.testing.assert_array_equal(samples, whole)


def test_an_rf64_is_read_to_the_length_in_its_ds64(source: Callable[[bytes], Any]) -> None:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, 20, 10, 0))
    fmt = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16))
    data = chunk(b"data", b"\x03\x00" * 10, size=0xFFFFFFFF) + chunk(b"LIST", b"INFO")
    samples, _ = read_audio(source(b"RF64\xff\xff\xff\xffWAVE" + ds64 + fmt + data))
    np.testing.assert_array_equal(samples, np.full((10, 1), 3))


def test_chunks_after_the_samples_are_not_taken_for_samples(source: Callable[[bytes], Any]) -> None:
    samples, _ = read_audio(source(wave() + chunk(b"LIST", b"INFO" * 50)))
    np.testing.assert_array_equal(samples, np.full((100, 1), 1))


@pytest.mark.parametrize("raw", [None, RawFormat(encoding="s16le", samplerate=8000)])
def test_a_pipe_that_is_still_open_has_given_its_first_block(raw: RawFormat | None) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as incoming, os.fdopen(write_end, "wb", buffering=0) as outgoing:
        if raw is None:
            outgoing.write(wave(b"", size=0xFFFFFFFF))
        outgoing.write(b"\x09\x00" * 160)
        with open_audio(incoming, raw=raw) as reader:
            blocks = reader.blocks()
            np.testing.assert_array_equal(next(blocks), np.full((160, 1), 9))
            outgoing.write(b"\x08\x00\x07")  # a sample and a half
            np.testing.assert_array_equal(next(blocks), [[8]])
            outgoing.write(b"\x00")
            np.testing.assert_array_equal(next(blocks), [[7]])
            outgoing.close()
            assert list(blocks) == []


def test_a_long_pipe_passes_through_in_bounded_blocks() -> None:
    total = 2**21
    read_end, write_end = os.pipe()

    def produce() -> None:
        with os.fdopen(write_end, "wb") as outgoing:
            outgoing.write(wave(b"", size=0xFFFFFFFF))
            for _ in range(total // 2**16):
                outgoing.write(bytes(2**17))

    thread = threading.Thread(target=produce)
    thread.start()
    with os.fdopen(read_end, "rb") as incoming, open_audio(incoming) as reader:
        lengths = [len(block) for block in reader.blocks(1000)]
    thread.join()
    assert sum(lengths) == total
    assert max(lengths) <= 1000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_read_as_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    thread = threading.Thread(target=lambda: path.write_bytes(wave()))
    thread.start()
    samples, _ = read_audio(path)
    thread.join()
    assert len(samples) == 100


def test_dash_reads_standard_input_and_writes_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Standard:
        buffer = io.BytesIO()

    monkeypatch.setattr(sys, "stdout", Standard)
    write_audio("-", two_tones(100), RATE)
    Standard.buffer.seek(0)
    monkeypatch.setattr(sys, "stdin", Standard)
    samples, samplerate = read_audio("-")
    assert (samples.shape, samplerate) == ((100, 1), RATE)
    monkeypatch.setattr(sys, "stdin", None)
    assert message("-") == "standard input: is closed; give a file instead of -"


def test_many_channels_come_in_shorter_blocks() -> None:
    raw = RawFormat(encoding="u8", samplerate=8000, channels=1024)
    with open_audio(io.BytesIO(bytes(1024 * 3000)), raw=raw) as reader:
        assert max(block.size for block in reader.blocks()) <= audio_io.MAX_BLOCK_SAMPLES


# --- bad input ---------------------------------------------------------------------------------------------------


def test_missing_file_error_names_it(tmp_path: Path) -> None:
    assert message(tmp_path / "no.wav") == f"{tmp_path / 'no.wav'}: there is no such file; check the path"


def test_directory_error_says_so(tmp_path: Path) -> None:
    expected = "is a directory; give the audio files in it by name, or decode them all with dtmf-audio scan"
    assert message(tmp_path) == f"{tmp_path}: {expected}"


def test_permission_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:  # root may read everything
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "call.wav: cannot be opened (Permission denied); check the path and" in message(tmp_path / "call.wav")


def test_empty_file_error_says_so(source: Callable[[bytes], Any]) -> None:
    assert ": is empty, 0 bytes; check the program" in message(source(b""))


def test_text_error_shows_its_start_and_the_way_to_raw(source: Callable[[bytes], Any]) -> None:
    text = message(source(b"Dear customer, your call is important to us.\n" * 9))
    assert ": not an audio file that can be read: it begins with b'Dear cus'" in text
    assert "if it is raw PCM, give its encoding, rate and channels (--raw s16le --samplerate 8000 --channels 1)" in text


@pytest.mark.parametrize("ending", [".raw", ".au"])
def test_headerless_file_is_not_guessed_from_its_name(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"call{ending}"
    path.write_bytes(b"Dear customer, " * 50)
    assert "if it is raw PCM, give its encoding" in message(path)


def test_truncated_wav_error_names_both_lengths_and_partial_reads_it(source: Callable[[bytes], Any]) -> None:
    content = wave(b"\x01\x00" * 100, size=4000)
    text = message(source(content))
    assert "declares 4000 bytes of samples, it holds 200" in text
    assert "partial=True (--partial)" in text
    samples, _ = read_audio(source(content), partial=True)
    np.testing.assert_array_equal(samples, np.full((100, 1), 1))


@pytest.mark.parametrize(("file_format", "subtype"), [("AIFF", "pcm16"), ("AU", "mulaw"), ("WAV", "ima-adpcm")])
def test_other_truncated_files_are_refused_and_partial_reads_them(
    file_format: str, subtype: str, source: Callable[[bytes], Any]
) -> None:
    content = written(two_tones(), file_format, subtype)
    cut = content[: len(content) // 2]
    assert re.search(r"declares \d+ bytes of samples, it holds \d+; ", message(source(cut)))
    samples, _ = read_audio(source(cut), partial=True)
    whole, _ = read_audio(io.BytesIO(content))
    assert 0.4 * len(whole) < len(samples) < 0.6 * len(whole)
    np.testing.assert_array_equal(samples[: len(whole) // 3], whole[: len(whole) // 3])


def test_flac_that_breaks_off_error_gives_the_place_and_partial_reads_up_to_it(source: Callable[[bytes], Any]) -> None:
    noise = 0.1 * np.random.default_rng(2).standard_normal(4 * RATE)  # noise compresses evenly
    content = written(noise, "FLAC")
    whole, _ = read_audio(io.BytesIO(content))
    cut = content[: len(content) // 2]
    found = re.search(r": breaks off after (\d+\.\d+) s \(.*\); .*--partial", message(source(cut)))
    assert found is not None
    samples, _ = read_audio(source(cut), partial=True)
    assert abs(float(found[1]) - len(samples) / RATE) < 0.001
    assert abs(len(samples) - 2 * RATE) < 2 * 4096  # a FLAC block on either side
    np.testing.assert_array_equal(samples, whole[: len(samples)])


def test_no_samples_error_says_so(source: Callable[[bytes], Any]) -> None:
    assert ": holds no samples; check" in message(source(wave(b"", size=0)))
    assert ": holds no samples; check" in message(source(wave(b"", size=0xFFFFFFFF)))


def test_an_empty_data_chunk_of_a_finished_wav_is_no_placeholder(source: Callable[[bytes], Any]) -> None:
    listing = chunk(b"LIST", b"INFO" * 10)
    content = wave(b"", size=0) + listing
    content = content[:4] + struct.pack("<I", len(content) - 8) + content[8:]
    assert ": holds no samples; check" in message(source(content))


def test_odd_byte_count_error_names_the_format(source: Callable[[bytes], Any]) -> None:
    raw = RawFormat(encoding="s16le", samplerate=8000)
    text = message(source(bytes(1001)), raw=raw)
    assert ": 1001 bytes of s16le in 1 channel are not whole frames of 2 bytes, 1 left over; " in text
    samples, _ = read_audio(source(bytes(1001)), raw=raw, partial=True)
    assert len(samples) == 500


@pytest.mark.parametrize("rate", [0, 1, 3999, 192001, 2**32 - 1])
@pytest.mark.parametrize("file_format", ["WAV", "AU"])
def test_rate_out_of_range_error_names_the_file_and_the_range(
    rate: int, file_format: str, source: Callable[[bytes], Any]
) -> None:
    content = bytearray(written(np.zeros(100), file_format))
    struct.pack_into("<I" if file_format == "WAV" else ">I", content, 24 if file_format == "WAV" else 16, rate)
    text = message(source(bytes(content)))
    if file_format == "WAV" or 0 < rate < 2**31:  # libsndfile refuses the others of an AU itself
        assert f": sample rate is {rate}; it must be a whole number of Hz from 4000 to 192000" in text


FMT = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
HOSTILE = {
    "fmt of 2 bytes": (wave(fmt=b"\x01\x00"), "its fmt chunk has 2 bytes, and 16 are the least"),
    "no channels": (wave(fmt=FMT[:2] + b"\0\0" + FMT[4:]), "its header declares 0 channels, and 1 to 1024 are taken"),
    "65535 channels": (wave(fmt=FMT[:2] + b"\xff\xff" + FMT[4:]), "its header declares 65535 channels"),
    "no fmt": (b"RIFF\0\0\0\0WAVE" + chunk(b"data", bytes(100)), "its data chunk comes before any fmt chunk"),
    "no data": (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", FMT), "its header ends without a data chunk"),
    "nothing": (b"RIFF\0\0\0\0WAVE", "its header ends without a fmt chunk"),
    "endless chunks": (b"RIFF\0\0\0\0WAVE" + chunk(b"JUNK", b"") * 5000, "it has over 1024 chunks"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_header_error_says_what_is_wrong(case: str, source: Callable[[bytes], Any]) -> None:
    content, problem = HOSTILE[case]
    assert f"not an audio file that can be read: {problem}" in message(source(content))


def test_a_chunk_of_4_gib_takes_no_memory(source: Callable[[bytes], Any]) -> None:
    content = b"RIFF\0\0\0\0WAVE" + chunk(b"JUNK", b"", size=2**32 - 2) + bytes(1000)
    text = message(source(content))
    assert "its header goes on past 16777216 bytes" in text or "its header ends without a fmt chunk" in text


def test_an_endless_pipe_of_another_format_is_refused_past_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Unseekable):
        def read(self, count: int | None = -1) -> bytes:
            return b"fLaC" * ((count or 4) // 4)

    monkeypatch.setattr(audio_io, "MAX_SPOOL_BYTES", 2**22)
    assert "goes on past the 4194304 bytes that are copied of a pipe in another format" in message(Endless())


def test_an_error_while_a_pipe_is_read_is_an_audio_file_error() -> None:
    class Broken(Unseekable):
        def read1(self, _: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    text = message(Broken(wave(size=0xFFFFFFFF)))
    assert text == "audio stream: cannot be read (Input/output error); check where it comes from"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_bytes_only_audio_file_errors_come_out(data: st.DataObject, tmp_path: Path) -> None:
    start = data.draw(st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b".snd", b"fLaC", wave()[:44]]))
    content = bytearray(start + data.draw(st.binary(max_size=200)))
    for where in data.draw(st.lists(st.integers(0, 60), max_size=4)):
        if where < len(content):
            content[where] = data.draw(st.integers(0, 255))
    (tmp_path / "x.wav").write_bytes(content)
    for source in (tmp_path / "x.wav", Unseekable(bytes(content))):
        try:
            samples, samplerate = read_audio(source, partial=data.draw(st.booleans()))
        except AudioFileError as error:
            problem_and_remedy = str(error).partition(": ")[2].partition("; ")
            assert all(problem_and_remedy)
        else:
            assert len(samples)
            assert 4000 <= samplerate <= 192000


@pytest.mark.parametrize(
    ("settings_", "problem"),
    [
        (
            {"encoding": "s16", "samplerate": 8000, "channels": 1},
            "raw encoding is 's16'; it must be one of alaw, f32be",
        ),
        ({"encoding": "s16le", "samplerate": 3999, "channels": 1}, "sample rate is 3999"),
        ({"encoding": "s16le", "samplerate": 8000, "channels": 0}, "raw channel count is 0; it must be"),
        ({"encoding": "s16le", "samplerate": 8000, "channels": 1.0}, "raw channel count is 1.0; it must be"),
    ],
)
def test_raw_format_error_names_the_setting(settings_: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSettingError, match=re.escape(problem)):
        RawFormat(**settings_)


def test_block_of_no_frames_is_refused() -> None:
    with open_audio(io.BytesIO(wave())) as reader, pytest.raises(InvalidSettingError, match="block of 0 frames"):
        next(reader.blocks(0))


# --- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"target": "x.txt"}, "x.txt: its ending '.txt' tells no format; use one of .wav, .wave, .flac"),
        ({"target": "x.wav", "file_format": "avi"}, "x.wav: format 'avi' cannot be written; choose one of AIFF, AU"),
        ({"target": "x.flac", "subtype": "mulaw"}, "x.flac: subtype 'mulaw' is not one of this format; choose one of"),
        (
            {"target": "x.opus", "samplerate": 44100},
            "x.opus: sample rate is 44100; opus takes 8000, 12000, 16000, 24000",
        ),
        ({"target": "x.wav", "samplerate": 3999}, "sample rate is 3999; it must be"),
    ],
)
def test_setting_that_cannot_be_written_error_lists_what_can(
    options: dict[str, Any], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidSettingError, match=re.escape(problem)):
        write_audio(**{"samplerate": RATE, "samples": np.zeros(10)} | options)
    assert list(tmp_path.iterdir()) == []


def test_no_samples_and_nan_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidSignalError, match="has no samples to write"):
        write_audio(tmp_path / "x.wav", np.zeros(0), RATE)
    with pytest.raises(InvalidSignalError, match="sample 1 is nan"):
        write_audio(tmp_path / "x.wav", [0.0, np.nan], RATE)
    assert list(tmp_path.iterdir()) == []


def test_more_channels_than_the_format_holds_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"x\.flac: FLAC pcm16 of 9 channels at 16000 Hz cannot be encoded"):
        write_audio(tmp_path / "x.flac", np.zeros((10, 9)), RATE)


def test_missing_output_directory_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError) as caught:
        write_audio(tmp_path / "no" / "x.wav", np.zeros(10), RATE)
    expected = f"{tmp_path / 'no' / 'x.wav'}: directory {str(tmp_path / 'no')!r} does not exist; create it first"
    assert str(caught.value) == expected


def test_directory_as_target_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="is a directory; give the path of a file in it"):
        write_audio(tmp_path, np.zeros(10), RATE, file_format="WAV")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rename fails as a write to a full disk does."""

    def fail(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        yield


def test_full_disk_leaves_no_partial_file_and_the_old_one(tmp_path: Path, full_disk: None) -> None:
    target = tmp_path / "x.wav"
    target.write_bytes(b"old")
    with pytest.raises(AudioFileError, match=r"x\.wav: cannot be written \(No space left on device\); free space"):
        write_audio(target, two_tones(), RATE)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize(("file_format", "subtype"), ROWS)
def test_a_file_that_the_system_cuts_short_is_an_error_in_every_format(
    file_format: str, subtype: str, tmp_path: Path
) -> None:
    import resource  # POSIX alone has it

    size = len(written(two_tones(), file_format, subtype))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 10, limits[1]))
    try:
        with pytest.raises(AudioFileError, match="cannot be written"):
            write_audio(tmp_path / "x.bin", two_tones(), RATE, file_format=file_format, subtype=subtype)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_device_is_an_error_and_stays_a_device() -> None:
    with pytest.raises(AudioFileError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        write_audio("/dev/full", two_tones(), RATE, file_format="WAV")
    assert Path("/dev/full").is_char_device()
    with (
        pytest.raises(AudioFileError, match=r"/dev/full: cannot be written \(No space left on device\)"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        write_audio(full, two_tones(), RATE)


def test_a_broken_pipe_goes_up_as_itself() -> None:
    class Closed(io.BytesIO):
        def write(self, _: Any) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        write_audio(Closed(), two_tones(), RATE)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ZeroDivisionError])
def test_replace_file_leaves_the_old_file_on_any_exception(failure: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "truth.json"
    target.write_bytes(b"old")

    def fail_halfway() -> None:
        with replace_file(target) as file:
            file.write(b"new")
            raise failure

    with pytest.raises(failure):
        fail_halfway()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_replace_file_shows_the_new_content_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "truth.json"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with replace_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_replace_file_keeps_a_link_and_replaces_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_bytes(b"old")
    (tmp_path / "link.json").symlink_to("real.json")
    with replace_file(tmp_path / "link.json") as file:
        file.write(b"new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_bytes() == b"new"


def test_every_error_is_of_the_family() -> None:
    assert issubclass(AudioFileError, DtmfError)
    assert issubclass(AudioFileError, OSError)


def test_an_empty_name_is_refused_for_reading_and_writing() -> None:
    wanted = "the name of the file is empty; give a path, or - for standard input and output"
    with pytest.raises(AudioFileError, match=wanted):
        open_audio("")
    with pytest.raises(AudioFileError, match=wanted):
        write_audio("", np.zeros(8), 8000)
