"""Scans of many files: every file is a row, whatever is in it, and the bytes do not depend on what happens on the way."""

from __future__ import annotations

import csv
import glob
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scan_corpus
from scan_corpus import MAX_DURATION_H, broken_ways, make_corpus, pressed, wav

from dtmf_audio import (
    PROFILES,
    AudioFileError,
    InvalidSettingError,
    ScanError,
    cli,
    decode_file,
    scan_output,
    scan_pool,
)
from dtmf_audio.cli_scan import bar_text
from dtmf_audio.formats import json_object
from dtmf_audio.scan import ScanState, scan, scan_to_file
from dtmf_audio.scan_decode import decode_planned
from dtmf_audio.scan_find import _matches, find_files, mtime_ns, mtime_text
from dtmf_audio.scan_output import Journal
from dtmf_audio.scan_rows import COLUMNS, FileResult, Row, ScanSettings, csv_header, csv_lines, csv_results, flat_rows

ROOT = Path(__file__).resolve().parents[1]
N_FILES = 200
SETTINGS = ScanSettings(
    profile=PROFILES["default"],
    channel=None,
    mask=False,
    partial=False,
    max_duration_h=MAX_DURATION_H,
    timeout_s=60.0,
    version="0",
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus") / "calls", N_FILES)


@pytest.fixture(scope="module")
def truth(corpus, tmp_path_factory):
    """The finished file of a scan in this process, one file after the other."""
    output = tmp_path_factory.mktemp("truth") / "results.jsonl"
    scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    return output.read_bytes()


def rows_of(data):
    return [json.loads(line) for line in data.splitlines()]


def write(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def command(*args):
    return [sys.executable, "-W", "error", "-m", "dtmf_audio", "scan", *map(str, args)]


def run_command(*args, **options):
    return subprocess.run(command(*args), capture_output=True, text=True, check=False, cwd=ROOT, timeout=120, **options)


# --- rows --------------------------------------------------------------------------------------------------------


def test_every_file_is_one_row_in_the_order_of_names(corpus, truth):
    rows = rows_of(truth)
    names = sorted(str(path) for path in corpus.rglob("*") if path.is_file())
    assert [row["file"] for row in rows] == names
    assert len(names) == N_FILES


def test_each_way_of_being_broken_is_a_row_with_its_error(truth):
    errors = {row["file"].split("_", 1)[1]: row for row in rows_of(truth) if row["status"] == "error"}
    assert set(errors) == set(broken_ways())
    for name, row in errors.items():
        assert row["tones"] == []
        assert row["duration_s"] is None
        assert "; " in row["error"], "a problem and a remedy"
        assert name not in row["error"], "the row has the name already"
        assert row["size_bytes"] == len(broken_ways()[name])


def test_tones_are_those_of_decode(truth):
    for row in rows_of(truth)[:40]:
        if row["status"] == "ok":
            assert row["tones"] == [json_object(tone) for tone in decode_file(row["file"])]


def test_size_mtime_rate_and_length_are_told(truth):
    row = next(row for row in rows_of(truth) if row["channels"] == 2)
    status = Path(row["file"]).stat()
    assert row["size_bytes"] == status.st_size
    assert row["mtime"] == mtime_text(status.st_mtime_ns)
    assert (row["samplerate"], row["duration_s"], row["error"]) == (8000, 0.5, None)
    assert {tone["channel"] for tone in row["tones"]} == {0, 1}


@pytest.mark.parametrize("ns", [0, 1, -1, 1_700_000_000_000_000_001, -(10**18), 10**19])
def test_mtime_is_read_back_exactly(ns):
    assert mtime_ns(mtime_text(ns)) == ns


def test_mtime_has_all_nanoseconds():
    assert mtime_text(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"
    assert mtime_text(-1) == "1969-12-31T23:59:59.999999999Z"
    assert mtime_text(2**80) == mtime_text(2**80)


def test_the_columns_of_a_tone_are_those_of_decode(truth):
    tone = next(row["tones"][0] for row in rows_of(truth) if row["tones"])
    assert COLUMNS[: len(tone) + 1] == ("file", *tone)


def test_csv_is_read_back_exactly(truth):
    results = [FileResult.from_json(line) for line in truth.splitlines()]
    lines = [csv_header(), *(line for result in results for line in csv_lines(result))]
    assert list(csv_results(f"{line}\n" for line in lines)) == results


def test_csv_has_a_row_for_each_tone_and_for_each_file_without(truth):
    for row in rows_of(truth):
        flat = list(flat_rows(FileResult.from_json(json.dumps(row))))
        assert len(flat) == max(1, len(row["tones"]))
        assert all(each["file"] == row["file"] for each in flat)


def test_a_name_with_commas_quotes_and_line_breaks_keeps_its_row():
    result = FileResult(file='a,"b"\n c.wav', status="error", settings="x", error="no; yes")
    text = "\n".join([csv_header(), *csv_lines(result)])
    assert list(csv_results(text.splitlines(keepends=True))) == [result]
    (row,) = csv.DictReader(text.splitlines(keepends=True))
    assert row["file"] == result.file


def test_a_name_that_is_no_utf_8_can_be_written(tmp_path):
    write(tmp_path, "calls/caf\udce9.wav", wav(pressed("1")))
    for ending in ("jsonl", "csv"):
        scan_to_file([tmp_path / "calls"], tmp_path / f"r.{ending}", jobs=0)
        assert b"caf\\udce9.wav" in (tmp_path / f"r.{ending}").read_bytes()


# --- masks -------------------------------------------------------------------------------------------------------


def test_masked_there_is_no_key_and_no_measurement_in_any_output(tmp_path):
    write(tmp_path, "calls/call.wav", wav(pressed("159#")))
    for ending in ("jsonl", "csv"):
        output = tmp_path / f"masked.{ending}"
        scan_to_file([tmp_path / "calls"], output, jobs=1, mask=True)
        scan_to_file([tmp_path / "calls"], tmp_path / f"open.{ending}", jobs=0)
        text, plain = output.read_text(), (tmp_path / f"open.{ending}").read_text()
        assert "tone1" in plain
        for secret in ("tone1", "tone5", "tone9", "pound", '"key": "1"', ",tone9,", "697", "1209"):
            assert secret not in text
    (row,) = rows_of((tmp_path / "masked.jsonl").read_bytes())
    (shown,) = rows_of((tmp_path / "open.jsonl").read_bytes())
    for tone, open_tone in zip(row["tones"], shown["tones"], strict=True):
        assert (tone["key"], tone["tone"], tone["low_hz"], tone["snr_db"]) == ("•", "masked", None, None)
        assert tone["start_sample"] == open_tone["start_sample"]


def test_masked_the_row_is_masked_before_it_leaves_the_worker(tmp_path):
    path = write(tmp_path, "call.wav", wav(pressed("159#")))
    (planned,) = find_files([path])
    row = decode_planned(planned, _masked())
    assert b"tone1" not in pickle.dumps(row)
    assert row.outcome == "tones"


def _masked():
    return ScanSettings(
        profile=PROFILES["default"],
        channel=None,
        mask=True,
        partial=False,
        max_duration_h=1,
        timeout_s=None,
        version="0",
    )


# --- what is found -----------------------------------------------------------------------------------------------


def names_in(folder, *paths):
    return [Path(planned.file).relative_to(folder).as_posix() for planned in find_files(paths)]


def test_folders_are_searched_by_endings_whatever_their_case(tmp_path):
    for name in ("a.WAV", "b/c.Flac", "b/notes.txt", "b/d/e.opus", ".hidden.wav", ".git/f.wav", "b/._c.wav"):
        write(tmp_path, name, b"x")
    assert names_in(tmp_path, tmp_path) == ["a.WAV", "b/c.Flac", "b/d/e.opus"]


def test_links_that_go_round_end(tmp_path):
    write(tmp_path, "a/b/c.wav", b"x")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a/self").symlink_to(tmp_path / "a/self")
    assert names_in(tmp_path, tmp_path / "a") == ["a/b/c.wav"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_file_is_seen_once_whatever_leads_to_it(tmp_path, order):
    real = write(tmp_path, "z/real.wav", b"x")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link.wav").symlink_to(real)
    (tmp_path / "a/folder").symlink_to(tmp_path / "z", target_is_directory=True)
    os.link(real, tmp_path / "z/twin.wav")
    given = [tmp_path / "a", tmp_path / "z", tmp_path / "z/real.wav", tmp_path][::order]
    assert names_in(tmp_path, *given) == ["z/real.wav"]


def test_what_a_link_leads_to_outside_is_found(tmp_path):
    write(tmp_path, "elsewhere/x.wav", b"x")
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names_in(tmp_path, tmp_path / "calls") == ["calls/more/x.wav"]


def test_patterns_name_files_of_any_ending(tmp_path):
    for name in ("a/1.dat", "a/b/2.dat", "a/3.txt"):
        write(tmp_path, name, b"x")
    assert names_in(tmp_path, f"{tmp_path}/a/**/*.dat") == ["a/1.dat", "a/b/2.dat"]


def test_a_pattern_looks_into_a_folder_once_whatever_links_lead_to_it(tmp_path):
    write(tmp_path, "calls/b/1.wav", b"x")
    write(tmp_path, "elsewhere/2.wav", b"x")
    for link in ("a", "up", "b/up"):  # two that go round are 2 to the power of 40 ways
        (tmp_path / "calls" / link).symlink_to(tmp_path / "calls", target_is_directory=True)
    (tmp_path / "calls/self").symlink_to(tmp_path / "calls/self")
    (tmp_path / "calls/more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names_in(tmp_path, f"{tmp_path}/**/*.wav") == ["calls/b/1.wav", "elsewhere/2.wav"]
    assert names_in(tmp_path, f"{tmp_path}/calls/**/*.wav") == ["calls/b/1.wav", "calls/more/2.wav"]


def test_patterns_match_what_they_match_in_glob(tmp_path, monkeypatch):
    for name in ("1.wav", "a/2.wav", "a/b/3.wav", "a/b/x.txt", ".h/4.wav", "a/.h/5.wav", "[x]/b/6.wav", "d e/.7.wav"):
        write(tmp_path, name, b"x")
    monkeypatch.chdir(tmp_path)
    patterns = ["**/*.wav", "**", "a/**", "**/b/**/*.wav", "*/**/3.wav", "**/**/*.wav", "**/a", "./**/*.wav", "**/*/"]
    patterns += ["a/**b/*.wav", "**.wav", "nothing/**/*.wav", "[[]x]/**/*.wav", "a//**//*.wav", f"{tmp_path}/**/*.wav"]
    for pattern in patterns:
        expected = {str(Path(match)) for match in glob.glob(pattern, recursive=True) if match}  # noqa: PTH207
        assert {str(Path(match)) for match in _matches(pattern)} == expected, pattern


def test_names_are_as_given_and_workers_get_the_whole_path(tmp_path, monkeypatch):
    write(tmp_path, "calls/a.wav", b"x")
    monkeypatch.chdir(tmp_path)
    for given in ("calls", "./calls", "calls/a.wav", Path("calls")):
        (planned,) = find_files(given)
        assert (planned.file, planned.path) == ("calls/a.wav", str(tmp_path / "calls/a.wav"))


def test_a_name_with_brackets_is_a_name(tmp_path):
    path = write(tmp_path, "call[1].wav", b"x")
    assert names_in(tmp_path, path) == ["call[1].wav"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.wav", "no such file or folder"),
        ("*.nothing", "matches no file"),
        ("", "there is no audio in it"),
        ("-", "decode"),
    ],
)
def test_what_is_not_there_is_told_before_the_work(tmp_path, name, problem):
    with pytest.raises(AudioFileError, match=problem):
        find_files([tmp_path / name if name != "-" else "-"])


def test_a_folder_that_cannot_be_read_is_a_row(tmp_path, monkeypatch):
    write(tmp_path, "a/b.wav", b"x")
    write(tmp_path, "locked/c.wav", b"x")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for given in (tmp_path, f"{tmp_path}/**/*.wav"):
        wav_file, locked = find_files(given)
        assert wav_file.problem is None
        assert locked.problem == "the folder cannot be read (Permission denied); change its permissions"


def test_a_link_to_nowhere_is_a_row(tmp_path):
    write(tmp_path, "a.wav", wav(pressed("1")))
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "b.txt").symlink_to(tmp_path / "gone.txt")
    results = list(scan([tmp_path], jobs=0))
    assert [result.status for result in results] == ["ok", "error"]
    assert "cannot be opened (No such file or directory)" in results[1].error


def test_a_pipe_is_a_row_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    write(tmp_path, "a.wav", wav(pressed("1")))
    results = list(scan([tmp_path / "pipe.wav", tmp_path], jobs=0))
    assert [result.error for result in results] == [None, "is no regular file; use decode for pipes"]


# --- one file --------------------------------------------------------------------------------------------------------


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, monkeypatch):
    path = write(tmp_path, "growing.wav", wav(pressed("1")))
    (planned,) = find_files([path])
    from dtmf_audio import scan_decode

    original = scan_decode.iter_reader

    def grow(*args, **kwargs):
        path.write_bytes(path.read_bytes() + b"more")
        return original(*args, **kwargs)

    monkeypatch.setattr(scan_decode, "iter_reader", grow)
    row = decode_planned(planned, SETTINGS)
    assert row.identity is None, "it is tried again"
    assert json.loads(row.text)["error"] == "changed while it was read; scan again when it is finished"


def test_a_file_that_is_gone_is_an_error(tmp_path):
    path = write(tmp_path, "a.wav", wav(pressed("1")))
    (planned,) = find_files([path])
    path.unlink()
    assert json.loads(decode_planned(planned, SETTINGS).text)["error"] == "there is no such file any more; scan again"


def test_a_file_that_expands_without_end_is_an_error(tmp_path):
    data = scan_corpus.encoded(np.zeros(8000 * 3600, np.int16), 8000, "FLAC")
    assert len(data) < 200_000
    path = write(tmp_path, "bomb.flac", data)
    (result,) = scan([path], jobs=0, max_duration_h=0.5)
    assert result.error == "is longer than 0.5 h; if it is meant to be, allow more with --max-duration-h"
    endless = bytearray(data)
    endless[21:26] = bytes([endless[21] & 0xF0, 0, 0, 0, 0])  # the header's number of samples: not known
    (result,) = scan([write(tmp_path, "endless.flac", bytes(endless))], jobs=0, max_duration_h=0.5)
    assert "is longer than 0.5 h" in result.error


def test_a_channel_that_a_file_does_not_have_is_its_error(tmp_path):
    write(tmp_path, "mono.wav", wav(pressed("1")))
    write(tmp_path, "stereo.wav", wav(np.stack([pressed("12"), pressed("AB")], axis=1)))
    mono, stereo = scan([tmp_path], jobs=0, channel=1)
    assert mono.error.startswith("channel 1 asked for, the file has 1")
    assert [tone["key"] for tone in stereo.tones] == ["A", "B"]


def test_partial_takes_what_is_there(tmp_path):
    path = write(tmp_path, "cut.wav", wav(pressed("159"), declared=99_000))
    assert [len(result.tones) for result in scan([path], jobs=0, partial=True)] == [3]


def test_a_mistake_of_the_library_is_a_row(tmp_path, monkeypatch):
    path = write(tmp_path, "a.wav", wav(pressed("1")))
    from dtmf_audio import scan_decode

    def fail(*args, **kwargs):
        raise ZeroDivisionError("tone1")

    monkeypatch.setattr(scan_decode, "iter_reader", fail)
    (planned,) = find_files([path])
    assert json.loads(decode_planned(planned, SETTINGS).text)["error"] == "cannot be decoded (ZeroDivisionError: tone1)"
    assert json.loads(decode_planned(planned, _masked()).text)["error"] == "cannot be decoded (ZeroDivisionError)"


# --- processes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_any_number_of_processes_gives_the_same_bytes(corpus, truth, tmp_path, jobs):
    end = scan_to_file([corpus], tmp_path / "r.jsonl", jobs=jobs, max_duration_h=MAX_DURATION_H)
    assert (tmp_path / "r.jsonl").read_bytes() == truth
    assert (end.done, end.errors) == (N_FILES, 10)
    assert os.listdir(tmp_path) == ["r.jsonl"]  # noqa: PTH208


def folder_with(tmp_path, *names, n=12):
    for number in range(n):
        write(tmp_path, f"calls/{number:02}.wav", wav(pressed("1")))
    for name in names:
        write(tmp_path, f"calls/{name}", wav(pressed("2")))
    return find_files([tmp_path / "calls"])


def test_a_file_that_kills_its_worker_is_a_row_and_costs_no_other(tmp_path):
    files = folder_with(tmp_path, "05_killer.wav")
    rows = list(scan_pool.decode_in_processes(files, SETTINGS, 2, scan_corpus.kill_at_killers))
    assert sorted(row.file for row in rows) == [planned.file for planned in files]
    (error,) = [json.loads(row.text)["error"] for row in rows if row.outcome == "error"]
    assert error == (
        "the process that decoded it died 2 times (killed, as when memory runs out); scan it alone, with more memory"
    )
    assert all(row.identity is None for row in rows if row.outcome == "error")


def test_a_worker_that_is_killed_once_costs_nothing(tmp_path):
    files = folder_with(tmp_path, "05_killer.wav", "07_killer.wav")
    rows = list(scan_pool.decode_in_processes(files, SETTINGS, 2, scan_corpus.kill_once))
    assert sorted(row.file for row in rows) == [planned.file for planned in files]
    assert {row.outcome for row in rows} == {"tones"}


def test_a_file_that_hangs_is_given_up_and_costs_no_other(tmp_path):
    files = folder_with(tmp_path, "05_hanger.wav")
    settings = ScanSettings(
        profile=PROFILES["default"],
        channel=None,
        mask=False,
        partial=False,
        max_duration_h=1,
        timeout_s=0.5,
        version="0",
    )
    begin_s = time.monotonic()
    rows = list(scan_pool.decode_in_processes(files, settings, 2, scan_corpus.hang_at_hangers))
    assert time.monotonic() - begin_s < 60
    assert sorted(row.file for row in rows) == [planned.file for planned in files]
    (error,) = [json.loads(row.text)["error"] for row in rows if row.outcome == "error"]
    assert error == "took longer than 0.5 s; if it is worth it, allow more with --timeout-s"


def test_a_file_that_takes_too_long_is_given_up_between_blocks(tmp_path):
    path = write(tmp_path, "a.wav", wav(np.zeros(8000 * 30)))
    (result,) = scan([path], jobs=0, timeout_s=1e-6)
    assert result.error == "took longer than 1e-06 s; if it is worth it, allow more with --timeout-s"


def test_workers_that_do_not_start_are_told_of(tmp_path):
    files = folder_with(tmp_path, n=2)
    with pytest.raises(ScanError, match=r"do not start \(the last one ended with 3\).*__main__"):
        list(scan_pool.decode_in_processes(files, SETTINGS, 1, scan_corpus.cannot_load))


def test_blas_has_one_thread_in_the_workers_and_this_process_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with scan_pool._one_thread_each():
        assert {os.environ[name] for name in scan_pool.BLAS_THREADS} == {"1"}
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_scan_that_is_left_in_the_middle_leaves_no_process(corpus):
    import multiprocessing

    before = set(multiprocessing.active_children())
    results = scan([corpus], jobs=2)
    next(results)
    results.close()
    assert set(multiprocessing.active_children()) == before


# --- the journal ---------------------------------------------------------------------------------------------------


class StopHereError(Exception):
    pass


def scan_some(corpus, output, n, **options):
    """Scan, and be interrupted when n files are done."""

    def progress(state):
        if state.done >= n:
            raise StopHereError

    with pytest.raises(StopHereError):
        scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H, progress=progress, **options)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_an_interrupted_scan_goes_on_to_the_same_bytes(corpus, tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    whole, output = tmp_path / f"whole.{ending}", tmp_path / f"r.{ending}"
    scan_to_file([corpus], whole, jobs=0, max_duration_h=MAX_DURATION_H)
    for n in (30, 31, 150):
        scan_some(corpus, output, n)
        assert not output.exists()
    resumed = []
    scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H, progress=lambda s: resumed.append(s.resumed))
    assert resumed[0] == 150
    assert output.read_bytes() == whole.read_bytes()
    assert not output.with_name(output.name + ".part").exists()


@pytest.mark.parametrize("damage", ["cut", "zeros", "no newline", "text"])
def test_a_journal_that_a_crash_left_is_cut_at_its_last_whole_line(corpus, truth, tmp_path, damage):
    output, part = tmp_path / "r.jsonl", tmp_path / "r.jsonl.part"
    scan_some(corpus, output, 50)
    data = part.read_bytes()
    assert data.count(b"\n") == 51
    third = [at for at, byte in enumerate(data) if byte == 10][30]
    part.write_bytes(
        {
            "cut": data[:-20],
            "zeros": data[: third + 1] + bytes(5000) + data[third + 5001 :],
            "no newline": data[:-1],
            "text": data + b"null\tnonsense\n",
        }[damage]
    )
    resumed = []
    scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H, progress=lambda s: resumed.append(s.resumed))
    assert resumed[0] == {"cut": 49, "zeros": 30, "no newline": 49, "text": 50}[damage]
    assert output.read_bytes() == truth


