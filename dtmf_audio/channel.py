"""What a telephone line does to a signal, as pure functions: to test decoders, bots and detectors with.

Conventions
-----------
- A signal goes in as one channel, float64 of shape ``(n,)``, full scale 1.0, and is never changed; a new
  float64 array comes back, of the same length except from :func:`clock_error`. The other dtypes of
  :mod:`~dtmf_audio.signals` are scaled as they are there.
- Nothing saturates at full scale except :func:`clip`, :func:`mu_law` and :func:`a_law`: end with one of them.
- Levels in dBm0 are of power, as in :mod:`~dtmf_audio.units`: a full-scale sine is +3.14 dBm0.
- The level of noise is its power from 0 to 4 kHz, or to half the rate where that is lower. White noise
  fills the band up to half the rate, so at 16000 Hz its whole power is 3.01 dB above its level: what a
  telephone channel passes is then the same at every rate. It is the expected power: a short stretch differs
  by chance. For a level of the whole band at a high rate, band-limit first.
- **SNR** is the power of the tone pair while it sounds, both tones together, over the level of the noise.
  The pair's level is passed in, never taken from the whole signal, whose silences would lower it:
  :func:`pair_dbm0` adds the levels of two tones, and :func:`level_while_on` measures given intervals.
  Relative to the weaker of two equal tones, SNR is 3.01 dB lower.
- Whatever is random takes ``rng``; equal generators give equal samples.

Filters are linear in phase and their delay is taken out, so that a tone stays where it was and the truth
about a signal stays true. A real line's minimum-phase filter would move every tone by the same few
milliseconds and ring only after it; the price of the choice is a faint ringing before each tone as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from dtmf_audio.errors import InvalidSettingError, InvalidSignalError
from dtmf_audio.signals import Samples, as_channels, check_samplerate, to_float, whole_steps
from dtmf_audio.units import (
    amplitude_from_dbm0,
    amplitude_ratio_from_db,
    dbm0_from_power,
    power_from_dbm0,
    samples_from_ms,
)

NoiseColor = Literal["white", "pink", "speech"]
LossMode = Literal["zeros", "repeat"]

NOISE_BAND_HZ = 4000.0  # quoted: the band of ITU-T G.711 at 8000 Hz; the reference for every SNR here
PINK_FROM_HZ = 20.0  # chosen: the least audible frequency; 1/f down to 0 would have no bounded power
SPEECH_BAND_HZ = (100.0, 8000.0)  # quoted: ITU-T P.50 equation 4-1, range of validity
SPEECH_DENSITY_DB = (-376.44, 465.439, -157.745, 16.7124)  # quoted: ITU-T P.50 equation 4-1, in log10(Hz)

DIAL_TONES_HZ = {
    "north_america": (350.0, 440.0),  # in common use: precise tone plan, US and Canada
    "uk": (350.0, 440.0),  # in common use: BT SIN 350
    "europe": (425.0,),  # in common use: ITU-T E.180, the preferred frequency
    "japan": (400.0,),  # in common use: Japan, New Zealand
}

TELEPHONE_BAND_HZ = (300.0, 3400.0)  # quoted: ITU-T G.712, the voice channel
REFERENCE_HZ = 1020.0  # quoted: ITU-T G.712, the frequency that attenuation is told relative to
EDGE_WIDTH_HZ = 200.0  # chosen: rings for 9 ms each side at 8000 Hz; half the width would ring for 18 ms
STOPBAND_DB = 60.0  # chosen: below the quantising noise of G.711, about 38 dB under the signal
SLOPE_RINGING_MS = 10.0  # each side; chosen: test_slope_changes_each_tone_by_its_place_on_the_line holds 0.1 dB

FRAMES_PER_S = 50  # frames of 20 ms, as RTP and Graph's media platform send them
SINC_HALF_WIDTH = 32  # chosen: test_clock_error_is_exact_to_100_db_up_to_0_45_of_the_rate
SINC_KAISER_BETA = 10.0
SINC_BLOCK = 16_384  # output samples interpolated together; bounds the memory to some tens of megabytes
MAX_CLOCK_OFFSET_PCT = 10.0  # beyond it, no clock is off; and folding at half the rate would be heard

MIN_LEVEL_DBM0, MAX_LEVEL_DBM0 = -200.0, 39.0  # the top is the largest float that signals.py lets in
_LEVEL_REMEDY = "levels are in dBm0, and a full-scale sine is +3.14"


# ---- Noise ---------------------------------------------------------------------------------------


def noise(
    n: int, *, level_dbm0: float, samplerate: int, rng: np.random.Generator, color: NoiseColor = "white"
) -> Samples:
    """Stationary Gaussian noise.

    Parameters
    ----------
    n : int
        Samples wanted.
    level_dbm0 : float
        Expected power from 0 to 4 kHz, or to half the rate where that is lower, in dBm0.
    samplerate : int
        Hz.
    rng : numpy.random.Generator
    color : {"white", "pink", "speech"}
        ``white``: flat to half the rate. ``pink``: power density as 1/f from 20 Hz to half the rate.
        ``speech``: the long-term average spectrum of speech, 100 Hz to 8 kHz: what many voices at once
        (babble) come to, without their syllables.

    Returns
    -------
    float64, shape (n,)

    Raises
    ------
    InvalidSettingError
        A level out of range, an unknown color, an ``rng`` that is no generator.

    References
    ----------
    .. [1] ITU-T P.50 (09/1999), equation 4-1: spectrum of the artificial voice.
    """
    check_samplerate(samplerate)
    _check_range("n", n, 0, math.inf, "it is the number of samples wanted")
    _check_range("level_dbm0", level_dbm0, MIN_LEVEL_DBM0, MAX_LEVEL_DBM0, _LEVEL_REMEDY)
    _check_choice("color", color, NoiseColor)
    _check_rng(rng)
    power = power_from_dbm0(level_dbm0)
    if color == "white":
        band_hz = min(NOISE_BAND_HZ, samplerate / 2)
        return rng.standard_normal(n) * math.sqrt(power * samplerate / 2 / band_hz)
    # At least 1 s, so that the low bins exist; longer than asked, so that the end does not join the start.
    period = 1 << max(n, samplerate).bit_length()
    freqs_hz = np.arange(period // 2 + 1, dtype=np.float64) * (samplerate / period)  # (period // 2 + 1,)
    density = _DENSITIES[color](freqs_hz)
    power_in_band = 2 * density[freqs_hz <= NOISE_BAND_HZ].sum() / period
    spectrum = np.fft.rfft(rng.standard_normal(period)) * np.sqrt(density * power / power_in_band)
    return np.fft.irfft(spectrum, period)[:n].copy()


def _pink_density(freqs_hz: Samples) -> Samples:
    """Power per hertz of pink noise, up to a factor; shape as the frequencies."""
    return np.where(freqs_hz >= PINK_FROM_HZ, 1.0 / np.maximum(freqs_hz, PINK_FROM_HZ), 0.0)


def _speech_density(freqs_hz: Samples) -> Samples:
    """Sound pressure of the artificial voice squared, per hertz, re 20 µPa; shape as the frequencies."""
    low_hz, high_hz = SPEECH_BAND_HZ
    decades = np.log10(np.clip(freqs_hz, low_hz, high_hz))
    density_db = np.polynomial.polynomial.polyval(decades, SPEECH_DENSITY_DB)
    return np.where((freqs_hz >= low_hz) & (freqs_hz <= high_hz), 10.0 ** (density_db / 10.0), 0.0)


_DENSITIES: dict[str, Callable[[Samples], Samples]] = {"pink": _pink_density, "speech": _speech_density}


def add_noise(
    samples: Samples, *, level_dbm0: float, samplerate: int, rng: np.random.Generator, color: NoiseColor = "white"
) -> Samples:
    """Add noise of an absolute level: its expected power from 0 to 4 kHz. The options are those of :func:`noise`."""
    clean = _one_channel(samples)
    return clean + noise(len(clean), level_dbm0=level_dbm0, samplerate=samplerate, rng=rng, color=color)


def add_noise_at_snr(
    samples: Samples,
    *,
    snr_db: float,
    signal_dbm0: float,
    samplerate: int,
    rng: np.random.Generator,
    color: NoiseColor = "white",
) -> Samples:
    """Add noise that lies ``snr_db`` below a signal of a stated level.

    Parameters
    ----------
    samples : float64, shape (n,)
    snr_db : float
        Power of the tone pair while it sounds over the expected power of the noise from 0 to 4 kHz, in dB.
    signal_dbm0 : float
        Power of the pair, both tones together: :func:`pair_dbm0` or :func:`level_while_on` gives it.
    samplerate : int
        Hz.
    rng : numpy.random.Generator
    color : {"white", "pink", "speech"}
        As in :func:`noise`.

    Returns
    -------
    float64, shape (n,)
    """
    _check_range("signal_dbm0", signal_dbm0, MIN_LEVEL_DBM0, MAX_LEVEL_DBM0, _LEVEL_REMEDY)
    highest_db, lowest_db = signal_dbm0 - MIN_LEVEL_DBM0, signal_dbm0 - MAX_LEVEL_DBM0
    _check_range("snr_db", snr_db, lowest_db, highest_db, "leave the noise out for none")
    return add_noise(samples, level_dbm0=signal_dbm0 - snr_db, samplerate=samplerate, rng=rng, color=color)


def pair_dbm0(low_dbm0: float, high_dbm0: float) -> float:
    """Power of two tones together, in dBm0: two of -10 dBm0 make -6.99."""
    return dbm0_from_power(power_from_dbm0(low_dbm0) + power_from_dbm0(high_dbm0))


def level_while_on(samples: Samples, on: Sequence[tuple[int, int]]) -> float:
    """Mean power inside given intervals, in dBm0: the level of a tone pair while it sounds.

    Parameters
    ----------
    samples : float64, shape (n,)
    on : sequence of (int, int)
        Start and stop of each interval, sample indices, half-open. A tone's ramps count as the tone, and
        lower the level by a fraction of a decibel.

    Raises
    ------
    InvalidSettingError
        No intervals, or one that is empty or outside the signal.
    InvalidSignalError
        The intervals hold nothing but silence, against which no ratio can be formed.
    """
    clean = _one_channel(samples)
    for start, stop in on:
        _check_interval(start, stop, len(clean), shortest=1)
    if not on:
        raise InvalidSettingError("no intervals were given; give the start and stop of each tone to measure")
    energy = sum(float(np.square(clean[start:stop]).sum()) for start, stop in on)
    if energy == 0.0:
        raise InvalidSignalError(f"the intervals given ({len(on)}) hold only silence; give those where a tone sounds")
    return dbm0_from_power(energy / sum(stop - start for start, stop in on))


def add_impulses(
    samples: Samples,
    *,
    rate_per_s: float,
    level_dbm0: float,
    samplerate: int,
    rng: np.random.Generator,
    shortest_ms: float = 0.5,
    longest_ms: float = 5.0,
) -> Samples:
    """Add clicks: short bursts of white noise at random times.

    Parameters
    ----------
    samples : float64, shape (n,)
    rate_per_s : float
        Mean number of clicks in a second; their starts are a Poisson process.
    level_dbm0 : float
        Level of the noise while a click lasts, by the convention of :func:`noise`. A click 10 dB over a
        pair has ``pair_dbm0(low, high) + 10``. Clicks that overlap are one longer click, no louder.
    samplerate : int
        Hz.
    rng : numpy.random.Generator
    shortest_ms, longest_ms : float
        Between these, each length is as likely as another.

    Returns
    -------
    float64, shape (n,)
    """
    clean = _one_channel(samples)
    n = len(clean)
    check_samplerate(samplerate)
    _check_range("rate_per_s", rate_per_s, 0.0, samplerate, "5 in a second is a bad line")
    _check_range("longest_ms", longest_ms, 0.0, 1000.0, "clicks last a few milliseconds")
    _check_range("shortest_ms", shortest_ms, 0.0, longest_ms, "keep it at or below longest_ms")
    burst = noise(n, level_dbm0=level_dbm0, samplerate=samplerate, rng=rng)
    starts = rng.integers(0, n, size=rng.poisson(rate_per_s * n / samplerate) if n else 0)  # (n_clicks,)
    lengths = np.rint(rng.uniform(shortest_ms, longest_ms, starts.size) * samplerate / 1000).astype(np.int64)
    stops = np.minimum(starts + lengths, n)
    depth = np.cumsum(np.bincount(starts, minlength=n + 1) - np.bincount(stops, minlength=n + 1))[:n]
    return np.where(depth > 0, clean + burst, clean)


# ---- Tones that do not belong there --------------------------------------------------------------


def add_tone(
    samples: Samples, *, freq_hz: float, level_dbm0: float, samplerate: int, phase_rad: float = 0.0
) -> Samples:
    """Add one steady sine: a third tone, a whistle, a pilot.

    Parameters
    ----------
    samples : float64, shape (n,)
    freq_hz : float
        Above 0 and below ``samplerate / 2``.
    level_dbm0 : float
        Level of the sine.
    samplerate : int
        Hz.
    phase_rad : float
        Phase at the first sample; 0 starts at a rising zero.

    Returns
    -------
    float64, shape (n,)

    Raises
    ------
    InvalidSettingError
        The frequency is not below half the rate, or the level is out of range.
    """
    clean = _one_channel(samples)
    check_samplerate(samplerate)
    _check_range("level_dbm0", level_dbm0, MIN_LEVEL_DBM0, MAX_LEVEL_DBM0, _LEVEL_REMEDY)
    if not 0 < freq_hz < samplerate / 2:
        raise InvalidSettingError(
            f"freq_hz is {freq_hz} at {samplerate} Hz; it must be above 0 and below {samplerate / 2:g}: lower it, "
            "or raise the sample rate"
        )
    t = np.arange(len(clean)) / samplerate  # (n,)
    return clean + amplitude_from_dbm0(level_dbm0) * np.sin(2 * np.pi * freq_hz * t + phase_rad)


def add_hum(
    samples: Samples,
    *,
    level_dbm0: float,
    samplerate: int,
    freq_hz: float = 50.0,
    harmonics_db: Sequence[float] = (),
    phase_rad: float = 0.0,
) -> Samples:
    """Add mains hum: 50, 60 or 180 Hz, and its harmonics.

    ``level_dbm0`` is of the fundamental alone, ``phase_rad`` its phase at the first sample, and
    ``harmonics_db`` the levels of the second harmonic, the third and so on relative to it in dB. The rest
    is as in :func:`add_tone`.
    """
    hummed = add_tone(samples, freq_hz=freq_hz, level_dbm0=level_dbm0, samplerate=samplerate, phase_rad=phase_rad)
    for order, harmonic_db in enumerate(harmonics_db, start=2):
        hummed = add_tone(hummed, freq_hz=order * freq_hz, level_dbm0=level_dbm0 + harmonic_db, samplerate=samplerate)
    return hummed


def add_dial_tone(
    samples: Samples,
    *,
    level_dbm0: float,
    samplerate: int,
    freqs_hz: Sequence[float] = DIAL_TONES_HZ["north_america"],
) -> Samples:
    """Add a continuous dial tone of one or more frequencies, each of ``level_dbm0``.

    ``DIAL_TONES_HZ`` holds those in common use; two frequencies have 3.01 dB more power together. The rest
    is as in :func:`add_tone`.
    """
    dialled = _one_channel(samples)
    for freq_hz in freqs_hz:
        dialled = add_tone(dialled, freq_hz=freq_hz, level_dbm0=level_dbm0, samplerate=samplerate)
    return dialled


# ---- What the line does to the signal itself -----------------------------------------------------


def add_dc(samples: Samples, *, offset: float) -> Samples:
    """Add a constant, in units of full scale: FreeSWITCH's 64 of 32768 is 0.00195."""
    _check_range("offset", offset, -1.0, 1.0, "divide 16-bit values by 32768")
    return _one_channel(samples) + offset


