"""Correlation of orthogonalised amplitude envelopes, which instantaneous mixing does not create."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

TRANSITION_HZ = 0.5
"""Width of a band's cosine flank, centred on its edge."""

TRIM_S = 1.0
"""What is cut from both ends of an epoch after filtering, because the filter wraps around there."""

_SEGMENT = 128  # samples added in float32 before they go to the float64 sum


def band_gains(
    bands: Mapping[str, tuple[float, float]], sfreq: float, n_times: int, lines: Sequence[tuple[float, float]] = ()
) -> Singles:
    """Return the frequency response of the analytic band-pass filters.

    Parameters
    ----------
    bands : mapping of str to (low, high)
        Edges in Hz.
    sfreq : float
        Sampling rate, Hz.
    n_times : int
        Samples per epoch.
    lines : sequence of (low, high)
        Stretches of interference in Hz, where the response is 0.

    Returns
    -------
    (band, n_times // 2 + 1) float32
    """
    freqs = np.fft.rfftfreq(n_times, 1 / sfreq)
    gains = np.zeros((len(bands), freqs.size))
    for gain, (low, high) in zip(gains, bands.values(), strict=True):
        rise = np.clip((freqs - low) / TRANSITION_HZ + 0.5, 0, 1)
        fall = np.clip((high - freqs) / TRANSITION_HZ + 0.5, 0, 1)
        gain[:] = 2 * np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2
    gains[:, 0] = 0
    for low, high in lines:
        gains[:, (freqs >= low) & (freqs <= high)] = 0
    return gains.astype(np.float32)


def analytic(epoch: Singles, gains: Singles, sfreq: float) -> Iterator[NDArray[np.complex64]]:
    """Yield each band's analytic signal (channel, sample) of one epoch (channel, time), trimmed, of unit RMS.

    A channel that is silent in the band stays 0.
    """
    from scipy.fft import ifft, rfft

    n_times = epoch.shape[-1]
    trim = min(round(TRIM_S * sfreq), n_times // 10)
    spectrum = rfft(epoch - epoch.mean(axis=-1, keepdims=True), axis=-1)
    padded = np.zeros(epoch.shape, dtype=np.complex64)
    for gain in gains:
        np.multiply(spectrum, gain, out=padded[:, : gain.size])
        signal = ifft(padded, axis=-1)[:, trim : n_times - trim]
        rms = np.sqrt(np.mean(signal.real**2 + signal.imag**2, axis=-1, keepdims=True))
        yield np.asarray(signal / np.where(rms > 0, rms, np.float32(1)), dtype=np.complex64)


def _pair_correlations(
    parts: Singles, inverse: Singles, centred: Singles, spread: Floats, first: Index, second: Index
) -> Floats:
    """Return the correlation of each pair; compiled below.

    `parts` (2, channel, sample): real and imaginary parts; `inverse` (channel, sample): 1 / envelope;
    `centred` (channel, sample): envelope less its mean; `spread` (channel,): sum of its squares.
    """
    n_times = inverse.shape[1]
    zero = np.float32(0)
    out = np.empty(first.size)
    for p in range(first.size):
        i, j = first[p], second[p]
        xr, xi, yr, yi = parts[0, i], parts[1, i], parts[0, j], parts[1, j]
        x_inverse, y_inverse, x_centred, y_centred = inverse[i], inverse[j], centred[i], centred[j]
        sum_x = sum_xx = sum_xy = sum_y = sum_yy = sum_yx = np.float64(0)
        for start in range(0, n_times, _SEGMENT):
            a = aa = ab = b = bb = ba = zero
            for k in range(start, min(start + _SEGMENT, n_times)):
                apart = abs(xi[k] * yr[k] - xr[k] * yi[k])
                x = apart * y_inverse[k]  # envelope of x, less what is in phase with y
                y = apart * x_inverse[k]
                a += x
                aa += x * x
                ab += x * y_centred[k]
                b += y
                bb += y * y
                ba += y * x_centred[k]
            sum_x += np.float64(a)
            sum_xx += np.float64(aa)
            sum_xy += np.float64(ab)
            sum_y += np.float64(b)
            sum_yy += np.float64(bb)
            sum_yx += np.float64(ba)
        var_x = (sum_xx - sum_x * sum_x / n_times) * spread[j]
        var_y = (sum_yy - sum_y * sum_y / n_times) * spread[i]
        one = sum_xy / np.sqrt(var_x) if var_x > 0.0 else 0.0
        other = sum_yx / np.sqrt(var_y) if var_y > 0.0 else 0.0
        out[p] = (one + other) / 2
    return out


_correlate: Callable[..., Floats] = njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz", "arcp"})(
    _pair_correlations
)


def orthogonal_correlations(signal: NDArray[np.complex64], first: Index, second: Index) -> Floats:
    """Return the orthogonalised envelope correlation of pairs in one epoch, both directions averaged.

    The sign is kept: two unrelated channels have an expected value of about 0, where the mean of absolute values
    would not.

    Parameters
    ----------
    signal : (channel, sample) complex64
        Analytic signals of one band.
    first, second : (pair,) int
        Channels of each pair.

    Returns
    -------
    (pair,) float64

    References
    ----------
    Hipp et al. 2012, doi:10.1038/nn.3101; Brookes et al. 2012, doi:10.1016/j.neuroimage.2012.03.048.
    """
    envelope = np.sqrt(signal.real**2 + signal.imag**2)
    inverse = 1 / np.where(envelope > 0, envelope, np.float32(1))
    centred = envelope - envelope.mean(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    spread = np.sum(centred.astype(np.float64) ** 2, axis=-1)
    return _correlate(np.stack([signal.real, signal.imag]), inverse, centred, spread, first, second)


def envelope_sums(
    epochs: Singles, valid: NDArray[np.bool_], first: Index, second: Index, *, gains: Singles, sfreq: float
) -> Floats:
    """Return the sum over epochs of each pair's correlation, per band, over epochs in which both are valid.

    Parameters
    ----------
    epochs : (epoch, channel, time) float32, µV
        Zero where not valid.
    valid : (epoch, channel) bool
        Clean channels of each epoch.
    first, second : (pair,) int
        Channels of each pair.
    gains : (band, freq) float32
        As `band_gains` returns them.
    sfreq : float
        Sampling rate, Hz.

    Returns
    -------
    (band, pair) float64
    """
    out = np.zeros((len(gains), first.size))
    for epoch, clean in zip(epochs, valid, strict=True):
        both = np.flatnonzero(clean[first] & clean[second])
        for band, signal in enumerate(analytic(epoch, gains, sfreq)):
            out[band, both] += orthogonal_correlations(signal, first[both], second[both])
    return out
