"""Artefacts read straight from HDF5: of a posterior, five to fifteen times as fast as through xarray's decoding.

A study's pages open some ten files a person. What comes back equals what xarray reads (a test), for the plain encodings
that :mod:`braintwin.io.arrays` and :mod:`braintwin.io.posterior` write.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.io.arrays import unreadable

_INTERNAL = {
    "CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties",
    "_nc3_strict", "_FillValue", "coordinates", "dtype",
}  # fmt: skip
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def read_groups_of(path: Path | str, groups: Sequence[str] | None = None) -> dict[str, xr.Dataset]:
    """Return the named groups that a file has, or all, in memory; the root's attributes are under ``"/"``.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    """
    with _opened(path) as stored:
        wanted = [name for name in stored if isinstance(stored[name], h5py.Group)] if groups is None else groups
        found = {name: _group(stored[name]) for name in wanted if name in stored}
        return {"/": xr.Dataset(attrs=_attributes(stored)), **found}


def read_attributes(path: Path | str, group: str) -> dict[str, Any]:
    """Return the attributes of a group alone; none where the file does not have it.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    """
    with _opened(path) as stored:
        return _attributes(stored[group]) if group in stored else {}


def read_quickly(path: Path | str, contract: Contract) -> xr.Dataset:
    """Return an artefact as :func:`braintwin.io.arrays.read_dataset` does, checked against its contract.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    ContractError
        If it breaks its contract.
    """
    path = Path(path)
    with _opened(path) as stored:
        dataset = _group(stored)
    return contract.check(dataset, f"{path.parent.name}/{path.name}")


def read_part(path: Path | str, name: str, **places: int) -> np.ndarray:
    """Return one variable of an artefact at one place along some of its dimensions, and nothing else of the file.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    """
    with _opened(path) as stored:
        dims = _dimensions(name, stored[name])
        return np.asarray(stored[name][tuple(places.get(dim, slice(None)) for dim in dims)])


def read_names(path: Path | str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return some coordinates of an artefact as text.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    """
    with _opened(path) as stored:
        return {name: [str(value) for value in _values(stored[name])] for name in names if name in stored}


@contextmanager
def _opened(path: Path | str) -> Iterator[Any]:
    try:
        with h5py.File(path, "r") as stored:
            yield stored
    except (OSError, ValueError) as cause:
        raise unreadable(Path(path), cause) from cause


def _group(group: Any) -> xr.Dataset:
    variables, labels = {}, set(str(_plain(group.attrs.get("coordinates", ""))).split())
    for name, stored in group.items():
        if not isinstance(stored, h5py.Dataset) or bytes(stored.attrs.get("NAME", b"")).startswith(_NO_VARIABLE):
            continue
        variables[name] = (_dimensions(name, stored), _values(stored), _attributes(stored))
        labels |= set(str(_plain(stored.attrs.get("coordinates", ""))).split())
    sizes = {dim for dims, _, _ in variables.values() for dim in dims}
    coords = {name: v for name, v in variables.items() if name in labels or (name in sizes and v[0] == (name,))}
    return xr.Dataset(
        {name: v for name, v in variables.items() if name not in coords}, coords=coords, attrs=_attributes(group)
    )


def _dimensions(name: str, stored: Any) -> tuple[str, ...]:
    if "DIMENSION_LIST" not in stored.attrs:
        return (name,) if stored.ndim == 1 else ()
    scales = (h5py.h5r.get_name(refs[0], stored.id) for refs in stored.attrs["DIMENSION_LIST"])
    return tuple(name.decode().rsplit("/", 1)[-1] for name in scales)


def _values(stored: Any) -> np.ndarray:
    if h5py.check_string_dtype(stored.dtype) is not None:
        return np.asarray(stored.asstr()[()]).astype(str)
    values = np.asarray(stored[()])
    return values.astype(bool) if _plain(stored.attrs.get("dtype", "")) == "bool" else values


def _attributes(holder: Any) -> dict[str, Any]:
    stored = holder.attrs  # its items() would read the internal ones too: references to every variable, slowly
    return {str(name): _plain(stored[name]) for name in stored if name not in _INTERNAL}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, np.ndarray) and value.size == 1:
        return _plain(value.item())
    return value
