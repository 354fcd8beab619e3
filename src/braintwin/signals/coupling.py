"""Measures of coupling between two channels, as functions of sums over observations that can be added up.

An observation is a window of an epoch; a measure is a function of sums over them at each frequency, averaged over the
frequencies of a band. So epochs can be read in any portions, and leaving some of them out is a subtraction. A measure
of one's own is one function with the decorator `measure`, and its name in `contracts.connect.MEASURES`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from braintwin.signals.tapers import window_length

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class PairSums:
    """Sums over observations, (freq, pair) each; see `kernels.SUMS`.

    `heard` is False where one of a pair is silent; there `scale` is 1. `count` (pair,) is the number of observations,
    at least 1.
    """

    re: Floats
    im: Floats
    unit_re: Floats
    unit_im: Floats
    sign: Floats
    size: Floats
    square: Floats
    scale: Floats
    heard: Bools
    count: Floats


@dataclass(frozen=True)
class Measure:
    """One measure: its formula, and what the engine must know of it."""

    formula: Callable[[PairSums], Floats]
    linear: bool
    antisymmetric: bool
    band_wide: bool


REGISTRY: dict[str, Measure] = {}
"""Measures of this module by name."""


def measure(
    name: str, *, linear: bool = False, antisymmetric: bool = False, band_wide: bool = False
) -> Callable[[Callable[[PairSums], Floats]], Callable[[PairSums], Floats]]:
    """Register a formula that turns `PairSums` into values.

    Parameters
    ----------
    name : str
        Name of the measure.
    linear : bool
        Whether it needs only `re`, `im` and the powers.
    antisymmetric : bool
        Whether exchanging the channels turns the sign.
    band_wide : bool
        Whether the formula sees a whole band and returns (pair,); otherwise it returns (freq, pair), to be averaged.
    """

    def register(formula: Callable[[PairSums], Floats]) -> Callable[[PairSums], Floats]:
        REGISTRY[name] = Measure(formula, linear, antisymmetric, band_wide)
        return formula

    return register


@measure("coherence", linear=True)
def _coherence(s: PairSums) -> Floats:
    return np.asarray(np.hypot(s.re, s.im) / s.scale)


@measure("imaginary_coherence", linear=True, antisymmetric=True)
def _imaginary_coherence(s: PairSums) -> Floats:
    """Nolte et al. 2004, doi:10.1016/j.clinph.2004.04.029."""
    return s.im / s.scale


@measure("plv")
def _phase_locking(s: PairSums) -> Floats:
    """Lachaux et al. 1999, doi:10.1002/(SICI)1097-0193(1999)8:4<194::AID-HBM4>3.0.CO;2-C."""
    return np.asarray(np.hypot(s.unit_re, s.unit_im) / s.count)


@measure("pli")
def _phase_lag_index(s: PairSums) -> Floats:
    """Stam et al. 2007, doi:10.1002/hbm.20346."""
    return np.abs(s.sign) / s.count


@measure("wpli")
def _weighted_phase_lag_index(s: PairSums) -> Floats:
    """Vinck et al. 2011, doi:10.1016/j.neuroimage.2011.01.055."""
    return np.abs(s.im) / np.where(s.size > 0, s.size, 1.0)


@measure("dwpli2")
def _debiased_weighted_phase_lag_index(s: PairSums) -> Floats:
    """Vinck et al. 2011, the debiased square."""
    spread = s.size**2 - s.square
    return (s.im**2 - s.square) / np.where(spread > 0, spread, 1.0)


@measure("ciplv")
def _corrected_imaginary_phase_locking(s: PairSums) -> Floats:
    """Bruña, Maestú & Pereda 2018, doi:10.1088/1741-2552/aacfe4."""
    real = np.clip(s.unit_re / s.count, -1, 1)
    rest = 1 - np.where(np.abs(real) < 1, real, 0.0) ** 2
    return np.asarray(np.abs(s.unit_im) / s.count / np.sqrt(rest))


@measure("psi", linear=True, antisymmetric=True, band_wide=True)
def _phase_slope_index(s: PairSums) -> Floats:
    """Nolte et al. 2008, doi:10.1103/PhysRevLett.100.234101, not divided by its error; sum over the band."""
    coherency = (s.re + 1j * s.im) / s.scale
    slope: Floats = (coherency[:-1].conj() * coherency[1:]).imag.sum(axis=0)
    return slope


PHASE_MEASURES = tuple(REGISTRY)
"""Measures that this module comes with, in the order of `contracts.connect.MEASURES`."""


def band_bins(
    bands: Mapping[str, tuple[float, float]], sfreq: float, window: int, lines: Sequence[tuple[float, float]] = ()
) -> tuple[Index, Bools]:
    """Return the FFT bins that the bands need.

    Parameters
    ----------
    bands : mapping of str to (low, high)
        Edges in Hz, lower included, upper excluded.
    sfreq : float
        Sampling rate, Hz.
    window : int
        Samples per window.
    lines : sequence of (low, high)
        Stretches of interference in Hz; bins inside are left out.

    Returns
    -------
    bins : (freq,) int, positions in the output of ``rfft``
    member : (band, freq) bool, which bins a band averages over
    """
    freqs = np.fft.rfftfreq(window, 1 / sfreq)
    clear = np.ones(freqs.shape, dtype=bool)
    for low, high in lines:
        clear &= (freqs < low) | (freqs > high)
    member: Bools = np.zeros((len(bands), freqs.size), dtype=bool)
    for inside, (low, high) in zip(member, bands.values(), strict=True):
        inside[:] = (freqs >= low) & (freqs < high) & clear
    bins: Index = np.flatnonzero(member.any(axis=0))
    return bins, member[:, bins]


def thinned(member: Bools, step: int) -> Index:
    """Return every `step`-th frequency of each band, all of them where a band has few."""
    kept = np.zeros(member.shape[1], dtype=bool)
    for inside in member:
        places = np.flatnonzero(inside)
        kept[places[:: step if places.size >= 4 * step else 1]] = True
    return np.flatnonzero(kept)


def usable_bands(
    bands: Mapping[str, tuple[float, float]],
    sfreq: float,
    window_s: float,
    passband: tuple[float, float],
    lines: Sequence[tuple[float, float]] = (),
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the bands that a recording can give, and for each other one a reason.

    A band must lie within the passband (Hz; an upper edge of 0 means none was set) and below half the sampling rate,
    and hold a bin of the window's spectrum that no interference line covers.
    """
    usable, refused = {}, []
    highest = min(passband[1] or np.inf, sfreq / 2)
    for name, (low, high) in bands.items():
        _, member = band_bins({name: (low, high)}, sfreq, window_length(window_s, sfreq), lines)
        if low < passband[0] or high > highest:
            refused.append(f"{name} ({low:g}-{high:g} Hz) is outside the passband {passband[0]:g}-{highest:g} Hz")
        elif not member.any():
            refused.append(f"{name} ({low:g}-{high:g} Hz) holds no frequency free of interference; widen the band")
        else:
            usable[name] = (low, high)
    return usable, refused