@pytest.mark.parametrize("n_bytes", [0, 1, 9, 30])
def test_a_journal_whose_first_line_is_not_whole_is_begun_anew(corpus, truth, tmp_path, n_bytes):
    scan_some(corpus, tmp_path / "r.jsonl", 5)
    part = tmp_path / "r.jsonl.part"
    part.write_bytes(part.read_bytes()[:n_bytes])
    scan_to_file([corpus], tmp_path / "r.jsonl", jobs=0, max_duration_h=MAX_DURATION_H)
    assert (tmp_path / "r.jsonl").read_bytes() == truth


def test_a_file_that_changed_since_is_decoded_again(tmp_path):
    path = write(tmp_path, "calls/a.wav", wav(pressed("1")))
    write(tmp_path, "calls/b.wav", wav(pressed("2")))
    output = tmp_path / "r.jsonl"
    scan_to_file([tmp_path / "calls"], output, jobs=0)
    path.write_bytes(wav(pressed("9")))
    os.utime(path, ns=(5, 5))
    end = scan_to_file([tmp_path / "calls"], output, jobs=0)
    assert end.resumed == 1
    assert [tone["key"] for row in rows_of(output.read_bytes()) for tone in row["tones"]] == ["9", "2"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_finished_scan_takes_up_new_files_and_tries_errors_again(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    for name, keys in (("a.wav", "1"), ("b.wav", "")):
        write(tmp_path, f"calls/{name}", wav(pressed(keys) if keys else np.zeros(4000)))
    write(tmp_path, "calls/broken.wav", b"x")
    output = tmp_path / f"r.{ending}"
    first = scan_to_file([tmp_path / "calls"], output, jobs=0)
    write(tmp_path, "calls/c.wav", wav(pressed("3")))
    second = scan_to_file([tmp_path / "calls"], output, jobs=0)
    assert (first.resumed, second.resumed, second.files) == (0, 2, 4)
    scan_to_file([tmp_path / "calls"], tmp_path / f"anew.{ending}", jobs=0)
    assert output.read_bytes() == (tmp_path / f"anew.{ending}").read_bytes()


def test_files_that_are_gone_leave_the_table(tmp_path):
    gone = write(tmp_path, "calls/a.wav", wav(pressed("1")))
    write(tmp_path, "calls/b.wav", wav(pressed("2")))
    scan_to_file([tmp_path / "calls"], tmp_path / "r.jsonl", jobs=0)
    gone.unlink()
    scan_to_file([tmp_path / "calls"], tmp_path / "r.jsonl", jobs=0)
    assert len(rows_of((tmp_path / "r.jsonl").read_bytes())) == 1


def test_other_settings_are_refused_without_force(corpus, tmp_path):
    output = tmp_path / "r.jsonl"
    scan_some(corpus, output, 5)
    part = (tmp_path / "r.jsonl.part").read_bytes()
    with pytest.raises(InvalidSettingError, match=r"begun with another profile and mask; .* --force"):
        scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H, mask=True, profile="q24")
    assert (tmp_path / "r.jsonl.part").read_bytes() == part, "what is done is not lost"
    scan_to_file([corpus], output, jobs=0, mask=True, force=True)
    assert "•" in rows_of(output.read_bytes())[0]["tones"][0]["key"]
    with pytest.raises(InvalidSettingError, match="made with other settings or another version"):
        scan_to_file([corpus], output, jobs=0)


@pytest.mark.parametrize(
    ("name", "data"),
    [("r.jsonl", b'{"a": 1}\n'), ("r.jsonl", b"\xff\xfe"), ("r.parquet", b"PAR1 no"), ("r.csv", b"a,b\n1,2\n")],
)
def test_an_output_that_is_something_else_is_never_lost(corpus, tmp_path, name, data):
    if name == "r.parquet":
        pytest.importorskip("pyarrow")
    path = write(tmp_path, name, data)
    with pytest.raises(InvalidSettingError, match="is not the result of a scan; replace it with --force"):
        scan_to_file([corpus], path, jobs=0)
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208


@pytest.mark.parametrize("data", [b"my notes\n", b"my notes", b"{}\n", b"\n"])
def test_a_file_in_the_journals_place_is_never_lost(corpus, tmp_path, data):
    path = write(tmp_path, "r.jsonl.part", data)
    with pytest.raises(InvalidSettingError, match="is not the journal of a scan"):
        scan_to_file([corpus], tmp_path / "r.jsonl", jobs=0)
    assert path.read_bytes() == data


def test_a_finished_output_stays_alone_when_a_repeated_scan_fails(tmp_path):
    write(tmp_path, "calls/a.wav", wav(pressed("1")))
    output = tmp_path / "r.jsonl"
    scan_to_file(tmp_path / "calls", output, jobs=0)
    before = output.read_bytes()
    with pytest.raises(AudioFileError, match="no such file"):
        scan_to_file(tmp_path / "cals", output, jobs=0)
    assert output.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["calls", "r.jsonl"]  # noqa: PTH208


def test_two_scans_cannot_write_one_file(tmp_path):
    with (
        Journal(tmp_path / "r.jsonl", SETTINGS),
        pytest.raises(AudioFileError, match="another scan is writing it"),
    ):
        Journal(tmp_path / "r.jsonl", SETTINGS)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize(
    ("name", "problem"),
    [("r.txt", "tells no format"), ("no/r.csv", "does not exist; create it first"), (".", "tells no format")],
)
def test_an_output_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch, name, problem):
    monkeypatch.setattr("dtmf_audio.scan.find_files", lambda paths, **_: pytest.fail("it began to work"))
    with pytest.raises((AudioFileError, InvalidSettingError), match=problem):
        scan_to_file([tmp_path], tmp_path / name)


