"""retrieve: bring a dataset here and record what it is.

IN   a folder, an archive, ``openneuro:``, ``physionet:``, ``s3://``, ``https://``, ``datalad:``, ``synthetic:<people>``
OUT  datasets/<name>.json; the files go once into <store>/<name>-<digest of what was asked for>
"""

import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import ConfigError, DatasetError
from braintwin.io.bids import describe, find_root, fingerprint
from braintwin.io.convert.run import convert
from braintwin.io.population import packaged_population
from braintwin.io.records import write_json
from braintwin.io.retrieve import datalad, tree
from braintwin.io.retrieve.archive import is_archive, unpack
from braintwin.io.retrieve.files import RemoteFile, checksum, chosen, verify
from braintwin.io.retrieve.http import public
from braintwin.io.retrieve.sources import list_source, scheme
from braintwin.options.convert import ConvertOptions
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.source import SubsetOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.provenance import code_digest, file_digest, options_digest

Kind = Literal["local", "archive", "https", "s3", "openneuro", "physionet", "datalad", "synthetic"]
_COHORT = "braintwin.synthetic.cohort"
_CONVERTER = "braintwin.io.convert.run"


@dataclass(frozen=True)
class Place:
    """Where a dataset lies on this machine, and what is known of how it came there."""

    folder: Path
    kind: Kind
    checksum: str = ""
    version: str = ""
    manifest: tree.Manifest | None = None


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
    place = fetch(name, dataset, synthesize, store, seed, options)
    root = _root(place.folder, dataset, name)
    told = describe(root)
    files = place.manifest.files if place.manifest else []
    write_json(
        record,
        DatasetRecord(
            name=name,
            root=os.path.relpath(root),
            kind=place.kind,
            source=_shown(dataset.source),
            checksum=place.checksum,
            fingerprint=fingerprint(root, times=place.kind == "local"),
            terms=dataset.terms,
            files=len(files),
            bytes=sum(file.size for file in files),
            unproved=place.manifest.unproved() if place.manifest else 0,
            **{**told, "version": place.version or told["version"], "licence": told["licence"] or _licence(root)},
        ),
    )


def fetch(
    name: str, dataset: DatasetOptions, synthesize: SynthesizeOptions, store: Path, seed: int, options: RetrieveOptions
) -> Place:
    """Return where dataset `name` lies, after bringing it into `store` and converting it where that must be done."""
    kind = scheme(dataset.source)
    _check_meaning(name, dataset, kind)
    if kind == "synthetic":
        return _synthetic(dataset.source, name, synthesize, store, seed)
    if kind == "":
        place = _local(dataset, name, store)
    elif kind == "https" and is_archive(public(dataset.source)):
        place = _remote_archive(dataset, name, store, options)
    else:
        place = _tree(dataset, name, cast(Kind, kind), store, options)
    return place if dataset.convert is None else _converted(dataset.convert, dataset.subfolder, name, place, store)


def _check_meaning(name: str, dataset: DatasetOptions, kind: str) -> None:
    """Refuse what a source of this kind would not heed."""
    whole = kind in ("", "synthetic") or (kind == "https" and is_archive(public(dataset.source)))
    unheeded = {
        "version": dataset.version is not None and whole,
        "subset": dataset.subset != SubsetOptions() and whole,
        "access": dataset.access != "public" and kind != "s3",
        "requester_pays": dataset.requester_pays and kind != "s3",
        "convert": dataset.convert is not None and kind == "synthetic",
    }
    for key in (key for key, given in unheeded.items() if given):
        advice = "; choose participants by people" if key == "subset" else ""
        message = f"dataset {name!r}: {key} means nothing for source {_shown(dataset.source)!r}; take it out{advice}"
        raise ConfigError(message)


def _converted(options: ConvertOptions, subfolder: str, name: str, place: Place, store: Path) -> Place:
    """Return the place of a dataset that was made BIDS, anew where its files, the map or the converter changed."""
    folder = place.folder / subfolder if subfolder else place.folder
    if not folder.resolve().is_relative_to(place.folder.resolve()):
        message = f"dataset {name!r}: subfolder {subfolder!r} leaves the dataset; name a folder inside it"
        raise DatasetError(message)
    files = place.checksum or fingerprint(folder, times=True)
    made_from = {"files": files, "inside": subfolder, "map": options.model_dump(), "code": code_digest(_CONVERTER)}
    target = store / f"{name}-bids-{options_digest(made_from)}"
    with tree.held(target):
        if not target.is_dir():
            done = convert(folder, target, options)
            for night, why in done.refused:
                sys.stderr.write(f"dataset {name!r}: {night} left out: {why}\n")
    return replace(place, folder=target)


def _root(folder: Path, dataset: DatasetOptions, name: str) -> Path:
    try:
        return find_root(folder, "" if dataset.convert else dataset.subfolder, f"dataset {name!r}")
    except DatasetError as cause:
        if any(path.is_file() for path in folder.rglob("*.[Ee][Dd][Ff]")):
            message = f"{cause}; it holds EDF files: datasets.{name}.convert can make it BIDS (docs/howto/convert.md)"
            raise DatasetError(message) from None
        raise


