"""Which epochs of which channels are not brain: amplitude, flatness, muscle.

Relative tests compare an epoch with the others of its stage, because wake is louder than sleep and N3 louder than N2.
"""

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft
from scipy.signal import get_window

from braintwin.contracts.prepare import ARTEFACTS

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LEAST_SD = 0.15
"""Smallest robust sd of log power that is believed: fewer nats would refuse epochs of a very even recording."""

MUSCLE_BAND = (25.0, 45.0)


def robust_z(values: F64, stages: npt.NDArray[np.integer]) -> F64:
    """Return (value − median) / robust sd within each stage; `values` is (epoch, channel), NaN stays NaN.

    The robust sd is 1.4826 MAD, at least :data:`LEAST_SD`. A stage with fewer than 5 values is judged against all.
    """
    result = np.full(values.shape, np.nan)
    for stage in np.unique(stages):
        rows = stages == stage
        pool = values[rows] if rows.sum() >= 5 else values
        with np.errstate(invalid="ignore"):
            centre = _nanmedian(pool)
            spread = np.maximum(1.4826 * _nanmedian(np.abs(pool - centre)), LEAST_SD)
            result[rows] = (values[rows] - centre) / spread
    return result


def _nanmedian(values: F64) -> F64:
    """Return the median over axis 0; NaN, without a warning, where there is no value."""
    empty = np.isnan(values).all(axis=0)
    return np.where(empty, np.nan, np.nanmedian(np.where(empty, 0.0, values), axis=0))


def flat_epochs(data: F64, sfreq: float, onsets: F64, epoch_s: float, *, within: float, seconds: float) -> Mask:
    """Tell which epochs (epoch, channel) hold a stretch of `seconds` in which the signal stays within `within`.

    To be used on unfiltered (channel, time) data: a filter makes a dead stretch ring. Stretches are found in blocks
    of a quarter second, so one that is up to half a second shorter may count.
    """
    width, block = round(epoch_s * sfreq), max(1, int(sfreq / 4))
    starts = np.rint(np.asarray(onsets) * sfreq).astype(np.int64)
    whole = np.flatnonzero((starts >= 0) & (starts + width <= data.shape[1]))
    found = np.zeros((starts.size, data.shape[0]), dtype=bool)
    blocks, needed = width // block, max(1, int(seconds * sfreq) // block - 1)
    if needed > blocks:
        return found
    for index in whole:
        epoch = data[:, starts[index] : starts[index] + blocks * block].reshape(data.shape[0], blocks, block)
        views = np.lib.stride_tricks.sliding_window_view
        high = views(np.nan_to_num(epoch.max(axis=2)), needed, axis=1).max(axis=2)
        low = views(np.nan_to_num(epoch.min(axis=2)), needed, axis=1).min(axis=2)
        found[index] = (high - low).min(axis=1) <= within
    return found


def log_power(epochs: F32, sfreq: float, band: tuple[float, float]) -> F64:
    """Return ln of the mean power in `band` (epoch, channel), Hann window over the epoch; -inf where there is none."""
    freqs = np.fft.rfftfreq(epochs.shape[2], 1 / sfreq)
    inside = (freqs >= band[0]) & (freqs <= band[1])
    window = get_window("hann", epochs.shape[2]).astype(np.float32)
    result = np.full(epochs.shape[:2], -np.inf)
    if inside.any():
        for index, epoch in enumerate(epochs):
            power = np.abs(rfft(epoch * window, axis=-1)[:, inside]).astype(np.float64) ** 2
            with np.errstate(divide="ignore"):
                result[index] = np.log(power.mean(axis=1))
    return result


def judge(
    epochs: F32,
    stages: npt.NDArray[np.integer],
    sfreq: float,
    lowpass: float,
    *,
    flat: Mask,
    marked: Mask,
    present: Mask,
    amplitude_uv: float | None,
    amplitude_z: float,
    muscle_z: float,
) -> npt.NDArray[np.uint8]:
    """Return the bit mask (epoch, channel) of :data:`braintwin.contracts.prepare.ARTEFACTS`; 0 is clean.

    Parameters
    ----------
    epochs : (epoch, channel, time) float32
        Filtered EEG, µV.
    flat : (epoch, channel) bool
        From :func:`flat_epochs`.
    marked, present : (epoch,) bool
        Refused by a person or the recorder; covered by the recording.
    amplitude_uv : float or None
        Largest peak; None where the amplitude unit is unknown.
    """
    shape = epochs.shape[:2]
    whole = present[:, None] & ~flat & ~marked[:, None]
    with np.errstate(divide="ignore"):
        # One channel at a time: double precision for a whole night of 256 channels would not fit.
        spread = [epochs[:, channel].var(axis=1, dtype=np.float64) for channel in range(shape[1])]
        variance = np.log(np.stack(spread, axis=1))
    loud = np.abs(robust_z(np.where(whole & np.isfinite(variance), variance, np.nan), stages)) > amplitude_z
    if amplitude_uv is not None:
        loud |= np.maximum(epochs.max(axis=2), -epochs.min(axis=2)) > amplitude_uv
    muscle = np.zeros(shape, dtype=bool)
    band = (MUSCLE_BAND[0], min(MUSCLE_BAND[1], lowpass))
    if band[1] - band[0] >= 2.0:
        power = log_power(epochs, sfreq, band)
        muscle = robust_z(np.where(whole & np.isfinite(power), power, np.nan), stages) > muscle_z
    dead = flat | ~np.isfinite(variance)
    flags = {
        "amplitude": loud & present[:, None],
        "flat": dead & present[:, None],
        "muscle": muscle,
        "marked": np.broadcast_to(marked[:, None], shape),
        "absent": np.broadcast_to(~present[:, None], shape),
    }
    mask = np.zeros(shape, dtype=np.uint8)
    for bit, reason in enumerate(ARTEFACTS):
        mask |= flags[reason].astype(np.uint8) << np.uint8(bit)
    return mask
