"""The explanations of one person's spectra as they are stored: how heavy each is, and where it lies."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.inference.explanations import Mode, weights

_SUMMARISED = ("X", "Y", "Z", "emg_fraction", "alpha", "t0", "kappa", "residual_sd")


def summarise(found: Sequence[Mode], posteriors: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return weight, evidence, height, starts and posterior means of every explanation, heaviest first."""
    mass = np.array([mode.log_mass for mode in found])
    means = xr.concat(
        [one[list(_SUMMARISED)].mean(("chain", "draw")) for one in posteriors], "explanation", join="outer"
    )
    return means.assign(
        weight=("explanation", weights(mass)),
        log_evidence=("explanation", mass),
        log_density=("explanation", np.array([mode.log_density for mode in found])),
        starts=("explanation", np.array([mode.starts for mode in found])),
    ).drop_attrs(deep=False)


def without(first: xr.Dataset, others: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the draws of the explanations beyond the first (explanation, chain, draw, ...), as many as all have."""
    fewest = {dim: slice(min((one.sizes[dim] for one in others), default=0)) for dim in ("chain", "draw")}
    others = [one.isel(fewest) for one in others]
    several = others or [first.isel(chain=slice(0), draw=slice(0))]
    stacked = xr.concat(list(several), "explanation", join="outer").drop_attrs(deep=False)
    return stacked if others else stacked.isel(explanation=slice(0))


def differences(told: xr.Dataset, first: xr.Dataset, others: xr.Dataset, most: int = 3) -> list[str]:
    """Return the parameters that tell the first two explanations apart by over one sd, with their means in each.

    Parameters
    ----------
    told, first, others : Dataset
        The groups ``explanations``, ``posterior`` and ``others`` of a fit.
    """
    second = others.isel(explanation=0)
    ranked: list[tuple[float, str]] = []
    for name in _SUMMARISED:
        spread = np.sqrt([one[name].var(("chain", "draw")).values for one in (first, second)]).mean(axis=0)
        means = told[name].values
        gap = np.atleast_1d(np.abs(means[0] - means[1]) / np.maximum(spread, 1e-12))
        labels = [f"{name}[{stage}]" for stage in told["stage"].values] if means.ndim > 1 else [name]
        columns = means.reshape(len(means), -1).T
        ranked += [
            (float(size), f"{label} {' or '.join(f'{value:.3g}' for value in column)}")
            for size, label, column in zip(gap, labels, columns, strict=True)
        ]
    ranked.sort(reverse=True)
    return [words for gap, words in ranked[:most] if gap > 1 or gap == ranked[0][0]]


def moving(draws: xr.Dataset) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the chains (chain, draw) of every scalar parameter that moved."""
    for name in _SUMMARISED:
        values = draws[name].transpose("chain", "draw", ...).values
        for column in values.reshape(*values.shape[:2], -1).transpose(2, 0, 1):
            if np.ptp(column) > 0:
                yield column.astype(float)