def test_a_full_disk_ends_the_scan_with_a_whole_line_and_it_goes_on(corpus, truth, tmp_path, monkeypatch):
    output, part = tmp_path / "r.jsonl", tmp_path / "r.jsonl.part"
    room = 20_000
    real_write = os.write

    def write_until_full(descriptor, data):
        nonlocal room
        if room <= 0:
            raise OSError(28, "No space left on device")
        room -= (wrote := real_write(descriptor, data[:room]))
        return wrote

    monkeypatch.setattr(scan_output.os, "write", write_until_full)
    with pytest.raises(
        AudioFileError, match=r"cannot be written \(No space left on device\).*the same command goes on"
    ):
        scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    assert part.read_bytes().endswith(b"}\n")
    monkeypatch.undo()
    end = scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    assert end.resumed > 0
    assert output.read_bytes() == truth


def test_a_disk_that_is_full_at_the_end_keeps_the_journal(corpus, truth, tmp_path, monkeypatch):
    output = tmp_path / "r.jsonl"

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scan_output, "_write_finished", fail)
    with pytest.raises(AudioFileError, match="No space left on device"):
        scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["r.jsonl.part"]  # noqa: PTH208
    end = scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    assert end.resumed == N_FILES
    assert output.read_bytes() == truth


