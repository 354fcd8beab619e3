"""Posteriors as NetCDF groups: the one seam between ArviZ 0.23 (Python 3.11) and ArviZ 1 (3.12 and later).

Groups are plain :class:`xarray.Dataset` in a :class:`xarray.DataTree`; nothing else in BrainTwin touches
``InferenceData``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.errors import BrainTwinError
from braintwin.io.groups import read_groups_of
from braintwin.io.quick import write_groups_quickly


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
        checked[name] = dataset
    absent = [name for name in contracts if name not in groups]
    if absent:
        message = f"{Path(path).name}: group(s) absent: {', '.join(absent)}"
        raise BrainTwinError(message)
    write_groups_quickly(path, checked, stamp or {})


def read_groups(path: Path | str, contracts: Mapping[str, Contract] | None = None) -> dict[str, xr.Dataset]:
    """Read all groups into memory; the root's attributes are under ``"/"``.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    """
    path = Path(path)
    groups = read_groups_of(path)
    for name, contract in (contracts or {}).items():
        contract.check(groups.get(name, xr.Dataset()), f"{path.parent.name}/{path.name}")
    return groups


def posterior_dataset(result: Any, group: str = "posterior") -> xr.Dataset:
    """Return one group of what a sampler returned, whichever ArviZ made it."""
    found: Any = result[group] if isinstance(result, xr.DataTree) else getattr(result, group)
    return found.to_dataset() if isinstance(found, xr.DataTree) else xr.Dataset(found)
