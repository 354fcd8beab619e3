"""One file over HTTP: resumed at any byte, checked, put in place whole or not at all."""

import re
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError

from braintwin.errors import DatasetError
from braintwin.io.retrieve.files import CHUNK, RemoteFile, checksum, etag_checksum, proof
from braintwin.io.retrieve.http import Patience, open_address, public
from braintwin.options.retrieve import RetrieveOptions


def download(
    file: RemoteFile,
    target: Path,
    options: RetrieveOptions,
    *,
    pause: Callable[[float], object] = time.sleep,
    advance: Callable[[int], None] = lambda _: None,
) -> str:
    """Bring one file here; what arrived before a cut is kept, also for the next run. Return what proves it whole.

    Parameters
    ----------
    file : RemoteFile
        What to bring; its address is ``https://…``, or ``http://`` on this machine.
    target : path
        Where the whole, checked file goes. ``<target>.part`` holds what has arrived, ``<target>.part.of`` which version
        of the file that is (ETag or date), so that a changed file is never spliced.
    options : RetrieveOptions
        Attempts, silence and waits.
    pause, advance : callable
        Waits between two attempts; is told how many bytes arrived, negative where some are given up.

    Raises
    ------
    DatasetError
        If the server gives up, or the file arrived whole twice and is not what was promised.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Part(target)
    advance(part.size())
    for _ in range(2):  # a file that arrived wrong is fetched once more
        expected = _complete(file, part, options, pause, advance)
        shown = proof(part.path, file.size, expected)
        if shown is not None:
            part.keep(target)
            return shown
        got = _difference(part, file.size, expected)
        advance(-part.size())
        part.drop()
    message = f"{public(file.url())} arrived twice and is not what was promised: {got}; correct the source or checksum"
    raise DatasetError(message)


def _difference(part: "Part", size: int | None, expected: str) -> str:
    if size is not None and part.size() != size:
        return f"{part.size()} bytes, expected {size}"
    algorithm, _, wanted = expected.partition(":")
    return f"{algorithm} is {checksum(part.path, algorithm)}, expected {wanted.lower()}"


class Part:
    """What has arrived of a file, and of which version of it."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.of")

    def size(self) -> int:
        """Return the bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> str:
        """Return the ETag or date of the version that arrives, empty where unknown."""
        return self.note.read_text(encoding="utf-8") if self.note.exists() else ""

    def begin(self, version: str) -> None:
        """Start anew with a version of the file."""
        self.path.unlink(missing_ok=True)
        self.note.write_text(version, encoding="utf-8")

    def drop(self) -> None:
        """Give up what has arrived."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def keep(self, target: Path) -> None:
        """Put the whole file in place."""
        self.path.replace(target)
        self.note.unlink(missing_ok=True)


def _complete(
    file: RemoteFile,
    part: Part,
    options: RetrieveOptions,
    pause: Callable[[float], object],
    advance: Callable[[int], None],
) -> str:
    """Go on until nothing is missing; return the checksum to compare, the source's or the server's."""
    patience = Patience(file.url(), options, pause)
    expected, judged = file.checksum, -1
    while True:
        there = part.size()
        if part.path.exists() and there == file.size:
            return expected
        if file.size is not None and there > file.size:
            advance(-there)
            part.drop()
            there = 0
        try:
            told = _transfer(file, part, options.timeout_s, advance)
            expected = _trusted(told, expected)
            if file.size is not None and part.size() < file.size:
                message = f"the connection was cut after {part.size()} of {file.size} bytes"
                raise ConnectionError(message)
            if file.size is None and part.size() > judged and _unlikely(part, expected):
                judged = part.size()
                continue  # the server may have announced too little: ask for what follows
            return expected
        except HTTPError as cause:
            if cause.code == 416 and there:  # nothing after what is here: it is whole or wrong, and the checksum tells
                cause.close()
                return expected
            patience.after(cause, part.size() > there)
        except (OSError, HTTPException) as cause:
            patience.after(cause, part.size() > there)


def _unlikely(part: Part, expected: str) -> bool:
    """Tell whether a file of unknown size is not what its checksum says, so that more may be to come."""
    return expected.startswith(("sha256:", "md5:")) and proof(part.path, None, expected) is None


def _trusted(told: Mapping[str, str], expected: str) -> str:
    """Return the checksum to compare: S3 tells the MD5 as ETag, except of what it encrypts with a key of its own."""
    if told.get("x-amz-server-side-encryption", "").startswith("aws:kms"):
        return "" if expected.startswith(("md5:", "etag:")) else expected
    if not expected and "x-amz-request-id" in told:
        return etag_checksum(told.get("etag", ""))
    return expected


def _transfer(file: RemoteFile, part: Part, timeout_s: float, advance: Callable[[int], None]) -> dict[str, str]:
    """Append to `part` what it lacks; start over where the server does not resume, or has another version.

    Returns the server's headers. Every piece is written as it arrives, so that nothing which came is asked for again.
    """
    there, version = part.size(), part.version()
    headers = dict(file.headers)
    if there:
        headers["Range"] = f"bytes={there}-"
        if version:
            headers["If-Range"] = version
    with open_address(file.url(), headers, timeout_s) as answer:
        told = {name.lower(): str(value) for name, value in answer.headers.items()}
        if there and answer.status == 206:
            if not _from(told.get("content-range", ""), there):
                advance(-there)
                part.drop()
                message = f"the server sent {told['content-range']!r}, asked for bytes from {there} on"
                raise ConnectionError(message)
        else:
            if there:
                advance(-there)
            there = 0
            part.begin(_version(told))
        written = 0
        with _writable(part.path) as stream:
            while block := answer.read1(CHUNK):
                _write(stream, block)
                written += len(block)
                advance(len(block))
    length = told.get("content-length", "")
    if length.isdigit() and written < int(length):
        message = f"the connection was cut after {there + written} of {there + int(length)} bytes"
        raise ConnectionError(message)
    return told


def _writable(path: Path) -> IO[bytes]:
    try:
        return path.open("ab", buffering=0)
    except OSError as cause:
        message = f"{path.name} cannot be written ({cause.strerror}); free space or permissions, then run again"
        raise DatasetError(message) from None


def _write(stream: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    while view:
        try:
            view = view[stream.write(view) :]
        except OSError as cause:
            message = f"what arrives cannot be written ({cause.strerror}); free space, then run again to resume"
            raise DatasetError(message) from None


def _from(content_range: str, there: int) -> bool:
    """Tell whether an answer begins where it was asked to."""
    found = re.match(r"bytes (\d+)-", content_range)
    return found is None or int(found[1]) == there


def _version(told: Mapping[str, str]) -> str:
    """Return what tells this version of a file from another: a strong ETag, else the date."""
    etag = told.get("etag", "")
    return etag if etag.startswith('"') else told.get("last-modified", "")
