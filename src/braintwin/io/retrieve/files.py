"""What is to be brought: files of a source, which of them are wanted, and what proves that one arrived whole."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from braintwin.errors import DatasetError, did_you_mean
from braintwin.options.source import SubsetOptions

CHUNK = 1 << 20

PART_MIB = (5, 6, 8, 10, 16, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024)
"""Sizes of the parts that S3 clients upload in, MiB; S3 tells the number of parts, not their size."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a source.

    Parameters
    ----------
    path : str
        Where it goes, relative to the dataset.
    address : str or callable
        ``https://…``; a callable signs a fresh one for each request.
    size : int or None
        Bytes, where the source tells.
    checksum : str
        ``sha256:<hex>``, ``md5:<hex>``, ``etag:<hex>-<parts>`` (S3, uploaded in parts), or empty.
    headers : tuple of (str, str)
        Sent with every request.
    """

    path: str
    address: str | Callable[[], str]
    size: int | None = None
    checksum: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def url(self) -> str:
        """Return the address to ask now."""
        return self.address if isinstance(self.address, str) else self.address()


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """Return the checksum of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def verify(path: Path, expected: str, what: str) -> None:
    """Check a file against ``sha256:<hex>`` or ``md5:<hex>``.

    Raises
    ------
    DatasetError
        With the checksum that was got.
    """
    algorithm, _, wanted = expected.partition(":")
    got = checksum(path, algorithm)
    if got != wanted.lower():
        message = (
            f"{what}: {algorithm} is {got}, expected {wanted.lower()}; this is not the file that was named: correct "
            "the checksum or the source"
        )
        raise DatasetError(message)


def proof(path: Path, size: int | None, expected: str) -> str | None:
    """Return what shows that a file is whole: ``sha256``, ``md5``, ``size`` or ``none``; None where it is not.

    An S3 ETag of a file uploaded in parts is the MD5 of the parts' MD5s. It proves the file where one of the usual part
    sizes reproduces it; otherwise only the size can be compared.
    """
    if size is not None and path.stat().st_size != size:
        return None
    algorithm, _, wanted = expected.partition(":")
    if algorithm in ("sha256", "md5"):
        return algorithm if checksum(path, algorithm) == wanted.lower() else None
    if algorithm == "etag" and _multipart(path, wanted):
        return "md5"
    return "none" if size is None else "size"


def _multipart(path: Path, etag: str) -> bool:
    count, total = int(etag.rpartition("-")[2]), path.stat().st_size
    likely = [mib << 20 for mib in PART_MIB if -(-total // (mib << 20)) == count]
    for length in [total, *likely] if count == 1 else likely:
        whole = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as stream:
            for _ in range(count):
                part, left = hashlib.md5(usedforsecurity=False), length
                while left and (block := stream.read(min(CHUNK, left))):
                    part.update(block)
                    left -= len(block)
                whole.update(part.digest())
        if f"{whole.hexdigest()}-{count}" == etag.lower():
            return True
    return False


def etag_checksum(etag: str) -> str:
    """Return an S3 ETag as a checksum, empty where it is neither an MD5 nor one of parts."""
    plain = etag.strip().strip('"').lower()
    if re.fullmatch(r"[0-9a-f]{32}", plain):
        return f"md5:{plain}"
    return f"etag:{plain}" if re.fullmatch(r"[0-9a-f]{32}-[1-9]\d{0,4}", plain) else ""


def check_names(files: Sequence[RemoteFile], what: str) -> None:
    """Refuse a listing whose names would land outside the folder, or on one another."""
    seen: set[str] = set()
    folders: set[str] = set()
    for file in files:
        pure = PurePosixPath(file.path)
        parts = file.path.split("/")
        if pure.is_absolute() or not {"", ".", ".."}.isdisjoint(parts) or "\\" in file.path or "\0" in file.path:
            message = f"{what}: the source lists {file.path!r}, a name outside the dataset's own folder; refused"
            raise DatasetError(message)
        if file.path in seen:
            message = f"{what}: the source lists {file.path!r} twice; refused"
            raise DatasetError(message)
        seen.add(file.path)
        folders.update(map(str, pure.parents))
    if own := sorted(name for name in seen if name.removesuffix(".of").removesuffix(".part") in seen - {name}):
        message = f"{what}: the source lists {own[0]!r}, a name that is needed while files arrive; exclude it (subset)"
        raise DatasetError(message)
    if both := sorted(seen & folders):
        message = f"{what}: the source lists {both[0]!r} as a file and as a folder; refused"
        raise DatasetError(message)


def subject(path: str) -> str:
    """Return the participant whose folder or name a path has, without ``sub-``; empty for the dataset's own files."""
    found = re.search(r"(?:^|[/_])sub-([A-Za-z0-9]+)", path)
    return found[1] if found else ""


def chosen(files: Iterable[RemoteFile], subset: SubsetOptions, what: str) -> list[RemoteFile]:
    """Return the files that `subset` wants, in the order of their names.

    Files of no participant (``participants.tsv``, ``README``) are subject to the patterns only.

    Raises
    ------
    DatasetError
        If a participant is named that the source does not have, or nothing is left.
    """
    files = sorted(files, key=lambda file: file.path)
    present = {subject(file.path) for file in files} - {""}
    wanted = {label.removeprefix("sub-") for label in subset.subjects or ()}
    if absent := sorted(wanted - present):
        near = did_you_mean(absent[0], sorted(present))
        message = f"{what}: subset.subjects names {absent[0]!r}, who is not in the source{near}"
        raise DatasetError(message)
    unwanted = {label.removeprefix("sub-") for label in subset.exclude_subjects}
    kept = [file for file in files if _wanted(file.path, subset, wanted or present, unwanted)]
    if not kept:
        message = f"{what}: the source lists {len(files)} files and subset leaves none; correct the source or subset"
        raise DatasetError(message)
    return kept


def _wanted(path: str, subset: SubsetOptions, subjects: set[str], unwanted: set[str]) -> bool:
    owner = subject(path)
    if owner:
        if owner not in subjects or owner in unwanted:
            return False
        if subset.suffixes and not _has_suffix(path, subset.suffixes):
            return False
        if _has_suffix(path, subset.exclude_suffixes):
            return False
    included = not subset.include or any(fnmatchcase(path, pattern) for pattern in subset.include)
    return included and not any(fnmatchcase(path, pattern) for pattern in subset.exclude)


def _has_suffix(path: str, suffixes: Sequence[str]) -> bool:
    """Tell whether a file has one of the BIDS suffixes (``events``) or endings (``.edf``)."""
    name = path.rpartition("/")[2]
    suffix = name.partition(".")[0].rpartition("_")[2]
    return any(name.endswith(s) if s.startswith(".") else suffix == s for s in suffixes)
