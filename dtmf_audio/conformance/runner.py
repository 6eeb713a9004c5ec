"""One run: every case that is asked for, by one decoder, under one profile's limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from dtmf_audio.conformance.cases import Bench, Case, Point
from dtmf_audio.conformance.curves import CURVES
from dtmf_audio.conformance.decoders import CommandDecoder, Decoder, Function, FunctionDecoder, OwnDecoder
from dtmf_audio.conformance.generator import GENERATOR
from dtmf_audio.conformance.judge import Ear
from dtmf_audio.conformance.limits import limits_of
from dtmf_audio.conformance.mitel import MITEL
from dtmf_audio.conformance.must_carry import MUST_CARRY
from dtmf_audio.conformance.must_not import MUST_NOT
from dtmf_audio.conformance.must_operate import MUST_OPERATE
from dtmf_audio.conformance.must_survive import MUST_SURVIVE
from dtmf_audio.conformance.recordings import find_recordings
from dtmf_audio.conformance.report import Curve, Report, Row
from dtmf_audio.errors import InvalidSettingError
from dtmf_audio.signals import check_samplerate

_ALL = (*GENERATOR, *MUST_OPERATE, *MUST_SURVIVE, *MUST_CARRY, *MUST_NOT, *MITEL)
CASES: dict[str, Case] = {case.id: case for case in _ALL}
LOWEST_SAMPLERATE = 8000  # the bands of the tests end at 4 kHz

Progress = Callable[[int, int, str], None]


def run(
    decoder: str | Function | None = None,
    *,
    profile: str = "q24",
    only: Sequence[str] = (),
    quick: bool = False,
    seed: int = 0,
    samplerate: int = 8000,
    talk_off: str | None = None,
    curves: bool = True,
    name: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge a decoder by the standards.

    Parameters
    ----------
    decoder : str or callable, optional
        A command that reads the path of a WAV file and prints keys; or a function that takes 16-bit samples of shape
        (n,) and their rate, and returns a string of keys or a list of :class:`~dtmf_audio.events.DetectedTone`.
        Without it, this library's receiver in the profile.
    profile : str
        Whose limits to judge by.
    only : sequence of str
        Ids of :data:`CASES`; without it, all.
    quick : bool
        48 presses a point, not 1008, and less of all else.
    seed : int
        0 or more: the same seed, the same signals.
    samplerate : int
        Hz, 8000 or more, of all audio.
    talk_off : str, optional
        Folder of recordings without keys, for N10 to N12 and R23.
    curves : bool
        Whether to measure the curves as well; never with ``only``.
    name : str, optional
        Of the decoder, for the report.
    progress : callable, optional
        Told how many points are done, of how many, and the next one's name.

    Returns
    -------
    Report

    Raises
    ------
    InvalidSettingError
        A profile, an id, a seed or a rate that does not exist.
    DecoderError
        The decoder cannot be run.
    AudioFileError
        The recordings cannot be read.
    """
    limits = limits_of(profile)
    unknown = [case for case in only if case not in CASES]
    if unknown:
        raise InvalidSettingError(f"{unknown[0]!r} is no test; the tests are {', '.join(CASES)}")
    if check_samplerate(samplerate) < LOWEST_SAMPLERATE:
        raise InvalidSettingError(f"sample rate is {samplerate}; the tests need {LOWEST_SAMPLERATE} Hz or more")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidSettingError(f"seed is {seed!r}; it must be a whole number of 0 or more")
    bench = Bench(
        limits=limits,
        samplerate=samplerate,
        quick=quick,
        seed=seed,
        own_profile=profile if decoder is None else None,
        recordings=find_recordings(talk_off) if talk_off is not None else (),
    )
    judged = _decoder_of(decoder, profile, name)
    points = [(case, point) for case in CASES.values() if not only or case.id in only for point in case.points(bench)]
    drawn = CURVES if curves and not only else ()
    total = len(points) + len(drawn)

    def tell(done: int, label: str) -> None:
        if progress is not None:
            progress(done, total, label)

    rows: list[Row] = []
    for case, point in points:
        tell(len(rows), f"{case.id} {point.what}")
        rows.append(_row(case, point, bench, judged.hear))
    measured: list[Curve] = []
    for curve in drawn:
        tell(len(rows) + len(measured), curve.title)
        measured.append(curve.measure(judged.hear, bench))
    tell(total, "")
    return Report(
        decoder=judged.name,
        profile=limits.name,
        limits=limits.source,
        samplerate=samplerate,
        seed=seed,
        quick=quick,
        rows=tuple(rows),
        curves=tuple(measured),
    )


def _decoder_of(decoder: str | Function | None, profile: str, name: str | None) -> Decoder:
    if decoder is None:
        return OwnDecoder(profile)
    if isinstance(decoder, str):
        return CommandDecoder(decoder, name)
    if not callable(decoder):
        raise InvalidSettingError(f"decoder is {decoder!r}; give a command, or a function of samples and their rate")
    return FunctionDecoder(decoder, name)


def _row(case: Case, point: Point, bench: Bench, ear: Ear) -> Row:
    outcome = point.measure(ear, bench.rng(case.id, point.what))
    return Row(
        id=case.id,
        title=case.title,
        what=point.what,
        criterion=point.criterion,
        source=point.source or case.source or bench.limits.source,
        **{field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)},
    )
