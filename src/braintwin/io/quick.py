"""Artefacts written straight to HDF5: what xarray writes, eight times as fast.

Where a step writes some dozens of small variables for each of a thousand people, most of its time would go into the
layers between xarray and HDF5: a second for each posterior. The file has the same values, attributes and digest, and
reads as any NetCDF4 file; what does not pack is not compressed.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.io.arrays import atomic, storable

SAMPLE, WORTH = 8192, 0.7
"""Values that are tried, and the part of their size that they must go down to."""

_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."


def write_quickly(
    path: Path | str, dataset: xr.Dataset, contract: Contract, stamp: Mapping[str, Any] | None = None
) -> None:
    """Check `dataset` against `contract`, stamp it and write it to NetCDF, atomically."""
    dataset = contract.check(contract.stamp_units(dataset), Path(path).name)
    with atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as stored:
        _store(stored, storable(dataset).assign_attrs(dict(stamp or {})), 0)


def write_groups_quickly(path: Path | str, groups: Mapping[str, xr.Dataset], attrs: Mapping[str, Any]) -> None:
    """Write datasets as the groups of one NetCDF file, and `attrs` as those of its root, atomically."""
    with atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as stored:
        _attributes(stored, attrs)
        known = 0
        for name, dataset in groups.items():
            _store(stored.create_group(name, track_order=True), storable(dataset), known)
            known += len(dataset.sizes)


def _store(stored: Any, dataset: xr.Dataset, known: int) -> None:
    """Fill a group; `known` dimensions of the file have their numbers already."""
    variables = dataset.variables
    beside = [name for name in dataset.coords if variables[name].dims != (name,)]
    lost = {*beside}
    found: dict[Any, Any] = {}
    for name in (*dataset.data_vars, *dataset.coords):
        near = [str(c) for c in beside if {*variables[c].dims} <= {*variables[name].dims}]
        near = [] if name in dataset.coords else near
        found[name] = _variable(stored, str(name), variables[name], near)
        lost -= {*near}
    _dimensions(stored, dataset, found, known)
    _attributes(stored, dataset.attrs | ({"coordinates": " ".join(sorted(map(str, lost)))} if lost else {}))


def _variable(stored: Any, name: str, variable: xr.Variable, beside: list[str]) -> Any:
    values, attrs, kept = variable.values, dict(variable.attrs), {}
    if values.dtype.kind == "f":
        kept["fillvalue"] = attrs["_FillValue"] = values.dtype.type(np.nan)
    if values.dtype.kind in "fiu" and values.size > 1000 and _packs(values):
        kept |= {"compression": "gzip", "compression_opts": 1, "chunks": values.shape}
    if values.dtype.kind == "b":
        values, attrs["dtype"] = values.astype(np.int8), "bool"
    if values.dtype.kind in "UO":
        values, kept["dtype"] = values.astype(object), h5py.string_dtype()
    if beside:
        attrs["coordinates"] = " ".join(sorted(beside))
    made = stored.create_dataset(name, data=values, **kept)
    _attributes(made, attrs)
    return made


def _packs(values: np.ndarray) -> bool:
    """Whether compression is worth its time, by the beginning of the values: draws of normal numbers do not pack."""
    sample = values.ravel()[:SAMPLE].tobytes()
    return len(zlib.compress(sample, 1)) < WORTH * len(sample)


def _dimensions(stored: Any, dataset: xr.Dataset, found: Mapping[Any, Any], known: int) -> None:
    """Make every dimension a scale, and tell each variable its own."""
    scales: dict[Any, Any] = {}
    for number, (name, size) in enumerate(dataset.sizes.items(), known):
        words = name if name in found else f"{_NO_VARIABLE}{size:10d}"
        scale = found[name] if name in found else stored.create_dataset(name, shape=(size,), dtype=">f4")
        scale.make_scale(str(words))
        scale.attrs["_Netcdf4Dimid"] = np.int32(number)
        scales[name] = scale
    for name, made in found.items():
        dims = dataset.variables[name].dims
        if dims != (name,):
            for axis, dim in enumerate(dims):
                made.dims[axis].attach_scale(scales[dim])


def _attributes(holder: Any, attrs: Mapping[Any, Any]) -> None:
    kept = holder.attrs
    for name, value in attrs.items():
        kept[name] = value if isinstance(value, str) else np.atleast_1d(value)
