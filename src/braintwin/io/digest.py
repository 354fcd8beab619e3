"""The canonical content digest: two results with equal digests hold the same values, dims and attributes.

Bytes are no good for this: NetCDF and HTML may hold times, hosts and orders that mean nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from braintwin.digest import VOLATILE, lasting_digest


def _pieces(dataset: xr.Dataset) -> Iterator[bytes]:
    for name in sorted(map(str, dataset.variables)):
        variable = dataset[name]
        values = np.asarray(variable.values)
        if values.dtype.kind in "OUST":
            values = values.astype(str)
            body = "\x1f".join(values.ravel().tolist()).encode()
        else:
            # -0.0 and the many NaNs compare equal, so they digest equal
            plain = np.where(np.isnan(values), np.nan, values + 0.0) if values.dtype.kind == "f" else values
            body = np.ascontiguousarray(plain).astype(plain.dtype.newbyteorder("<")).tobytes()
        yield f"{name}|{variable.dims}|{values.shape}|{values.dtype.kind}".encode()
        yield body
        yield _attributes(variable.attrs)
    yield _attributes(dataset.attrs)


def _attributes(attrs: Mapping[Any, Any]) -> bytes:
    kept = {str(k): np.asarray(v).tolist() for k, v in attrs.items() if str(k) not in VOLATILE}
    return json.dumps(kept, sort_keys=True, default=str).encode()


def dataset_digest(dataset: xr.Dataset) -> str:
    """Return the SHA-256 over a dataset's names, dims, values and lasting attributes."""
    total = hashlib.sha256()
    for piece in _pieces(dataset):
        total.update(len(piece).to_bytes(8, "little"))
        total.update(piece)
    return total.hexdigest()


def content_digest(path: Path | str) -> str:
    """Return the canonical digest of one artefact: that of its arrays for a zipped Zarr, else `lasting_digest`."""
    path = Path(path)
    if path.name.endswith(".zarr.zip"):
        from zarr.storage import ZipStore

        store = ZipStore(path, mode="r")
        try:
            return dataset_digest(xr.open_zarr(store, consolidated=False, chunks=None).load())
        finally:
            store.close()
    return lasting_digest(path)


def tree_digests(folder: Path | str) -> dict[str, str]:
    """Return the digest of every result below `folder`, logs and hidden files left out."""
    folder = Path(folder)
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    kept = (p.relative_to(folder) for p in files)
    return {
        name.as_posix(): content_digest(folder / name)
        for name in kept
        if name.parts[0] != "logs" and not any(part.startswith(".") for part in name.parts)
    }
