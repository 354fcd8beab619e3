"""Cross-spectra: coherency of the channels under the corticothalamic field, as a complex Wishart.

Auto-spectra hardly know the coupling κ on the graph; how channels go together does. Only coherency enters, with unit
diagonal, for the auto-spectra have a robust likelihood of their own. In a block of frequencies of a stage

    log p(C | Γ) = n (-log|Γ| - tr Γ⁻¹C) + (n - p) log|C| + p n log n - log Γ_p(n),

(Goodman 1963, doi:10.1214/aoms/1177704250), Γ_ij = (1 - emg) S_ij / sqrt(area_i area_j mix_i mix_j), where
S = B diag|H_k|² Bᵀ and B = A U: the mixing operator A takes the nodes of the graph to the channels. Epochs are not
independent and no model is exact, so n = p + share · windows, and the share is learned.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from braintwin.inference.spectral_kernel import gradient_op
from braintwin.models.corticothalamic import GAMMA

Floats = npt.NDArray[np.float64]

LOG_SHARE_MEAN, LOG_SHARE_SD = math.log(0.2), 1.0
"""Prior of the log of the share of the windows that counts as independent."""


@dataclass(frozen=True)
class Coherency:
    """Coherency of one person's channels.

    Attributes
    ----------
    place : (block,) int array
        Index of each block's middle among the frequencies of the spectra.
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


