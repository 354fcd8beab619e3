"""retrieve: bring a dataset here and record what it is.

IN   a folder, a .tar.gz, an https:// address of one, or ``synthetic:<people>``
OUT  datasets/<name>.json; an archive is unpacked once into <store>/<name>-<checksum>
"""

import os
from pathlib import Path
from typing import Literal

from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import ConfigError, DatasetError
from braintwin.io.bids import describe, find_root, fingerprint
from braintwin.io.records import write_json
from braintwin.io.retrieve import checksum, download, is_remote, public, unpack, verify
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.provenance import code_digest, options_digest

Kind = Literal["local", "archive", "https", "synthetic"]
_SYNTHETIC = "synthetic:"
_COHORT = "braintwin.synthetic.cohort"


def run(
    *,
    name: str,
    dataset: DatasetOptions,
    synthesize: SynthesizeOptions,
    store: Path,
    record: Path,
    seed: int,
    options: RetrieveOptions,
) -> None:
    """Bring dataset `name` here and write its record; what is here already is not brought again.

    Raises
    ------
    DatasetError
        If the source cannot be read, is not what its checksum says, or is no BIDS dataset.
    """
    what = f"dataset {name!r}"
    source = dataset.source
    if source.startswith(_SYNTHETIC):
        folder, kind, digest = _synthetic(source, name, synthesize, store, seed)
    elif is_remote(source):
        folder, kind, digest = _remote(dataset, name, store, options)
    else:
        folder, kind, digest = _local(dataset, name, store)
    root = find_root(folder, dataset.subfolder, what)
    write_json(
        record,
        DatasetRecord(
            name=name,
            root=os.path.relpath(root),
            kind=kind,
            source=_shown(source),
            checksum=digest,
            fingerprint=fingerprint(root, times=kind == "local"),
            **describe(root),
        ),
    )


def _shown(source: str) -> str:
    """Return the source as a record may tell it: no keys, no absolute paths."""
    if is_remote(source):
        return public(source)
    return Path(source).name if Path(source).is_absolute() else source


def _local(dataset: DatasetOptions, name: str, store: Path) -> tuple[Path, Kind, str]:
    """Return the folder of a dataset on this machine, its kind and checksum."""
    what, path = f"dataset {name!r}", Path(dataset.source).expanduser()
    if path.is_dir():
        return path, "local", ""
    if not path.exists():
        message = f"{what}: no folder or archive {dataset.source!r}; correct datasets.{name}.source"
        raise DatasetError(message)
    if dataset.checksum:
        verify(path, dataset.checksum, what)
    digest = dataset.checksum or f"sha256:{checksum(path)}"
    target = _place(store, name, digest)
    if not target.is_dir():
        unpack(path, target, what)
    return target, "archive", digest


def _remote(dataset: DatasetOptions, name: str, store: Path, options: RetrieveOptions) -> tuple[Path, Kind, str]:
    """Return the folder of a dataset that was downloaded, its kind and checksum."""
    if not dataset.checksum:
        message = (
            f"dataset {name!r}: a remote source needs a checksum; write datasets.{name}.checksum: sha256:<hex>, as its "
            "publisher gives it"
        )
        raise ConfigError(message)
    target = _place(store, name, dataset.checksum)
    if not target.is_dir():
        archive = target.with_name(f"{target.name}.tar.gz")
        download(dataset.source, archive, dataset.checksum, retries=options.retries, timeout_s=options.timeout_s)
        unpack(archive, target, f"dataset {name!r}")
        archive.unlink()
    return target, "https", dataset.checksum


def _synthetic(source: str, name: str, synthesize: SynthesizeOptions, store: Path, seed: int) -> tuple[Path, Kind, str]:
    """Return the folder of the synthetic cohort, written anew where its options, seed or code changed."""
    number = source.removeprefix(_SYNTHETIC)
    try:
        wanted = SynthesizeOptions.model_validate({**synthesize.model_dump(), "people": int(number)})
    except ValueError:
        message = f"dataset {name!r}: source {source!r} needs a number of people from 3 to 500, e.g. synthetic:8"
        raise ConfigError(message) from None
    digest = options_digest({"options": wanted.model_dump(), "seed": seed, "code": code_digest(_COHORT)})
    target = store / f"{name}-{digest}"
    if not target.is_dir():
        from braintwin.synthetic.cohort import write_cohort  # it loads the signal libraries

        write_cohort(target, wanted, seed)
    return target, "synthetic", ""


def _place(store: Path, name: str, digest: str) -> Path:
    return store / f"{name}-{digest.partition(':')[2][:12].lower()}"
