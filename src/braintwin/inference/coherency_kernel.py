"""Compiled log likelihood of coherency with its gradient; :mod:`braintwin.inference.coherency` has the formulas.

Import this module only where something is fitted: it loads numba.
"""

import math
from typing import Any

import numba
import numpy as np

from braintwin.models.corticothalamic import GAMMA

JIT = {"error_model": "numpy"}
STEPS = 60


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def solve(matrix: Any, values: Any) -> Any:
    """Put solutions into the rows of `values` (row, i), Cholesky's factor into `matrix`; return the log determinant.

    For the small matrices of a block, for which a call of LAPACK takes longer than the work.
    """
    p, log_det = matrix.shape[0], 0.0
    for i in range(p):
        for j in range(i + 1):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = math.sqrt(max(matrix[i, i], 1e-300)) if i == j else matrix[i, j] / matrix[j, j]
        log_det += 2 * math.log(matrix[i, i])
    for row in values:
        for i in range(p):
            for k in range(i):
                row[i] -= matrix[i, k] * row[k]
            row[i] /= matrix[i, i]
        for i in range(p - 1, -1, -1):
            for k in range(i + 1, p):
                row[i] -= matrix[k, i] * row[k]
            row[i] /= matrix[i, i]
    return log_det


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def balance(product: Any, scale: Any) -> None:
    """Fill `scale` with d > 0 such that d_i Σ_j product_ij d_j = 1, for a positive semidefinite product.

    It is the maximum of 2 Σ ln d_i - Σ product_ij d_i d_j, to which damped Newton steps lead from anywhere.
    """
    p = product.shape[0]
    matrix, step, slope = np.empty((p, p)), np.empty((1, p)), np.empty(p)
    scale[:] = math.sqrt(p / max(product.sum(), 1e-300))
    for _ in range(STEPS):
        for i in range(p):
            pull = 0.0
            for j in range(p):
                pull += product[i, j] * scale[j]
                matrix[i, j] = product[i, j]
            matrix[i, i] += 1 / scale[i] ** 2
            slope[i] = step[0, i] = 1 / scale[i] - pull
        solve(matrix, step)
        far = 0.0
        for i in range(p):
            far += 2 * slope[i] * step[0, i]
        far = math.sqrt(max(far, 0.0))
        for i in range(p):
            scale[i] += step[0, i] / (1 + far if far > 0.25 else 1.0)
        if far < 1e-11:
            break


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def weighed(inverse: Any, seen: Any, n: Any, scale: Any, inner: Any) -> Any:
    """Fill `scale`, and `inner` with what the density pulls at the inverse of the model by; return log |P + I|."""
    p = inverse.shape[0]
    product, matrix, bent = np.empty((p, p)), np.empty((p, p)), np.eye(p)
    for i in range(p):
        for j in range(p):
            product[i, j] = inverse[i, j] * seen[i, j]
    balance(product, scale)
    for i in range(p):
        for j in range(p):
            product[i, j] *= scale[i] * scale[j]
            matrix[i, j] = product[i, j] + (1.0 if i == j else 0.0)
    spread = solve(matrix, bent)  # bent is the inverse of P + I now
    shift = np.empty((1, p))
    for i in range(p):
        shift[0, i] = 0.0
        for j in range(p):
            shift[0, i] += bent[i, j] * product[i, j]
    moved = np.empty(p)
    for i in range(p):
        moved[i] = 0.0
        for j in range(p):
            moved[i] += bent[i, j] * shift[0, j]
    for i in range(p):
        for j in range(p):
            inner[i, j] = scale[i] * scale[j] * seen[i, j] * (n + 0.5 * (bent[i, j] - moved[i] - moved[j]))
    return spread


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def normalised(p: Any, n: Any, log_det: Any) -> Any:
    """Return what of the log density does not depend on the model, and its derivative by n."""
    value = p * n * math.log(n) + (n - p) * log_det - 0.5 * p * (p - 1) * math.log(math.pi)
    value += p * math.log(2) + 0.5 * p * math.log(math.pi / n)
    slope = p * math.log(n) + p + log_det - 0.5 * p / n
    for i in range(p):
        value -= math.lgamma(n - i)
        # derivative of lgamma, by recurrence to where the asymptotic series is exact
        v, digamma = n - i, 0.0
        while v < 8.0:
            digamma -= 1 / v
            v += 1
        digamma += math.log(v) - 0.5 / v - (1 / 12 - (1 / 120 - 1 / (252 * v * v)) / (v * v)) / (v * v)
        slope -= digamma
    return value, slope


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_likelihood(
    x: Any, y: Any, z: Any, alpha: Any, t0: Any, kappa: Any, emg: Any, log_share: Any,
    ratio: Any, freq: Any, weight: Any, muscle: Any,
    place: Any, real: Any, log_det: Any, windows: Any, mixing: Any, eigenvalues: Any, channels: Any,
) -> Any:  # fmt: skip
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
    share = math.exp(log_share)
    p, n_block = int(channels), place.shape[0]
    gradient, g_share, value = np.zeros((7, n_stage)), 0.0, 0.0
    w = 2 * np.pi * freq
    power, slope = np.empty((n_mode, n_freq)), np.empty((6, n_mode, n_freq))
    area, d_area = np.empty(p), np.empty((6, p))
    at, d_at, mix, u, d_u = np.empty(p), np.empty((6, p)), np.empty(p), np.empty(p), np.empty((7, p))
    scale, inner = np.empty(p), np.empty((p, p))
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
            n = p + windows[s, b] * share
            inverse = np.ascontiguousarray(np.linalg.inv(model))
            bent = weighed(inverse, real[s, b], n, scale, inner)
            fit = -math.log(max(np.linalg.det(model), 1e-300)) - p
            for i in range(p):
                fit += 2 * math.log(scale[i])
            normal, d_normal = normalised(p, n, log_det[s, b])
            value += n * fit + normal - 0.5 * bent
            g_share += windows[s, b] * share * (fit + d_normal)
            pull = inverse @ inner @ inverse - n * inverse
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
