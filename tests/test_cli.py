"""The command line as its user meets it: answers on standard output, errors that say what to do, exit statuses."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dtmf_audio import audio_io, cli, render, synthesis
from dtmf_audio.audio_io import write_audio

COMMANDS = ["render", "decode", "tones"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, **options):
    """A process of its own: (status, standard output, standard error)."""
    command = [sys.executable, "-m", "dtmf_audio", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)
    return result.returncode, result.stdout, result.stderr


def refused(capsys, *arguments):
    """The one line of error of a command that must not work, and that must leave nothing behind."""
    before = sorted(Path().iterdir())
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(Path().iterdir()) == before
    assert "Traceback" not in err
    return err


def a_wav(name="call.wav", keys="123", **options):
    rendering = render(keys, 8000, **options)
    write_audio(name, rendering.samples, 8000)
    return name


# --- what it is for ------------------------------------------------------------------------------------------------


def test_render_and_decode_give_back_the_keys(capsys):
    assert cli.main(["render", "(425) 555-01#", "-o", "call.wav"]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["decode", "call.wav"]) == 0
    assert capsys.readouterr() == ("42555501#\n", "")


def test_tones_prints_the_names_of_graph(capsys):
    assert cli.main(["decode", a_wav(keys="1*#"), "--tones"]) == 0
    assert capsys.readouterr().out == "tone1 star pound\n"


def test_json_is_one_object_a_line_with_these_keys(capsys):
    assert cli.main(["decode", a_wav(), "--json"]) == 0
    tones = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(tone["key"], tone["start_sample"] // 8) for tone in tones] == [("1", 0), ("2", 200), ("3", 400)]
    assert set(tones[0]) == {
        *("tone", "key", "channel", "start_s", "stop_s", "duration_ms", "start_sample", "stop_sample", "samplerate"),
        *("low_hz", "high_hz", "low_level_dbm0", "high_level_dbm0", "twist_db", "low_offset_pct", "high_offset_pct"),
        "snr_db",
    }


def test_a_request_is_rendered_with_its_delay_and_decoded_to_its_tones(capsys):
    Path("request.json").write_text('{"tones": ["tone1", "star", "pound", "d"], "delayBetweenTonesMs": 1000}')
    assert cli.main(["render", "request.json", "-o", "x.wav"]) == 0
    assert cli.main(["decode", "x.wav", "--json"]) == 0
    tones = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tone["tone"] for tone in tones] == ["tone1", "star", "pound", "d"]
    for before, after in itertools.pairwise(tones):
        assert after["start_s"] - before["stop_s"] == pytest.approx(1.0, abs=0.001)


def test_a_request_can_be_the_argument_itself_or_standard_input():
    request = '{"tones": ["tone7"]}'
    for arguments, given in ((["render", request], None), (["render", "-"], request)):
        status, _, err = run(*arguments, "-o", "x.wav", input=given)
        assert (status, err) == (0, "")
        assert run("decode", "x.wav")[:2] == (0, "7\n")


def test_pipes_carry_audio():
    audio = subprocess.run(
        [sys.executable, "-m", "dtmf_audio", "render", "159D", "-o", "-"], capture_output=True, check=True
    ).stdout
    result = subprocess.run(
        [sys.executable, "-m", "dtmf_audio", "decode", "-"], input=audio, capture_output=True, check=True
    )
    assert result.stdout == b"159D\n"


def test_raw_audio_goes_out_and_comes_in(capsys):
    assert cli.main(["render", "42", "--samplerate", "16000", "--raw", "mulaw", "-o", "x.ul"]) == 0
    assert Path("x.ul").stat().st_size == 0.3 * 16000
    assert cli.main(["decode", "--raw", "mulaw", "--samplerate", "16000", "x.ul"]) == 0
    assert capsys.readouterr().out == "42\n"


def test_channels_have_lines_of_their_own(capsys):
    left, right = render("13", 8000).samples, render("24", 8000).samples
    write_audio("call.wav", np.stack([left, right], axis=1), 8000)
    assert cli.main(["decode", "call.wav"]) == 0
    assert capsys.readouterr().out == "call.wav [channel 0]: 13\ncall.wav [channel 1]: 24\n"
    assert cli.main(["decode", "call.wav", "--channel", "1"]) == 0
    assert capsys.readouterr().out == "24\n"


def test_no_tones_print_nothing_and_exit_with_1(capsys):
    write_audio("quiet.wav", np.zeros(8000), 8000)
    assert cli.main(["decode", "quiet.wav"]) == 1
    assert capsys.readouterr() == ("", "")


def test_one_bad_file_does_not_keep_the_others_from_being_decoded(capsys):
    assert cli.main(["decode", a_wav("a.wav", "1"), "missing.wav", a_wav("b.wav", "2")]) == 2
    out, err = capsys.readouterr()
    assert out == "a.wav: 1\nb.wav: 2\n"
    assert err == "dtmf-audio: error: missing.wav: there is no such file; check the path\n"


def test_the_truth_is_written_beside_the_audio():
    assert cli.main(["render", "12", "-o", "x.wav", "--truth", "x.json", "--lead-ms", "50"]) == 0
    truth = json.loads(Path("x.json").read_text())
    assert truth["samplerate"] == 8000
    assert [(t["tone"], t["start_sample"], t["stop_sample"]) for t in truth["tones"]] == [
        ("tone1", 400, 1200),
        ("tone2", 2000, 2800),
    ]


def test_noise_is_the_same_for_the_same_seed():
    for name, seed in (("a.wav", "1"), ("b.wav", "1"), ("c.wav", "2")):
        assert cli.main(["render", "5", "--snr-db", "10", "--seed", seed, "-o", name]) == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert Path("a.wav").read_bytes() != Path("c.wav").read_bytes()


def test_tones_lists_all_17(capsys):
    assert cli.main(["tones"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 18
    assert lines[2].split() == ["1", "tone1", "1", "697", "1209"]
    assert lines[-1].split() == ["-", "flash", "16", "-", "-"]


# --- bad input: every row with its message ---------------------------------------------------------------------------


def wav(data, declared=None, samplerate=8000, block=2, n_channels=1, bits=16, form=1):
    """Bytes of a WAV file, its header as it is told to be."""
    declared = len(data) if declared is None else declared
    fmt = struct.pack("<HHIIHH", form, n_channels, samplerate, samplerate * block, block, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + declared)
        + b"WAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", declared)
        + data
    )


BAD_FILES = {
    "missing": (None, "x.wav: there is no such file; check the path"),
    "empty": (b"", "x.wav: is empty, 0 bytes"),
    "text": (b"hello\n", "x.wav: not an audio file that can be read: it begins with b'hello\\n'"),
    "truncated": (wav(bytes(1000), declared=8000), "x.wav: its header declares 8000 bytes of samples, it holds 1000"),
    "lying": (wav(bytes(16), declared=2**30), "x.wav: its header declares 1073741824 bytes of samples, it holds 16"),
    "rate of 3999": (wav(bytes(800), samplerate=3999), "x.wav: sample rate is 3999; it must be"),
    "rate of 0": (wav(bytes(800), samplerate=0), "x.wav: "),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_by_name(kind, capsys):
    content, message = BAD_FILES[kind]
    if content is not None:
        Path("x.wav").write_bytes(content)
    assert f"dtmf-audio: error: {message}" in refused(capsys, "decode", "x.wav")


def test_a_file_without_samples_is_refused(capsys):
    Path("x.au").write_bytes(struct.pack(">4sIIIII", b".snd", 24, 0, 3, 8000, 1))
    assert "x.au: " in refused(capsys, "decode", "x.au")


def test_a_directory_is_refused(capsys):
    Path("d").mkdir()
    assert "dtmf-audio: error: d: is a directory; give the audio files in it by name" in refused(capsys, "decode", "d")


def test_what_is_there_of_a_truncated_file_can_be_decoded(capsys):
    name = a_wav(keys="42")
    Path("cut.wav").write_bytes(Path(name).read_bytes()[:-400])
    assert "(--partial)" in refused(capsys, "decode", "cut.wav")
    assert cli.main(["decode", "--partial", "cut.wav"]) == 0
    assert capsys.readouterr().out == "42\n"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_by_their_place(value, capsys):
    samples = np.zeros(800, "<f4")
    samples[7] = value
    Path("x.wav").write_bytes(wav(samples.tobytes(), block=4, bits=32, form=3))
    assert f"dtmf-audio: error: x.wav: sample 7 is {value}; every sample must be finite" in refused(
        capsys, "decode", "x.wav"
    )


@pytest.mark.parametrize("samplerate", ["0", "3999", "192001"])
def test_a_rate_that_cannot_be_is_refused(samplerate, capsys):
    Path("x.raw").write_bytes(bytes(1600))
    wanted = f"sample rate is {samplerate}; it must be a whole number of Hz from 4000 to 192000"
    assert wanted in refused(capsys, "decode", "--raw", "s16le", "--samplerate", samplerate, "x.raw")
    assert wanted in refused(capsys, "render", "1", "--samplerate", samplerate, "-o", "x.wav")


def test_an_odd_number_of_bytes_is_refused_by_the_format(capsys):
    Path("x.raw").write_bytes(bytes(1601))
    err = refused(capsys, "decode", "--raw", "s16le", "--samplerate", "8000", "x.raw")
    assert "x.raw: " in err
    assert "s16le" in err
    assert "1601" in err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("12x", "'x' at position 3 of '12x' is not a key; the keys are 0-9, *, #, A-D (or a-d)"),
        ("1,2", "',' at position 2 of '1,2' has no agreed length (0.5, 1 or 2 s, by vendor); give its length"),
        ("-.()", "there are no tones to render; give at least one"),
        ("", "there are no tones to render; give at least one"),
    ],
)
def test_a_bad_dial_string_is_refused_by_its_place(keys, message, capsys):
    assert message in refused(capsys, "render", "-o", "x.wav", "--", keys)


BAD_REQUESTS = [
    ("{", "the request is not JSON (Expecting property name enclosed in double quotes, line 1, column 2)"),
    ("[1]", 'the request is [1]; it must be an object, such as {"tones": ["tone1"]}'),
    ("{}", "tones is missing; write a list of tone names"),
    ('{"tones": null}', "tones is null; write a list of tone names"),
    (
        '{"tones": "tone1, star"}',
        'tones is the string "tone1, star", as an older TypeScript SDK sends it; write a list',
    ),
    ('{"tones": []}', "tones is empty; give at least one tone name"),
    ('{"tones": ["tone1", null]}', "tones[1] is null; write a tone name"),
    ('{"tones": [1]}', 'tones[0] is 1; write the name of the tone, "tone1"'),
    ('{"tones": [{"tone": "tone1"}]}', 'tones[0] is {"tone": "tone1"}; write the name of its tone alone'),
    ('{"tones": ["*"]}', "tones[0]: '*' is not a tone name"),
    ('{"tones": ["Tone1"]}', "tones[0]: 'Tone1' is not a tone name"),
    ('{"tones": ["ton1"]}', "tones[0]: 'ton1' is not a tone name; the names are tone0-tone9, star, pound, a, b, c, d"),
    (
        '{"tones": ["tone1"], "delayBetweenTonesMs": -1}',
        "delayBetweenTonesMs is -1; write a whole number of milliseconds",
    ),
    ('{"tones": ["tone1"], "delayBetweenTonesMs": 1.5}', "delayBetweenTonesMs is 1.5; write a whole number"),
    ('{"tones": ["tone1"], "delayBetweenTonesMs": true}', "delayBetweenTonesMs is true; write a whole number"),
    (
        '{"tones": ["tone1"], "delayBetweenTonesMs": 2147483648}',
        "delayBetweenTonesMs is 2147483648; write a whole number",
    ),
    (
        '{"tones": ["tone1"], "clientContext": "' + 257 * "x" + '"}',
        "clientContext is 257 characters long; write a string of",
    ),
    ('{"tones": ["flash"]}', "flash makes no sound and cannot be rendered; leave it out, or give --flash-ms"),
]


@pytest.mark.parametrize(("request_json", "message"), BAD_REQUESTS)
def test_a_bad_request_is_refused_by_the_property(request_json, message, capsys):
    assert message in refused(capsys, "render", request_json, "-o", "x.wav")
    Path("request.json").write_text(request_json)
    err = refused(capsys, "render", "request.json", "-o", "x.wav")
    assert message in err
    if "flash" not in request_json:
        assert "dtmf-audio: error: request.json: " in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "no/x.wav"], "no/x.wav: directory "),
        (["-o", "x.xyz"], "x.xyz: its ending '.xyz' tells no format; use one of .wav"),
        (
            ["-o", "x.wav", "--level-dbm0", "5"],
            "--level-dbm0 is 5 with --twist-db 2: the pair would clip; the highest level",
        ),
        (["-o", "x.wav", "--on-ms", "1"], "--on-ms is 1, 8 samples at 8000 Hz; a tone must hold"),
        (["-o", "x.wav", "--on-ms", "nan"], "--on-ms"),
        (["-o", "x.wav", "--delay-ms", "-5"], "--delay-ms"),
        (["-o", "x.wav", "--delay-ms", "0"], "tones 1 and 2 are both tone1 with no silence between them"),
        (["-o", "x.wav", "--ramp-ms", "6"], "--ramp-ms is 6; it must be from 0 to 5"),
        ([], "the following arguments are required: -o"),
        (["-o", "x.wav", "--format", "midi"], "midi"),
    ],
)
def test_a_bad_setting_is_refused_by_its_option(arguments, message, capsys):
    assert message in refused(capsys, "render", "11", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--channel", "2"], "call.wav: channel 2 asked for, the file has 1 (0); leave --channel out to decode it"),
        (["--profile", "itu"], "invalid choice: 'itu'"),
        (["--raw", "s16le"], "the rate must be given too, such as --samplerate 8000"),
        (["--samplerate", "8000"], "is for audio without a header; give --raw too"),
    ],
)
def test_a_bad_way_of_decoding_is_refused(arguments, message, capsys):
    assert message in refused(capsys, "decode", a_wav(), *arguments)


def test_a_command_that_does_not_exist_is_refused(capsys):
    assert "invalid choice: 'play'" in refused(capsys, "play")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
@pytest.mark.parametrize("arguments", [["render", "1", "-o", "-"], ["decode", "call.wav"], ["tones"]])
def test_a_full_disk_behind_standard_output_is_told(arguments):
    a_wav()
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "dtmf_audio", *arguments]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert result.stderr == (
        "dtmf-audio: error: standard output: cannot be written (No space left on device); write to a file elsewhere\n"
    )


def test_a_full_disk_leaves_no_partial_file_and_the_old_one_as_it_was(capsys, monkeypatch):
    Path("x.wav").write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audio_io.os, "replace", full)
    assert "x.wav: " in refused(capsys, "render", "1", "-o", "x.wav")
    assert Path("x.wav").read_bytes() == b"old"


def test_a_reader_that_goes_away_ends_it_in_silence():
    a_wav(keys="0123456789" * 3)
    command = [sys.executable, "-m", "dtmf_audio", "decode", "--json", *["call.wav"] * 20]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert err == b""
    assert process.returncode == 141


def test_an_interrupt_ends_it_in_silence():
    command = [sys.executable, "-m", "dtmf_audio", "decode", "--raw", "s16le", "--samplerate", "8000", "--json", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    rendering = render("1", 8000, tail_ms=35_000.0)  # more than a block, so that the tone comes while the pipe is open
    with subprocess.Popen(command, **pipes) as process:
        process.stdin.write((rendering.samples * 32767).astype("<i2").tobytes())
        process.stdin.flush()
        assert b'"key": "1"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert process.stderr.read() == b""
    assert process.returncode == 130


# --- help, and what is imported --------------------------------------------------------------------------------------


def help_of(capsys, *command):
    assert cli.main([*command, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["render"], ["decode"]])
def test_the_example_at_the_end_of_a_help_runs(command, capsys):
    text = help_of(capsys, *command)
    (example,) = re.findall(r"^example:\n  (dtmf-audio .*)$", text, re.MULTILINE)
    example = example.replace("dtmf-audio ", f"'{sys.executable}' -m dtmf_audio ")
    result = subprocess.run(example, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_help_has_every_command_and_choice(capsys):
    text = help_of(capsys)
    assert all(re.search(rf"^    {command} ", text, re.MULTILINE) for command in COMMANDS)
    assert tuple(sorted(cli.RAW_ENCODINGS, key=cli.RAW_ENCODINGS.index)) == cli.RAW_ENCODINGS
    assert set(cli.RAW_ENCODINGS) == set(audio_io.RAW_ENCODINGS)
    assert set(cli.FORMATS) == {name.lower() for name in audio_io.WRITE_FORMATS}


def test_the_defaults_in_the_help_are_those_of_the_library(capsys):
    text = " ".join(help_of(capsys, "render").split())
    for option, value in (
        ("--on-ms", synthesis.DEFAULT_ON_MS),
        ("--ramp-ms", synthesis.DEFAULT_RAMP_MS),
        ("--level-dbm0", synthesis.DEFAULT_LEVEL_DBM0),
        ("--twist-db", synthesis.DEFAULT_TWIST_DB),
    ):
        assert re.search(rf"{option} \w+ [^(]*\(default: {value:g}\)", text), option
    assert f"or else {synthesis.DEFAULT_DELAY_MS:g})" in text


def modules_after(code):
    check = f"{code}; import sys; print(*sorted({{'numpy', 'scipy', 'soundfile'}} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, env=environment)
    return result.stdout.splitlines()[-1]


def test_rendering_and_decoding_do_without_scipy():
    a_wav()
    assert modules_after("from dtmf_audio.cli import main; main(['decode', 'call.wav'])") == "numpy soundfile"
    assert modules_after("from dtmf_audio.cli import main; main(['render', '1', '-o', 'x.wav'])") == "numpy soundfile"
