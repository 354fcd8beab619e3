"""A folder of files from a source: several at a time, resumed file by file, whole or not at all."""

import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from braintwin.errors import DatasetError
from braintwin.io.records import read_json, write_json
from braintwin.io.retrieve.download import download
from braintwin.io.retrieve.files import RemoteFile, check_names, proof
from braintwin.io.retrieve.meter import Meter
from braintwin.options.retrieve import RetrieveOptions


class Brought(BaseModel):
    """One file that is here: what was promised of it, and what proves it."""

    path: str
    size: int
    checksum: str = ""
    proof: str


class Manifest(BaseModel):
    """What a folder was brought from: ``<folder>.manifest.json`` beside it."""

    version: str = ""
    files: list[Brought]

    def checksum(self) -> str:
        """Return a checksum over the names, sizes and checksums of all files."""
        lines = "".join(f"{file.path}\0{file.size}\0{file.checksum}\n" for file in self.files)
        return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

    def unproved(self) -> int:
        """Return how many files have no checksum that could be compared."""
        return sum(file.proof in ("size", "none") for file in self.files)


def manifest_path(folder: Path) -> Path:
    """Return where the manifest of a folder lies."""
    return folder.with_name(f"{folder.name}.manifest.json")


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None where it has none."""
    path = manifest_path(folder)
    return read_json(path, Manifest) if path.is_file() else None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder of the store, so that no other run brings the same at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def bring(
    files: Sequence[RemoteFile],
    target: Path,
    what: str,
    options: RetrieveOptions,
    *,
    version: str = "",
    pause: Callable[[float], object] | None = None,
) -> Manifest:
    """Bring `files` into the new folder `target`; what is here of them already is not asked for again.

    Whole files of an interrupted run, and those of another folder of the same source and version in the store, are kept
    where the source still promises the same of them.

    Raises
    ------
    DatasetError
        If a name would land outside, the disk is too small, or a file cannot be brought; what has arrived stays.
    """
    check_names(files, what)
    partial = target.with_name(f".{target.name}.partial")
    journal = _Journal(partial.with_name(f"{partial.name}.journal"))
    partial.mkdir(parents=True, exist_ok=True)
    _clear(partial, {file.path for file in files})
    _adopt(files, partial, target, journal)
    known_files = journal.read()
    done = {file.path: _kept(file, partial, known_files.get(file.path), journal) for file in files}
    missing = [file for file in files if not done[file.path]]
    known = None if any(file.size is None for file in files) else sum(file.size or 0 for file in files)
    _check_room(missing, partial, what)
    with Meter(what, len(files), known) as meter:
        for brought in filter(None, done.values()):
            meter.advance(brought.size)
            meter.finish_file()
        _bring_missing(missing, partial, journal, options, meter, pause)
    found = {**{path: brought for path, brought in done.items() if brought}, **journal.read()}
    manifest = Manifest(version=version, files=[found[path] for path in sorted(done)])
    write_json(manifest_path(target), manifest)
    partial.replace(target)
    journal.path.unlink(missing_ok=True)
    return manifest


class _Journal:
    """What arrived whole, one line a file, written as it happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> dict[str, Brought]:
        found: dict[str, Brought] = {}
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    brought = Brought.model_validate_json(line)
                except ValueError:
                    continue  # the line that was being written when the run was killed
                found[brought.path] = brought
        return found

    def add(self, brought: Brought) -> None:
        with self._lock, self.path.open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(brought.model_dump()) + "\n")


def _bring_missing(
    files: Sequence[RemoteFile],
    partial: Path,
    journal: _Journal,
    options: RetrieveOptions,
    meter: Meter,
    pause: Callable[[float], object] | None,
) -> None:
    stop = threading.Event()
    rest = pause or stop.wait  # what stops the others also ends their waiting

    def advance(count: int) -> None:
        meter.advance(count)
        if stop.is_set():
            message = "stopped, because another file could not be brought"
            raise DatasetError(message)

    def one(file: RemoteFile) -> None:
        if stop.is_set():
            return
        place = partial / file.path
        shown = download(file, place, options, pause=rest, advance=advance)
        journal.add(Brought(path=file.path, size=place.stat().st_size, checksum=file.checksum, proof=shown))
        meter.finish_file()

    with ThreadPoolExecutor(options.connections) as pool:
        jobs = [pool.submit(one, file) for file in files]
        try:
            ended, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            for job in ended:  # the first fault; what others were stopped by comes after
                job.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _clear(partial: Path, wanted: set[str]) -> None:
    """Remove what an earlier, different listing has left."""
    for folder, _, names in os.walk(partial):
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(partial).as_posix()
            if relative.removesuffix(".of").removesuffix(".part") not in wanted and relative not in wanted:
                path.unlink()


def _adopt(files: Sequence[RemoteFile], partial: Path, target: Path, journal: _Journal) -> None:
    """Link files that another subset of the same source and version has brought."""
    wanted = {file.path: file for file in files}
    for other in sorted(target.parent.glob(f"{target.name.rpartition('_')[0] or target.name}*")):
        manifest = read_manifest(other) if other.is_dir() and other != target else None
        for brought in manifest.files if manifest else ():
            file, place = wanted.get(brought.path), partial / brought.path
            same = file is not None and brought.checksum == file.checksum and file.size in (None, brought.size)
            if not same or place.exists() or not (file and (file.checksum or file.size is not None)):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(other / brought.path, place)
            except OSError:
                continue
            journal.add(brought)


def _kept(file: RemoteFile, partial: Path, known: Brought | None, journal: _Journal) -> Brought | None:
    """Return what is known of a file that is here, if the source still promises the same of it."""
    place = partial / file.path
    if not place.is_file():
        return None
    if known and known.checksum == file.checksum and file.size in (None, known.size) and _size(place) == known.size:
        return known
    shown = proof(place, file.size, file.checksum)  # killed between the last byte and the journal, or changed since
    if shown in (None, "none"):
        place.unlink()
        return None
    brought = Brought(path=file.path, size=_size(place), checksum=file.checksum, proof=str(shown))
    journal.add(brought)
    return brought


def _size(path: Path) -> int:
    return path.stat().st_size


def _check_room(files: Sequence[RemoteFile], partial: Path, what: str) -> None:
    missing = sum(file.size or 0 for file in files)
    missing -= sum(part.stat().st_size for part in partial.rglob("*.part"))
    free = shutil.disk_usage(partial).free
    if missing > free:
        message = (
            f"{what}: {missing / 1e9:.1f} GB are still to come and {free / 1e9:.1f} GB are free; free some, or bring "
            "less (subset)"
        )
        raise DatasetError(message)
