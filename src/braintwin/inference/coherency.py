"""Cross-spectra: coherency of the channels under the corticothalamic field, as a complex Wishart.

Auto-spectra hardly know the coupling κ on the graph; how channels go together does. Only coherency C enters, for the
auto-spectra have a robust likelihood of their own. Mean cross-spectra S = D C D of n windows are Wishart (Goodman 1963,
doi:10.1214/aoms/1177704250); their powers D² = exp 2v are not looked at, so they are integrated out. In a block of
frequencies of a stage

    log p(C | Γ) = -n log|Γ| + (n - p) log|C| + p n log n - log Γ_p(n) + log ∫ 2^p exp n h(v) dv,
    h(v) = 2 Σ v_i - Σ_ij M_ij exp(v_i + v_j),   M_ij = (Γ⁻¹)_ij Re C_ij,

by Laplace's method about the one maximum, where the rows of P_ij = M_ij exp(v_i + v_j) add to 1, so that
h = 2 Σ v_i - p and -h'' = 2 (P + I). (C taken for S, with D = I, is too sure, the more so the more coherent channels
are: decision 034.)

Γ_ij = (1 - emg) S_ij / sqrt(area_i area_j mix_i mix_j), where S = B diag|H_k|² Bᵀ and B = A U: the mixing operator A
takes the nodes of the graph to the channels. A block's Γ is the mean over its frequencies. Channels wax and wane
slowly, and not quite together, which lowers their coherency by one factor exp(-loss_ij) at all frequencies and in all
stages; each pair's loss is learned (decision 036). Epochs are not independent and no model is exact, so
n = p + share · windows, and the share is learned. The gradient is in :mod:`braintwin.inference.coherency_kernel`.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from braintwin.inference.spectral_kernel import gradient_op

Floats = npt.NDArray[np.float64]

LOG_SHARE_MEAN, LOG_SHARE_SD = math.log(0.2), 1.0
"""Prior of the log of the share of the windows that counts as independent."""

LOG_LOSS_MEAN, LOG_LOSS_SD = math.log(0.03), 1.0
"""Prior of the log of what a pair's coherency loses because its amplitudes wax and wane apart."""

STEPS = 60
"""Most Newton steps to the maximum of h; beside it three or four are enough."""


@dataclass(frozen=True)
class Coherency:
    """Coherency of one person's channels.

    Attributes
    ----------
    place : (block, bin) int array
        Indices of each block's frequencies among those of the spectra.
    real : (stage, block, channel, channel) array
        Real part, unit diagonal. The field has no phase lags between channels, so the imaginary part only enters
        through the determinant.
    log_det : (stage, block) array
        Log determinant of the complex coherency.
    windows : (stage, block) array
        Windows times frequencies that went into it; 0 where there is no estimate.
    """

    place: npt.NDArray[np.int64]
    real: Floats
    log_det: Floats
    windows: Floats


def coherency_of(cross: npt.NDArray[np.complex128], windows: Floats, place: npt.NDArray[np.int64]) -> Coherency:
    """Return the coherency of the blocks of frequencies `place`.

    Parameters
    ----------
    cross : (stage, freq, channel, channel) complex array
        Mean cross-spectra.
    windows : (stage,) array
        Windows that went into them; 0 where a stage has none.
    """
    power = np.sqrt(np.maximum(np.einsum("sfii->sfi", cross).real, 1e-300))
    unit = cross / power[..., :, None] / power[..., None, :]
    mean = unit[:, place].mean(axis=2)
    size = np.sqrt(np.einsum("sbii->sbi", mean).real)
    mean = mean / size[..., :, None] / size[..., None, :]
    sign, log_det = np.linalg.slogdet(mean)
    counted = windows[:, None] * place.shape[1]
    good = (sign.real > 0) & (counted > cross.shape[-1])
    return Coherency(place, np.ascontiguousarray(mean.real), np.where(good, log_det, 0.0), np.where(good, counted, 0))


def mixing_operator(
    channels: int, reference: str, *, places: Floats | None = None, blur_mm: float = 0.0, pairs: Floats | None = None
) -> Floats:
    """Return the operator A from nodes at the electrodes to channels, (channel, node).

    Parameters
    ----------
    reference : str
        ``none`` (a silent reference such as a mastoid), ``average``, or ``bipolar`` with the operator in `pairs`.
    places : (node, 3) array, optional
        mm; needed where `blur_mm` is above 0.
    blur_mm : float
        Length of volume conduction: each electrode sees its surroundings with weights exp(-d² / 2 blur²), sum 1.
    pairs : (channel, node) array, optional
        1 and -1 at the two electrodes of each bipolar channel.
    """
    if reference == "bipolar":
        assert pairs is not None
        outer = np.asarray(pairs, dtype=float)
    elif reference == "average":
        outer = np.eye(channels) - 1 / channels
    else:
        outer = np.eye(channels)
    if blur_mm <= 0 or places is None:
        return outer
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    near = np.exp(-(distance**2) / (2 * blur_mm**2))
    return np.asarray(outer @ (near / near.sum(axis=1, keepdims=True)))