def add_echo(samples: Samples, *, delay_ms: float, level_db: float, samplerate: int) -> Samples:
    """Add the signal to itself, once, later and at another level.

    Parameters
    ----------
    samples : float64, shape (n,)
    delay_ms : float
        Taken to the nearest whole sample. What would come after the end is cut.
    level_db : float
        Level of the echo relative to the signal: -10 is 10 dB weaker.
    samplerate : int
        Hz.

    Returns
    -------
    float64, shape (n,)
    """
    clean = _one_channel(samples)
    check_samplerate(samplerate)
    _check_range("delay_ms", delay_ms, 0.0, 10_000.0, "echoes come after 0.5 to 500 ms")
    _check_range("level_db", level_db, MIN_LEVEL_DBM0, MAX_LEVEL_DBM0, "an echo is weaker, so below 0")
    delay = samples_from_ms(delay_ms, samplerate)
    echoed = clean.copy()
    echoed[delay:] += amplitude_ratio_from_db(level_db) * clean[: max(len(clean) - delay, 0)]
    return echoed


def clip(samples: Samples, *, drive_db: float = 0.0, limit: float = 1.0) -> Samples:
    """Amplify by ``drive_db``, then cut every sample to ``-limit`` .. ``limit``.

    ``limit`` is in units of full scale: 0.5 clips at 6.02 dB below it. The gain stays in; where nothing
    reaches the limit, the signal is ``drive_db`` louder and not otherwise changed.
    """
    _check_range("drive_db", drive_db, -100.0, 100.0, "20 dB drives a speech-level signal hard")
    if not 0 < limit <= 1:
        raise InvalidSettingError(f"limit is {limit}; it must be above 0 and at most 1, which is full scale")
    return np.clip(_one_channel(samples) * amplitude_ratio_from_db(drive_db), -limit, limit)


