"""The conformance tests judge what they claim to judge: oracles pass, the deaf and the inventive fail."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtmf_audio import PROFILES, DecoderError, InvalidSettingError, cli, decode, keys_of
from dtmf_audio.conformance import CASES, Report, Row, limits, run
from dtmf_audio.conformance.cases import Verdict
from dtmf_audio.conformance.decoders import CommandDecoder, FunctionDecoder, printed_keys
from dtmf_audio.conformance.judge import Clip, Count, Heard, count_keys, count_tones, upper_per_hour, upper_share
from dtmf_audio.conformance.must_operate import interrupted, twice
from dtmf_audio.conformance.page import to_html
from dtmf_audio.conformance.report import Curve, CurvePoint
from dtmf_audio.conformance.stimuli import dial, random_keys
from dtmf_audio.conformance.theory import miss_rate, snr_for, threshold, wrong_key_rate
from dtmf_audio.tones import KEY_TONES

PLAN = [
    *(f"G{number}" for number in range(1, 13)),
    *(f"R{number}" for number in range(1, 26)),
    *(f"N{number}" for number in range(1, 14)),
    *(f"M{number}" for number in range(2, 8)),
]
MUST_OPERATE = ["R1", "R3", "R5", "R8", "R9", "R11", "M2", "M3"]
MUST_NOT = ["N1", "N2", "N3", "N5"]
SAY_5 = "import sys; assert open(sys.argv[1], 'rb').read(4) == b'RIFF'; print('DTMF: 5')"


def deaf(_pcm, _rate):
    return ""


def inventive(pcm, _rate):
    return "5" if len(pcm) else ""


def command(script: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}"


def clip(keys: str = "15#") -> Clip:
    rng = np.random.default_rng(1)
    tones = [tone for key in keys for tone in KEY_TONES if tone.key == key]
    return dial(rng, tones, 8000)


def verdicts(report: Report) -> dict[str, set[str]]:
    return {row.id: {other.verdict.value for other in report.rows if other.id == row.id} for row in report.rows}


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch):
    """A decoder that is told the truth: whatever it is asked for, it has heard what was sent."""

    def truth(self, clip: Clip) -> Heard:
        return Heard(keys=keys_of(press.tone for press in clip.presses))

    monkeypatch.setattr(FunctionDecoder, "hear", truth)
    return lambda pcm, rate: ""


# ---- The plan ------------------------------------------------------------------------------------


def test_every_id_of_the_plan_is_a_case():
    assert list(CASES) == PLAN
    assert [case.id for case in CASES.values()] == PLAN


def test_every_profile_has_limits():
    assert set(limits.LIMITS) == set(PROFILES)


@pytest.mark.parametrize("column", [limits.NTT, limits.ATT, limits.DENMARK, limits.AUSTRALIA, limits.BRAZIL])
def test_q24_asks_for_all_that_each_column_asks_for(column):
    joint = limits.Q24
    assert joint.top_dbm0 >= column.top_dbm0
    assert joint.bottom_dbm0 <= column.bottom_dbm0
    assert joint.reject_level_dbm0 >= column.reject_level_dbm0
    assert joint.high_louder_db >= column.high_louder_db
    assert joint.low_louder_db >= column.low_louder_db
    assert joint.reject_on_ms >= column.reject_on_ms
    assert joint.pause_ms <= column.pause_ms
    assert joint.bridge_ms >= column.bridge_ms
    assert set(column.velocities) <= set(joint.velocities)
    for hertz in (697.0, 1633.0):
        asked = max(percent / 100 * hertz + more for percent, more in column.offsets)
        assert max(percent / 100 * hertz + more for percent, more in joint.offsets) >= asked - 1e-9
    assert all(min(joint.reject_offsets_pct) <= percent for percent in column.reject_offsets_pct)


@pytest.mark.parametrize("profile", limits.LIMITS)
def test_what_must_operate_and_what_must_not_never_overlap(profile):
    asked = limits.LIMITS[profile]
    assert asked.bridge_ms < asked.pause_ms
    assert asked.reject_on_ms is None or asked.reject_on_ms < asked.on_ms
    assert asked.reject_level_dbm0 is None or asked.reject_level_dbm0 < asked.bottom_dbm0
    assert all(
        percent + 100 * hertz / 697 < min(asked.reject_offsets_pct, default=99) for percent, hertz in asked.offsets
    )


# ---- Decoders that are known ---------------------------------------------------------------------


def test_an_oracle_passes_every_row(oracle):
    report = run(oracle, quick=True, curves=False, only=[case for case in PLAN if case[0] in "RNM" and case != "M7"])
    bad = [row for row in report.rows if row.verdict is Verdict.FAIL]
    assert {row.id for row in bad} <= {"M3", "M5", "M6"}  # who hears everything has no edges to measure


def test_a_deaf_decoder_fails_what_must_operate_and_passes_what_must_not():
    found = verdicts(run(deaf, quick=True, only=MUST_OPERATE + MUST_NOT))
    assert all(found[case] == {"fail"} for case in MUST_OPERATE)
    assert all(found[case] == {"pass"} for case in MUST_NOT)


def test_a_decoder_that_invents_keys_fails_what_must_not_operate():
    found = verdicts(run(inventive, quick=True, only=[*MUST_NOT, "N4", "N6", "N7", "N8", "N9"]))
    assert all(verdict == {"fail"} for verdict in found.values())


def test_false_keys_fail_no_row_of_the_profile_that_finds_whatever_might_be_one():
    found = verdicts(run(inventive, quick=True, profile="sensitive", only=["N1", "N4", "N6", "N8"]))
    assert set().union(*found.values()) == {"not run", "reported"}


FAST = ["G1", "G3", "G8", "G10", "R1", "R3", "R5", "R8", "N1", "N2", "N3", "N6", "R25"]


def test_this_receiver_passes_q24_in_the_fast_rows():
    report = run(quick=True, only=FAST)
    assert report.failed == ()
    assert report.n(Verdict.PASS) >= 30


def test_a_decoder_without_times_is_judged_like_one_with_them():
    def keys(pcm, rate):
        return keys_of(tone.tone for tone in decode(pcm, rate, profile="ntt"))

    def tones(pcm, rate):
        return decode(pcm, rate, profile="ntt")

    only = ["R5", "R9"]  # twist of 10 dB is missed, holes of 20 ms may double
    told, timed = (run(decoder, quick=True, only=only) for decoder in (keys, tones))
    assert timed.failed
    assert [(row.missed, row.errors) for row in told.rows] == [(row.missed, row.errors) for row in timed.rows]


def test_measured_values_are_not_asked_of_a_decoder_that_tells_keys_alone():
    report = run(lambda pcm, rate: "", quick=True, only=["R24", "R25"])
    assert {row.verdict for row in report.rows} == {Verdict.NOT_RUN}


def test_the_same_seed_gives_the_same_report_and_another_seed_other_signals():
    heard = []

    def listen(pcm, _rate):
        heard.append(hash(pcm.tobytes()))
        return ""

    reports = [run(listen, quick=True, only=["R3", "N3"], seed=seed) for seed in (5, 5, 6)]
    thirds = [heard[: len(heard) // 3], heard[len(heard) // 3 : -len(heard) // 3], heard[-len(heard) // 3 :]]
    assert reports[0] == reports[1]
    assert thirds[0] == thirds[1]
    assert not set(thirds[0]) & set(thirds[2])


def test_a_row_is_the_same_whatever_else_is_run():
    alone = run(quick=True, only=["N3"]).rows
    assert [row for row in run(quick=True, only=["R1", "N3"]).rows if row.id == "N3"] == list(alone)


def test_progress_counts_every_point_once_to_the_end():
    told = []
    report = run(deaf, quick=True, only=["R3", "N1"], progress=lambda *told_now: told.append(told_now))
    assert [done for done, _, _ in told] == list(range(len(report.rows) + 1))
    assert {total for _, total, _ in told} == {len(report.rows)}
    assert told[0][2].startswith("R3 both tones")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profile": "mars"}, r"profile 'mars' has no limits to judge by; those that have: default, q24"),
        ({"only": ["R2", "R99"]}, r"'R99' is no test; the tests are G1, G2"),
        ({"samplerate": 6000}, r"sample rate is 6000; the tests need 8000 Hz or more"),
        ({"seed": -1}, r"seed is -1; it must be a whole number of 0 or more"),
        ({"decoder": 5}, r"decoder is 5; give a command, or a function"),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(settings, message):
    with pytest.raises(InvalidSettingError, match=message):
        run(**settings)


# ---- Judging -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "heard", "missed", "doubled", "false"),
    [
        ("123", "123", 0, 0, 0),
        ("123", "13", 1, 0, 0),
        ("123", "1223", 0, 1, 0),
        ("123", "1923", 0, 0, 1),
        ("123", "193", 1, 0, 1),
        ("1122", "12", 2, 0, 0),
        ("123", "", 3, 0, 0),
        ("", "55", 0, 1, 1),
    ],
)
def test_keys_are_judged_by_their_order(sent, heard, missed, doubled, false):
    assert count_keys(sent, heard) == Count(presses=len(sent), missed=missed, doubled=doubled, false=false)


def longest_common(a: str, b: str) -> int:
    """The plain table."""
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, one in enumerate(a, 1):
        for j, other in enumerate(b, 1):
            table[i, j] = table[i - 1, j - 1] + 1 if one == other else max(table[i - 1, j], table[i, j - 1])
    return int(table[-1, -1])


@given(st.text("123", max_size=12), st.text("123", max_size=12))
def test_keys_are_matched_by_the_longest_common_subsequence(sent, heard):
    found, common = count_keys(sent, heard), longest_common(sent, heard)
    assert found.missed == len(sent) - common
    assert found.doubled + found.false == len(heard) - common


def test_tones_are_judged_by_their_places():
    sent = clip("1559")
    heard = decode(sent.samples, 8000)
    assert count_tones(sent.presses, heard) == Count(presses=4)
    assert count_tones(sent.presses, heard[1:]) == Count(presses=4, missed=1)
    assert count_tones(sent.presses, sorted([*heard, heard[0]], key=lambda tone: tone.start)).doubled == 1
    late = replace(heard[0], start=heard[-1].stop + 400, stop=heard[-1].stop + 800)
    assert count_tones(sent.presses, [*heard, late]) == Count(presses=4, false=1)


def test_bounds_are_exact():
    assert upper_share(0, 1000) == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert upper_share(5, 5) == 1.0
    assert upper_share(3, 100) == pytest.approx(0.0757, abs=2e-4)  # Clopper-Pearson, from tables
    assert upper_per_hour(0, 2.0) == pytest.approx(-np.log(0.05) / 2)


# ---- Signals -------------------------------------------------------------------------------------


def test_no_two_neighbours_are_the_same_key():
    tones = random_keys(np.random.default_rng(2), 400)
    assert all(a is not b for a, b in itertools.pairwise(tones))
    assert {tones.count(tone) for tone in KEY_TONES} == {25}


def prediction_error(samples: np.ndarray, hz: tuple[float, float]) -> float:
    """How far the end of a press is from what its beginning, of the same two tones, foretells; re its power."""
    turns = 2 * np.pi * np.arange(len(samples)) / 8000
    matrix = np.stack([wave(freq * turns) for freq in hz for wave in (np.cos, np.sin)], axis=1)
    known = np.linalg.lstsq(matrix[:160], samples[:160], rcond=None)[0]
    return float(np.mean((samples[-160:] - matrix[-160:] @ known) ** 2) / np.mean(samples[-160:] ** 2))


@pytest.mark.parametrize(("jump", "lowest", "highest"), [(False, 0.0, 1e-9), (True, 0.5, 4.0)])
def test_a_hole_is_as_long_as_it_says_and_the_phase_goes_on_or_jumps(jump, lowest, highest):
    signal = interrupted(np.random.default_rng(3), 64, 8000, 20.0, jump=jump)
    errors = []
    for press in signal.presses:
        samples = signal.samples[press.start : press.stop]
        (zeros,) = np.nonzero(samples == 0.0)
        assert 160 <= len(zeros) <= 162  # a tone that begins at phase 0 has a zero of its own
        if zeros[-160] >= 160 and zeros[-1] < 640:
            errors.append(prediction_error(samples, press.tone.frequencies_hz))
    assert lowest <= np.mean(errors) <= highest


def test_pairs_of_presses_are_apart_by_exactly_the_gap():
    presses = twice(np.random.default_rng(4), 32, 8000, 30.0).presses
    assert {b.start - a.stop for a, b in zip(presses[::2], presses[1::2], strict=True)} <= {239, 240, 241}


# ---- Decoders ------------------------------------------------------------------------------------


def test_a_command_gets_a_wav_file_and_its_keys_are_read():
    assert CommandDecoder(command(SAY_5)).hear(clip()).keys == "5"
    assert CommandDecoder(f"{command(SAY_5)} {{}} --more").hear(clip()).keys == "5"


def test_the_command_line_of_this_library_is_such_a_command():
    decoder = CommandDecoder(f"{shlex.quote(sys.executable)} -m dtmf_audio decode {{}} --json")
    assert decoder.hear(clip("15#")).keys == "15#"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("DTMF: 1\nDTMF: *\nDTMF: D\n", "1*D"),
        ("multimon-ng 1.2.0\nEnabled demodulators: DTMF\nDTMF: 7\n", "7"),
        ("- wave size 32004\n- MF numbers: 12\n\n- DTMF numbers:  12A#\n", "12A#"),
        ('{"key": "1", "start_s": 0.1}\n{"key": "#"}\n', "1#"),
        ("123\n4 5, 6-7\n", "1234567"),
        ("nothing found\n", ""),
        ("Done. 3 files\n", ""),
        ("", ""),
    ],
)
def test_printed_keys_are_found_in_what_decoders_print(text, keys):
    assert printed_keys(text) == keys


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "raise SystemExit('no licence')",
            r"ended with status 1 \(no licence\); try the command on a WAV file by hand",
        ),
        ("raise SystemExit(3)", r"ended with status 3 \(it said nothing on standard error\)"),
    ],
)
def test_a_command_that_fails_is_named_with_what_it_said(script, message):
    with pytest.raises(DecoderError, match=message):
        CommandDecoder(command(script)).hear(clip())


def test_a_command_may_say_no_keys_by_status_1():
    assert CommandDecoder(command("raise SystemExit(1)")).hear(clip()).keys == ""


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dtmf_audio.conformance.decoders.STARTUP_S", -0.5)
    with pytest.raises(DecoderError, match="was still running after"):
        CommandDecoder(command("import time; time.sleep(60)")).hear(clip())


def test_a_function_that_returns_nonsense_is_told_what_to_return():
    with pytest.raises(DecoderError, match="returned 'x', which is no key; return 0-9, A-D, "):
        FunctionDecoder(lambda pcm, rate: "12x").hear(clip())
    with pytest.raises(DecoderError, match="returned NoneType; return a str of keys, or a list of DetectedTone"):
        FunctionDecoder(lambda pcm, rate: None).hear(clip())


# ---- Theory --------------------------------------------------------------------------------------


def test_the_limit_of_detection_is_that_of_the_theory():
    assert threshold(1e-4) == pytest.approx(28.90, abs=0.01)
    assert threshold(1e-6) == pytest.approx(38.81, abs=0.01)
    assert threshold(1e-6, "both") == pytest.approx(16.59, abs=0.01)
    assert snr_for(1e-4, 320) == pytest.approx(-8.3, abs=0.05)
    assert snr_for(1e-4, 320, test="both") == pytest.approx(-7.1, abs=0.05)
    assert miss_rate(-10.0, 320) == pytest.approx(0.024, rel=0.02)
    assert miss_rate(-8.0, 320, test="both") == pytest.approx(1.7e-3, rel=0.03)
    assert wrong_key_rate(-10.0, 320) == pytest.approx(9.6e-4, rel=0.01)


def test_the_false_rate_of_the_sum_test_is_that_of_a_simulation():
    rng = np.random.default_rng(6)
    energy = rng.chisquare(2, (400_000, 2, 4)).max(axis=2).sum(axis=1)
    assert np.mean(energy > threshold(1e-3)) == pytest.approx(1e-3, rel=0.15)  # 400 hits: 5 % of scatter


# ---- Reports -------------------------------------------------------------------------------------


def report(name: str = "x") -> Report:
    curve = Curve(
        id="noise",
        title="Noise",
        x_label="SNR",
        y_label="missed",
        points=tuple(CurvePoint(x=float(x), trials=100, hits=min(100, 90 + 5 * x)) for x in range(5)),
        must=(3.0, 4.0),
        theory=(("limit", (0.1, 1e-2, 1e-3, 1e-7, 1e-12)),),
        logarithmic=True,
    )
    plain = replace(curve, id="level", must=None, must_not=(0.0, 1.0), theory=(), logarithmic=False)
    rows = [
        Row(id="R1", title="Decode", what="a", criterion="b", source="c", verdict=Verdict.FAIL, trials=9, missed=1,
            value=float("inf"), unit="%", bound=50.0),
        Row(id="N12", title="Music", what="<script>", criterion="", source="&", verdict=Verdict.NOT_RUN, note="none"),
    ]  # fmt: skip
    return Report(
        decoder=name,
        profile="q24",
        limits="all",
        samplerate=8000,
        seed=0,
        quick=True,
        rows=tuple(rows),
        curves=(curve, plain),
    )


def test_a_report_survives_json():
    found = report()
    finite = replace(found, rows=(replace(found.rows[0], value=1.5), found.rows[1]))
    assert Report.from_json(finite.to_json()) == finite
    assert json.loads(found.to_json())["rows"][0]["value"] is None  # JSON has no infinity
    assert json.loads(found.to_json())["passed"] is False


def test_the_page_loads_nothing_and_escapes_a_hostile_name():
    page = to_html(report('<img src=x onerror=alert(1)> & "co"'))
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;co&quot;" in page
    assert not re.search(r"https?:|//[a-z]|<link|@import|url\(|src=\"", page)
    assert page.count("<svg") == 2
    assert "prefers-color-scheme: dark" in page


def test_the_table_has_a_line_for_every_row_and_fits_a_terminal():
    table = report().to_table()
    assert "FAIL  a" in table
    assert "1 missed of 9, at most 50 %; asked: b" in table
    assert "not run: none" in table
    assert table.endswith("1 fail, 1 not run\n")
    assert max(map(len, run(deaf, quick=True, only=["R3", "R9", "N9", "M3"]).to_table().splitlines())) <= 120


# ---- Command line --------------------------------------------------------------------------------


def test_the_command_writes_table_json_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["conformance", "--quick", "--only", "r1, n3", "--json", str(tmp_path / "r.json")]
    assert cli.main([*arguments, "--html", str(tmp_path / "r.html")]) == 0
    table = capsys.readouterr().out
    found = Report.from_json((tmp_path / "r.json").read_text())
    assert found.to_table() == table
    assert (tmp_path / "r.html").read_text() == to_html(found)


def test_a_row_that_fails_is_status_1(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["conformance", "--quick", "--only", "R1", "--decoder", command(SAY_5), "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["rows"][0]["missed"] == 159  # of 160, of which one was a 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--decoder", "no-such-decoder"], "no-such-decoder: there is no such program; install it, or give its whole"),
        (["--decoder", "'"], "cannot be read (No closing quotation); check its quotes"),
        (["--only", "R2,X9"], "'X9' is no test; the tests are G1"),
        (["--talk-off", "nowhere"], "nowhere: is no folder; give one with recordings"),
        (["--html", "-"], "argument --html: must be a file"),
        (["--samplerate", "4000"], "sample rate is 4000; the tests need 8000 Hz or more"),
    ],
)
def test_bad_input_is_status_2_and_leaves_no_file(
    arguments, message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["conformance", "--quick", "--json", "r.json", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_recordings_are_counted_by_the_hour_and_music_apart(tmp_path: Path):
    from dtmf_audio.audio_io import write_audio

    (tmp_path / "Music").mkdir()
    write_audio(tmp_path / "speech.wav", np.random.default_rng(7).normal(0, 0.1, 16000), 16000)
    write_audio(tmp_path / "Music" / "song.wav", clip("15#").samples, 8000)
    rows = {row.id: row for row in run(quick=True, only=["N10", "N11", "N12"], talk_off=str(tmp_path)).rows}
    assert (rows["N10"].verdict, rows["N10"].trials, rows["N10"].false) == (Verdict.PASS, 1, 0)
    assert (rows["N12"].verdict, rows["N12"].false) == (Verdict.REPORTED, 3)


# ---- A decoder whose failures are known ----------------------------------------------------------

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
from peer_decoders import Spandsp  # noqa: E402

SPANDSP = Spandsp()


@pytest.mark.skipif(not SPANDSP.available(), reason="spandsp is not on this machine")
def test_spandsp_fails_where_it_is_known_to():
    def judged(profile: str, *only: str) -> dict[str, Row]:
        report = run(lambda pcm, rate: SPANDSP.decode_pcm(pcm), profile=profile, only=only)
        return {f"{row.id} {row.what}": row for row in report.rows}

    found = judged("att", "R3", "R9", "M5")
    assert found["R3 both tones ±1.5 %, all signs"].value == pytest.approx(23.0, abs=4.0)  # % missed, of 1008
    hole = found["R9 a hole of 10 ms in 100 ms, 40 ms on both sides, phase goes on, silent"]
    assert hole.doubled / hole.trials == pytest.approx(0.40, abs=0.05)
    assert found["M5 test 5 by spandsp: 54 bursts, from +3 dBm0"].value == 45.0
    assert all(row.verdict is Verdict.FAIL for row in judged("ntt", "N2").values())  # hears what must not operate
    assert any(row.verdict is Verdict.FAIL for row in judged("denmark", "R5").values())  # 6 dB, high group louder
