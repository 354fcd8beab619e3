"""Compiled log density of a block of coherency, and its derivative; formulas in :mod:`braintwin.inference.coherency`.

Import this module only where something is fitted: it loads numba.
"""

import math
from typing import Any

import numba
import numpy as np

from braintwin.inference.coherency import STEPS
from braintwin.inference.lanes import JIT


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
    shift = np.zeros(p)
    for i in range(p):
        for j in range(p):
            shift[i] += bent[i, j] * product[i, j]
    moved = np.zeros(p)
    for i in range(p):
        for j in range(p):
            moved[i] += bent[i, j] * shift[j]
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
def block_value(model: Any, real: Any, log_det: Any, n: Any, scale: Any, pull: Any) -> Any:
    """Return log density of one block and its derivative in `n`; write its derivative in the model into `pull`.

    NaN where the model is no coherency.
    """
    p = model.shape[0]
    factor, inverse, inner = model.copy(), np.eye(p), np.empty((p, p))
    log_model = solve(factor, inverse)
    for i in range(p):
        if not factor[i, i] > 1e-100:
            return math.nan, math.nan
    bent = weighed(inverse, real, n, scale, inner)
    fit = -log_model - p
    for i in range(p):
        fit += 2 * math.log(scale[i])
    normal, d_normal = normalised(p, n, log_det)
    pull[:] = inverse @ inner @ inverse - n * inverse
    return n * fit + normal - 0.5 * bent, fit + d_normal
