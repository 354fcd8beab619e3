"""Datasets brought here: archives downloaded with resume and checksum, and unpacked without trust."""

import gzip
import hashlib
import ipaddress
import shutil
import tarfile
import time
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from braintwin.errors import DatasetError

CHUNK = 1 << 20
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be different in a moment."""


def is_remote(source: str) -> bool:
    """Tell whether `source` is an address rather than a path."""
    return "://" in source


def _check_address(address: str) -> None:
    """Refuse what is neither https nor http on this machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        message = f"{public(address)!r} is no https:// address; write the https:// address of a .tar.gz"
        raise DatasetError(message)


def public(address: str) -> str:
    """Return an address without user, password and query, which may hold a key."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect only to an address that the config could have named."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


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
            f"{what}: {algorithm} is {got}, expected {wanted.lower()}; the archive is not the one that the config "
            "names: correct the checksum or the source"
        )
        raise DatasetError(message)


def download(
    address: str,
    target: Path,
    expected: str,
    *,
    retries: int = 3,
    timeout_s: float = 60.0,
    pause: Callable[[float], None] = time.sleep,
    last: bool = False,
) -> None:
    """Bring a file here; what arrived before a cut is kept, also for the next run, and the checksum decides.

    Parameters
    ----------
    address : str
        ``https://…``, or ``http://`` on this machine.
    target : path
        Where the whole, verified file goes; ``<target>.part`` holds what has arrived.
    expected : str
        ``sha256:<hex>`` or ``md5:<hex>``.
    retries : int
        Attempts.
    timeout_s : float
        Longest silence of the server, s.
    pause : callable
        Waits between two attempts.
    last : bool
        Do not start over where a resumed file turns out wrong.
    """
    _check_address(address)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    resumed = part.exists()
    for attempt in range(1, retries + 1):
        try:
            _transfer(address, part, timeout_s)
            break
        except HTTPError as cause:
            why = f"the server answered {cause.code} {cause.reason}"
            if cause.code == 416:  # nothing after what is here: it is whole or wrong, and the checksum tells
                break
            if cause.code not in _PASSING or attempt == retries:
                raise DatasetError(_failure(address, why, attempt)) from None
        except (OSError, HTTPException) as cause:
            why = str(cause.reason) if isinstance(cause, URLError) else f"{cause or type(cause).__name__}"
            if attempt == retries:
                raise DatasetError(_failure(address, why, attempt)) from None
        resumed = resumed or part.exists()
        pause(min(0.5 * 2**attempt, 30.0))
    try:
        verify(part, expected, public(address))
    except DatasetError:
        part.unlink()
        if not resumed or last:
            raise
        # the part may be of another version of the file: once more, from the start
        return download(address, target, expected, retries=retries, timeout_s=timeout_s, pause=pause, last=True)
    part.replace(target)
    return None


def _failure(address: str, why: str, attempts: int) -> str:
    times = "once" if attempts == 1 else f"{attempts} times"
    return f"{public(address)} cannot be downloaded (tried {times}): {why}; correct the source, or run again to resume"


def _transfer(address: str, part: Path, timeout_s: float) -> None:
    """Append to `part` what it lacks; start over where the server does not resume."""
    there = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={there}-"} if there else {})}
    with build_opener(_Redirects).open(Request(address, headers=headers), timeout=timeout_s) as answer:
        resumes = answer.status == 206
        length = answer.headers.get("Content-Length")
        written = 0
        with part.open("ab" if resumes else "wb") as stream:
            while block := answer.read(CHUNK):
                stream.write(block)
                written += len(block)
    if length is not None and written != int(length):
        message = f"the connection was cut after {written} of {length} bytes"
        raise ConnectionError(message)


def unpack(archive: Path, target: Path, what: str) -> None:
    """Unpack a tar archive into the new folder `target`, whole or not at all.

    Raises
    ------
    DatasetError
        If it is no archive, is cut short, or holds anything that would land or point outside the folder.
    """
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _check_member(member, what)
                tar.extract(member, part, filter="data")
        part.replace(target)
    except tarfile.FilterError as cause:
        message = f"{what}: {cause}; refused, nothing was kept"
        raise DatasetError(message) from None
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        message = f"{what}: not a .tar.gz archive, or cut short; get it again"
        raise DatasetError(message) from None
    except OSError as cause:
        message = f"{what}: cannot be unpacked ({cause.strerror}); nothing was kept"
        raise DatasetError(message) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_member(member: tarfile.TarInfo, what: str) -> None:
    """Refuse a name that is absolute or climbs; :func:`tarfile.data_filter` refuses links that leave the tree."""
    for name in (member.name, member.linkname if member.issym() or member.islnk() else ""):
        if PurePosixPath(name).is_absolute() or "\\" in name or "\0" in name:
            message = f"{what}: holds {name!r}, a name that is absolute or foreign; refused, nothing was kept"
            raise DatasetError(message)
    if ".." in PurePosixPath(member.name).parts:
        message = f"{what}: holds {member.name!r}, a name outside its own folder; refused, nothing was kept"
        raise DatasetError(message)