def _shown(source: str) -> str:
    """Return the source as a record may tell it: no keys, no absolute paths."""
    if "://" in source:
        return "datalad:" * source.startswith("datalad:") + public(source.removeprefix("datalad:"))
    start, colon, rest = source.rpartition(":") if scheme(source) else ("", "", source)
    return start + colon + (Path(rest).name if Path(rest).expanduser().is_absolute() else rest)


def _licence(root: Path) -> str:
    """Return the title of a licence file, where the description names no licence."""
    for found in sorted(root.glob("LICENSE*")):
        lines = found.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip()[:200] for line in lines if line.strip()), "")
    return ""


def _local(dataset: DatasetOptions, name: str, store: Path) -> Place:
    """Return the place of a dataset on this machine: its own folder, or its archive unpacked in the store."""
    what, path = f"dataset {name!r}", Path(dataset.source).expanduser()
    if path.is_dir():
        return Place(path, "local")
    if not path.exists():
        message = f"{what}: no folder or archive {dataset.source!r}; correct datasets.{name}.source"
        raise DatasetError(message)
    if dataset.checksum:
        verify(path, dataset.checksum, what)
    digest = dataset.checksum or f"sha256:{checksum(path)}"
    target = _archive_place(store, name, digest)
    with tree.held(target):
        if not target.is_dir():
            unpack(path, target, what)
    return Place(target, "archive", digest)


def _remote_archive(dataset: DatasetOptions, name: str, store: Path, options: RetrieveOptions) -> Place:
    """Return the place of an archive that was downloaded and unpacked."""
    if not dataset.checksum:
        message = (
            f"dataset {name!r}: a remote archive needs a checksum; write datasets.{name}.checksum: sha256:<hex>, as "
            "its publisher gives it"
        )
        raise ConfigError(message)
    target = _archive_place(store, name, dataset.checksum)
    with tree.held(target):
        if not target.is_dir():
            box = target.with_name(f"{target.name}.download")
            archive = re.split(r"[/\\]", public(dataset.source))[-1]
            file = RemoteFile(archive, dataset.source, None, dataset.checksum)
            if not box.is_dir():
                tree.bring([file], box, f"dataset {name!r}", options)
            unpack(box / archive, target, f"dataset {name!r}")
            (box / archive).unlink()
            box.rmdir()
            tree.manifest_path(box).unlink(missing_ok=True)
    return Place(target, "https", dataset.checksum)


def _tree(dataset: DatasetOptions, name: str, kind: Kind, store: Path, options: RetrieveOptions) -> Place:
    """Return the place of a dataset that was brought file by file."""
    what, asked = f"dataset {name!r}", {"source": dataset.source, "version": dataset.version}
    subset = "" if dataset.subset == SubsetOptions() else f"_{options_digest(dataset.subset.model_dump())[:6]}"
    target = store / f"{name}-{options_digest(asked)}{subset}"
    with tree.held(target):
        manifest = tree.read_manifest(target) if target.is_dir() else None
        if manifest is None and kind == "datalad":
            address = dataset.source.partition(":")[2]
            manifest = datalad.clone(address, target, dataset.version or "", dataset.subset, options.connections, what)
        elif manifest is None:
            listing = list_source(dataset, options, what)
            files = chosen(listing.files, dataset.subset, what)
            manifest = tree.bring(files, target, what, options, version=listing.version)
    digest = f"git:{manifest.version}" if kind == "datalad" else manifest.checksum()
    if dataset.checksum and kind != "datalad" and dataset.checksum.lower() != digest:
        message = (
            f"{what}: the checksum over all files is {digest}, expected {dataset.checksum.lower()}; the source has "
            f"changed, or another subset was meant: correct datasets.{name}.checksum or version"
        )
        raise DatasetError(message)
    version = dataset.version or "" if kind == "datalad" else manifest.version
    return Place(target, kind, digest, version, manifest)


def _synthetic(source: str, name: str, synthesize: SynthesizeOptions, store: Path, seed: int) -> Place:
    """Return the place of the synthetic cohort, written anew where options, seed, code or population changed."""
    number = source.partition(":")[2]
    try:
        wanted = SynthesizeOptions.model_validate({**synthesize.model_dump(), "people": int(number)})
    except ValueError:
        message = f"dataset {name!r}: source {source!r} needs a number of people from 3 to 500, e.g. synthetic:8"
        raise ConfigError(message) from None
    asked: dict[str, Any] = {"options": wanted.model_dump(), "seed": seed, "code": code_digest(_COHORT)}
    asked["population"] = file_digest(packaged_population())  # people's nights are drawn about it
    target = store / f"{name}-{options_digest(asked)}"
    if not target.is_dir():
        from braintwin.synthetic.cohort import write_cohort  # it loads the signal libraries

        write_cohort(target, wanted, seed)
    return Place(target, "synthetic")


def _archive_place(store: Path, name: str, digest: str) -> Path:
    return store / f"{name}-{digest.partition(':')[2][:12].lower()}"
