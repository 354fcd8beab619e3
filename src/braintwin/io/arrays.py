"""NetCDF artefacts and EEG epochs: contract-checked, written whole or not at all."""

import os
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.digest import VOLATILE
from braintwin.errors import BrainTwinError

CHUNK_BYTES = 32 * 2**20
"""Most bytes of a stored chunk of EEG: high-density recordings must not need more memory than a chunk or two."""


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; rename it into place if, and only if, the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def storable(dataset: xr.Dataset) -> xr.Dataset:
    """Return `dataset` with attributes in types that NetCDF holds."""
    attrs = {k: int(v) if isinstance(v, bool | np.bool_) else v for k, v in dataset.attrs.items()}
    return dataset.drop_encoding().assign_attrs(attrs)


def write_dataset(
    path: Path | str, dataset: xr.Dataset, contract: Contract, stamp: Mapping[str, Any] | None = None
) -> None:
    """Check `dataset` against `contract`, stamp it and write it to NetCDF, atomically."""
    dataset = contract.check(contract.stamp_units(dataset), Path(path).name)
    dataset = storable(dataset).assign_attrs(dict(stamp or {}))
    encoding = {
        name: {"zlib": True, "complevel": 1}
        for name in dataset.data_vars
        if dataset[name].dtype.kind in "fiu" and dataset[name].size > 1000
    }
    with atomic(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def read_dataset(path: Path | str, contract: Contract) -> xr.Dataset:
    """Read a NetCDF artefact into memory and check it.

    Raises
    ------
    BrainTwinError
        If the file is absent or unreadable.
    ContractError
        If it breaks its contract.
    """
    path = Path(path)
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as stored:
            dataset = stored.load()
    except (OSError, ValueError) as cause:
        raise unreadable(path, cause) from cause
    return contract.check(as_str(dataset), f"{path.parent.name}/{path.name}")


def unreadable(path: Path, cause: Exception) -> BrainTwinError:
    """Return the error of an artefact that is absent or damaged."""
    return BrainTwinError(
        f"{path.name} of {path.parent.name} cannot be read ({type(cause).__name__}); delete it and run again"
    )


def as_str(dataset: xr.Dataset) -> xr.Dataset:
    """Return `dataset` with string variables as numpy str instead of objects."""
    for name in list(dataset.variables):
        if dataset[name].dtype.kind in "OT":
            values = dataset[name].astype(str)
            dataset = (
                dataset.assign_coords({name: values}) if name in dataset.coords else dataset.assign({name: values})
            )
    return dataset


def write_epochs(path: Path | str, dataset: xr.Dataset, contract: Contract, *, chunk_epochs: int = 30) -> None:
    """Write EEG epochs to one zipped Zarr store, chunked over epochs, atomically and with the same bytes each time.

    Volatile attributes are left out: the artefact beside it carries them, and the bytes are what later steps check.
    """
    dataset = storable(contract.check(contract.stamp_units(dataset), Path(path).name))
    dataset.attrs = {name: value for name, value in dataset.attrs.items() if name not in VOLATILE}
    per_epoch = max(1, dataset["eeg"].nbytes // max(1, dataset["eeg"].sizes["epoch"]))
    held = max(1, min(chunk_epochs, CHUNK_BYTES // per_epoch))
    chunks = tuple(max(1, min(held, n) if dim == "epoch" else n) for dim, n in dataset["eeg"].sizes.items())
    encoding = {"eeg": {"chunks": chunks}} if dataset["eeg"].size else {}
    with atomic(path) as temporary, TemporaryDirectory(dir=temporary.parent, prefix=".zarr-") as folder:
        dataset.to_zarr(folder, encoding=encoding, zarr_format=2, consolidated=False)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for part in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
                entry = zipfile.ZipInfo(part.relative_to(folder).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
                archive.writestr(entry, part.read_bytes())


def open_epochs(path: Path | str, contract: Contract, *, chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """Open EEG epochs lazily (Dask arrays where `chunks` is given); the caller closes the dataset."""
    from zarr.storage import ZipStore

    store = ZipStore(Path(path), mode="r")
    dataset = xr.open_zarr(store, chunks=dict(chunks) if chunks else None, consolidated=False)
    return contract.check(as_str(dataset), Path(path).name)
