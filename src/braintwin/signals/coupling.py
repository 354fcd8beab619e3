"""Phase and amplitude coupling of pairs of channels, from sums over Hann windows that can be added up.

The observations are windows with 50 % overlap within epochs; a measure is a function of sums over them at each
frequency, averaged over the frequencies of a band. So epochs can be read in any portions, and leaving some of them
out is a subtraction.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

PHASE_MEASURES = ("coherence", "imaginary_coherence", "plv", "pli", "wpli", "dwpli2")
"""Measures of this module, in the order of `contracts.connect.MEASURES`."""

SUMS = ("re", "im", "unit_re", "unit_im", "sign_im", "abs_im", "square_im", "power", "power_to")
"""Sums over windows per frequency and pair; ``im`` is Im(x conj(y)), ``unit`` the cross-spectrum over its modulus."""

_SEGMENT = 128  # windows added in float32 before they go to the float64 sum


def band_bins(
    bands: Mapping[str, tuple[float, float]], sfreq: float, window: int, lines: Sequence[tuple[float, float]] = ()
) -> tuple[Index, NDArray[np.bool_]]:
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
    member: NDArray[np.bool_] = np.zeros((len(bands), freqs.size), dtype=bool)
    for inside, (low, high) in zip(member, bands.values(), strict=True):
        inside[:] = (freqs >= low) & (freqs < high) & clear
    bins: Index = np.flatnonzero(member.any(axis=0))
    return bins, member[:, bins]


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


def window_length(window_s: float, sfreq: float) -> int:
    """Return the samples of a window: the nearest even number."""
    return 2 * round(window_s * sfreq / 2)


def window_spectra(epochs: Singles, window: int, bins: Index) -> Singles:
    """Return Hann-windowed Fourier coefficients, real and imaginary parts apart.

    Parameters
    ----------
    epochs : (epoch, channel, time) float32
        Signals; each window's mean is removed.
    window : int
        Samples per window; windows overlap by half.
    bins : (freq,) int
        Frequencies to keep.

    Returns
    -------
    (2, freq, channel, epoch, window) float32, C order
    """
    from scipy.fft import rfft

    taper = np.hanning(window)
    taper /= np.sqrt(np.sum(taper**2))
    cut = np.lib.stride_tricks.sliding_window_view(epochs, window, axis=-1)[..., :: window // 2, :]
    centred = cut - cut.mean(axis=-1, keepdims=True)
    centred *= taper.astype(np.float32)
    spectra = np.moveaxis(rfft(centred, axis=-1)[..., bins], (3, 1, 0, 2), (0, 1, 2, 3))
    return np.stack([spectra.real, spectra.imag]).astype(np.float32)


def _pair_sums(parts: Singles, units: Singles, first: Index, second: Index, out: Floats) -> None:
    """Add the window sums of each (frequency, pair) to `out` (freq, pair, sum); compiled below."""
    n_freq, n_obs = parts.shape[1], parts.shape[3]
    zero, one = np.float32(0), np.float32(1)
    for f in range(n_freq):
        for p in range(first.size):
            i, j = first[p], second[p]
            xr, xi, yr, yi = parts[0, f, i], parts[1, f, i], parts[0, f, j], parts[1, f, j]
            ur, ui, vr, vi = units[0, f, i], units[1, f, i], units[0, f, j], units[1, f, j]
            for start in range(0, n_obs, _SEGMENT):
                re = im = unit_re = unit_im = sign = size = square = zero
                for k in range(start, min(start + _SEGMENT, n_obs)):
                    cross = xi[k] * yr[k] - xr[k] * yi[k]
                    re += xr[k] * yr[k] + xi[k] * yi[k]
                    im += cross
                    unit_re += ur[k] * vr[k] + ui[k] * vi[k]
                    unit_im += ui[k] * vr[k] - ur[k] * vi[k]
                    sign += (one if cross > zero else zero) - (one if cross < zero else zero)
                    size += abs(cross)
                    square += cross * cross
                out[f, p, 0] += re
                out[f, p, 1] += im
                out[f, p, 2] += unit_re
                out[f, p, 3] += unit_im
                out[f, p, 4] += sign
                out[f, p, 5] += size
                out[f, p, 6] += square


def _pair_powers(power: Floats, valid: NDArray[np.bool_], first: Index, second: Index, out: Floats) -> None:
    """Add each channel's power over the epochs in which both of a pair are valid; compiled below."""
    for f in range(power.shape[0]):
        for p in range(first.size):
            i, j = first[p], second[p]
            for e in range(power.shape[2]):
                if valid[e, i] and valid[e, j]:
                    out[f, p, 7] += power[f, i, e]
                    out[f, p, 8] += power[f, j, e]


