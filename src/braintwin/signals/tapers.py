"""Tapers of the cross-spectral engine: one Hann window that slides, or orthogonal tapers of whole windows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

Method = Literal["hann", "multitaper"]

HALF_BANDWIDTH_BINS = 4.0
"""Half bandwidth of the multitaper estimate in bins where none is asked for, as in mne."""

LOWEST_CONCENTRATION = 0.9
"""Tapers that keep less of their energy inside the bandwidth leak and are left out, as in mne."""

LANES = 8
"""Observations are padded with zeros to a multiple of this, so that vector registers are full."""

_BLOCK = 16  # frequencies that are turned at once


@dataclass(frozen=True)
class Tapers:
    """How an epoch becomes observations of its spectrum.

    Attributes
    ----------
    weights : (taper, sample) float32
        Tapers of unit energy times the square root of their concentration.
    hop : int
        Samples from one window to the next.
    correlated_bins : int
        Neighbouring bins that say nearly the same; a standard error needs only one of as many.
    """

    weights: Singles
    hop: int
    correlated_bins: int = 1

    @property
    def width(self) -> int:
        """Samples of a window."""
        return int(self.weights.shape[1])

    def windows(self, n_times: int) -> int:
        """Return the windows of an epoch of `n_times` samples."""
        return (n_times - self.width) // self.hop + 1


def window_length(window_s: float, sfreq: float) -> int:
    """Return the samples of a window: the nearest even number."""
    return 2 * round(window_s * sfreq / 2)


def hann(width: int) -> Tapers:
    """Return one Hann window; windows overlap by half."""
    taper = np.hanning(width)
    return Tapers((taper / np.sqrt(np.sum(taper**2))).astype(np.float32)[None], width // 2)


def multitaper(width: int, sfreq: float, bandwidth: float = 0.0) -> Tapers:
    """Return discrete prolate spheroidal sequences; windows do not overlap.

    Parameters
    ----------
    width : int
        Samples of a window.
    sfreq : float
        Sampling rate, Hz.
    bandwidth : float
        Full bandwidth, Hz; 0 means eight bins of the window.

    References
    ----------
    Thomson 1982, doi:10.1109/PROC.1982.12433.
    """
    from scipy.signal.windows import dpss

    half = bandwidth * width / (2 * sfreq) if bandwidth else HALF_BANDWIDTH_BINS
    if half < 1:
        message = f"bandwidth {bandwidth:g} Hz is less than two bins ({2 * sfreq / width:g} Hz) of the window; widen it"
        raise ValueError(message)
    sequences, concentration = dpss(width, half, int(2 * half), sym=False, return_ratios=True)
    kept = concentration > LOWEST_CONCENTRATION
    weights = sequences[kept] * np.sqrt(concentration[kept, None])
    return Tapers(weights.astype(np.float32), width, max(1, int(half)))


def make_tapers(method: Method, width: int, sfreq: float, bandwidth: float = 0.0) -> Tapers:
    """Return the tapers of `method`."""
    return hann(width) if method == "hann" else multitaper(width, sfreq, bandwidth)


def padded(observations: int) -> int:
    """Return the number of places that so many observations take."""
    return -(-observations // LANES) * LANES


def _turn_around(spectra: NDArray[np.complex64], bins: Index, out: Singles, start: int) -> None:
    """Write (window, freq) complex to (freq, part, observation) from observation `start` on; compiled below."""
    windows = spectra.shape[0]
    for block in range(0, bins.size, _BLOCK):
        for w in range(windows):
            for f in range(block, min(block + _BLOCK, bins.size)):
                value = spectra[w, bins[f]]
                out[f, 0, start + w] = value.real
                out[f, 1, start + w] = value.imag


_turn: Callable[..., None] = njit(cache=True, nogil=True)(_turn_around)


def write_spectra(epochs: Singles, tapers: Tapers, bins: Index, out: Singles, start: int) -> None:
    """Write the tapered Fourier coefficients of some epochs, real and imaginary parts apart.

    Parameters
    ----------
    epochs : (epoch, channel, time) float32
        Signals; each window's mean is removed.
    bins : (freq,) int
        Frequencies to keep.
    out : (freq, channel, taper, part, observation) float32
        Filled from observation `start` on, windows of an epoch side by side.
    """
    from scipy.fft import rfft

    for channel in range(epochs.shape[1]):
        cut = np.lib.stride_tricks.sliding_window_view(epochs[:, channel], tapers.width, axis=-1)[:, :: tapers.hop]
        centred = (cut - cut.mean(axis=-1, keepdims=True)).reshape(-1, tapers.width)
        for taper, weights in enumerate(tapers.weights):
            _turn(rfft(centred * weights, axis=-1), bins, out[:, channel, taper], start)
