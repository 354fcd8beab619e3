"""Posteriors as NetCDF groups: the one seam between ArviZ 0.23 (Python 3.11) and ArviZ 1 (3.12 and later).

Groups are plain :class:`xarray.Dataset` in a :class:`xarray.DataTree`; nothing else in BrainTwin touches
``InferenceData``. Diagnostics take arrays of shape (chain, draw).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import as_str, atomic, storable, unreadable


def write_groups(
    path: Path | str,
    groups: Mapping[str, xr.Dataset],
    contracts: Mapping[str, Contract],
    stamp: Mapping[str, Any] | None = None,
) -> None:
    """Check every group that has a contract and write them all into one NetCDF file, atomically.

    Parameters
    ----------
    path : path
        The artefact, for example ``people/<person>/spectral.nc``.
    groups : mapping of str to Dataset
        ``posterior``, ``prior``, ``sample_stats``, ``observed_data``, ``posterior_predictive`` and others.
    contracts : mapping of str to Contract
        Contract of each group that must be present.
    stamp : mapping, optional
        Provenance, stored as attributes of the root.
    """
    checked = {}
    for name, dataset in groups.items():
        contract = contracts.get(name)
        if contract is not None:
            dataset = contract.check(contract.stamp_units(dataset), Path(path).name)
        checked[name] = storable(dataset)
    absent = [name for name in contracts if name not in groups]
    if absent:
        message = f"{Path(path).name}: group(s) absent: {', '.join(absent)}"
        raise BrainTwinError(message)
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs=dict(stamp or {})), **checked})
    with atomic(path) as temporary:
        tree.to_netcdf(temporary, engine="h5netcdf")


def read_groups(path: Path | str, contracts: Mapping[str, Contract] | None = None) -> dict[str, xr.Dataset]:
    """Read all groups into memory; the root's attributes are under ``"/"``.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    """
    path = Path(path)
    try:
        with xr.open_datatree(path, engine="h5netcdf", decode_timedelta=False) as tree:
            groups = {
                node.path.strip("/") or "/": as_str(node.to_dataset(inherit=False).load()) for node in tree.subtree
            }
    except (OSError, ValueError) as cause:
        raise unreadable(path, cause) from cause
    for name, contract in (contracts or {}).items():
        contract.check(groups.get(name, xr.Dataset()), f"{path.parent.name}/{path.name}")
    return groups


def posterior_dataset(result: Any, group: str = "posterior") -> xr.Dataset:
    """Return one group of what a sampler returned, whichever ArviZ made it."""
    found: Any = result[group] if isinstance(result, xr.DataTree) else getattr(result, group)
    return found.to_dataset() if isinstance(found, xr.DataTree) else xr.Dataset(found)


@cache
def _major() -> int:
    from importlib.metadata import version

    return int(version("arviz").split(".")[0])


def _apply(name: str, values: npt.NDArray[np.floating], **keywords: Any) -> float:
    if not np.all(np.isfinite(values)) or np.ptp(values) == 0:
        return float("nan")
    if _major() >= 1:
        from arviz_stats.base import array_stats

        return float(getattr(array_stats, name)(values, chain_axis=0, draw_axis=1, **keywords))
    import arviz

    return float(getattr(arviz, name)(values, **keywords))


def rhat(values: npt.NDArray[np.floating]) -> float:
    """Return the rank-normalised split R-hat of draws (chain, draw); doi:10.1214/20-BA1221."""
    return _apply("rhat", values)


def ess(values: npt.NDArray[np.floating], method: Literal["bulk", "tail"] = "bulk") -> float:
    """Return the effective sample size of draws (chain, draw); doi:10.1214/20-BA1221."""
    # ArviZ 0 takes these tails by default; the array interface of ArviZ 1 has no default.
    return _apply("ess", values, method=method, **({"prob": (0.05, 0.95)} if method == "tail" else {}))


def mcse(values: npt.NDArray[np.floating]) -> float:
    """Return the Monte-Carlo standard error of the mean of draws (chain, draw)."""
    return float(np.std(values, ddof=1) / np.sqrt(_apply("ess", values, method="mean")))


def ebfmi(energy: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the energy Bayesian fraction of missing information of each chain; arXiv:1604.00695."""
    return np.asarray(np.square(np.diff(energy, axis=1)).mean(axis=1) / np.var(energy, axis=1, ddof=1))