def model_coherency(
    power: Floats, emg: Floats, weight: Floats, muscle: Floats, mixing: Floats, place: npt.NDArray[np.int64],
    loss: Floats | None = None,
) -> Floats:  # fmt: skip
    """Return the coherency of the model in each block, (..., block, channel, channel).

    Parameters
    ----------
    power : (..., mode, freq) array
        |H_k|² of each mode.
    emg : (...) array
        EMG fraction.
    weight, muscle : (freq,) array
        Quadrature weights of the band, Hz; EMG spectrum of unit area, 1/Hz.
    mixing : (channel, mode) array
        B = A U.
    place : (block, bin) int array
        Frequencies of each block.
    loss : (..., pair) array, optional
        What each pair loses at all frequencies, in the order of `numpy.tril_indices(channels, -1)`; any further ones
        are of no channel.
    """
    area = np.einsum("ik,...kf,f->...i", mixing**2, power, weight)
    found: Any = 0.0
    for at in place.T:
        cross = np.einsum("ik,...kb,jk->...bij", mixing, power[..., at], mixing)
        auto = np.einsum("...ii->...i", cross)
        brain, muscle_share = 1 - emg[..., None, None], emg[..., None, None] * muscle[at][:, None]
        unit = np.sqrt(brain / area[..., None, :] / (brain * auto / area[..., None, :] + muscle_share))
        found = found + cross * unit[..., :, None] * unit[..., None, :] / place.shape[1]
    if loss is not None:
        row, column = np.tril_indices(len(mixing), -1)
        kept = np.exp(-loss[..., None, : row.size])
        found[..., row, column] *= kept
        found[..., column, row] *= kept
    every = np.arange(len(mixing))
    found[..., every, every] = 1.0
    return np.asarray(found)


def block_density(found: Coherency, model: Floats, share: Floats) -> Floats:
    """Return the log density of each block under draws of the model (draw, stage, block); 0 where nothing was seen.

    -inf where the model is no coherency: losses of pairs that no amplitudes can have together.

    Parameters
    ----------
    model : (draw, stage, block, channel, channel) array
        Coherency of the model.
    share : (draw,) array
        Share of the windows that counts.
    """
    p = model.shape[-1]
    real = np.linalg.eigvalsh(model)[..., 0] > 0
    model = np.where(real[..., None, None], model, np.eye(p))
    n = p + share[:, None, None] * found.windows
    product = np.linalg.inv(model) * found.real[None]
    scale = balanced(product)
    within = product * scale[..., :, None] * scale[..., None, :] + np.eye(p)
    fit = -np.linalg.slogdet(model)[1] + 2 * np.log(scale).sum(axis=-1) - p
    gamma = 0.5 * p * (p - 1) * np.log(np.pi) + sum(gammaln(n - i) for i in range(p))
    powers = p * np.log(2) + 0.5 * (p * np.log(np.pi / n) - np.linalg.slogdet(within)[1])
    density = n * fit + (n - p) * found.log_det + p * n * np.log(n) - gamma + powers
    return np.where(found.windows > 0, np.where(real, density, -np.inf), 0.0)


def balanced(product: Floats) -> Floats:
    """Return d > 0 with d_i Σ_j M_ij d_j = 1 of positive semidefinite matrices M (..., i, j): the maximum of h."""
    p = product.shape[-1]
    scale = np.sqrt(p / product.sum(axis=(-1, -2)))[..., None] * np.ones(p)
    for _ in range(STEPS):
        slope = 1 / scale - np.einsum("...ij,...j->...i", product, scale)
        step = np.linalg.solve(product + np.eye(p) / scale[..., None] ** 2, slope[..., None])[..., 0]
        far = np.sqrt(2 * (slope * step).sum(axis=-1, keepdims=True))
        scale = scale + step / np.where(far > 0.25, 1 + far, 1.0)
        if far.max(initial=0.0) < 1e-11:
            break
    return np.asarray(scale)


@cache
def coherency_op() -> Any:
    """Return log likelihood and gradient as a PyTensor Op whose outputs are the value and its gradient."""
    import numba

    from braintwin.inference.coherency_kernel import log_likelihood

    @numba.njit
    def evaluate(  # type: ignore[no-untyped-def]
        x, y, z, alpha, t0, kappa, emg, log_share, log_loss,
        ratio, freq, weight, muscle, place, real, log_det, windows, mixing, eigenvalues, channels,
    ):  # fmt: skip
        value, g_x, g_y, g_z, g_alpha, g_t0, g_kappa, g_emg, g_share, g_loss = log_likelihood(
            x, y, z, alpha, t0.item(), kappa.item(), emg, log_share.item(), log_loss,
            ratio, freq, weight, muscle, place, real, log_det, windows, mixing, eigenvalues, channels.item(),
        )  # fmt: skip
        return (
            np.asarray(value), g_x, g_y, g_z, g_alpha, np.asarray(g_t0), np.asarray(g_kappa), g_emg,
            np.asarray(g_share), g_loss,
        )  # fmt: skip

    return gradient_op(log_likelihood, evaluate, 9)