# Reassociation lets the inner loop use vector registers; one thread adds up in one order, so bits stay the same.
_fast = {"reassoc", "contract", "nsz", "arcp"}
_add_pair_sums: Callable[..., None] = njit(cache=True, nogil=True, fastmath=_fast)(_pair_sums)
_add_pair_powers: Callable[..., None] = njit(cache=True, nogil=True)(_pair_powers)


def cross_sums(
    epochs: Singles, valid: NDArray[np.bool_], first: Index, second: Index, *, window: int, bins: Index
) -> Floats:
    """Return the sums over the windows of some epochs, per frequency and pair of channels.

    Parameters
    ----------
    epochs : (epoch, channel, time) float32, µV
        Zero where not valid.
    valid : (epoch, channel) bool
        A pair counts the epochs in which both channels are valid.
    first, second : (pair,) int
        Channels of each pair.
    window : int
        Samples per window.
    bins : (freq,) int
        Frequencies to keep.

    Returns
    -------
    (freq, pair, sum) float64, sums as in `SUMS`
    """
    n_epochs, n_channels, n_times = epochs.shape
    out = np.zeros((bins.size, first.size, len(SUMS)))
    per_epoch = 16 * n_channels * bins.size * (2 * n_times // window)
    portion = max(1, 2**25 // per_epoch)  # 32 MiB of spectra at a time; depends on the shapes alone
    for start in range(0, n_epochs, portion):
        part = slice(start, start + portion)
        spectra = window_spectra(epochs[part], window, bins)
        square = spectra[0] ** 2 + spectra[1] ** 2
        power = square.sum(axis=-1, dtype=np.float64)
        modulus = np.sqrt(square)
        units = spectra / np.where(modulus > 0, modulus, np.float32(1))
        flat = (*spectra.shape[:3], -1)
        _add_pair_sums(spectra.reshape(flat), units.reshape(flat), first, second, out)
        _add_pair_powers(power, valid[part], first, second, out)
    return out


def phase_measures(sums: Floats, n_windows: Floats, member: NDArray[np.bool_]) -> Floats:
    """Return band averages of the phase measures from their sums.

    Parameters
    ----------
    sums : (freq, pair, sum) float64
        As `cross_sums` returns them, added over epochs.
    n_windows : (pair,) float
        Windows that went in.
    member : (band, freq) bool
        As `band_bins` returns it.

    Returns
    -------
    (band, measure, pair) float64
        Measures as in `PHASE_MEASURES`; NaN where a channel is silent or a pair has no window. Imaginary coherence is
        positive where the first channel leads; the other measures do not depend on the order of the two.

    References
    ----------
    Nolte et al. 2004, doi:10.1016/j.clinph.2004.04.029 (imaginary coherence); Lachaux et al. 1999,
    doi:10.1002/(SICI)1097-0193(1999)8:4<194::AID-HBM4>3.0.CO;2-C (PLV); Stam et al. 2007, doi:10.1002/hbm.20346 (PLI);
    Vinck et al. 2011, doi:10.1016/j.neuroimage.2011.01.055 (wPLI and debiased squared wPLI).
    """
    re, im, unit_re, unit_im, sign, size, square, power, power_to = np.moveaxis(sums, -1, 0)
    scale = np.sqrt(power * power_to)
    heard = scale > 0
    scale = np.where(heard, scale, 1.0)
    windows = np.maximum(n_windows, 1)
    spread = size**2 - square
    values = np.stack(
        [
            np.hypot(re, im) / scale,
            im / scale,
            np.hypot(unit_re, unit_im) / windows,
            np.abs(sign) / windows,
            np.abs(im) / np.where(size > 0, size, 1.0),
            (im**2 - square) / np.where(spread > 0, spread, 1.0),
        ]
    )
    values = np.where(heard & (n_windows > 0), values, np.nan)
    return np.stack([values[:, inside].mean(axis=1) for inside in member])
