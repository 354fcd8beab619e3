"""The digest of what a file holds: two files with equal digests hold the same results.

Bytes are no good for this: NetCDF and JSON carry the command, the machine and library versions beside the values.
h5py is imported where it is needed: the Snakefile reads `braintwin.provenance`, which imports this module.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

VOLATILE = (
    "created", "created_at", "host", "duration_s", "uuid", "command", "environment", "root", "sampling_time",
    "volatile",
)  # fmt: skip
"""Attributes and keys that may differ between two identical results."""

_BOOKKEEPING = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties")


def file_digest(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lasting_digest(path: Path | str) -> str:
    """Return the SHA-256 over what lasts of a file: values and attributes of NetCDF, values of JSON, else all bytes.

    A file that is not what its name says counts by its bytes; to refuse it is the business of the step that reads it.
    """
    path = Path(path)
    try:
        if path.suffix == ".nc":
            return _netcdf(path)
        if path.suffix == ".json":
            return json_digest(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        if not path.is_file():
            raise
    return file_digest(path)


def lasting(value: Any) -> Any:
    """Return a JSON value without its volatile keys, at any depth."""
    if isinstance(value, Mapping):
        return {key: lasting(inner) for key, inner in value.items() if key not in VOLATILE}
    return [lasting(inner) for inner in value] if isinstance(value, list | tuple) else value


def json_digest(value: Any) -> str:
    """Return the SHA-256 over the canonical JSON of what lasts of a value."""
    text = json.dumps(lasting(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _netcdf(path: Path) -> str:
    import h5py

    total = hashlib.sha256()
    with h5py.File(path, "r") as stored:
        names: list[str] = []
        stored.visit(names.append)
        for name in ["/", *sorted(names)]:
            for piece in _pieces(name, stored[name]):
                total.update(len(piece).to_bytes(8, "little"))
                total.update(piece)
    return total.hexdigest()


def _pieces(name: str, item: Any) -> Iterator[bytes]:
    import h5py

    kept = {
        key: _plain(item.attrs[key])
        for key in item.attrs
        if key not in _BOOKKEEPING and key not in VOLATILE and not key.startswith("_Netcdf4")
    }
    yield f"{name}|{json.dumps(kept, sort_keys=True, default=str)}".encode()
    if isinstance(item, h5py.Dataset):
        yield f"{item.shape}|{item.dtype.kind}".encode()
        yield _values(item)


def _values(item: Any) -> bytes:
    import numpy as np

    values = np.asarray(item[()])
    if values.dtype.kind in "OSU":
        texts = [text.decode() if isinstance(text, bytes) else str(text) for text in values.ravel().tolist()]
        return "\x1f".join(texts).encode()
    if values.dtype.kind == "f":  # -0.0 and the many NaNs compare equal, so they digest equal
        values = np.where(np.isnan(values), np.nan, values + 0.0).astype(values.dtype)
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False)).tobytes()


def _plain(value: Any) -> Any:
    """Return an attribute as JSON holds it."""
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "tolist"):
        return _plain(value.tolist()) if value.dtype.kind in "OS" else value.tolist()
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
