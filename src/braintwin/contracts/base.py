"""The form of an artefact, written once and checked as a whole.

A contract lists every violation at once, because mending one at a time costs a run each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from braintwin.errors import ContractError


@dataclass(frozen=True)
class Var:
    """One variable or coordinate: dims, kind of number, unit and meaning.

    Parameters
    ----------
    dims : tuple of str
        Dimensions in order.
    kind : str
        Kinds of `numpy.dtype.kind` that are allowed: ``"f"``, ``"iu"``, ``"U"`` (any string), ``"b"``.
    units : str
        Value that ``attrs["units"]`` must have; empty for labels and counts.
    meaning : str
        One line for the reference page.
    required : bool
        Whether the variable may be absent.
    """

    dims: tuple[str, ...]
    kind: str
    units: str = ""
    meaning: str = ""
    required: bool = True


@dataclass(frozen=True)
class Contract:
    """What one NetCDF artefact (or one of its groups) holds."""

    name: str
    meaning: str
    variables: Mapping[str, Var]
    coords: Mapping[str, Var] = field(default_factory=dict)
    attrs: tuple[str, ...] = ()

    def violations(self, dataset: xr.Dataset) -> list[str]:
        """Return every way in which `dataset` breaks this contract, as sentences."""
        found: list[str] = []
        for group, wanted, present in (
            ("variable", self.variables, dataset.data_vars),
            ("coordinate", self.coords, dataset.coords),
        ):
            for name, var in wanted.items():
                if name not in present:
                    if var.required:
                        found.append(f"{group} {name!r} is absent")
                    continue
                found.extend(self._compare(group, name, var, dataset[name]))
        found.extend(f"attribute {name!r} is absent" for name in self.attrs if name not in dataset.attrs)
        return found

    @staticmethod
    def _compare(group: str, name: str, var: Var, array: xr.DataArray) -> list[str]:
        found = []
        if array.dims != var.dims:
            found.append(f"{group} {name!r} has dims {tuple(array.dims)}, expected {var.dims}")
        kind = "U" if array.dtype.kind in "OTSU" else array.dtype.kind
        if kind not in var.kind:
            found.append(f"{group} {name!r} has dtype {array.dtype}, expected kind {var.kind!r}")
        units = array.attrs.get("units", "")
        if units != var.units:
            found.append(f"{group} {name!r} has units {units!r}, expected {var.units!r}")
        return found

    def check(self, dataset: xr.Dataset, where: str = "") -> xr.Dataset:
        """Return `dataset` unchanged, or raise with the whole list of violations.

        Raises
        ------
        ContractError
            If any violation was found.
        """
        found = self.violations(dataset)
        if found:
            place = f" in {where}" if where else ""
            message = f"{self.name}{place}: {len(found)} violation(s) of its contract: " + "; ".join(found)
            raise ContractError(message)
        return dataset

    def stamp_units(self, dataset: xr.Dataset) -> xr.Dataset:
        """Return `dataset` with ``units`` set on every variable and coordinate that the contract names."""
        dataset = dataset.copy()
        for name, var in {**self.variables, **self.coords}.items():
            if name in dataset.variables:
                dataset[name].attrs["units"] = var.units
        return dataset

    def empty(self, sizes: Mapping[str, int] | None = None, attrs: Mapping[str, object] | None = None) -> xr.Dataset:
        """Return a valid dataset that holds nothing: every dim of size 0 unless `sizes` says otherwise."""
        sizes = dict(sizes or {})
        dtypes = {"f": "float64", "i": "int64", "u": "uint8", "U": "<U1", "b": "bool"}

        def blank(var: Var) -> tuple[tuple[str, ...], np.ndarray]:
            shape = tuple(sizes.get(dim, 0) for dim in var.dims)
            dtype = dtypes[var.kind[0]]
            values = np.full(shape, np.nan) if dtype == "float64" else np.zeros(shape, dtype)
            return var.dims, values

        dataset = xr.Dataset(
            {name: blank(var) for name, var in self.variables.items() if var.required},
            {name: blank(var) for name, var in self.coords.items() if var.required},
        )
        dataset.attrs.update({name: "" for name in self.attrs})
        dataset.attrs.update(dict(attrs or {}))
        return self.stamp_units(dataset)
