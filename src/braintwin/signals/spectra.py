"""Power spectral densities of epochs, and their logarithm without its bias.

Welch 1967, doi:10.1109/TAU.1967.1161901, with Hann windows that overlap by half.
"""

import numpy as np
import numpy.typing as npt
from scipy.signal import get_window
from scipy.special import digamma

F64 = npt.NDArray[np.float64]
Real = npt.NDArray[np.floating]


def welch_epochs(epochs: Real, sfreq: float, window_s: float) -> tuple[F64, F64]:
    """Return the power spectral density of every epoch.

    Parameters
    ----------
    epochs : (epoch, channel, time)
        EEG, µV.
    sfreq : float
        Sampling rate, Hz.
    window_s : float
        Length of a Hann window, s; windows overlap by half and each loses its mean.

    Returns
    -------
    psd : (epoch, channel, freq) float
        One-sided, µV²/Hz.
    freqs : (freq,) float
        ``k / window_s``, Hz.
    """
    width = round(window_s * sfreq)
    if width > epochs.shape[-1]:
        message = f"a window of {width} samples does not fit in epochs of {epochs.shape[-1]}"
        raise ValueError(message)
    window = get_window("hann", width)
    views = np.lib.stride_tricks.sliding_window_view(epochs, width, axis=-1)[..., :: width // 2, :]
    scale = 2.0 / (sfreq * float(np.sum(window**2)))
    psd: F64 = np.empty((*epochs.shape[:2], width // 2 + 1))
    for index, view in enumerate(views):
        pieces = view.astype(np.float64)
        pieces -= pieces.mean(axis=-1, keepdims=True)
        psd[index] = scale * np.mean(np.abs(np.fft.rfft(pieces * window, axis=-1)) ** 2, axis=-2)
    psd[..., 0] /= 2
    if width % 2 == 0:
        psd[..., -1] /= 2
    return psd, np.asarray(np.fft.rfftfreq(width, 1 / sfreq), dtype=np.float64)


def cross_spectra(
    epochs: Real, window_s: float, sfreq: float, kept: npt.NDArray[np.intp]
) -> npt.NDArray[np.complex128]:
    """Return the sum over epochs and Hann windows of the cross-spectra of all channels, up to a factor.

    Parameters
    ----------
    epochs : (epoch, channel, time)
        EEG, all channels clean.
    kept : (freq,) int array
        Bins of the window's transform.

    Returns
    -------
    (freq, channel, channel) complex
    """
    width = round(window_s * sfreq)
    window = get_window("hann", width)
    total = np.zeros((kept.size, epochs.shape[1], epochs.shape[1]), dtype=np.complex128)
    for epoch in epochs:
        views = np.lib.stride_tricks.sliding_window_view(epoch, width, axis=-1)[:, :: width // 2].astype(np.float64)
        pieces = views - views.mean(axis=-1, keepdims=True)
        spectra = np.fft.rfft(pieces * window, axis=-1)[..., kept].transpose(2, 0, 1)
        total += spectra @ spectra.conj().swapaxes(1, 2)
    return total


def effective_windows(width: int, samples: int) -> float:
    """Return the number of independent windows that half-overlapping Hann windows are worth, K / (1 + 2 Σ ρ²).

    ρ is the correlation of the windowed transforms of white noise, so K is exact in the variance of the mean power.
    """
    window = get_window("hann", width)
    hop = width // 2
    count = (samples - width) // hop + 1
    total = 1.0
    for lag in range(1, count):
        if lag * hop >= width:
            break
        shared = float(np.sum(window[lag * hop :] * window[: width - lag * hop]) / np.sum(window**2))
        total += 2.0 * (1 - lag / count) * shared**2
    return count / total


def log_bias(windows: float) -> float:
    """Return E[ln P̂] − ln P of a mean over `windows` independent periodograms: ψ(K) − ln K, about −1/(2K).

    P̂ is Gamma distributed with shape K and mean P, away from 0 Hz and Nyquist.
    """
    return float(digamma(windows) - np.log(windows))


def stage_spectrum(psd: F64, clean: npt.NDArray[np.bool_], bias: float) -> tuple[F64, F64, F64]:
    """Return mean, mean log and the variance of that mean log over the clean epochs of one channel.

    Parameters
    ----------
    psd : (epoch, freq) float
        Density of each epoch, µV²/Hz.
    clean : (epoch,) bool
        Epochs to use, at least two.
    bias : float
        From :func:`log_bias`; taken off, so that the mean log is unbiased for ln S of a stationary signal.
    """
    used = psd[clean]
    logs = np.log(np.maximum(used, np.finfo(float).tiny))
    return used.mean(axis=0), logs.mean(axis=0) - bias, logs.var(axis=0, ddof=1) / len(used)


def band_power(psd: F64, freqs: F64, low: float, high: float) -> F64:
    """Return the power between `low` and `high` (both included), the integral of `psd` over its last axis, µV²."""
    inside = (freqs >= low - 1e-9) & (freqs <= high + 1e-9)
    return np.asarray(psd[..., inside].sum(axis=-1) * (freqs[1] - freqs[0]))