def phase_measures(sums: Floats, count: Floats, member: Bools, measures: Sequence[str]) -> Floats:
    """Return band averages of measures from their sums.

    Parameters
    ----------
    sums : (freq, pair, sum) float64
        As `kernels.add_sums` makes them, added over epochs.
    count : (pair,) float
        Observations that went in.
    member : (band, freq) bool
        As `band_bins` returns it.
    measures : sequence of str
        Names in `REGISTRY`.

    Returns
    -------
    (band, measure, pair) float64
        NaN where a channel is silent or a pair has no observation.
    """
    values = np.full((len(member), len(measures), sums.shape[1]), np.nan)
    for band, inside in enumerate(member):
        there = _pair_sums(sums[inside], count)
        known = there.heard.all(axis=0) & (count > 0)
        for row, name in enumerate(measures):
            found = REGISTRY[name].formula(there)
            values[band, row] = np.where(known, found if found.ndim == 1 else found.mean(axis=0), np.nan)
    return values


def _pair_sums(sums: Floats, count: Floats) -> PairSums:
    re, im, unit_re, unit_im, sign, size, square, power, power_to = np.moveaxis(sums, -1, 0)
    scale = np.sqrt(power * power_to)
    heard = scale > 0
    return PairSums(
        re, im, unit_re, unit_im, sign, size, square, np.where(heard, scale, 1.0), heard, np.maximum(count, 1)
    )
