"""Correlation of orthogonalised amplitude envelopes, which instantaneous mixing does not create."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from braintwin.signals.kernels import FAST, SEGMENT

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

TRANSITION_HZ = 0.5
"""Width of a band's cosine flank, centred on its edge."""

TRIM_S = 1.0
"""What is cut from both ends of an epoch after filtering, because the filter wraps around there."""


LANES = 4
"""Channels that are transformed together, in single precision, by a library built for any processor (128 bits)."""

OVERSAMPLING, ENVELOPE_SFREQ = 4, 120.0
"""Rate of the analytic signals: this many times the highest frequency, and at least so many Hz."""


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


def envelope_samples(gains: Singles, n_times: int, sfreq: float) -> int:
    """Return the samples of the analytic signal: those of the epoch, or fewer that hold as much of slow envelopes.

    A band-limited signal is given exactly by its spectrum on any grid; at four times the highest frequency that passes,
    and never below 120 Hz, more samples repeat what their neighbours say.
    """
    from scipy.fft import next_fast_len

    passed = np.flatnonzero(gains.any(axis=0))
    highest = OVERSAMPLING * int(passed[-1]) if passed.size else 0
    enough = int(next_fast_len(max(highest, round(ENVELOPE_SFREQ * n_times / sfreq))))
    return min(enough, n_times)


def analytic(epoch: Singles, gains: Singles, sfreq: float) -> Iterator[NDArray[np.complex64]]:
    """Yield each band's analytic signal (channel, sample) of one epoch (channel, time), trimmed.

    A channel that is silent in the band stays 0. Samples as `envelope_samples` says.
    """
    from scipy.fft import ifft, rfft

    n_times = epoch.shape[-1]
    samples = envelope_samples(gains, n_times, sfreq)
    trim = min(round(TRIM_S * sfreq * samples / n_times), samples // 10)
    # a transform may take channels together and the rest one by one, with other rounding: none is left over
    whole = np.zeros((-(-len(epoch) // LANES) * LANES, n_times), dtype=np.float32)
    whole[: len(epoch)] = epoch - epoch.mean(axis=-1, keepdims=True)
    spectrum = rfft(whole, axis=-1)
    for gain in gains:
        passed = np.flatnonzero(gain)
        padded = np.zeros((len(whole), samples), dtype=np.complex64)
        if passed.size:
            inside = slice(passed[0], passed[-1] + 1)
            np.multiply(spectrum[:, inside], gain[inside] * np.float32(samples / n_times), out=padded[:, inside])
        signal = ifft(padded, axis=-1, overwrite_x=True)
        yield np.asarray(signal, dtype=np.complex64)[: len(epoch), trim : samples - trim]


def _features(signal: NDArray[np.complex64], features: Singles, means: Floats, spread: Floats) -> None:
    """Write what the pairs need of each channel of (channel, sample): compiled below.

    `features` (channel, 3, sample): real part, imaginary part, 1 / envelope, in units of the channel's RMS;
    `means`, `spread` (channel,): mean of the envelope, and the sum of its squared deviations.
    """
    n_times = signal.shape[1]
    for c in range(signal.shape[0]):
        power = np.float64(0)
        for k in range(n_times):
            power += np.float64(signal[c, k].real ** 2 + signal[c, k].imag ** 2)
        scale = np.float32(np.sqrt(n_times / power)) if power > 0 else np.float32(0)
        total = squares = np.float64(0)
        for k in range(n_times):
            real, imag = signal[c, k].real * scale, signal[c, k].imag * scale
            envelope = np.sqrt(real * real + imag * imag)
            features[c, 0, k] = real
            features[c, 1, k] = imag
            features[c, 2, k] = np.float32(1) / envelope if envelope > 0 else np.float32(0)
            total += np.float64(envelope)
            squares += np.float64(envelope) * np.float64(envelope)
        means[c] = total / n_times
        spread[c] = squares - total * total / n_times


def _pair_correlations(features: Singles, means: Floats, spread: Floats, first: Index, second: Index) -> Floats:
    """Return the correlation of each pair; compiled below.

    The part of x that is out of phase with y has the envelope c / |y| with c = |Im(x conj(y))|. Its product with the
    envelope of y is c itself, so that one sum of c serves both directions.
    """
    n_times = features.shape[2]
    zero = np.float32(0)
    out = np.empty(first.size)
    for p in range(first.size):
        i, j = first[p], second[p]
        xr, xi, x_inverse = features[i, 0], features[i, 1], features[i, 2]
        yr, yi, y_inverse = features[j, 0], features[j, 1], features[j, 2]
        both = sum_x = sum_xx = sum_y = sum_yy = np.float64(0)
        for start in range(0, n_times, SEGMENT):
            c = a = aa = b = bb = zero
            for k in range(start, min(start + SEGMENT, n_times)):
                apart = abs(xi[k] * yr[k] - xr[k] * yi[k])
                x = apart * y_inverse[k]
                y = apart * x_inverse[k]
                c += apart
                a += x
                aa += x * x
                b += y
                bb += y * y
            both += np.float64(c)
            sum_x += np.float64(a)
            sum_xx += np.float64(aa)
            sum_y += np.float64(b)
            sum_yy += np.float64(bb)
        var_x = (sum_xx - sum_x * sum_x / n_times) * spread[j]
        var_y = (sum_yy - sum_y * sum_y / n_times) * spread[i]
        one = (both - means[j] * sum_x) / np.sqrt(var_x) if var_x > 0.0 else 0.0
        other = (both - means[i] * sum_y) / np.sqrt(var_y) if var_y > 0.0 else 0.0
        out[p] = (one + other) / 2
    return out


_write_features: Callable[..., None] = njit(cache=True, nogil=True, fastmath=FAST)(_features)
_correlate: Callable[..., Floats] = njit(cache=True, nogil=True, fastmath=FAST)(_pair_correlations)


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
    features = np.empty((len(signal), 3, signal.shape[1]), dtype=np.float32)
    means, spread = np.empty(len(signal)), np.empty(len(signal))
    _write_features(signal, features, means, spread)
    return _correlate(features, means, spread, first, second)


def epoch_correlations(
    epoch: Singles, clean: NDArray[np.bool_], first: Index, second: Index, *, gains: Singles, sfreq: float
) -> Floats:
    """Return each pair's correlation in one epoch, per band; 0 where one of the two is not clean.

    Parameters
    ----------
    epoch : (channel, time) float32, µV
        Zero where not clean.
    clean : (channel,) bool
        Clean channels.
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
    both = np.flatnonzero(clean[first] & clean[second])
    if both.size:
        for row, signal in zip(out, analytic(epoch, gains, sfreq), strict=True):
            row[both] = orthogonal_correlations(signal, first[both], second[both])
    return out