def test_errors_that_may_pass_are_tried_again_and_others_are_not(tmp_path):
    with Journal(tmp_path / "r.jsonl", SETTINGS) as journal:
        for name, identity in (("a", "1 x"), ("b", None)):
            result = FileResult(file=name, status="error", error="e", settings=SETTINGS.digest())
            journal.append(Row(name, identity, "error", result.to_json()))
    with Journal(tmp_path / "r.jsonl", SETTINGS) as journal:
        assert journal.outcome_of("a", "1 x") == "error"
        assert journal.outcome_of("a", "2 x") is None
        assert journal.outcome_of("b", None) is None


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_command_counts_errors_on_stderr_and_exits_with_0(corpus, truth, tmp_path):
    result = run_command(corpus, "-o", tmp_path / "r.jsonl", "--max-duration-h", MAX_DURATION_H)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "dtmf-audio: 10 of 200 files could not be used; their rows say why (status error)\n"
    assert (tmp_path / "r.jsonl").read_bytes() == truth


def test_recordings_in_formats_that_are_not_read_are_counted_on_stderr(tmp_path, capsys):
    write(tmp_path, "calls/a.wav", wav(pressed("1")))
    for name in ("b.m4a", "c/d.AMR", "c/notes.txt", ".e.m4a"):
        write(tmp_path, f"calls/{name}", b"x")
    output = tmp_path / "r.csv"
    for force in ([], ["--force"]):  # nothing to do, too
        assert cli.main(["scan", str(tmp_path / "calls"), "-o", str(output), "--jobs", "1", *force]) == 0
        assert capsys.readouterr().err == (
            "dtmf-audio: 2 recordings in formats that are not read (.amr, .m4a) are left out; convert them to WAV first\n"
        )
    assert "m4a" not in output.read_text()
    (tmp_path / "calls/a.wav").unlink()
    with pytest.raises(AudioFileError, match=r"no audio in it that can be read; 2 recordings in formats"):
        find_files([tmp_path / "calls"])