def coherency_of(
    cross: npt.NDArray[np.complex128], windows: Floats, place: npt.NDArray[np.int64], width: int
) -> Coherency:
    """Return the coherency of blocks of `width` frequencies about `place`.

    Parameters
    ----------
    cross : (stage, freq, channel, channel) complex array
        Mean cross-spectra.
    windows : (stage,) array
        Windows that went into them; 0 where a stage has none.
    """
    power = np.sqrt(np.maximum(np.einsum("sfii->sfi", cross).real, 1e-300))
    unit = cross / power[..., :, None] / power[..., None, :]
    blocks = [unit[:, max(0, p - width // 2) : p - width // 2 + width] for p in place]
    mean = np.stack([block.mean(axis=1) for block in blocks], axis=1)
    size = np.sqrt(np.einsum("sbii->sbi", mean).real)
    mean = mean / size[..., :, None] / size[..., None, :]
    sign, log_det = np.linalg.slogdet(mean)
    bins = np.array([block.shape[1] for block in blocks])
    good = (sign.real > 0) & (windows[:, None] * bins > cross.shape[-1])
    return Coherency(
        place, np.ascontiguousarray(mean.real), np.where(good, log_det, 0.0), np.where(good, windows[:, None] * bins, 0)
    )


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
    power: Floats, emg: Floats, weight: Floats, muscle: Floats, mixing: Floats, place: npt.NDArray[np.int64]
) -> Floats:
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
    """
    area = np.einsum("ik,...kf,f->...i", mixing**2, power, weight)
    cross = np.einsum("ik,...kb,jk->...bij", mixing, power[..., place], mixing)
    auto = np.einsum("...ii->...i", cross)
    brain, muscle_share = 1 - emg[..., None, None], emg[..., None, None] * muscle[place][:, None]
    unit = np.sqrt(brain / area[..., None, :] / (brain * auto / area[..., None, :] + muscle_share))
    found = cross * unit[..., :, None] * unit[..., None, :]
    every = np.arange(len(mixing))
    found[..., every, every] = 1.0
    return np.asarray(found)


def block_density(found: Coherency, model: Floats, share: Floats) -> Floats:
    """Return the log density of each block under draws of the model (draw, stage, block); 0 where nothing was seen.

    Parameters
    ----------
    model : (draw, stage, block, channel, channel) array
        Coherency of the model.
    share : (draw,) array
        Share of the windows that counts.
    """
    p = model.shape[-1]
    n = p + share[:, None, None] * found.windows
    fit = -np.linalg.slogdet(model)[1] - np.einsum("...ii->...", np.linalg.solve(model, found.real[None]))
    gamma = 0.5 * p * (p - 1) * np.log(np.pi) + sum(gammaln(n - i) for i in range(p))
    return np.where(found.windows > 0, n * fit + (n - p) * found.log_det + p * n * np.log(n) - gamma, 0.0)


def log_likelihood(
    x: Floats, y: Floats, z: Floats, alpha: Floats, t0: float, kappa: float, emg: Floats, log_share: float,
    ratio: Floats, freq: Floats, weight: Floats, muscle: Floats,
    place: Floats, real: Floats, log_det: Floats, windows: Floats, mixing: Floats, eigenvalues: Floats, channels: float,
) -> tuple[float, Floats, Floats, Floats, Floats, float, float, Floats, float]:  # fmt: skip
    """Return the log likelihood of coherency and its gradient in the first eight arguments.

    Parameters
    ----------
    x, y, z, alpha, emg : (stage,) array
        As in `spectral_kernel.log_likelihood`, like t0, kappa, ratio, freq, weight, muscle and eigenvalues.
    log_share : float
        Log of the share of the windows that counts.
    place, real, log_det, windows : array
        As in `Coherency`.
    mixing : (channel, mode) array
        B = A U.
    channels : float
        How many channels there are; the rest is padding.
    """
    n_stage, n_mode, n_freq = x.shape[0], eigenvalues.shape[0], freq.shape[0]
    p, n_block = int(channels), place.shape[0]
    gradient, g_share, value = np.zeros((7, n_stage)), 0.0, 0.0
    w = 2 * np.pi * freq
    power, slope = np.empty((n_mode, n_freq)), np.empty((6, n_mode, n_freq))
    area, d_area = np.empty(p), np.empty((6, p))
    at, d_at, mix, u, d_u = np.empty(p), np.empty((6, p)), np.empty(p), np.empty(p), np.empty((7, p))
    for s in range(n_stage):
        if windows[s].sum() == 0.0:
            continue
        r, a = ratio[s], alpha[s]
        spread = (1 + r) ** 2 / r
        zp = z[s] * spread
        for f in range(n_freq):
            a1, b1 = 1 - w[f] * w[f] / (r * a * a), -w[f] * (1 + 1 / r) / a
            da1, db1 = 2 * w[f] * w[f] / (r * a * a * a), w[f] * (1 + 1 / r) / (a * a)
            q_re, q_im = a1 * a1 - b1 * b1 + zp, 2 * a1 * b1
            dq_re, dq_im = 2 * (a1 * da1 - b1 * db1), 2 * (a1 * db1 + b1 * da1)
            c, si = math.cos(w[f] * t0), math.sin(w[f] * t0)
            cortex_im = -2 * w[f] / GAMMA
            for k in range(n_mode):
                cortex = 1 - (w[f] / GAMMA) ** 2 + kappa * eigenvalues[k] - x[s]
                re = q_re * cortex - q_im * cortex_im - y[s] * (1 + zp) * c
                im = q_re * cortex_im + q_im * cortex - y[s] * (1 + zp) * si
                gain = 1 / (re * re + im * im)
                steep = -2 * gain * gain
                power[k, f] = gain
                slope[0, k, f] = -steep * (re * q_re + im * q_im)
                slope[1, k, f] = -steep * (1 + zp) * (re * c + im * si)
                slope[2, k, f] = steep * spread * (re * (cortex - y[s] * c) + im * (cortex_im - y[s] * si))
                slope[3, k, f] = steep * (
                    re * (cortex * dq_re - cortex_im * dq_im) + im * (cortex_im * dq_re + cortex * dq_im)
                )
                slope[4, k, f] = steep * y[s] * (1 + zp) * w[f] * (re * si - im * c)
                slope[5, k, f] = -eigenvalues[k] * slope[0, k, f]
        area[:], d_area[:] = 0.0, 0.0
        for i in range(p):
            for k in range(n_mode):
                square = mixing[i, k] ** 2
                for f in range(n_freq):
                    area[i] += square * weight[f] * power[k, f]
                    for q in range(6):
                        d_area[q, i] += square * weight[f] * slope[q, k, f]
        e = emg[s]
        for b in range(n_block):
            if windows[s, b] == 0.0:
                continue
            f = int(place[b])
            cross = (mixing[:p] * power[:, f]) @ mixing[:p].T
            for i in range(p):
                at[i] = cross[i, i]
                mix[i] = (1 - e) * at[i] / area[i] + e * muscle[f]
                u[i] = math.sqrt((1 - e) / (area[i] * mix[i]))
                for q in range(6):
                    d_at[q, i] = 0.0
                    for k in range(n_mode):
                        d_at[q, i] += mixing[i, k] ** 2 * slope[q, k, f]
                    d_mix = (1 - e) * (d_at[q, i] - at[i] * d_area[q, i] / area[i]) / area[i]
                    d_u[q, i] = -0.5 * (d_area[q, i] / area[i] + d_mix / mix[i])
                d_u[6, i] = -0.5 * (1 / (1 - e) + (muscle[f] - at[i] / area[i]) / mix[i])
            model = np.eye(p)
            for i in range(p):
                for j in range(i):
                    model[i, j] = model[j, i] = u[i] * u[j] * cross[i, j]
            inverse = np.ascontiguousarray(np.linalg.inv(model))
            seen = np.ascontiguousarray(real[s, b, :p, :p])
            product = inverse @ seen
            share = math.exp(log_share)
            n = p + windows[s, b] * share
            fit = -math.log(max(np.linalg.det(model), 1e-300)) - np.trace(product)
            normal = p * n * math.log(n) + (n - p) * log_det[s, b] - 0.5 * p * (p - 1) * math.log(math.pi)
            d_normal = p * math.log(n) + p + log_det[s, b]
            for i in range(p):
                normal -= math.lgamma(n - i)
                # derivative of lgamma, by recurrence to where the asymptotic series is exact
                v, digamma = n - i, 0.0
                while v < 8.0:
                    digamma -= 1 / v
                    v += 1
                digamma += math.log(v) - 0.5 / v - (1 / 12 - (1 / 120 - 1 / (252 * v * v)) / (v * v)) / (v * v)
                d_normal -= digamma
            value += n * fit + normal
            g_share += windows[s, b] * share * (fit + d_normal)
            pull = n * (product @ inverse - inverse)
            for q in range(7):
                total = 0.0
                for i in range(p):
                    for j in range(i):
                        change = model[i, j] * (d_u[q, i] + d_u[q, j])
                        if q < 6:
                            moved = 0.0
                            for k in range(n_mode):
                                moved += mixing[i, k] * mixing[j, k] * slope[q, k, f]
                            change += u[i] * u[j] * moved
                        total += 2 * pull[i, j] * change
                gradient[q, s] += total
    return (
        value, gradient[0], gradient[1], gradient[2], gradient[3], gradient[4].sum(), gradient[5].sum(), gradient[6],
        g_share,
    )  # fmt: skip


@cache
def compiled() -> Any:
    """Return the kernel compiled by numba."""
    import numba

    return numba.njit(log_likelihood, error_model="numpy")


@cache
def coherency_op() -> Any:
    """Return the kernel as a PyTensor Op whose outputs are the value and its gradient."""
    import numba

    kernel = compiled()

    @numba.njit
    def evaluate(  # type: ignore[no-untyped-def]
        x, y, z, alpha, t0, kappa, emg, log_share,
        ratio, freq, weight, muscle, place, real, log_det, windows, mixing, eigenvalues, channels,
    ):  # fmt: skip
        value, g_x, g_y, g_z, g_alpha, g_t0, g_kappa, g_emg, g_share = kernel(
            x, y, z, alpha, t0.item(), kappa.item(), emg, log_share.item(),
            ratio, freq, weight, muscle, place, real, log_det, windows, mixing, eigenvalues, channels.item(),
        )  # fmt: skip
        return (
            np.asarray(value), g_x, g_y, g_z, g_alpha, np.asarray(g_t0), np.asarray(g_kappa), g_emg,
            np.asarray(g_share),
        )  # fmt: skip

    return gradient_op(kernel, evaluate, 8)