def band_pass(
    samples: Samples,
    *,
    samplerate: int,
    low_hz: float = TELEPHONE_BAND_HZ[0],
    high_hz: float = TELEPHONE_BAND_HZ[1],
) -> Samples:
    """Keep the telephone band, 300 to 3400 Hz.

    A linear-phase FIR filter with its delay taken out: 6 dB down at both edges, within 0.01 dB of flat from
    100 Hz inside them, and 60 dB down from 100 Hz outside them. Where half the rate is less than 100 Hz above
    ``high_hz`` there is nothing up there to remove, and only the lower edge is filtered.

    Parameters
    ----------
    samples : float64, shape (n,)
        Silence is taken to come before and after it.
    samplerate : int
        Hz.
    low_hz, high_hz : float
        The edges.

    Returns
    -------
    float64, shape (n,)

    Raises
    ------
    InvalidSettingError
        ``low_hz`` is below 100 Hz, or less than 200 Hz below ``high_hz`` or half the rate.
    """
    import scipy.signal

    clean = _one_channel(samples)
    half_rate = check_samplerate(samplerate) / 2
    if not EDGE_WIDTH_HZ / 2 <= low_hz <= min(high_hz, half_rate) - EDGE_WIDTH_HZ:
        raise InvalidSettingError(
            f"a band from {low_hz} to {high_hz} Hz was asked for at {samplerate} Hz; it must begin at "
            f"{EDGE_WIDTH_HZ / 2:g} Hz or more and hold {EDGE_WIDTH_HZ:g} Hz or more below half the rate: widen it"
        )
    n_taps, beta = scipy.signal.kaiserord(STOPBAND_DB, EDGE_WIDTH_HZ / half_rate)
    has_upper_edge = high_hz + EDGE_WIDTH_HZ / 2 <= half_rate
    edges_hz = [low_hz, high_hz] if has_upper_edge else [low_hz]
    taps = scipy.signal.firwin(n_taps | 1, edges_hz, window=("kaiser", beta), pass_zero=False, fs=samplerate)
    return _filter_undelayed(clean, taps)