@pytest.mark.parametrize(("data", "status"), [(wav(np.zeros(4000)), 1), (b"x", 2)])
def test_exit_status_without_tones(tmp_path, data, status, capsys):
    write(tmp_path, "calls/a.wav", data)
    assert cli.main(["scan", str(tmp_path / "calls"), "-o", str(tmp_path / "r.csv"), "--jobs", "1"]) == status
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["nowhere", "-o", "r.csv"], "no such file or folder"),
        (["samples", "-o", "r.txt"], "tells no format"),
        (["samples", "-o", "r.csv", "--jobs", "0"], "must be one process or more"),
        (["samples", "-o", "r.csv", "--jobs", "x"], "not a whole number"),
        (["samples", "-o", "r.csv", "--timeout-s", "0"], "not a number above 0"),
        (["samples", "-o", "r.csv", "--dask", "tcp://x", "--jobs", "2"], "is not for a cluster"),
    ],
)
def test_usage_errors_exit_with_2_and_leave_nothing(tmp_path, monkeypatch, capsys, args, problem):
    (tmp_path / "samples").mkdir()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["scan", *args]) == 2
    assert problem in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["samples"]  # noqa: PTH208


def when_done(process, part, n_lines):
    """Wait until the journal has so many lines, or the process has ended."""
    while process.poll() is None and not (part.exists() and part.read_bytes().count(b"\n") >= n_lines):
        time.sleep(0.005)


