"""Narrow interference at any frequency, told from the brain's own peaks by its width.

Mains is not the only line of a bedroom, so no frequency is taken for granted. In spectra of whole epochs (0.05 Hz wide
at 30 s) a line stands at least :data:`CONTRAST_DB` above *both* of its shoulders, 0.25-0.45 Hz away. A Gaussian peak
of 0.6 Hz full width falls by 4.2 dB there, however high it is, so alpha and sigma peaks (0.7 Hz and wider over a night)
are never called lines. A line must show in two stages at one frequency, where two stages can be judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from braintwin.signals.spectra import welch_epochs

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CONTRAST_DB = 5.0
"""Least height over both shoulders, dB."""

SHOULDER_HZ = (0.25, 0.45)
"""Where the shoulders are, Hz from the line."""

DRIFT_HZ = 0.3
"""Largest difference of a line's frequency between stages, Hz."""

NOTCH_DB = 6.0
"""Least depth of a notch at a mains frequency, dB."""

REFERENCE_WINDOW_S = 4.0
"""Hann window at whose resolution the excess of a line is stated, s."""

_LEAST_EPOCHS = 8
_LEAST_HZ = 1.5


@dataclass(frozen=True)
class Line:
    """One line of one channel.

    Parameters
    ----------
    frequency : float
        Centre, Hz.
    width : float
        Full width of the line itself over all stages, Hz, without any leakage of a window.
    excess_db : float
        Height over the neighbourhood at the resolution of :data:`REFERENCE_WINDOW_S`; negative for a notch.
    """

    frequency: float
    width: float
    excess_db: float


@dataclass(frozen=True)
class _Candidate:
    frequency: float
    low: float
    high: float
    height: float


def find_lines(
    epochs: F32,
    stages: npt.NDArray[np.integer],
    clean: Mask,
    sfreq: float,
    *,
    low: float,
    high: float,
    line_db: float,
    mains: Sequence[float] = (50.0, 60.0),
) -> list[Line]:
    """Return the lines of one channel, lowest first.

    Parameters
    ----------
    epochs : (epoch, time) float32
        EEG, µV.
    stages : (epoch,) int
        Stage codes; -1 takes no part.
    clean : (epoch,) bool
        Epochs free of artefacts.
    sfreq : float
        Sampling rate, Hz.
    low, high : float
        Passband to search, Hz.
    line_db : float
        Least excess of a line in its strongest stage, dB.
    mains : sequence of float
        Frequencies at which a notch filter may have cut a hole, Hz.
    """
    spectra = _stage_spectra(epochs, stages, clean, sfreq)
    if not spectra:
        return []
    freqs = np.asarray(np.fft.rfftfreq(epochs.shape[1], 1 / sfreq), dtype=np.float64)
    found = [_candidates(freqs, fine, count, max(low, _LEAST_HZ), high) for fine, _, count in spectra]
    coarse = [log for _, log, _ in spectra]
    lines = [_stated(line, coarse) for line in _agree(found, min(2, len(spectra)))]
    lines = [line for line in lines if line.excess_db >= line_db]
    holes = [_notch(freqs, [fine for fine, _, _ in spectra], mains_hz, high) for mains_hz in mains]
    return sorted([*lines, *(hole for hole in holes if hole is not None)], key=lambda line: line.frequency)


def _stage_spectra(
    epochs: F32, stages: npt.NDArray[np.integer], clean: Mask, sfreq: float
) -> list[tuple[F64, F64, int]]:
    """Return mean log spectrum of whole epochs, the same in short windows, and epochs of every stage with enough."""
    spectra = []
    length = epochs.shape[1] / sfreq
    for stage in np.unique(stages[stages >= 0]):
        rows = np.flatnonzero((stages == stage) & clean)
        if rows.size >= _LEAST_EPOCHS:
            logs = [
                np.log(np.maximum(psd[:, 0], np.finfo(float).tiny)).mean(axis=0)
                for psd, _ in (
                    welch_epochs(epochs[rows][:, None], sfreq, window)
                    for window in (length, min(REFERENCE_WINDOW_S, length))
                )
            ]
            spectra.append((logs[0], logs[1], int(rows.size)))
    return spectra


def _stated(line: Line, coarse: Sequence[F64]) -> Line:
    """Return `line` with its excess in short windows: a line that wanders from epoch to epoch is as high there."""
    step = 1 / REFERENCE_WINDOW_S
    heights = []
    for log in coarse:
        freqs = step * np.arange(log.size)
        away = np.abs(freqs - line.frequency)
        top = float(log[away <= max(line.width / 2, step / 2) + 1e-9].max())
        sides = log[(away >= line.width / 2 + 0.75) & (away <= line.width / 2 + 2.0)]
        heights.append((top - float(np.median(sides))) * 10 / np.log(10))
    return replace(line, excess_db=float(max(heights)))


