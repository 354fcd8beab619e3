"""From a continuous recording to epochs on the scoring grid: filter, resample, re-reference, cut."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

NYQUIST_SHARE = 0.45
"""Largest low-pass edge as a share of the sampling rate: leaves room for a transition band below Nyquist."""


@dataclass(frozen=True)
class Passband:
    """Rate after resampling and the edges between which the gain is 1, Hz."""

    sfreq: float
    highpass: float
    lowpass: float


def passband(native: float, sfreq: float, highpass: float, lowpass: float, epoch_s: float) -> Passband:
    """Return what the native rate allows of the rate and edges that were asked for.

    A recording is never brought to a higher rate than its own, as that adds samples and no content; the new rate holds
    a whole number of samples an epoch.
    """
    rate = float(min(native, sfreq))
    if abs(rate * epoch_s - round(rate * epoch_s)) > 1e-6:
        rate = float(np.floor(rate))
    return Passband(rate, highpass, min(lowpass, NYQUIST_SHARE * min(native, rate)))


def condition(data: F64, native: float, band: Passband) -> F32:
    """Return `data` (channel, time) filtered and resampled, float32.

    The filter is a zero-phase FIR of mne with gain 1 inside the passband; resampling is by Fourier transform and
    anti-aliased. Gaps (NaN) count as 0.
    """
    from mne.filter import filter_data, resample

    filled = data if np.isfinite(data).all() else np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)
    # The high-pass needs 3.3 / edge seconds of data (mne's rule for its transition band); an excerpt may be shorter.
    short = band.highpass <= 0 or 3.4 / band.highpass * native > filled.shape[1]
    low = None if short else band.highpass
    high = band.lowpass if band.lowpass < native / 2 else None
    if low is not None or high is not None:
        filled = filter_data(filled, native, low, high, phase="zero", fir_design="firwin", verbose="error")
    if band.sfreq != native:
        filled = resample(filled, up=band.sfreq, down=native, method="fft", npad="auto", verbose="error")
    return filled.astype(np.float32)


def cut(data: F32, sfreq: float, onsets: F64, epoch_s: float) -> tuple[F32, npt.NDArray[np.bool_]]:
    """Cut (channel, time) into (epoch, channel, time) at `onsets` (s after the first sample).

    Returns
    -------
    epochs : (epoch, channel, time) float32
        Zero where the recording has nothing.
    present : (epoch,) bool
        Whether the recording covers the whole epoch.
    """
    width = round(epoch_s * sfreq)
    starts = np.rint(np.asarray(onsets) * sfreq).astype(np.int64)
    present = (starts >= 0) & (starts + width <= data.shape[1])
    epochs = np.zeros((starts.size, data.shape[0], width), dtype=np.float32)
    for index in np.flatnonzero(present):
        epochs[index] = data[:, starts[index] : starts[index] + width]
    return epochs, present


def usable_for_average(epochs: F32) -> npt.NDArray[np.bool_]:
    """Tell which channels (epoch, channel, time) may enter a common average: alive, and below ten times the usual."""
    step = max(1, epochs.shape[0] * epochs.shape[2] // 200_000)
    spread = np.array([np.median(np.abs(epochs[:, c].ravel()[::step])) for c in range(epochs.shape[1])])
    alive = spread > 0
    if not alive.any():
        return alive
    return np.asarray(alive & (spread < 10 * np.median(spread[alive])))


def subtract_reference(epochs: F32, reference: npt.NDArray[np.integer]) -> None:
    """Subtract the mean of the channels `reference` from every channel of (epoch, channel, time), in place."""
    for epoch in epochs:
        epoch -= epoch[reference].mean(axis=0, dtype=np.float64).astype(np.float32)
