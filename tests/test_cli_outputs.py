"""The formats of ``decode`` as users ask for them: options that go together, files, channels, and names of all kinds."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from test_cli import ENVIRONMENT, Run, dtmf, error, posix, process, write_keys, write_presses

from dtmf_audio import Press, cli_outputs, decode, render
from dtmf_audio.formats import json_object
from dtmf_audio.tones import KEY_TONES

__all__ = ["dtmf"]

FORMATS = ("text", "timeline", "json", "csv", "rttm", "audacity", "webvtt", "srt")


def test_every_format_has_a_name_and_is_in_the_help(dtmf: Callable[..., Run]) -> None:
    assert tuple(cli_outputs.FORMATS) == FORMATS
    text = dtmf("decode", "--help").out
    assert f"--format {{{','.join(FORMATS)}}}" in text


def test_help_names_every_key(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0)))
    text = dtmf("decode", "--help").out
    for line in dtmf("decode", "call.wav", "--json", "--explain", "--group-gap", "1").out.splitlines():
        told = json.loads(line)
        for name in (*told, *told.get("refused", {})):
            assert name in text, name


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_the_keys_or_masks_them(dtmf: Callable[..., Run], tmp_path: Path, name: str) -> None:
    for keys in ("159", "26#"):
        write_keys(tmp_path / f"{keys}.wav", keys)
    run = dtmf("decode", "159.wav", "--format", name)
    assert (run.status, run.err) == (0, "")
    assert all(key in run.out for key in "159")
    masked = []
    for keys in ("159", "26#"):
        os.replace(tmp_path / f"{keys}.wav", tmp_path / "call.wav")  # noqa: PTH105
        masked.append(dtmf("decode", "call.wav", "--format", name, "--mask").out)
    assert masked[0] == masked[1]
    assert "•" in masked[0] or "masked" in masked[0]


def test_json_and_timeline_have_options_of_their_own(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "159")
    for name in ("json", "timeline"):
        assert dtmf("decode", "call.wav", f"--{name}") == dtmf("decode", "call.wav", "--format", name)
    assert dtmf("decode", "call.wav", "--timeline") == Run(0, "0:00 159\n", "")


def test_a_gap_parts_the_numbers(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    dtmf("render", "12W34", "-o", "call.wav", "--delay-ms", "50")  # W is a second
    assert dtmf("decode", "call.wav", "--group-gap", "0.9") == Run(0, "12 34\n", "")
    assert dtmf("decode", "call.wav", "--group-gap", "1.5") == Run(0, "1234\n", "")
    assert dtmf("decode", "call.wav", "--group-gap", "0.9", "--timeline") == Run(0, "0:00 12\n0:01 34\n", "")
    assert dtmf("decode", "call.wav", "--timeline").out.startswith("0:00 12.....3")
    assert len(dtmf("decode", "call.wav", "--group-gap", "0.9", "--format", "srt").out.split("\n\n")) == 3
    rows = csv.DictReader(io.StringIO(dtmf("decode", "call.wav", "--group-gap", "0.9", "--format", "csv").out))
    assert [(row["key"], row["group"]) for row in rows] == [("1", "0"), ("2", "0"), ("3", "1"), ("4", "1")]


def test_csv_of_several_files_and_channels_has_one_header(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "a, b.wav", "1", "2")
    write_keys(tmp_path / "c.wav", "3")
    run = dtmf("decode", "missing.wav", "a, b.wav", "c.wav", "--format", "csv")
    assert run.err == error("missing.wav: there is no such file; check the path")
    rows = list(csv.DictReader(io.StringIO(run.out)))
    assert [(row["file"], row["channel"], row["key"]) for row in rows] == [
        *(("a, b.wav", "0", "1"), ("a, b.wav", "1", "2"), ("c.wav", "0", "3"))
    ]


def test_a_file_that_breaks_off_leaves_one_header(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12")
    (tmp_path / "odd.raw").write_bytes(b"\0" * 4001)
    run = dtmf("decode", "-", "call.wav", "--format", "csv", "--raw", "s16le", "--samplerate", "8000", stdin=b"\0\0\0")
    assert run.status == 2
    assert run.out.count("file,tone") == 1


def test_rttm_names_files_and_counts_channels_from_1(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "a b.wav", "", "2")
    write_keys(tmp_path / "c.wav", "3")
    lines = [line.split() for line in dtmf("decode", "a b.wav", "c.wav", "--format", "rttm").out.splitlines()]
    assert [(fields[0], fields[1], fields[2], fields[7]) for fields in lines] == [
        *(("SPEAKER", "a%20b.wav", "2", "2"), ("SPEAKER", "c.wav", "1", "3"))
    ]


def test_without_tones_a_format_is_its_frame(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_keys(tmp_path / "none.wav", "")
    frames = {"csv": 1, "webvtt": 1}
    for name in FORMATS:
        run = dtmf("decode", "none.wav", "--format", name)
        assert (run.status, len(run.out.splitlines())) == (1, frames.get(name, 0))


@pytest.mark.parametrize("name", ["audacity", "webvtt", "srt"])
def test_what_cannot_name_a_channel_takes_one(dtmf: Callable[..., Run], tmp_path: Path, name: str) -> None:
    write_keys(tmp_path / "call.wav", "1", "2")
    run = dtmf("decode", "call.wav", "--format", name)
    assert run == Run(
        2,
        "",
        error(
            f"call.wav: has 2 channels, which {cli_outputs.FORMATS[name]} cannot tell apart; choose one, such as "
            "--channel 0, or use csv"
        ),
    )
    assert dtmf("decode", "call.wav", "--format", name, "--channel", "1").status == 0
    run = dtmf("decode", "call.wav", "call.wav", "--format", name)
    assert run.status == 2
    assert run.err.endswith("cannot name files, and 2 are given; decode each on its own, or use csv\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--format csv --json", "argument --json: not allowed with argument --format"),
        ("--json --timeline", "argument --timeline: not allowed with argument --json"),
        ("--tones --timeline", "argument --timeline: not allowed with argument --tones"),
        ("--tones --format text", "argument --format: not allowed with argument --tones"),
        (
            "--explain --format srt",
            "argument --explain: SRT has no place for near misses; use text, json, csv or audacity",
        ),
        (
            "--explain --timeline",
            "argument --explain: a timeline has no place for near misses; use text, json, csv or audacity",
        ),
        (
            "--group-gap 2 --format rttm",
            "argument --group-gap: RTTM has no place for groups; use text, timeline, json, csv, webvtt or srt",
        ),
        (
            "--group-gap 2 --explain",
            "argument --group-gap: the list of --explain has no place for groups; use text, timeline, json, csv, webvtt or srt",
        ),
        ("--group-gap 0", "argument --group-gap: '0' is no pause; give seconds above 0, such as 2"),
        ("--group-gap nan", "argument --group-gap: 'nan' is no pause; give seconds above 0, such as 2"),
        ("--group-gap 2s", "argument --group-gap: '2s' is no pause; give seconds above 0, such as 2"),
    ],
)
def test_options_that_do_not_go_together_are_told(dtmf: Callable[..., Run], arguments: str, message: str) -> None:
    run = dtmf("decode", "x.wav", *arguments.split())
    assert (run.status, run.out) == (2, "")
    assert run.err.endswith(f"error: {message}\n")


def test_the_list_of_explain_can_be_masked(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0)))
    first, second = dtmf("decode", "call.wav", "--explain", "--mask").out.splitlines()
    assert first.endswith("refused: misses min_on_ms of 27 ms")
    assert second.endswith("100.0 ms  heard")


def test_the_schema_is_printed_and_holds_for_what_is_decoded(dtmf: Callable[..., Run], tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    run = dtmf("decode", "--schema")
    assert (run.status, run.err) == (0, "")
    assert run.out.isascii()  # for any terminal
    validator = jsonschema.Draft202012Validator(json.loads(run.out))
    write_presses(tmp_path / "call.wav", (("5", 24.0), ("7", 100.0)), (("1", 100.0),))
    for options in ([], ["--mask"], ["--group-gap", "1", "--mask"], ["--group-gap", "1"]):
        lines = dtmf("decode", "call.wav", "call.wav", "--json", "--explain", *options).out.splitlines()
        assert len(lines) == 6
        for line in lines:
            validator.validate(json.loads(line))


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="the file system takes names in UTF-8 alone")
@pytest.mark.parametrize("name", [b"two\nlines.wav", b'a,"b"\t.wav', b"caf\xe9.wav"])
def test_no_name_breaks_a_row(tmp_path: Path, name: bytes) -> None:
    write_keys(tmp_path / "call.wav", "12")
    (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "call.wav").read_bytes())

    def decoded(*options: str, encoding: str = "utf-8") -> str:
        run = process(
            *("decode", os.fsdecode(name), "call.wav", *options),
            cwd=tmp_path,
            env={**ENVIRONMENT, "PYTHONIOENCODING": encoding},
        )
        assert (run.returncode, run.stderr) == (0, b"")
        return run.stdout.decode(encoding)

    assert len(decoded().splitlines()) == len(decoded("--timeline", encoding="ascii").splitlines()) == 2
    assert [len(line.split()) for line in decoded("--format", "rttm").splitlines()] == [10] * 4
    rows = csv.DictReader(io.StringIO(decoded("--format", "csv", encoding="ascii"), newline=""))
    assert [row["key"] for row in rows] == ["1", "2", "1", "2"]
    objects = [json.loads(line) for line in decoded("--json").splitlines()]
    assert [os.fsencode(each["file"]) for each in objects] == [name, name, b"call.wav", b"call.wav"]


@posix
def test_help_and_masks_can_be_shown_by_any_terminal(tmp_path: Path) -> None:
    write_keys(tmp_path / "call.wav", "12")
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    assert process("decode", "--help", env=environment).returncode == 0
    run = process("decode", "call.wav", "--mask", cwd=tmp_path, env=environment)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, b"\\u2022\\u2022", b"")


def test_offsets_alone_would_tell_every_key() -> None:
    """Why a mask hides more than frequencies: a dialler has a small error of its own at each of the eight."""
    errors_pct = {697: 0.3, 770: -0.3, 852: 0.6, 941: -0.6, 1209: 0.3, 1336: -0.3, 1477: 0.6, 1633: -0.6}
    errors_of = {tone: tuple(errors_pct[int(hz)] for hz in tone.frequencies_hz) for tone in KEY_TONES}
    presses = [Press(tone=tone, low_offset_pct=low, high_offset_pct=high) for tone, (low, high) in errors_of.items()]
    key_of = {errors: tone.key for tone, errors in errors_of.items()}
    tones = decode(render(presses, 8000, tail_ms=100).samples, 8000)
    told = [json_object(tone) for tone in tones]
    read = [key_of[round(each["low_offset_pct"], 1), round(each["high_offset_pct"], 1)] for each in told]
    assert read == [tone.key for tone in KEY_TONES]
    assert all(json_object(tone, mask=True)["low_offset_pct"] is None for tone in tones)
