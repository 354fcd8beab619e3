"""The compiled inner loops of the connectome: sums over observations of every frequency and pair of channels.

Single precision inside a segment of observations, double precision between segments. Each sum is made by one thread
in one order, so that its bits do not depend on how many threads share the frequencies.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

SUMS = ("re", "im", "unit_re", "unit_im", "sign_im", "abs_im", "square_im", "power", "power_to")
"""Sums over observations per frequency and pair; ``im`` is Im(x conj(y)), ``unit`` the cross-spectrum over its
modulus. The cross-spectrum of one observation is the mean over its tapers."""

SEGMENT = 128
"""Observations added in single precision before they go to the double precision sum."""

# Reassociation lets the inner loop use vector registers. Products of silent channels are 0, never NaN.
FAST = {"reassoc", "contract", "nsz", "arcp"}

_ONE, _ZERO, _TINY = np.float32(1), np.float32(0), np.float32(1e-37)


def _single(spectra: Singles, units: Singles, first: Index, second: Index, out: Floats) -> None:
    """Add the sums of one taper: `spectra` and `units` (channel, part, observation), `out` (pair, sum)."""
    n_obs = spectra.shape[2]
    for p in range(first.size):
        i, j = first[p], second[p]
        xr, xi, yr, yi = spectra[i, 0], spectra[i, 1], spectra[j, 0], spectra[j, 1]
        ur, ui, vr, vi = units[i, 0], units[i, 1], units[j, 0], units[j, 1]
        for start in range(0, n_obs, SEGMENT):
            re = im = unit_re = unit_im = sign = size = square = _ZERO
            for k in range(start, min(start + SEGMENT, n_obs)):
                cross = xi[k] * yr[k] - xr[k] * yi[k]
                re += xr[k] * yr[k] + xi[k] * yi[k]
                im += cross
                unit_re += ur[k] * vr[k] + ui[k] * vi[k]
                unit_im += ui[k] * vr[k] - ur[k] * vi[k]
                sign += (_ONE if cross > _ZERO else _ZERO) - (_ONE if cross < _ZERO else _ZERO)
                size += abs(cross)
                square += cross * cross
            out[p, 0] += re
            out[p, 1] += im
            out[p, 2] += unit_re
            out[p, 3] += unit_im
            out[p, 4] += sign
            out[p, 5] += size
            out[p, 6] += square


_add_single: Callable[..., None] = njit(cache=True, nogil=True, fastmath=FAST)(_single)


@cache
def _add_tapered(tapers: int) -> Callable[..., None]:
    """Return the compiled sums of `tapers` tapers, whose loop the compiler unrolls because the number is fixed."""

    def tapered(spectra: Singles, first: Index, second: Index, out: Floats) -> None:
        # spectra (channel, taper, part, observation), out (pair, sum)
        n_obs = spectra.shape[3]
        for p in range(first.size):
            x, y = spectra[first[p]], spectra[second[p]]
            re_sum = im_sum = unit_re = unit_im = sign = size = square = _ZERO
            for k in range(n_obs):
                re = _ZERO
                im = _ZERO
                for t in range(tapers):
                    re += x[t, 0, k] * y[t, 0, k]
                    re += x[t, 1, k] * y[t, 1, k]
                    im += x[t, 1, k] * y[t, 0, k]
                    im -= x[t, 0, k] * y[t, 1, k]
                power = im * im
                scale = _ONE / np.sqrt(max(re * re + power, _TINY))
                re_sum += re
                im_sum += im
                unit_re += re * scale
                unit_im += im * scale
                sign += (_ONE if im > _ZERO else _ZERO) - (_ONE if im < _ZERO else _ZERO)
                size += abs(im)
                square += power
            out[p, 0] += re_sum
            out[p, 1] += im_sum
            out[p, 2] += unit_re
            out[p, 3] += unit_im
            out[p, 4] += sign
            out[p, 5] += size
            out[p, 6] += square

    compiled: Callable[..., None] = njit(cache=True, nogil=True, fastmath=FAST | {"nnan", "ninf"})(tapered)
    return compiled


def _add_products(spectra: Singles, first: Index, second: Index, out: Floats) -> None:
    """Add the linear sums alone, by matrix products: `spectra` (channel, taper, part, observation)."""
    n_channels, n_obs = spectra.shape[0], spectra.shape[3]
    for start in range(0, n_obs, SEGMENT):
        part = spectra[..., start : start + SEGMENT]
        real, imag = part[:, :, 0].reshape(n_channels, -1), part[:, :, 1].reshape(n_channels, -1)
        out[:, 0] += (real @ real.T + imag @ imag.T)[first, second]
        turned = imag @ real.T
        out[:, 1] += (turned - turned.T)[first, second]


def add_sums(
    spectra: Singles,
    valid: NDArray[np.bool_],
    first: Index,
    second: Index,
    out: Floats,
    *,
    windows: int,
    linear: bool,
) -> None:
    """Add the sums of some observations at some frequencies to `out`.

    Parameters
    ----------
    spectra : (freq, channel, taper, part, observation) float32
        Zero where a channel is not valid; the observations of an epoch side by side, padded with zeros at the end.
    valid : (epoch, channel) bool
        A pair counts the epochs in which both channels are valid.
    first, second : (pair,) int
        Channels of each pair.
    out : (freq, pair, sum) float64
        Sums as in `SUMS`.
    windows : int
        Observations of an epoch.
    linear : bool
        Whether the linear sums are enough.
    """
    power = _epoch_power(spectra, len(valid), windows)
    everywhere = valid.all()
    mask = valid.astype(np.float64)
    for at, (one, total) in enumerate(zip(spectra, out, strict=True)):
        if linear:
            _add_products(one, first, second, total)
        elif one.shape[1] == 1:
            modulus = np.sqrt(one[:, 0, 0] ** 2 + one[:, 0, 1] ** 2)
            units = one[:, 0] / np.where(modulus > 0, modulus, _ONE)[:, None]
            _add_single(one[:, 0], units, first, second, total)
        else:
            _add_tapered(one.shape[1])(one, first, second, total)
        if everywhere:
            whole = power[at].sum(axis=-1)
            total[:, 7] += whole[first]
            total[:, 8] += whole[second]
        else:
            shared = power[at] @ mask  # (channel, channel): power of the one where the other is valid
            total[:, 7] += shared[first, second]
            total[:, 8] += shared[second, first]


def _epoch_power(spectra: Singles, n_epochs: int, windows: int) -> Floats:
    """Return the power (freq, channel, epoch), summed over windows and tapers."""
    used = spectra[..., : n_epochs * windows]
    flat: Singles = np.einsum("fctpo,fctpo->fco", used, used)
    power: Floats = flat.reshape(*flat.shape[:2], n_epochs, windows).sum(axis=-1, dtype=np.float64)
    return power
