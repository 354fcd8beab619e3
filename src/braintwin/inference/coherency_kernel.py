"""Compiled log likelihood of coherency with its gradient; :mod:`braintwin.inference.coherency` has the formulas.

Import this module only where something is fitted: it loads numba.
"""

import math
from typing import Any

import numba
import numpy as np

from braintwin.inference.coherency_block import block_value
from braintwin.inference.field_passes import filters, pull_through, respond, scatter
from braintwin.inference.lanes import JIT
from braintwin.models.corticothalamic import GAMMA


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def coherencies(
    e: Any, muscle: Any, mixing: Any, power: Any, area: Any, bins: Any, unit: Any, mix: Any, each: Any
) -> None:
    """Write the coherency of the model at each frequency of a block into `each` (bin, channel, channel).

    And its factors: `unit` and `mix`, (bin, channel).
    """
    p, n_mode = area.shape[0], power.shape[0]
    for b in range(bins.shape[0]):
        f = int(bins[b])
        for i in range(p):
            for j in range(i + 1):
                each[b, i, j] = 0.0
                for k in range(n_mode):
                    each[b, i, j] += mixing[i, k] * mixing[j, k] * power[k, f]
            mix[b, i] = (1 - e) * each[b, i, i] / area[i] + e * muscle[f]
            unit[b, i] = math.sqrt((1 - e) / (area[i] * mix[b, i]))
        for i in range(p):
            for j in range(i):
                each[b, i, j] *= unit[b, i] * unit[b, j]


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def pull_blocks(
    pull: Any, kept: Any, e: Any, muscle: Any, mixing: Any, area: Any, bins: Any, unit: Any, mix: Any, each: Any,
    g_power: Any, g_area: Any,
) -> Any:  # fmt: skip
    """Add to `g_power` (mode, freq) and `g_area` (channel,) what a block pulls at; return the derivative in the EMG.

    `pull` is what the density pulls at the model by, `kept` what is left of a pair's coherency; as of `coherencies`,
    each[b, i, i] is the power at the channel.
    """
    p, n_mode, n_bin = area.shape[0], g_power.shape[0], bins.shape[0]
    weight, of_unit, g_e = np.empty((p, p)), np.empty(p), 0.0
    for b in range(n_bin):
        f = int(bins[b])
        of_unit[:] = 0.0
        for i in range(p):
            for j in range(i):
                # derivative in the cross-spectrum, both triangles
                share = 2 * pull[i, j] * kept[i, j] / n_bin
                weight[i, j] = share * unit[b, i] * unit[b, j]
                of_unit[i] += share * each[b, i, j]
                of_unit[j] += share * each[b, i, j]
        for i in range(p):
            at = each[b, i, i]
            half = 0.5 * of_unit[i]
            g_e -= half * (1 / (1 - e) + (muscle[f] - at / area[i]) / mix[b, i])
            g_area[i] -= half * (1 / area[i] - (1 - e) * at / (area[i] * area[i] * mix[b, i]))
            weight[i, i] = -half * (1 - e) / (area[i] * mix[b, i])
            for j in range(i + 1):
                for k in range(n_mode):
                    g_power[k, f] += weight[i, j] * mixing[i, k] * mixing[j, k]
    return g_e


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_likelihood(
    x: Any, y: Any, z: Any, alpha: Any, t0: Any, kappa: Any, emg: Any, log_share: Any, log_loss: Any,
    ratio: Any, freq: Any, weight: Any, muscle: Any,
    place: Any, real: Any, log_det: Any, windows: Any, mixing: Any, eigenvalues: Any, channels: Any,
) -> Any:  # fmt: skip
    """Return the log likelihood of coherency and its gradient in the first nine arguments.

    Parameters
    ----------
    x, y, z, alpha, emg : (stage,) array
        As in `spectral_kernel.log_likelihood`, like t0, kappa, ratio, freq, weight, muscle and eigenvalues.
    log_share : float
        Log of the share of the windows that counts.
    log_loss : (pair,) array
        Log of what each pair loses, by rows of the lower triangle; pairs of padding come last.
    place, real, log_det, windows : array
        As in `Coherency`.
    mixing : (channel, mode) array
        B = A U.
    channels : float
        How many channels there are; the rest is padding.
    """
    n_stage, n_mode, n_freq = x.shape[0], eigenvalues.shape[0], freq.shape[0]
    p, n_block, n_bin = int(channels), place.shape[0], place.shape[1]
    gradient, g_share, g_loss, value = np.zeros((7, n_stage)), 0.0, np.zeros(log_loss.shape[0]), 0.0
    w, share = 2 * np.pi * freq, math.exp(log_share)
    cortex = np.stack((1 - (w / GAMMA) ** 2, -2 * w / GAMMA))
    delay = np.stack((np.cos(w * t0), np.sin(w * t0)))
    own, wave, work = np.empty((3, 2, n_freq)), np.empty((3, 2, n_freq)), np.empty((7, n_freq))
    loop = np.empty((2, 2, n_freq))
    re, im = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    power, g_power = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    area, g_area, scale = np.empty(p), np.empty(p), np.empty(p)
    unit, mix, each = np.empty((n_bin, p)), np.empty((n_bin, p)), np.empty((n_bin, p, p))
    kept, model, pull = np.eye(p), np.eye(p), np.empty((p, p))
    for i in range(p):
        for j in range(i):
            kept[i, j] = math.exp(-math.exp(log_loss[i * (i - 1) // 2 + j]))
    for s in range(n_stage):
        if windows[s].sum() == 0.0:
            continue
        spread = (1 + ratio[s]) ** 2 / ratio[s]
        zp = z[s] * spread
        back = y[s] * (1 + zp)
        filters(alpha[s], ratio[s], zp, w, delay, own, wave, loop)
        for k in range(n_mode):
            respond(kappa * eigenvalues[k], x[s], back, own, wave, loop, cortex, re[k], im[k], power[k])
        g_power[:], g_area[:], area[:] = 0.0, 0.0, 0.0
        for i in range(p):
            for k in range(n_mode):
                for f in range(n_freq):
                    area[i] += mixing[i, k] * mixing[i, k] * weight[f] * power[k, f]
        for b in range(n_block):
            if windows[s, b] == 0.0:
                continue
            coherencies(emg[s], muscle, mixing, power, area, place[b], unit, mix, each)
            for i in range(p):
                for j in range(i):
                    model[i, j] = 0.0
                    for t in range(n_bin):
                        model[i, j] += each[t, i, j] / n_bin
                    model[i, j] *= kept[i, j]
                    model[j, i] = model[i, j]
            one, by_n = block_value(model, real[s, b], log_det[s, b], p + windows[s, b] * share, scale, pull)
            value += one
            g_share += windows[s, b] * share * by_n
            for i in range(p):
                for j in range(i):
                    pair = i * (i - 1) // 2 + j
                    g_loss[pair] -= 2 * pull[i, j] * model[i, j] * math.exp(log_loss[pair])
            gradient[6, s] += pull_blocks(
                pull, kept, emg[s], muscle, mixing, area, place[b], unit, mix, each, g_power, g_area
            )
        for k in range(n_mode):
            for f in range(n_freq):
                for i in range(p):
                    g_power[k, f] += g_area[i] * mixing[i, k] * mixing[i, k] * weight[f]
            of = pull_through(
                g_power[k], power[k], re[k], im[k], kappa * eigenvalues[k], x[s], back, own, wave, loop, cortex, w, work
            )
            scatter(of, eigenvalues[k], y[s], zp, spread, gradient[:, s])
    return (
        value, gradient[0], gradient[1], gradient[2], gradient[3], gradient[4].sum(), gradient[5].sum(), gradient[6],
        g_share, g_loss,
    )  # fmt: skip