def _candidates(freqs: F64, log: F64, count: int, low: float, high: float) -> list[_Candidate]:
    """Return the lines of one stage's mean log spectrum, highest contrast first."""
    step = freqs[1]
    core = np.convolve(log, np.ones(3) / 3, mode="same")
    near, far = round(SHOULDER_HZ[0] / step), round(SHOULDER_HZ[1] / step)
    if far - near < 2:
        return []
    inside = np.flatnonzero((freqs >= low) & (freqs <= high) & (np.arange(freqs.size) < freqs.size - far - 1))
    inside = inside[inside > far]
    offsets = np.arange(near, far + 1)
    left = np.median(log[inside[:, None] - offsets], axis=1)
    right = np.median(log[inside[:, None] + offsets], axis=1)
    contrast = core[inside] - np.maximum(left, right)
    # sd of a mean of 3 correlated log periodogram values over `count` epochs (π/√6 each), and of a shoulder's median.
    noise = np.pi / np.sqrt(6) * np.sqrt((0.72 + 1.9 / offsets.size) / count)
    enough = max(CONTRAST_DB * np.log(10) / 10, 4.5 * noise)
    found: list[_Candidate] = []
    for index in np.argsort(-contrast, kind="stable"):
        if contrast[index] < enough:
            break
        if all(abs(freqs[inside[index]] - other.frequency) > SHOULDER_HZ[1] for other in found):
            base = float(np.logaddexp(left[index], right[index]) - np.log(2))
            found.append(_measure(freqs, core, int(inside[index]), base, far))
    return found


def _measure(freqs: F64, core: F64, peak: int, base: float, far: int) -> _Candidate:
    """Return centre, edges and height of the line at bin `peak` over the level `base` (ln)."""
    step = freqs[1]
    # 3 dB over the neighbourhood, or 30 dB under a strong line's top: below is the skirt of the window.
    edge = max(base + 0.7, float(core[peak]) - 6.9)
    low = high = peak
    while low > peak - far and core[low - 1] > edge:
        low -= 1
    while high < peak + far and core[high + 1] > edge:
        high += 1
    return _Candidate(
        float(freqs[peak]), float(freqs[low] - step / 2), float(freqs[high] + step / 2), float(core[peak]) - base
    )


def _agree(found: Sequence[Sequence[_Candidate]], least: int) -> list[Line]:
    """Return the lines that at least `least` stages show at one frequency, their excess still to be stated."""
    everything = sorted(
        ((candidate, stage) for stage, several in enumerate(found) for candidate in several),
        key=lambda pair: (-pair[0].height, pair[0].frequency),
    )
    lines: list[Line] = []
    while everything:
        strongest = everything[0][0].frequency
        group = [pair for pair in everything if abs(pair[0].frequency - strongest) <= DRIFT_HZ]
        everything = [pair for pair in everything if pair not in group]
        if len({stage for _, stage in group}) >= least:
            low, high = min(c.low for c, _ in group), max(c.high for c, _ in group)
            lines.append(Line((low + high) / 2, high - low, 0.0))
    return lines


def _notch(freqs: F64, logs: Sequence[F64], mains: float, high: float) -> Line | None:
    """Return the hole that a notch filter cut at `mains`, if it lies in the passband and shows in every stage."""
    if mains > high or mains + 5 > freqs[-1]:
        return None
    log = np.mean(logs, axis=0)

    def level(values: F64, low: float, top: float) -> float:
        return float(np.median(values[(freqs >= low) & (freqs <= top)]))

    def depth(values: F64) -> float:
        sides = min(level(values, mains - 5, mains - 3), level(values, mains + 3, min(mains + 5, freqs[-1])))
        return sides - level(values, mains - 0.4, mains + 0.4)

    if min(depth(values) for values in logs) * 10 / np.log(10) < NOTCH_DB:
        return None
    base = level(log, mains - 5, mains - 3)
    near = np.convolve(log, np.ones(7) / 7, mode="same")
    centre = int(np.argmin(np.abs(freqs - mains)))
    reach = round(3 / freqs[1])
    edges = [next((k for k in range(reach) if near[centre + s * k] > base - 0.12), reach) for s in (-1, 1)]
    return Line(mains, float(2 * max(edges) * freqs[1]), -depth(log) * 10 / float(np.log(10)))


def leakage_hz(excess_db: float, window_s: float, tolerance_db: float = 0.5) -> float:
    """Return how far a line of `excess_db` spreads in Hann windows of `window_s`, Hz on either side.

    The window's response falls below `tolerance_db` over the neighbourhood from there on. A notch spreads by the main
    lobe. Response of the Hann window at x bins: sinc(x) / (1 − x²).
    """
    main_lobe = 2.0 / window_s
    if excess_db <= 0:
        return main_lobe
    ratio = (10 ** (excess_db / 10) - 1) * window_s / REFERENCE_WINDOW_S
    bins = np.arange(2.0, 200.0, 0.5) + 0.25
    envelope = 1 / (np.pi * bins * (bins**2 - 1))
    quiet = np.flatnonzero(ratio * envelope**2 < 10 ** (tolerance_db / 10) - 1)
    reach = float(bins[quiet[0]]) if quiet.size else 200.0
    return max(main_lobe, reach / window_s)


def line_mask(freqs: F64, lines: Sequence[Line], window_s: float) -> Mask:
    """Tell which `freqs` (freq,) a line reaches in Hann windows of `window_s`."""
    mask = np.zeros(freqs.shape, dtype=bool)
    for line in lines:
        reach = line.width / 2 + leakage_hz(line.excess_db, window_s)
        # A bin at exactly one main lobe from the line is a zero of the window.
        mask |= np.abs(freqs - line.frequency) < reach
    return mask