def slope(samples: Samples, *, slope_db: float, samplerate: int) -> Samples:
    """Tilt the spectrum: gain in dB is a straight line over frequency from 300 to 3400 Hz, flat outside.

    Parameters
    ----------
    samples : float64, shape (n,)
        Silence is taken to come before and after it.
    slope_db : float
        Gain at 3400 Hz less gain at 300 Hz; a long cable has a negative one. The gain is 0 dB at 1020 Hz,
        the reference frequency of telephony.
    samplerate : int
        Hz.

    Returns
    -------
    float64, shape (n,)
        Filtered by a linear-phase FIR filter with its delay taken out, within 0.1 dB of the line.
    """
    import scipy.signal

    clean = _one_channel(samples)
    check_samplerate(samplerate)
    _check_range("slope_db", slope_db, -20.0, 20.0, "8 dB is a long line")
    low_hz, high_hz = TELEPHONE_BAND_HZ
    freqs_hz = np.linspace(0.0, samplerate / 2, 1 + samplerate // 20)
    gain_db = slope_db * (np.clip(freqs_hz, low_hz, high_hz) - REFERENCE_HZ) / (high_hz - low_hz)
    n_taps = 1 + 2 * samples_from_ms(SLOPE_RINGING_MS, samplerate)
    n_freqs = 1 + (1 << (2 * freqs_hz.size).bit_length())
    taps = scipy.signal.firwin2(n_taps, freqs_hz, 10.0 ** (gain_db / 20.0), nfreqs=n_freqs, fs=samplerate)
    return _filter_undelayed(clean, taps)


def _filter_undelayed(clean: Samples, taps: Samples) -> Samples:
    """Filter by an odd, symmetric impulse response with its delay taken out; length kept."""
    import scipy.signal

    if not clean.size:
        return clean
    return np.asarray(scipy.signal.oaconvolve(clean, taps, mode="same"), dtype=np.float64)


def frequency_shift(samples: Samples, *, shift_hz: float, samplerate: int) -> Samples:
    """Move every frequency by the same number of hertz, as carrier systems with unequal oscillators do.

    Parameters
    ----------
    samples : float64, shape (n,)
        What lies within ``shift_hz`` of 0 or of half the rate is folded over the edge.
    shift_hz : float
        Positive is up, at most 300 either way; unlike :func:`clock_error`, low and high tones move alike.
    samplerate : int
        Hz.

    Returns
    -------
    float64, shape (n,)
        Levels unchanged. Done on the analytic signal of the whole length at once, so its memory grows with
        the length; within 50 ms of ends that are not silent the other sideband is only 45 dB down.
    """
    import scipy.fft
    import scipy.signal

    clean = _one_channel(samples)
    check_samplerate(samplerate)
    _check_range("shift_hz", shift_hz, -300.0, 300.0, "7 Hz is a bad carrier")
    n = len(clean)
    period = scipy.fft.next_fast_len(n + samplerate // 10)  # zeros after the end, which would meet the start
    analytic = scipy.signal.hilbert(clean, N=period)[:n]
    turns = shift_hz * np.arange(n) / samplerate  # (n,)
    return np.asarray((analytic * np.exp(2j * np.pi * turns)).real, dtype=np.float64)


def clock_error(samples: Samples, *, offset_pct: float) -> Samples:
    """Play at a rate that is off: every frequency times ``1 + offset_pct / 100``, every duration divided by it.

    Parameters
    ----------
    samples : float64, shape (n,)
        Silence is taken to come before and after it.
    offset_pct : float
        Positive is sharp and short, at most 10 either way; 50 ppm is 0.005.

    Returns
    -------
    float64, shape (round(n / (1 + offset_pct / 100)),)
        Sample ``m`` is the signal at ``m * (1 + offset_pct / 100)``, by windowed-sinc interpolation over 64
        samples: up to 0.45 of the rate (3600 Hz at 8000) the error is 100 dB below the signal; above, images
        appear.

    References
    ----------
    .. [1] J. O. Smith, "Digital Audio Resampling", CCRMA, Stanford (bandlimited interpolation).
    """
    clean = _one_channel(samples)
    limit = MAX_CLOCK_OFFSET_PCT
    _check_range("offset_pct", offset_pct, -limit, limit, "resample the audio for another sample rate")
    ratio = 1.0 + offset_pct / 100.0
    half, n_out = SINC_HALF_WIDTH, round(len(clean) / ratio)
    padded = np.pad(clean, half)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)  # (n + 1, 2 * half)
    grid = np.linspace(0.0, half, 1 + 1024 * half)
    kaiser = np.i0(SINC_KAISER_BETA * np.sqrt(1.0 - (grid / half) ** 2)) / np.i0(SINC_KAISER_BETA)
    offsets = np.arange(2 * half) - (half - 1)  # (2 * half,)
    out = np.empty(n_out)
    for start in range(0, n_out, SINC_BLOCK):
        positions = np.arange(start, min(start + SINC_BLOCK, n_out)) * ratio  # (block,)
        whole = np.floor(positions).astype(np.int64)
        distances = (positions - whole)[:, np.newaxis] - offsets  # (block, 2 * half)
        taps = np.sinc(distances) * np.interp(np.abs(distances), grid, kaiser)
        out[start : start + SINC_BLOCK] = np.einsum("ij,ij->i", taps, windows[whole + 1])
    return out


# ---- Companding: ITU-T G.711 ---------------------------------------------------------------------


def mu_law(samples: Samples) -> Samples:
    """Send the signal through µ-law: rounded to 16 bits, encoded, decoded. Largest result 32124 / 32768."""
    return mu_law_decode(mu_law_encode(_to_int16(samples))) / 32768.0


def a_law(samples: Samples) -> Samples:
    """Send the signal through A-law: rounded to 16 bits, encoded, decoded. Largest result 32256 / 32768."""
    return a_law_decode(a_law_encode(_to_int16(samples))) / 32768.0


def mu_law_encode(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """µ-law octets of 16-bit samples (G.711's 14 bits in the upper ones); any shape.

    The lower two bits are cut off, not rounded, and negative samples are coded as their magnitudes.
    """
    linear = _of_dtype("pcm", pcm, np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(linear), 32635) + 132  # 132 = 33 * 4, G.711's bias on the 16-bit scale
    segment = np.frexp(magnitude)[1] - 8  # 0-7: the highest bit set is bit 7 in segment 0
    code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F)
    return np.asarray(code ^ np.where(linear < 0, 0x7F, 0xFF), dtype=np.uint8)


def mu_law_decode(octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """16-bit samples of µ-law octets; any shape. 0x7F, the negative zero, gives 0."""
    code = ~_of_dtype("octets", octets, np.uint8).astype(np.int32)
    magnitude = ((((code & 0x0F) << 3) + 132) << ((code >> 4) & 0x07)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def a_law_encode(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """A-law octets of 16-bit samples (G.711's 13 bits in the upper ones), even bits inverted; any shape.

    The lower four bits are cut off, not rounded, and negative samples are coded as their magnitudes.
    """
    linear = _of_dtype("pcm", pcm, np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(linear) >> 4, 2047)
    segment = np.maximum(np.frexp(magnitude)[1] - 4, 0)  # 0-7: segments 0 and 1 have the same step
    code = (segment << 4) | ((magnitude >> np.maximum(segment - 1, 0)) & 0x0F)
    return np.asarray(code ^ np.where(linear < 0, 0x55, 0xD5), dtype=np.uint8)


def a_law_decode(octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """16-bit samples of A-law octets; any shape. A-law has no zero: the smallest are 8 and -8."""
    code = _of_dtype("octets", octets, np.uint8).astype(np.int32) ^ 0x55
    segment, step = (code >> 4) & 0x07, ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _to_int16(samples: Samples) -> npt.NDArray[np.int16]:
    """Nearest 16-bit values, saturated; shape kept."""
    return whole_steps(_one_channel(samples), 16).astype(np.int16)


# ---- Losses --------------------------------------------------------------------------------------


def dropout(samples: Samples, *, start: int, stop: int) -> Samples:
    """Silence ``samples[start:stop]``; after the hole the signal goes on as if there had been none."""
    clean = _one_channel(samples)
    _check_interval(start, stop, len(clean), shortest=0)
    clean[start:stop] = 0.0
    return clean


def frame_edges(n: int, samplerate: int) -> npt.NDArray[np.int64]:
    """Where the 20 ms frames of ``n`` samples begin and end.

    Returns
    -------
    int64, shape (n_frames + 1,)
        Frame ``k`` is ``samples[edges[k]:edges[k + 1]]``; the last may be short. Where 20 ms is no whole
        number of samples (220.5 at 11025 Hz) each edge is rounded on its own, and nothing drifts.
    """
    check_samplerate(samplerate)
    n_frames = -(-n * FRAMES_PER_S // samplerate)
    edges = (2 * np.arange(n_frames + 1, dtype=np.int64) * samplerate + FRAMES_PER_S) // (2 * FRAMES_PER_S)
    return np.append(edges[edges < n], n)


def lost_frames(n_frames: int, *, loss_pct: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which frames are lost, each on its own with the same probability.

    Parameters
    ----------
    n_frames : int
        ``len(frame_edges(n, samplerate)) - 1`` for a signal of ``n`` samples.
    loss_pct : float
        Probability in percent.
    rng : numpy.random.Generator

    Returns
    -------
    bool, shape (n_frames,)
        True where lost.
    """
    _check_range("n_frames", n_frames, 0, math.inf, "frame_edges tells how many there are")
    _check_range("loss_pct", loss_pct, 0.0, 100.0, "it is a percentage of the frames")
    _check_rng(rng)
    return rng.random(n_frames) < loss_pct / 100.0


def conceal(samples: Samples, lost: npt.NDArray[np.bool_], *, samplerate: int, mode: LossMode = "zeros") -> Samples:
    """Put in the place of lost 20 ms frames what a receiver would.

    Parameters
    ----------
    samples : float64, shape (n,)
    lost : bool, shape (n_frames,)
        True where lost, as :func:`lost_frames` draws it; frames lie as :func:`frame_edges` says.
    samplerate : int
        Hz.
    mode : {"zeros", "repeat"}
        ``zeros``: silence. ``repeat``: the last frame that came, over and over; silence before the first.

    Returns
    -------
    float64, shape (n,)

    Raises
    ------
    InvalidSettingError
        ``lost`` is not one flag for each frame, or the mode is unknown.
    """
    out = _one_channel(samples)
    _check_choice("mode", mode, LossMode)
    edges = frame_edges(len(out), samplerate)
    flags = np.asarray(lost)
    if flags.dtype != np.bool_ or flags.shape != (len(edges) - 1,):
        raise InvalidSettingError(
            f"lost is {flags.dtype} of shape {flags.shape}; {len(out)} samples at {samplerate} Hz have "
            f"{len(edges) - 1} frames, so it must be bool of shape ({len(edges) - 1},): use lost_frames"
        )
    for frame in np.flatnonzero(flags):
        start, stop = edges[frame], edges[frame + 1]
        if mode == "repeat" and frame > 0:
            out[start:stop] = np.resize(out[edges[frame - 1] : start], stop - start)
        else:
            out[start:stop] = 0.0
    return out


# ---- Checks --------------------------------------------------------------------------------------


def _one_channel(samples: Samples) -> Samples:
    """Return a new float64 array of shape (n,), checked and scaled by the gate."""
    column = as_channels(samples)
    if np.ndim(samples) != 1:
        raise InvalidSignalError(
            f"signal has shape {np.shape(samples)}; a line carries one channel, (n,): damage each on its own"
        )
    return to_float(column[:, 0], np.float64)


def _of_dtype(name: str, array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return the array, or refuse it for its dtype: a silent conversion would change the scale."""
    if np.asarray(array).dtype != dtype:
        raise InvalidSignalError(
            f"{name} are {np.asarray(array).dtype}; they must be {np.dtype(dtype)}: convert them first"
        )
    return np.asarray(array)


def _check_range(name: str, value: float, low: float, high: float, remedy: str) -> None:
    """Refuse a setting outside low..high, and NaN with it."""
    if not low <= value <= high:
        raise InvalidSettingError(f"{name} is {value}; it must be from {low:g} to {high:g}: {remedy}")


def _check_choice(name: str, value: str, choices: Any) -> None:
    """Refuse a text that the ``Literal`` does not list."""
    if value not in get_args(choices):
        raise InvalidSettingError(f"{name} is {value!r}; it must be one of {', '.join(get_args(choices))}")


def _check_rng(rng: np.random.Generator) -> None:
    """Refuse what is no generator: a seed, most often."""
    if not isinstance(rng, np.random.Generator):
        raise InvalidSettingError(
            f"rng is {rng!r}; it must be a numpy.random.Generator: numpy.random.default_rng(seed) makes one"
        )


def _check_interval(start: int, stop: int, n: int, *, shortest: int) -> None:
    """Refuse an interval that is shorter than ``shortest`` samples or not inside the signal."""
    if not 0 <= start <= stop <= n or stop - start < shortest:
        raise InvalidSettingError(
            f"samples {start} to {stop} were asked for; start and stop are sample indices with at least {shortest} "
            f"between them, inside the signal's 0 to {n}"
        )
