"""Compiled kernels of the hypnogram twin: likelihood of counts, its mode for a person, importance sampling.

The effects of the nights of a person, stacked as e (night, group), are normal before the data: mean M and covariance
1 1ᵀ ⊗ Σ_person + I ⊗ Σ_night. The likelihood depends on e alone; the person's lasting effect follows from e by the
conditional normal. Import this module only where something is fitted: it loads numba.
"""

from typing import Any

import numba
import numpy as np

JIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def offsets(row: Any, bins: Any, owner: Any, arousal: Any, base: Any, time: Any, dwell: Any, pressure: Any,
            clock: Any, load: Any, recent: Any, stages_of: Any) -> Any:  # fmt: skip
    """Return the log odds of every cell and way out but for the effects, (cell, way)."""
    out = np.empty((row.shape[0], 4))
    for c in range(row.shape[0]):
        k = row[c]
        for j in range(4):
            value = base[k, j]
            if k < 5:
                value += (
                    time[k, bins[c, 0], j] + dwell[k, bins[c, 1], j] + pressure[k, bins[c, 2], j]
                    + clock[k, bins[c, 3], j] + load[k, bins[c, 4], j] + recent[k, bins[c, 5], j]
                )  # fmt: skip
                if stages_of[k, j] == 0:
                    value += arousal[owner[c]]
            out[c, j] = value
    return out


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def night_value(first: Any, last: Any, offset: Any, row: Any, left: Any, total: Any, groups: Any, effect: Any) -> float:
    """Return the log likelihood of the cells `first` to `last` of one night, given its effects (group,)."""
    value = 0.0
    for c in range(first, last):
        k, out = row[c], 1.0
        for j in range(4):
            eta = offset[c, j] + effect[groups[k, j]]
            if left[c, j] > 0:
                value += left[c, j] * eta
            out += np.exp(eta)
        value -= total[c] * np.log(out)
    return value


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def night_slopes(first: Any, last: Any, offset: Any, row: Any, left: Any, total: Any, groups: Any, effect: Any,
                 gradient: Any, hessian: Any) -> float:  # fmt: skip
    """Return the log likelihood of one night; fill its gradient (group,) and negative Hessian (group, group)."""
    gradient[:] = 0.0
    hessian[:] = 0.0
    value, chance = 0.0, np.empty(4)
    for c in range(first, last):
        k, out = row[c], 1.0
        for j in range(4):
            eta = offset[c, j] + effect[groups[k, j]]
            if left[c, j] > 0:
                value += left[c, j] * eta
            chance[j] = np.exp(eta)
            out += chance[j]
        value -= total[c] * np.log(out)
        for j in range(4):
            chance[j] /= out
        for j in range(4):
            g = groups[k, j]
            gradient[g] += left[c, j] - total[c] * chance[j]
            hessian[g, g] += total[c] * chance[j]
            for m in range(4):
                hessian[g, groups[k, m]] -= total[c] * chance[j] * chance[m]
    return value


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def mode(bounds: Any, offset: Any, row: Any, left: Any, total: Any, groups: Any, mean: Any, precision: Any,
         at: Any, iterations: int) -> Any:  # fmt: skip
    """Move `at` (night × group,) to the posterior mode; return (log posterior but its constant, precision there).

    Parameters
    ----------
    bounds : (night + 1,) int
        First cell of each night.
    mean : (night × group,) float
    precision : (night × group, night × group) float
        Of the prior of the stacked effects.
    """
    nights, size = bounds.shape[0] - 1, groups.max() + 1
    dim = nights * size
    gradient, hessian = np.zeros(dim), np.zeros((dim, dim))
    g, h = np.zeros(size), np.zeros((size, size))
    value = -np.inf
    for it in range(iterations + 1):
        hessian[:] = precision
        gap = at - mean
        pull = precision @ gap
        value = -0.5 * (gap @ pull)
        gradient[:] = -pull
        for i in range(nights):
            a, b = i * size, (i + 1) * size
            value += night_slopes(bounds[i], bounds[i + 1], offset, row, left, total, groups, at[a:b], g, h)
            gradient[a:b] += g
            hessian[a:b, a:b] += h
        if it == iterations:
            break
        step = np.linalg.solve(hessian, gradient)
        if np.abs(step).max() < 1e-6:
            break
        # Far from the mode a whole step may overshoot.
        scale = 1.0
        for _ in range(12):
            trial = at + scale * step
            gap = trial - mean
            new = -0.5 * (gap @ (precision @ gap))
            for i in range(nights):
                a, b = i * size, (i + 1) * size
                new += night_value(bounds[i], bounds[i + 1], offset, row, left, total, groups, trial[a:b])
            if new >= value - 1e-9:
                break
            scale *= 0.5
        at[:] = at + scale * step
    return value, hessian


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_weights(bounds: Any, offset: Any, row: Any, left: Any, total: Any, groups: Any, mean: Any, precision: Any,
                centre: Any, root: Any, freedom: float, normals: Any, chi: Any, draws: Any) -> Any:  # fmt: skip
    """Return log p(counts, e) - log q(e) but for constants, (draw,), of e drawn from a t about the mode.

    Parameters
    ----------
    root : (dim, dim) float
        Inverse of the lower Cholesky factor of the precision at the mode, transposed: draws are centre + root z.
    freedom : float
        Degrees of freedom of the t.
    normals : (draw, dim) float
    chi : (draw,) float
        Square roots of chi-square over its degrees of freedom.
    draws : (draw, dim) float
        Filled with e.
    """
    size = groups.max() + 1
    nights, dim = bounds.shape[0] - 1, centre.shape[0]
    out = np.empty(normals.shape[0])
    for s in range(normals.shape[0]):
        z = normals[s] / chi[s]
        e = centre + root @ z
        draws[s] = e
        gap = e - mean
        value = -0.5 * (gap @ (precision @ gap))
        for i in range(nights):
            value += night_value(
                bounds[i], bounds[i + 1], offset, row, left, total, groups, e[i * size : (i + 1) * size]
            )
        out[s] = value + 0.5 * (freedom + dim) * np.log1p((z @ z) / freedom)
    return out


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def coefficient_slopes(k: int, row: Any, bins: Any, offset: Any, effect: Any, owner: Any, left: Any, total: Any,
                       groups: Any, basis: Any, centres: Any, places: Any, gradient: Any,
                       hessian: Any) -> float:  # fmt: skip
    """Fill gradient and negative Hessian of the coefficients of row `k`; return the log likelihood.

    The coefficients of a way out are: constant, time basis, pressure, then one for each bin of dwell, clock, load
    and recent wake, which begin at `places`. `hessian` is (way, coefficient, way, coefficient).
    """
    gradient[:] = 0.0
    hessian[:] = 0.0
    n_basis = basis.shape[1]
    n_active = 1 + n_basis + 1 + 4
    index, x, chance = np.empty(n_active, np.int64), np.empty(n_active), np.empty(4)
    value = 0.0
    for c in range(row.shape[0]):
        if row[c] != k:
            continue
        out = 1.0
        for j in range(4):
            eta = offset[c, j] + effect[owner[c], groups[k, j]]
            if left[c, j] > 0:
                value += left[c, j] * eta
            chance[j] = np.exp(eta)
            out += chance[j]
        value -= total[c] * np.log(out)
        index[0], x[0] = 0, 1.0
        for b in range(n_basis):
            index[1 + b], x[1 + b] = 1 + b, basis[bins[c, 0], b]
        index[1 + n_basis], x[1 + n_basis] = 1 + n_basis, centres[bins[c, 2]]
        n = 2 + n_basis
        index[n], index[n + 1] = places[0] + bins[c, 1], places[1] + bins[c, 3]
        index[n + 2], index[n + 3] = places[2] + bins[c, 4], places[3] + bins[c, 5]
        x[n : n + 4] = 1.0
        for j in range(4):
            p = chance[j] / out
            residual = left[c, j] - total[c] * p
            for a in range(n_active):
                gradient[j, index[a]] += residual * x[a]
            for m in range(j + 1):
                weight = total[c] * p * ((1.0 if m == j else 0.0) - chance[m] / out)
                for a in range(n_active):
                    wx = weight * x[a]
                    for b in range(n_active):
                        hessian[j, index[a], m, index[b]] += wx * x[b]
    for j in range(4):
        for m in range(j):
            hessian[m, :, j, :] = hessian[j, :, m, :].T
    return value


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def stacked(nights: int, person_cov: Any, night_cov: Any) -> Any:
    """Return the prior covariance of the stacked effects of `nights` nights, (night × group, night × group)."""
    size = person_cov.shape[0]
    out = np.empty((nights * size, nights * size))
    for i in range(nights):
        for j in range(nights):
            block = person_cov + night_cov if i == j else person_cov
            out[i * size : (i + 1) * size, j * size : (j + 1) * size] = block
    return out


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def everybody(starts: Any, bounds: Any, offset: Any, row: Any, left: Any, total: Any, groups: Any, person_mean: Any,
              night_mean: Any, person_covs: Any, night_covs: Any, which: Any, at: Any, normals: Any, iterations: int,
              effect: Any, mirrored: Any, person: Any, night: Any, person_spread: Any, night_spread: Any,
              evidence: Any) -> None:  # fmt: skip
    """Find everybody's posterior by Laplace's method.

    Parameters
    ----------
    starts : (person + 1,) int
        First night of each person.
    person_mean : (person, group) float
    night_mean : (night, group) float
    person_covs, night_covs : (kind, group, group) float
    which : (person,) int
        Which of them holds for whom.
    at : (night, group) float
        Where the search begins; moved to the mode.
    normals : (night, group) float
        Noise of one draw of the effects.
    effect, mirrored : (night, group) float
        Filled with that draw and its mirror image about the mode.
    person, night : (person, group), (night, group) float
        Filled with the posterior means of person and night effects, the latter about `night_mean`.
    person_spread, night_spread : (person, group, group), (night, group, group) float
        Filled with their posterior second moments about the prior means.
    evidence : (person,) float
        Filled with the log marginal likelihood.
    """
    size = groups.max() + 1
    for p in range(starts.shape[0] - 1):
        a, b = starts[p], starts[p + 1]
        n = b - a
        dim = n * size
        person_cov = person_covs[which[p]]
        precision = np.linalg.inv(stacked(n, person_cov, night_covs[which[p]]))
        precision = (precision + precision.T) / 2
        mean = np.empty(dim)
        for i in range(n):
            mean[i * size : (i + 1) * size] = person_mean[p] + night_mean[a + i]
        point = at[a:b].copy().reshape(dim)
        value, hessian = mode(bounds[a : b + 1], offset, row, left, total, groups, mean, precision, point, iterations)
        at[a:b] = point.reshape((n, size))
        root = np.linalg.inv(np.linalg.cholesky(hessian)).T.copy()
        cov = root @ root.T
        evidence[p] = value + 0.5 * (np.linalg.slogdet(precision)[1] - np.linalg.slogdet(hessian)[1])
        step = root @ normals[a:b].copy().reshape(dim)
        effect[a:b] = (point + step).reshape((n, size))
        mirrored[a:b] = (point - step).reshape((n, size))
        # The person given e is normal: gain (e - M), covariance rest.
        across = np.empty((size, dim))
        for i in range(n):
            across[:, i * size : (i + 1) * size] = person_cov
        gain = across @ precision
        rest = person_cov - gain @ across.T
        expected = gain @ (point - mean)
        spread = rest + gain @ cov @ gain.T
        person[p] = person_mean[p] + expected
        person_spread[p] = spread + np.outer(expected, expected)
        joint = cov @ gain.T
        for i in range(n):
            c, d = i * size, (i + 1) * size
            u = point[c:d] - mean[c:d] - expected
            cross = joint[c:d]
            night[a + i] = u
            night_spread[a + i] = cov[c:d, c:d] + spread - cross - cross.T + np.outer(u, u)