def test_killed_anywhere_and_run_again_it_ends_in_the_same_bytes(corpus, truth, tmp_path):
    output, part = tmp_path / "r.jsonl", tmp_path / "r.jsonl.part"
    args = command(corpus, "-o", output, "--jobs", 2, "--max-duration-h", MAX_DURATION_H)
    rng = random.Random(7)
    for n_lines in (1, rng.randint(2, 60), rng.randint(60, 150)):
        with subprocess.Popen(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            when_done(process, part, n_lines)
            process.kill()
    result = run_command(corpus, "-o", output, "--jobs", 2, "--max-duration-h", MAX_DURATION_H)
    assert result.returncode == 0
    assert output.read_bytes() == truth


def running_in_group(group):
    """Processes of a group, but for those that have ended and that nobody has asked for."""
    lines = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if line.split()[0] == str(group) and line.split()[1][0] != "Z"]


def test_an_interrupt_exits_with_130_says_how_to_go_on_and_leaves_no_process(corpus, truth, tmp_path):
    output, part = tmp_path / "r.jsonl", tmp_path / "r.jsonl.part"
    args = command(corpus, "-o", output, "--jobs", 2, "--max-duration-h", MAX_DURATION_H)
    with subprocess.Popen(
        args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        when_done(process, part, 4)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "files are done; the same command goes on from there\n" in err
    assert err.count("\n") == 1, err
    assert not running_in_group(process.pid)
    scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    assert output.read_bytes() == truth


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of processes are POSIX")
def test_a_disk_quota_exits_with_2_and_goes_on(corpus, truth, tmp_path):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    output = tmp_path / "r.jsonl"
    result = run_command(corpus, "-o", output, "--max-duration-h", MAX_DURATION_H, preexec_fn=limit)
    assert result.returncode == 2
    assert "r.jsonl.part: cannot be written (File too large)" in result.stderr
    assert "the same command goes on from there" in result.stderr
    scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    assert output.read_bytes() == truth


def test_the_bar_tells_the_rate_and_the_time_left():
    state = ScanState(files=1000, with_tones=200, without_tones=45, errors=5, resumed=50)
    assert bar_text(state, 10.0) == (
        "[#######.......................] 250 of 1000 files, 20 a second, 0:38 left, 5 with errors"
    )
    assert bar_text(ScanState(files=3, with_tones=0, without_tones=0, errors=0, resumed=0), 0.0) == (
        "[..............................] 0 of 3 files"
    )


# --- Parquet, URLs ---------------------------------------------------------------------------------------------------


def test_parquet_has_the_rows_of_csv(corpus, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    scan_to_file([corpus], tmp_path / "r.parquet", jobs=0, max_duration_h=MAX_DURATION_H)
    scan_to_file([corpus], tmp_path / "r.csv", jobs=0, max_duration_h=MAX_DURATION_H)
    table = parquet.read_table(tmp_path / "r.parquet")
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(table.column_names) == COLUMNS
    assert [each or "" for each in table["key"].to_pylist()] == [row["key"] for row in rows]
    assert table["start_sample"].to_pylist() == [int(row["start_sample"]) if row["key"] else None for row in rows]


def test_without_pyarrow_parquet_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert cli.main(["scan", str(ROOT / "samples"), "-o", str(tmp_path / "r.parquet")]) == 2
    assert "pip install 'dtmf-audio[parquet]'" in capsys.readouterr().err


def test_urls_of_folders_patterns_and_files_are_read(corpus, tmp_path):
    pytest.importorskip("fsspec")
    (folder,) = [path for path in corpus.iterdir() if path.name == "000"]
    plain = {Path(result.file).name: result for result in scan([folder], jobs=0)}
    for url in (f"file://{folder}", f"file://{folder}/*"):
        results = list(scan([url], jobs=2))
        assert {Path(result.file).name for result in results} == set(plain)
        for result in results:
            assert result.file.startswith("file:///")
            assert result.tones == plain[Path(result.file).name].tones
            assert result.status == plain[Path(result.file).name].status


def test_urls_of_memory_are_decoded_here(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/scan-test/deep/a.wav", wav(pressed("42")))
    memory.pipe("/scan-test/b.txt", b"x")
    memory.pipe("/scan-test/deep/c.m4a", b"x")
    try:
        (result,) = scan(["memory://scan-test"], jobs=2)
        assert (result.file, [tone["key"] for tone in result.tones]) == ("memory:///scan-test/deep/a.wav", ["4", "2"])
        assert result.mtime is None
        end = scan_to_file(["memory://scan-test"], tmp_path / "r.jsonl", jobs=2)
        assert end.with_tones == 1
        assert [Path(name).name for name in end.unread] == ["c.m4a"]
    finally:
        memory.rm("/scan-test", recursive=True)


@pytest.mark.parametrize("url", ["nonsense://x", "memory://not-there", "file:///not/there/*.wav"])
def test_urls_that_cannot_be_used_are_told_before_the_work(url):
    pytest.importorskip("fsspec")
    with pytest.raises(AudioFileError, match=r"cannot be used|no such file|matches no file"):
        find_files([url])


def test_without_fsspec_urls_say_what_to_install_and_paths_do_without(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    path = write(tmp_path, "a.wav", wav(pressed("1")))
    assert len(find_files([path])) == 1
    assert cli.main(["scan", "s3://bucket", "-o", str(tmp_path / "r.csv")]) == 2
    assert "pip install 'dtmf-audio[remote]'" in capsys.readouterr().err


def test_nothing_optional_is_imported_for_files():
    check = (
        "import sys; from dtmf_audio.scan import scan; list(scan(['samples'], jobs=0));"
        "print(sorted({'fsspec', 'pyarrow', 'distributed', 'dask'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "[]\n"


# --- clusters ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(corpus, truth, tmp_path, cluster):
    killed = []

    def progress(state):
        if state.done > 20 and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    output = tmp_path / "r.jsonl"
    seen = []
    end = scan_to_file(
        [corpus],
        output,
        dask=cluster.scheduler_address,
        max_duration_h=MAX_DURATION_H,
        progress=lambda state: (seen.append(state.done), progress(state)),
    )
    assert killed
    assert seen == list(range(N_FILES + 1)), "none lost, none twice"
    assert end.done == N_FILES
    assert output.read_bytes() == truth


@pytest.mark.filterwarnings("ignore")
def test_workers_with_another_version_are_told_of(corpus, cluster, monkeypatch):
    import dtmf_audio

    monkeypatch.setattr(dtmf_audio, "__version__", "9.9")
    with pytest.raises(ScanError, match=r"it has dtmf-audio 0\.1\.0.*install dtmf-audio 9\.9 on the workers"):
        list(scan([corpus], dask=cluster.scheduler_address))


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_is_not_there_is_told_of(corpus, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("dtmf_audio.scan_cluster.CONNECT_S", 0.5)
    with pytest.raises(ScanError, match=r"tcp://127\.0\.0\.1:1: there is no scheduler of Dask .*check the address"):
        scan_to_file([corpus], tmp_path / "r.jsonl", dask="tcp://127.0.0.1:1")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize("address", ["nonsense://127.0.0.1:1", "nonsense", "tcp://", "tls://127.0.0.1:1"])
def test_what_is_no_address_of_a_scheduler_is_told_of_in_a_line(tmp_path, address):
    pytest.importorskip("distributed")
    result = run_command(ROOT / "samples", "-o", tmp_path / "r.csv", "--dask", address)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(
        rf"dtmf-audio: error: {address}: there is no scheduler of Dask .*; check the address\n", result.stderr
    )


CLUSTER = """
import sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    print(cluster.scheduler_address, flush=True)
    time.sleep(600)
"""


def test_a_scheduler_that_goes_away_is_told_of_and_the_scan_goes_on_without_it(corpus, truth, tmp_path):
    pytest.importorskip("distributed")
    script = write(tmp_path, "cluster.py", CLUSTER.encode())
    output, part = tmp_path / "r.jsonl", tmp_path / "r.jsonl.part"
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as own:
        address = own.stdout.readline().strip()
        args = command(corpus, "-o", output, "--max-duration-h", MAX_DURATION_H, "--dask", address)
        args[1:3] = []  # distributed's warnings are its own
        with subprocess.Popen(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            when_done(process, part, 2)
            own.kill()
            out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (2, "")
    assert err == (
        f"dtmf-audio: error: {address}: the scheduler went away; what is done is kept, and the same command goes on\n"
    )
    end = scan_to_file([corpus], output, jobs=0, max_duration_h=MAX_DURATION_H)
    assert 0 < end.resumed < N_FILES
    assert output.read_bytes() == truth


def test_without_distributed_a_cluster_says_what_to_install(corpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    from dtmf_audio import MissingLibraryError

    with pytest.raises(MissingLibraryError, match=r"pip install 'dtmf-audio\[cluster\]'"):
        list(scan([corpus], dask="tcp://127.0.0.1:1"))
