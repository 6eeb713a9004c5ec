"""The command line as users meet it: answers, messages, exit statuses, pipes and full disks."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import soundfile as sf

import dtmf_audio
from dtmf_audio import Tone, cli, cli_console, cli_options, cli_render, synthesis
from dtmf_audio.audio_io import RAW_ENCODINGS, WRITE_FORMATS, WRITE_SUBTYPES, read_audio, write_audio
from dtmf_audio.channel import level_while_on
from dtmf_audio.formats import truth_json
from dtmf_audio.goertzel import GoertzelForm
from dtmf_audio.graph.rendering import LEAST_DELAY_MS, LONGEST_DRAWN_DELAY_MS, render_request
from dtmf_audio.graph.requests import SendDtmfTonesRequest
from dtmf_audio.profiles import PROFILES
from dtmf_audio.tones import KEY_TONES

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
COMMANDS = ("render", "decode", "check", "plot", "scan", "redact", "tones", "conformance", "emulate")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
ENVIRONMENT.pop("PYTHONUNBUFFERED", None)  # what is still in the buffer at exit is where trouble is
NAMES = "the names are tone0-tone9, star, pound, a, b, c, d and flash"

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and signals as POSIX has them")
dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


@dataclass(frozen=True)
class Run:
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def dtmf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run a command in an empty directory, within this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str, stdin: str | bytes = b"") -> Run:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        capfd.readouterr()
        status = cli.main(arguments)
        captured = capfd.readouterr()
        return Run(status, captured.out, captured.err)

    return run


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    pipes = {"stdin": subprocess.DEVNULL} if "input" not in options else {}
    return subprocess.run(
        [sys.executable, "-m", "dtmf_audio", *arguments],
        **{"capture_output": True, "env": ENVIRONMENT, "timeout": 60, **pipes, **options},
    )


def error(message: str) -> str:
    return f"dtmf-audio: error: {message}\n"


def write_keys(path: Path, *keys: str) -> None:
    """Write a file with these keys, one string a channel."""
    columns = [synthesis.render(each, 8000, tail_ms=100).samples if each else np.zeros(1) for each in keys]
    longest = max(map(len, columns))
    write_audio(path, np.stack([np.pad(each, (0, longest - len(each))) for each in columns], axis=1), 8000)


# --- render ------------------------------------------------------------------------------------------------------


def test_render_writes_the_keys_as_the_library_renders_them(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    assert dtmf("render", "(425) 555-01#", "-o", "keys.wav") == Run(0, "", "")
    samples, samplerate = read_audio(tmp_path / "keys.wav")
    assert samplerate == 8000
    expected = synthesis.render("42555501#", 8000).samples
    np.testing.assert_array_equal(samples[:, 0], np.rint(expected * 2**15).astype(np.int16))


def test_each_option_is_the_setting_of_its_name(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    settings = {
        **{"on_ms": 70.0, "delay_ms": 60.0, "ramp_ms": 1.0, "lead_ms": 11.0, "tail_ms": 12.0},
        **{"level_dbm0": -20.0, "twist_db": -3.0},
    }
    options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    run = dtmf("render", "12", "-o", "keys.wav", "--subtype", "double", "--samplerate", "16000", *options)
    assert run == Run(0, "", "")
    samples, samplerate = read_audio(tmp_path / "keys.wav")
    assert samplerate == 16000
    np.testing.assert_array_equal(samples[:, 0], synthesis.render("12", 16000, **settings).samples)


def test_render_takes_a_request_from_a_file_an_argument_or_standard_input(
    dtmf: Callable[..., Run], tmp_path: Path
) -> None:
    body = '{"tones": ["tone1", "pound"], "delayBetweenTonesMs": 250}'
    (tmp_path / "request.json").write_text(body, encoding="utf-8")
    assert dtmf("render", "request.json", "-o", "file.wav") == Run(0, "", "")
    assert dtmf("render", body, "-o", "argument.wav") == Run(0, "", "")
    assert dtmf("render", "-", "-o", "stdin.wav", stdin=body) == Run(0, "", "")
    read = [read_audio(tmp_path / name)[0] for name in ("file.wav", "argument.wav", "stdin.wav")]
    assert len(read[0]) == 8000 * (100 + 250 + 100) // 1000
    np.testing.assert_array_equal(read[0], read[1])
    np.testing.assert_array_equal(read[0], read[2])


@pytest.mark.parametrize(
    ("delay", "options", "delay_ms"),
    [
        (', "delayBetweenTonesMs": 250', [], 250),
        (', "delayBetweenTonesMs": 250', ["--delay-ms", "40"], 40),
        (', "delayBetweenTonesMs": 40', [], 40),
        (', "delayBetweenTonesMs": 39', [], 40),
        (', "delayBetweenTonesMs": 0', [], 40),
        (', "delayBetweenTonesMs": 250', ["--delay-ms", "10"], 10),
        ("", ["--delay-ms", "100"], 100),
    ],
)
def test_the_delay_is_the_options_or_the_requests_and_then_at_least_40_ms(
    dtmf: Callable[..., Run], delay: str, options: list[str], delay_ms: int
) -> None:
    run = dtmf("render", f'{{"tones": ["tone1", "tone1"]{delay}}}', "-o", "x.wav", "--truth", "-", *options)
    first, second = json.loads(run.out)["tones"]
    assert second["start_sample"] - first["stop_sample"] == 8 * delay_ms


def test_a_request_without_a_delay_gets_random_ones_that_the_seed_draws(
    dtmf: Callable[..., Run], tmp_path: Path
) -> None:
    request = SendDtmfTonesRequest(tones=[Tone.TONE1] * 30)
    starts = []
    for options in ([], ["--seed", "0"], ["--seed", "1"]):
        assert dtmf("render", json.dumps(request.to_dict()), "-o", "x.wav", "--truth", "x.truth", *options) == Run(
            0, "", ""
        )
        samples, samplerate = read_audio(tmp_path / "x.wav")
        rng = np.random.default_rng(1 if "1" in options else 0)
        expected = render_request(request, samplerate, rng=rng)
        np.testing.assert_array_equal(samples[:, 0], np.rint(expected.samples * 2**15).astype(np.int16))
        assert (tmp_path / "x.truth").read_text(encoding="utf-8") == truth_json(expected)
        starts.append([tone.start for tone in expected.tones])
    assert starts[0] == starts[1] != starts[2]
    gaps_ms = np.diff(starts[0]) / 8 - 100
    assert gaps_ms.min() >= LEAST_DELAY_MS
    assert gaps_ms.max() <= LONGEST_DRAWN_DELAY_MS
    assert len(set(gaps_ms)) > 20  # of 29
    assert dtmf("decode", "x.wav") == Run(0, "1" * 30 + "\n", "")


def test_a_request_takes_the_options_of_level_and_time_too(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    settings = {
        **{"on_ms": 70.0, "ramp_ms": 1.0, "lead_ms": 11.0, "tail_ms": 12.0},
        **{"level_dbm0": -20.0, "twist_db": -3.0},
    }
    options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    request = '{"tones": ["tone1", "flash", "tone2"], "delayBetweenTonesMs": 60}'
    run = dtmf("render", request, "-o", "x.wav", "--subtype", "double", *options, "--flash-ms", "30")
    assert run == Run(0, "", "")
    tones = [Tone.TONE1, Tone.FLASH, Tone.TONE2]
    expected = synthesis.render(tones, 8000, delay_ms=60, flash_ms=30, **settings)
    np.testing.assert_array_equal(read_audio(tmp_path / "x.wav")[0][:, 0], expected.samples)


def test_render_writes_the_truth_beside_the_audio(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    assert dtmf("render", "5w*", "-o", "x.flac", "--truth", "x.truth") == Run(0, "", "")
    assert (tmp_path / "x.truth").read_text(encoding="utf-8") == (
        '{"samplerate": 8000, "tones": [\n'
        '  {"tone": "tone5", "key": "5", "start_s": 0.0, "stop_s": 0.1, "duration_ms": 100.0,'
        ' "start_sample": 0, "stop_sample": 800},\n'
        '  {"tone": "star", "key": "*", "start_s": 0.7, "stop_s": 0.8, "duration_ms": 100.0,'
        ' "start_sample": 5600, "stop_sample": 6400}\n'  # 100 ms, 500 ms for w and 100 ms
        "]}\n"
    )


@pytest.mark.parametrize("subtype", WRITE_SUBTYPES["WAV"])
def test_every_subtype_of_wav_can_be_written_and_decoded(dtmf: Callable[..., Run], subtype: str) -> None:
    assert dtmf("render", "159#", "-o", "x.wav", "--subtype", subtype) == Run(0, "", "")
    assert dtmf("decode", "x.wav") == Run(0, "159#\n", "")


@pytest.mark.parametrize("name", cli_render.FORMATS)
def test_every_format_can_be_named_or_told_by_its_ending(dtmf: Callable[..., Run], tmp_path: Path, name: str) -> None:
    assert dtmf("render", "159#", "-o", f"x.{name}").err == ""
    assert dtmf("render", "159#", "-o", "named", "--format", name.upper()).err == ""
    assert read_any(tmp_path / f"x.{name}") == read_any(tmp_path / "named")


def read_any(path: Path) -> bytes:
    """Return what a file holds, less what an Ogg writer draws at random: the serial number and its checksum."""
    return re.sub(rb"(OggS.{10}).{12}", rb"\1", path.read_bytes(), flags=re.DOTALL)


@pytest.mark.parametrize("encoding", RAW_ENCODINGS)
def test_raw_samples_go_round_in_every_encoding(dtmf: Callable[..., Run], encoding: str) -> None:
    assert dtmf("render", "159#", "-o", "x.bin", "--raw", encoding, "--samplerate", "16000") == Run(0, "", "")
    assert dtmf("decode", "x.bin", "--raw", encoding, "--samplerate", "16000") == Run(0, "159#\n", "")


def test_noise_lies_where_snr_db_says_and_the_seed_draws_it(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    for name, seed in (("first", "1"), ("again", "1"), ("other", "2")):
        run = dtmf(
            *("render", "1", "-o", f"{name}.wav", "--subtype", "double", "--on-ms", "10000"),
            *("--snr-db", "20", "--seed", seed),
        )
        assert run == Run(0, "", "")
    clean = synthesis.render("1", 8000, on_ms=10_000).samples
    noisy = {name: read_audio(tmp_path / f"{name}.wav")[0][:, 0] for name in ("first", "again", "other")}
    np.testing.assert_array_equal(noisy["first"], noisy["again"])
    assert not np.array_equal(noisy["first"], noisy["other"])
    everything = [(0, len(clean))]
    snr_db = level_while_on(clean, everything) - level_while_on(noisy["first"] - clean, everything)
    assert snr_db == pytest.approx(20.0, abs=0.15)  # 80,000 random samples: 0.02 dB, and the ramps 0.001


def test_a_comma_and_a_flash_are_silences_of_the_length_given(dtmf: Callable[..., Run]) -> None:
    comma = dtmf("render", "1,2", "-o", "x.wav", "--comma-ms", "300", "--truth", "-")
    flash = dtmf(
        *("render", '{"tones": ["tone1", "flash", "tone2"], "delayBetweenTonesMs": 100}', "-o", "x.wav"),
        *("--flash-ms", "200", "--truth", "-"),
    )
    for run in (comma, flash):  # 100 ms of tone, 100 + 300 ms; or 100 + 200 + 100 ms
        assert [tone["start_sample"] for tone in json.loads(run.out)["tones"]] == [0, 4000]


# --- decode ------------------------------------------------------------------------------------------------------


def test_decode_prints_the_keys_of_a_file_alone(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    keys = "".join(tone.key for tone in KEY_TONES)
    write_keys(tmp_path / "call.wav", keys)
    assert dtmf("decode", "call.wav") == Run(0, f"{keys}\n", "")


def test_decode_prints_graphs_names(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "1*#a")
    assert dtmf("decode", "call.wav", "--tones") == Run(0, "tone1 star pound a\n", "")


def test_the_documentations_request_goes_round(dtmf: Callable[..., Run]) -> None:
    request = SAMPLES / "senddtmftones.json"
    assert dtmf("render", str(request), "-o", "x.wav") == Run(0, "", "")
    names = " ".join(json.loads(request.read_text(encoding="utf-8"))["tones"])
    assert dtmf("decode", "x.wav", "--tones") == Run(0, f"{names}\n", "")
    told = [json.loads(line) for line in dtmf("decode", "x.wav", "--json").out.splitlines()]
    gaps_ms = np.diff([tone["start_s"] for tone in told]) * 1000 - [tone["duration_ms"] for tone in told[:-1]]
    assert gaps_ms == pytest.approx(1000, abs=1)


def test_decode_prints_json_one_object_a_line(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "5#")
    run = dtmf("decode", "call.wav", "--json")
    assert (run.status, run.err) == (0, "")
    first, second = map(json.loads, run.out.splitlines())
    assert (first["tone"], first["key"], second["tone"], second["key"]) == ("tone5", "5", "pound", "#")
    assert second["start_s"] == pytest.approx(0.2, abs=0.001)
    assert second["start_sample"] == pytest.approx(1600, abs=8)
    assert set(first) == {
        *("tone", "key", "channel", "start_s", "stop_s", "duration_ms", "start_sample", "stop_sample", "samplerate"),
        *("low_hz", "high_hz", "low_level_dbm0", "high_level_dbm0", "twist_db", "low_offset_pct", "high_offset_pct"),
        "snr_db",
    }


def test_decode_prints_a_line_for_each_of_several_files(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "a.wav", "12")
    write_keys(tmp_path / "none.wav", "")
    write_keys(tmp_path / "b.wav", "3")
    assert dtmf("decode", "a.wav", "none.wav", "b.wav") == Run(0, "a.wav: 12\nnone.wav:\nb.wav: 3\n", "")
    told = [json.loads(line) for line in dtmf("decode", "a.wav", "b.wav", "--json").out.splitlines()]
    assert [(tone["file"], tone["key"]) for tone in told] == [("a.wav", "1"), ("a.wav", "2"), ("b.wav", "3")]


def test_decode_prints_a_line_for_each_channel(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12", "", "9")
    lines = "call.wav [channel 0]: 12\ncall.wav [channel 1]:\ncall.wav [channel 2]: 9\n"
    assert dtmf("decode", "call.wav") == Run(0, lines, "")
    assert dtmf("decode", "call.wav", "--channel", "2") == Run(0, "9\n", "")
    assert dtmf("decode", "call.wav", "--channel", "1") == Run(1, "", "")


def write_presses(path: Path, *channels: tuple[tuple[str, float], ...]) -> None:
    """Write a file with a press of each key for so many ms, 100 ms apart, one tuple a channel."""
    columns = [np.concatenate([np.zeros(800), *(_press(key, ms) for key, ms in presses)]) for presses in channels]
    longest = max(map(len, columns))
    write_audio(path, np.stack([np.pad(each, (0, longest - len(each))) for each in columns], axis=1), 8000)


def _press(key: str, ms: float) -> npt.NDArray[np.float64]:
    return synthesis.render(key, 8000, on_ms=ms, tail_ms=100).samples


def test_explain_lists_tones_and_near_misses_in_order_of_time(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0), ("1", 22.0)))
    run = dtmf("decode", "call.wav", "--explain")
    assert (run.status, run.err) == (0, "")
    first, heard, last = run.out.splitlines()
    assert re.fullmatch(r"0:00\.100  5     24\.\d ms  refused: on for 24\.\d ms, at least 27\.0 ms are wanted", first)
    assert re.fullmatch(
        r"0:00\.224  7    100\.0 ms  heard: −10\.0 and −8\.0 dBm0, \+0\.0 and .* off, SNR \d+ dB", heard
    )
    assert re.fullmatch(
        r"0:00\.4\d\d  1     2[12]\.\d ms  refused: on for 2[12]\.\d ms, at least 27\.0 ms are wanted", last
    )


def test_explain_names_files_and_channels_where_there_are_several(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0),), (), (("7", 100.0),))
    write_presses(tmp_path / "none.wav", ())
    lines = dtmf("decode", "call.wav", "none.wav", "--explain").out.splitlines()
    assert [line.partition("  ")[0] for line in lines[:2]] == [
        *("call.wav [channel 0]: 0:00.100", "call.wav [channel 2]: 0:00.100")
    ]
    assert lines[2:] == [
        "call.wav [channel 1]: no tone and nothing near one",
        "none.wav: no tone and nothing near one",
    ]


def test_explain_of_near_misses_alone_or_nothing_exits_with_1(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_presses(tmp_path / "short.wav", (("5", 24.0),))
    write_presses(tmp_path / "none.wav", ())
    assert dtmf("decode", "short.wav", "--explain").status == 1
    assert dtmf("decode", "none.wav", "--explain") == Run(1, "no tone and nothing near one\n", "")
    assert dtmf("decode", "none.wav", "--explain", "--json") == Run(1, "", "")


def test_explain_with_json_prints_near_misses_as_objects_too(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0)))
    run = dtmf("decode", "call.wav", "--explain", "--json")
    near_miss, tone = map(json.loads, run.out.splitlines())
    assert (run.status, run.err) == (0, "")
    assert dtmf("decode", "call.wav", "--json").out == run.out.splitlines(keepends=True)[1]
    assert (near_miss["key"], tone["key"]) == ("5", "7")
    assert "refused" not in tone
    assert set(near_miss["refused"]) == {
        *("limit", "measured", "wanted", "unit", "missed_by", "reason", "against"),
    }
    assert near_miss["refused"]["limit"] == "min_on_ms"


def test_decode_reads_standard_input(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12")
    assert dtmf("decode", "-", stdin=(tmp_path / "call.wav").read_bytes()) == Run(0, "12\n", "")


@pytest.mark.parametrize("form", ["", "--tones", "--json"])
def test_nothing_found_is_nothing_printed_and_status_1(dtmf: Callable[..., Run], form: str) -> None:
    assert dtmf("decode", str(SAMPLES / "no_tones.wav"), *filter(None, [form])) == Run(1, "", "")


def test_a_bad_file_among_several_is_reported_and_the_rest_decoded(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "a.wav", "12")
    write_keys(tmp_path / "b.wav", "3")
    assert dtmf("decode", "a.wav", "missing.wav", "b.wav") == Run(
        2, "a.wav: 12\nb.wav: 3\n", error("missing.wav: there is no such file; check the path")
    )


def test_profile_and_form_are_passed_on(dtmf: Callable[..., Run]) -> None:
    dtmf("render", "1", "-o", "quiet.wav", "--level-dbm0", "-40", "--tail-ms", "200")
    assert dtmf("decode", "quiet.wav", "--goertzel", "resonator") == Run(0, "1\n", "")
    assert dtmf("decode", "quiet.wav", "--profile", "q24") == Run(1, "", "")  # q24 hears down to -28 dBm0


def test_partial_decodes_what_is_there(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "123")
    whole = (tmp_path / "call.wav").read_bytes()
    (tmp_path / "broken.wav").write_bytes(whole[: 44 + 2 * 2400])  # 1, 2 and the pauses between
    assert dtmf("decode", "broken.wav").status == 2
    assert dtmf("decode", "broken.wav", "--partial") == Run(0, "12\n", "")


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_progress_is_shown_on_a_terminal_alone_and_erased(
    dtmf: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_console, "PROGRESS_AFTER_S", 0.0)
    write_keys(tmp_path / "call.wav", "12")
    assert dtmf("decode", "call.wav") == Run(0, "12\n", "")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert dtmf("decode", "call.wav").out == "12\n"
    assert terminal.getvalue() == f"\rcall.wav: [{'#' * 30}] 0 s of 0 s\x1b[K\r\x1b[K"  # 0.4 s
    assert dtmf("decode", "call.wav", "--json").out.count("\n") == 2


# --- check -------------------------------------------------------------------------------------------------------


def test_check_of_a_good_sender_says_so_and_exits_with_0(dtmf: Callable[..., Run]) -> None:
    run = dtmf("check", str(SAMPLES / "senddtmftones.wav"), "--limits", "etsi")
    assert (run.status, run.err) == (0, "")
    assert run.out.startswith(f"{SAMPLES / 'senddtmftones.wav'}: 1234567890*#; pauses are silent\n")
    assert run.out.endswith("\nnothing to mend by ETSI ES 201 235-2 as reported\n")


def test_check_says_what_to_mend_and_exits_with_1(dtmf: Callable[..., Run]) -> None:
    dtmf("render", "147*", "-o", "x.wav", "--twist-db", "-1", "--tail-ms", "100")
    run = dtmf("check", "x.wav", "--limits", "australia")
    assert (run.status, run.err) == (1, "")
    assert run.out.endswith(
        "to mend:\n"
        "- every key: the high tone less the low one is -1.0 dB (0 to 4 dB: AS/CA S002:2010). Raise the high\n"
        "  group against the low one by 3.0 dB, to +2 dB.\n"
    )
    assert dtmf("check", "x.wav", "--limits", "q23").status == 0


def test_check_takes_each_channel_on_its_own(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12", "", "9")
    run = dtmf("check", "call.wav")
    assert [line for line in run.out.splitlines() if line.startswith("call.wav")] == [
        "call.wav [channel 0]: 12; pauses are silent",
        "call.wav [channel 2]: 9; pauses are silent",
    ]
    reports = [json.loads(line) for line in dtmf("check", "call.wav", "--json").out.splitlines()]
    assert [(report["channel"], len(report["tones"])) for report in reports] == [(0, 2), (2, 1)]
    assert [json.loads(dtmf("check", "call.wav", "--json", "--channel", "2").out)] == reports[1:]


def test_check_reads_raw_samples_from_standard_input(dtmf: Callable[..., Run]) -> None:
    pcm = np.rint(synthesis.render("12", 16000, tail_ms=100).samples * 32767).astype("<i2").tobytes()
    run = dtmf("check", "-", "--raw", "s16le", "--samplerate", "16000", stdin=pcm)
    assert (run.status, run.err) == (0, "")
    assert run.out.startswith("standard input: 12; ")


def test_check_refuses_what_it_can_say_nothing_of(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    silent = str(SAMPLES / "no_tones.wav")
    message = "there are no tones in it to check; give a recording of keys being pressed"
    assert dtmf("check", silent) == Run(2, "", error(f"{silent}: {message}"))
    (tmp_path / "nan.wav").write_bytes(wav([0.0, np.nan], subtype="FLOAT"))
    message = "sample 1 is nan; every sample must be finite: replace it by 0 or by its neighbours"
    assert dtmf("check", "nan.wav") == Run(2, "", error(f"nan.wav: {message}"))
    assert dtmf("check", "x.wav") == Run(2, "", error("x.wav: there is no such file; check the path"))
    write_keys(tmp_path / "call.wav", "1", "2")
    message = "channel 2 asked for, the file has 2 (0 and 1); leave --channel out to decode both"
    assert dtmf("check", "call.wav", "--channel", "2") == Run(2, "", error(f"call.wav: {message}"))


# --- tones, help, version ----------------------------------------------------------------------------------------


def test_tones_prints_every_tone(dtmf: Callable[..., Run]) -> None:
    run = dtmf("tones")
    assert (run.status, run.err) == (0, "")
    header, *rows = run.out.splitlines()
    assert header.split() == ["key", "tone", "event", "code", "low", "Hz", "high", "Hz"]
    assert [row.split()[1] for row in rows] == list(Tone)
    assert "#    pound          11     941     1477" in rows
    assert rows[-1].split() == ["-", "flash", "16", "-", "-"]


def test_version_is_the_packages(dtmf: Callable[..., Run]) -> None:
    assert dtmf("--version") == Run(0, f"dtmf-audio {dtmf_audio.__version__}\n", "")


@posix
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_ends_with_an_example_that_runs(dtmf: Callable[..., Run], tmp_path: Path, command: str) -> None:
    shown = dtmf(*filter(None, [command]), "--help")
    assert (shown.status, shown.err) == (0, "")
    if command == "plot":
        pytest.importorskip("matplotlib")
    *_, heading, example = shown.out.splitlines()
    assert heading == "example:"
    assert f"dtmf-audio {command}" in example
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dtmf-audio").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dtmf_audio "$@"\n', encoding="utf-8")
    (programs / "dtmf-audio").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", "-c", example], cwd=tmp_path, env={**ENVIRONMENT, "PATH": path}, capture_output=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_help_states_the_defaults_of_the_library(dtmf: Callable[..., Run]) -> None:
    text = " ".join(dtmf("render", "--help").out.split())
    for option, default in {
        "on-ms": synthesis.DEFAULT_ON_MS,
        "ramp-ms": synthesis.DEFAULT_RAMP_MS,
        "level-dbm0": synthesis.DEFAULT_LEVEL_DBM0,
        "twist-db": synthesis.DEFAULT_TWIST_DB,
        "lead-ms": 0.0,
        "tail-ms": 0.0,
    }.items():
        stated = re.search(rf"--{option} [A-Z0]+ [^(]*\(default: ([-0-9.]+)\)", text)
        assert stated is not None, option
        assert float(stated[1]) == default
    assert (
        f"(default: {synthesis.DEFAULT_DELAY_MS:g}; of a request, its delayBetweenTonesMs, at least {LEAST_DELAY_MS:g}, "
        f"and without one 0 to {LONGEST_DRAWN_DELAY_MS} at random)"
    ) in text
    assert f"(default: {cli_options.DEFAULT_SAMPLERATE}, " in text


def test_help_names_the_choices_of_the_library(dtmf: Callable[..., Run]) -> None:
    assert [name.upper() for name in cli_render.FORMATS] == list(WRITE_FORMATS)
    assert sorted(cli_options.RAW_ENCODINGS) == list(RAW_ENCODINGS)
    text = dtmf("decode", "--help").out
    assert f"{{{','.join(get_args(GoertzelForm))}}}" in text
    assert f"{{{','.join(PROFILES)}}}" in text
    subtypes = re.search(r"such as ([^(]*) \(default: (\w+)", " ".join(dtmf("render", "--help").out.split()))
    assert subtypes is not None
    assert {*re.split(", | or ", subtypes[1]), subtypes[2]} <= set(WRITE_SUBTYPES["WAV"])


# --- arguments that cannot be used -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--nonsense", "the following arguments are required: COMMAND"),
        ("render 1", "the following arguments are required: -o/--output"),
        ("decode", "the following arguments are required: FILE"),
        ("decode x.wav --tones --json", "argument --json: not allowed with argument --tones"),
        ("decode x.wav --tones --explain", "argument --explain: not allowed with argument --tones"),
        ("decode x.wav --raw s16le", "argument --raw: the rate must be given too, such as --samplerate 8000"),
        (
            "decode x.wav --samplerate 8000",
            "argument --samplerate: is for audio without a header; give --raw too, or leave --samplerate out",
        ),
        (
            "decode x.wav --channels 2",
            "argument --channels: is for audio without a header; give --raw too, or leave --channels out",
        ),
        (
            "render 1 -o x.wav --raw s16le --subtype pcm16",
            "argument --raw: tells the format and the subtype; leave --format and --subtype out",
        ),
        ("render 1 -o x.wav --truth x.wav", "argument --truth: x.wav is where the audio goes; give another file"),
        ("render 1 -o x.wav --seed -1", "argument --seed: -1 is negative; a seed is 0 or more"),
        ("render 1 -o x.wav --seed x", "argument --seed: 'x' is no whole number; a seed is 0 or more"),
        ("render 1 -o x.wav --on-ms fast", "argument --on-ms: invalid float value: 'fast'"),
        ("render 1 -o x.wav --on 50", "unrecognized arguments: --on 50"),
    ],
)
def test_usage_errors_name_the_argument(dtmf: Callable[..., Run], tmp_path: Path, arguments: str, message: str) -> None:
    run = dtmf(*arguments.split())
    assert (run.status, run.out) == (2, "")
    command = arguments.split()[0].removeprefix("--nonsense")
    assert run.err.startswith(f"usage: dtmf-audio {command}")
    assert run.err.endswith(f"error: {message}\n")
    assert not list(tmp_path.iterdir())


def test_without_a_command_the_help_is_shown_as_an_error(dtmf: Callable[..., Run]) -> None:
    assert dtmf() == Run(2, "", dtmf("--help").out)


def test_noise_that_would_clip_is_refused(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    run = dtmf("render", "1", "--snr-db", "-20", "-o", "x.wav")
    assert (run.status, run.out) == (2, "")
    assert "error: --snr-db is -20 with --level-dbm0 -10: tones and noise would reach " in run.err
    assert run.err.endswith("of full scale and clip; lower --level-dbm0, or raise --snr-db\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "choice"),
    [
        ("play", "COMMAND: invalid choice: 'play'"),
        ("decode x.wav --profile itu", "--profile: invalid choice: 'itu'"),
        ("decode x.wav --raw pcm", "--raw: invalid choice: 'pcm'"),
        ("render 1 -o x.wav --format midi", "--format: invalid choice: 'midi'"),
    ],
)
def test_a_choice_that_does_not_exist_is_told_with_those_that_do(
    dtmf: Callable[..., Run], arguments: str, choice: str
) -> None:
    run = dtmf(*arguments.split())
    assert (run.status, run.out) == (2, "")
    assert f"error: argument {choice} (choose from " in run.err  # how they are quoted depends on Python's version


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["12x"],
            "'x' at position 3 of '12x' is not a key; the keys are 0-9, *, #, A-D (or a-d), with w and W for pauses "
            "of 0.5 and 1 s",
        ),
        (
            ["1,2"],
            "',' at position 2 of '1,2' has no agreed length (0.5, 1 or 2 s, by vendor); give its length (comma_ms, --comma-ms), or write w "
            "for 0.5 s or W for 1 s",
        ),
        ([""], "there are no tones to render; give at least one"),
        (["(.-)"], "there are no tones to render; give at least one"),
        (
            ["11", "--delay-ms", "0"],
            "tones 1 and 2 are both tone1 with no silence between them, and would be heard as one press; give a "
            "--delay-ms of 40 or more",
        ),
        (
            ["1", "--on-ms", "1"],
            "--on-ms is 1, 8 samples at 8000 Hz; a tone must hold at least one sample and its two ramps of 2 ms: "
            "lengthen it, or shorten --ramp-ms",
        ),
        (["1", "--ramp-ms", "6"], "--ramp-ms is 6; it must be from 0 to 5"),
        (
            ["1", "--level-dbm0", "3"],
            "--level-dbm0 is 3 with --twist-db 2: the pair would clip; the highest level that fits is -3.94 dBm0",
        ),  # 20 log10(1 / (1 + 10^(2/20))) + 3.14 = -3.94
        (
            ['{"tones": ["flash"]}'],
            "flash makes no sound and cannot be rendered; leave it out, or give --flash-ms for a silent gap",
        ),
        *(
            (
                ["1", "--samplerate", rate],
                f"--samplerate is {rate}; it must be a whole number of Hz from 4000 to 192000",
            )
            for rate in ("0", "3999", "192001", "-8000")
        ),
    ],
)
def test_what_cannot_be_rendered_is_told_and_nothing_written(
    dtmf: Callable[..., Run], tmp_path: Path, arguments: list[str], message: str
) -> None:
    assert dtmf("render", *arguments, "-o", "x.wav", "--truth", "x.truth") == Run(2, "", error(message))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e308", "1e400"])
@pytest.mark.parametrize("option", ["on-ms", "delay-ms", "ramp-ms", "lead-ms", "tail-ms", "comma-ms", "flash-ms"])
def test_a_length_that_is_none_is_refused(dtmf: Callable[..., Run], tmp_path: Path, option: str, value: str) -> None:
    keys = "1,2" if option == "comma-ms" else '{"tones": ["tone1", "flash", "tone2"]}'
    options = [] if option == "flash-ms" else ["--flash-ms", "100"]
    run = dtmf("render", keys, "-o", "x.wav", f"--{option}", value, *options)
    assert (run.status, run.out) == (2, "")
    assert re.fullmatch(r"dtmf-audio: error: .*(must be|at most).*\n", run.err)
    assert not list(tmp_path.iterdir())


# --- requests that cannot be used --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[1]", 'the request is [1]; it must be an object, such as {"tones": ["tone1"]}'),
        ('{"tones": null}', 'tones is null; write a list of tone names, such as ["tone1", "star"]'),
        (
            '{"tones": "tone1"}',
            'tones is the string "tone1", as an older TypeScript SDK sends it; write a list of tone names, such as '
            '["tone1", "star"]',
        ),
        ('{"tones": []}', 'tones is empty; give at least one tone name, such as ["tone1"]'),
        (
            '{"tones": [null]}',
            'tones[0] is null; write a tone name, such as "tone1" (Microsoft\'s Python SDK sends null when it is '
            "given a str: give it Tone.Tone1)",
        ),
        ('{"tones": ["star", 1]}', 'tones[1] is 1; write the name of the tone, "tone1"'),
        (
            '{"tones": [{"tone": "star"}]}',
            'tones[0] is {"tone": "star"}; write the name of its tone alone, such as "tone1" (toneInfo is for '
            "notifications)",
        ),
        ('{"tones": ["hash"]}', f"tones[0]: 'hash' is not a tone name; {NAMES}"),
        *(
            (
                f'{{"tones": ["star"], "delayBetweenTonesMs": {delay}}}',
                f"delayBetweenTonesMs is {delay}; write a whole number of milliseconds from 0 to 2147483647, such as "
                "1000, or leave it out",
            )
            for delay in ("-1", "0.5", "true", "2147483648")
        ),
        (
            f'{{"tones": ["star"], "clientContext": "{"x" * 257}"}}',
            "clientContext is 257 characters long; write a string of at most 256 characters, or leave it out",
        ),
        (
            "tone1",
            "the request is not JSON (Expecting value, line 1, column 1); write an object, such as "
            '{"tones": ["tone1"]}',
        ),
    ],
)
def test_a_request_that_is_none_is_told_with_its_place(
    dtmf: Callable[..., Run], tmp_path: Path, body: str, message: str
) -> None:
    (tmp_path / "request.json").write_text(body, encoding="utf-8")
    assert dtmf("render", "request.json", "-o", "x.wav") == Run(2, "", error(f"request.json: {message}"))
    assert dtmf("render", "-", "-o", "x.wav", stdin=body) == Run(2, "", error(f"standard input: {message}"))
    assert not (tmp_path / "x.wav").exists()


def test_a_request_file_that_cannot_be_read_is_told(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    assert dtmf("render", "missing.json", "-o", "x.wav") == Run(
        2, "", error("missing.json: there is no such file; check the path")
    )
    assert dtmf("render", "folder.json", "-o", "x.wav") == Run(
        2, "", error("folder.json: cannot be read (Is a directory); check the path and its permissions")
    )


def test_a_request_without_end_is_refused_unread(dtmf: Callable[..., Run]) -> None:
    run = dtmf("render", "-", "-o", "x.wav", stdin=b"[" * (2**20 + 1))
    message = "standard input: the request is over 1048576 bytes long; send its tones in several requests"
    assert run == Run(2, "", error(message))


# --- audio that cannot be used -----------------------------------------------------------------------------------


def wav(samples: npt.ArrayLike, samplerate: int = 8000, subtype: str = "PCM_16") -> bytes:
    """Return a WAV file, at a rate that need not be possible."""
    file = io.BytesIO()
    sf.write(file, np.asarray(samples), 8000, format="WAV", subtype=subtype)
    written = file.getvalue()
    return written[:24] + samplerate.to_bytes(4, "little") + written[28:]


GIVE_AUDIO = (
    "give a WAV, FLAC, OGG, Opus, MP3, AIFF or AU file, or, if it is raw PCM, give its encoding, rate and channels "
    "(--raw s16le --samplerate 8000 --channels 1)"
)
FETCH_AGAIN = "fetch it again, or decode what is there with partial=True (--partial)"
LYING = wav(np.zeros(100))
LYING = LYING[:40] + (10_000).to_bytes(4, "little") + LYING[44:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty, 0 bytes; check the program that should have written it", id="empty"),
        pytest.param(
            wav(np.zeros(100))[:144], f"its header declares 200 bytes of samples, it holds 100; {FETCH_AGAIN}", id="cut"
        ),
        pytest.param(
            LYING, f"its header declares 10000 bytes of samples, it holds 200; {FETCH_AGAIN}", id="lying header"
        ),
        pytest.param(
            b"this is no audio\n",
            "not an audio file that can be read: it begins with b'this is ', and libsndfile says: Format not "
            f"recognised; {GIVE_AUDIO}",
            id="text",
        ),
        pytest.param(
            wav(np.zeros(0)), "holds no samples; check the program that should have written them", id="no samples"
        ),
        pytest.param(
            struct.pack(">4sIIIII", b".snd", 24, 0, 3, 8000, 1),
            "holds no samples; check the program that should have written them",
            id="no samples in an AU",
        ),
        *(
            pytest.param(
                wav([0.0, value], subtype="FLOAT"),
                f"sample 1 is {value}; every sample must be finite: replace it by 0 or by its neighbours",
                id=str(value),
            )
            for value in (np.nan, np.inf, -np.inf)
        ),
        *(
            pytest.param(
                wav(np.zeros(100), samplerate=rate),
                f"sample rate is {rate}; it must be a whole number of Hz from 4000 to 192000: resample the audio first",
                id=f"{rate} Hz",
            )
            for rate in (0, 3999, 200_000)
        ),
    ],
)
def test_audio_that_is_none_is_told_with_its_name(
    dtmf: Callable[..., Run], tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "call.wav").write_bytes(content)
    assert dtmf("decode", "call.wav") == Run(2, "", error(f"call.wav: {message}"))
    if content:
        run = dtmf("decode", "-", stdin=content)
        assert (run.status, run.out) == (2, "")
        assert run.err.startswith("dtmf-audio: error: standard input: ")


def test_a_missing_file_and_a_directory_are_told(dtmf: Callable[..., Run]) -> None:
    assert dtmf("decode", "x.wav") == Run(2, "", error("x.wav: there is no such file; check the path"))
    message = "is a directory; give the audio files in it by name, or decode them all with dtmf-audio scan"
    assert dtmf("decode", ".") == Run(2, "", error(f".: {message}"))


def test_a_channel_that_the_file_does_not_have_is_told(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "1", "2")
    message = "call.wav: channel 2 asked for, the file has 2 (0 and 1); leave --channel out to decode both"
    assert dtmf("decode", "call.wav", "--channel", "2") == Run(2, "", error(message))


@pytest.mark.parametrize("rate", ["0", "3999"])
def test_a_raw_rate_out_of_range_is_told(dtmf: Callable[..., Run], tmp_path: Path, rate: str) -> None:
    (tmp_path / "x.raw").write_bytes(bytes(100))
    message = f"sample rate is {rate}; it must be a whole number of Hz from 4000 to 192000: resample the audio first"
    assert dtmf("decode", "x.raw", "--raw", "s16le", "--samplerate", rate) == Run(2, "", error(message))


def test_an_odd_number_of_bytes_of_16_bit_samples_is_told(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(bytes(101))
    message = (
        "x.raw: 101 bytes of s16le in 1 channel are not whole frames of 2 bytes, 1 left over; correct the encoding or "
        "the channels, or leave the rest out with partial=True (--partial)"
    )
    assert dtmf("decode", "x.raw", "--raw", "s16le", "--samplerate", "8000") == Run(2, "", error(message))


# --- where the answer goes ---------------------------------------------------------------------------------------


def test_a_missing_output_directory_is_told(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    message = f"none/x.wav: directory {str(tmp_path / 'none')!r} does not exist; create it first"
    assert dtmf("render", "1", "-o", "none/x.wav", "--truth", "x.truth") == Run(2, "", error(message))
    assert not list(tmp_path.iterdir())


def test_an_ending_that_tells_no_format_is_told(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    run = dtmf("render", "1", "-o", "x.doc", "--truth", "x.truth")
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("dtmf-audio: error: x.doc: its ending '.doc' tells no format; ")
    assert not list(tmp_path.iterdir())


def test_audio_does_not_go_to_a_terminal(dtmf: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    message = "standard output: is a terminal, which cannot play audio; give a file, or pipe it on"
    assert dtmf("render", "1", "-o", "-") == Run(2, "", error(message))


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    for name in ("a.wav", "\N{SNOWMAN}.wav"):
        write_keys(tmp_path / name, "1")
    run = process(
        *("decode", "a.wav", "\N{SNOWMAN}.wav"), cwd=tmp_path, env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    )
    assert (run.returncode, run.stdout.split(), run.stderr) == (0, [b"a.wav:", b"1", b"\\u2603.wav:", b"1"], b"")


@dev_full
@pytest.mark.parametrize(
    "arguments",
    [["tones"], ["decode", str(SAMPLES / "telephone.wav")], ["decode", "--schema"], ["render", "1", "-o", "-"]],
)
def test_a_full_disk_behind_standard_output_is_told(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        run = process(*arguments, stdout=full, capture_output=False, stderr=subprocess.PIPE)
    message = "standard output: cannot be written (No space left on device); write to a file elsewhere"
    assert (run.returncode, run.stderr.decode()) == (2, error(message))


@dev_full
@pytest.mark.parametrize("options", [["-o", "/dev/full", "--format", "wav"], ["-o", "x.wav", "--truth", "/dev/full"]])
def test_a_full_disk_is_told_and_nothing_is_left(dtmf: Callable[..., Run], tmp_path: Path, options: list[str]) -> None:
    message = (
        "/dev/full: cannot be written (No space left on device); free space, change permissions, or write elsewhere"
    )
    assert dtmf("render", "1", *options) == Run(2, "", error(message))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_replaced_stays_as_it_was(
    dtmf: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.wav").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    run = dtmf("render", "1", "-o", "x.wav", "--truth", "x.truth")
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("dtmf-audio: error: x.wav: cannot be written (No space left on device); ")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x.wav": b"old"}


@posix
def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    import resource

    run = process(
        *("render", "1", "-o", "x.wav", "--truth", "x.truth"),
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),  # the truth fits, 1.6 kB do not
    )
    assert run.returncode == 2
    assert run.stderr.startswith(b"dtmf-audio: error: x.wav: cannot be written (File too large); ")
    assert run.stderr.count(b"\n") == 1
    assert not list(tmp_path.iterdir())


@posix
@pytest.mark.parametrize("arguments", [["tones"], ["--help"], ["render", "1", "-o", "-"], ["decode", "-", "--json"]])
def test_a_reader_that_has_gone_ends_it_in_silence(tmp_path: Path, arguments: list[str]) -> None:
    write_keys(tmp_path / "call.wav", "123")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run = process(
            *arguments,
            input=(tmp_path / "call.wav").read_bytes(),
            stdout=writing,
            capture_output=False,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(writing)
    assert (run.returncode, run.stderr) == (141, b"")


@posix
def test_a_tone_of_an_open_pipe_is_told_and_an_interrupt_ends_it_in_silence() -> None:
    pcm = synthesis.render("1", 8000, tail_ms=500).samples
    with subprocess.Popen(
        [sys.executable, "-m", "dtmf_audio", "decode", "-", "--json", "--raw", "s16le", "--samplerate", "8000"],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write(np.rint(pcm * 32767).astype("<i2").tobytes())
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["key"] == "1"  # its input is still open
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 130
        assert (running.stdout.read(), running.stderr.read()) == (b"", b"")


@posix
@pytest.mark.parametrize("closed", [">&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_told_without_a_traceback(closed: str) -> None:
    arguments = "decode -" if closed == "<&-" else "tones"
    run = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m dtmf_audio {arguments} {closed}'],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=60,
    )
    told = {
        ">&-": error("standard output: cannot be written (it is closed); write to a file elsewhere"),
        "<&-": error("standard input: is closed; give a file instead of -"),
    }.get(closed, "")
    assert (run.returncode, run.stdout, run.stderr.decode()) == (2, b"", told)


@posix
def test_render_and_decode_meet_in_a_pipe() -> None:
    program = f'"{sys.executable}" -m dtmf_audio'
    run = subprocess.run(
        ["sh", "-c", f"{program} render '12A#' -o - | {program} decode -"],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"12A#\n", b"")


def test_the_exit_status_of_the_process_is_that_of_the_command() -> None:
    assert process("decode", str(SAMPLES / "no_tones.wav")).returncode == 1
    missing = process("decode", "missing.wav")
    assert (missing.returncode, missing.stdout) == (2, b"")
    assert missing.stderr.decode() == error("missing.wav: there is no such file; check the path")


# --- start -------------------------------------------------------------------------------------------------------


def loaded_after(code: str, *names: str) -> Iterable[str]:
    """Return which of the modules are loaded after some code, in a process of its own."""
    script = f"import sys\n{code}\nprint(*[name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, timeout=60, check=True)
    return run.stderr.decode().split()


def test_the_command_line_itself_loads_no_numpy_scipy_or_soundfile() -> None:
    bare = (  # the package without its __init__, whose imports are not this module's
        "import types\n"
        f"package = sys.modules['dtmf_audio'] = types.ModuleType('dtmf_audio')\n"
        f"package.__path__ = [{str(ROOT / 'dtmf_audio')!r}]\n"
        "package.__version__ = ''\n"
        "import dtmf_audio.cli\n"
        "assert dtmf_audio.cli.main(['tones']) == 0"
    )
    assert loaded_after(bare, "dtmf_audio.cli", "numpy", "scipy", "soundfile") == ["dtmf_audio.cli"]


def test_neither_decode_nor_render_loads_scipy(tmp_path: Path) -> None:
    code = (
        "from dtmf_audio.cli import main\n"
        f"assert main(['render', '1', '--snr-db', '30', '-o', {str(tmp_path / 'x.wav')!r}]) == 0\n"
        f"assert main(['decode', {str(tmp_path / 'x.wav')!r}]) == 0"
    )
    assert loaded_after(code, "numpy", "soundfile", "scipy") == ["numpy", "soundfile"]


def test_a_wav_of_pcm_is_decoded_without_soundfile() -> None:
    code = f"from dtmf_audio.cli import main\nassert main(['decode', {str(SAMPLES / 'senddtmftones.wav')!r}]) == 0"
    assert loaded_after(code, "numpy", "soundfile", "scipy", "dtmf_audio.synthesis") == ["numpy"]
