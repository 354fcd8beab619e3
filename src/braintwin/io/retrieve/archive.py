"""Archives unpacked without trust: whole or not at all, and nothing lands or points outside."""

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from braintwin.errors import DatasetError

ENDINGS = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".zip")
"""Endings of archives that can be unpacked."""


def is_archive(name: str) -> bool:
    """Tell whether a name is that of an archive."""
    return name.lower().endswith(ENDINGS)


def unpack(archive: Path, target: Path, what: str) -> None:
    """Unpack a tar or zip archive into the new folder `target`, whole or not at all.

    Raises
    ------
    DatasetError
        If it is no archive, is cut short, is larger than the free space, or holds anything that would land or point
        outside the folder.
    """
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, part, what)
        else:
            _untar(archive, part, what)
        part.replace(target)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile):
        message = f"{what}: not a .tar.gz or .zip archive, or cut short; get it again"
        raise DatasetError(message) from None
    except (RuntimeError, NotImplementedError) as cause:  # zipfile: a password, an unknown compression
        message = f"{what}: cannot be unpacked ({cause}); nothing was kept"
        raise DatasetError(message) from None
    except OSError as cause:
        message = f"{what}: cannot be unpacked ({cause.strerror or cause}); nothing was kept"
        raise DatasetError(message) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _untar(archive: Path, part: Path, what: str) -> None:
    total = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            link = member.linkname if member.issym() or member.islnk() else ""
            _check_name(member.name, link, what)
            total += member.size
            _check_room(total, part, what)
            _check_member(member, part, what)
            _place(tar, member, part)


def _check_member(member: tarfile.TarInfo, part: Path, what: str) -> None:
    """Refuse what is neither file, folder nor link, and what would land or point outside, also through a link."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        message = f"{what}: holds {member.name!r}, a device or pipe; refused, nothing was kept"
        raise DatasetError(message)
    inside = part.resolve()
    places = [part / member.name]
    if member.issym():
        places.append((part / member.name).parent / member.linkname)
    elif member.islnk():
        places.append(part / member.linkname)
    if not all(place.resolve().is_relative_to(inside) for place in places):
        message = f"{what}: holds {member.name!r}, which leads outside the archive; refused, nothing was kept"
        raise DatasetError(message)


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, part: Path) -> None:
    """Write one member with the modes and owner of this process; tarfile's own filters came with Python 3.11.4."""
    path = part / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        path.mkdir(exist_ok=True)
        return
    path.unlink(missing_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        path.hardlink_to(part / member.linkname)
    else:
        content = tar.extractfile(member)
        assert content is not None
        with content, path.open("wb") as stream:
            shutil.copyfileobj(content, stream)


def _unzip(archive: Path, part: Path, what: str) -> None:
    with zipfile.ZipFile(archive) as bag:
        members = bag.infolist()
        for member in members:
            _check_name(member.filename, "", what)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                message = f"{what}: holds {member.filename!r}, which is a link or no file; refused, nothing was kept"
                raise DatasetError(message)
        _check_room(sum(member.file_size for member in members), part, what)
        bag.extractall(part)


def _check_name(name: str, link: str, what: str) -> None:
    """Refuse a name that is absolute, foreign or climbs."""
    for text in (name, link):
        if PurePosixPath(text).is_absolute() or "\\" in text or "\0" in text or text[1:2] == ":":
            message = f"{what}: holds {text!r}, a name that is absolute or foreign; refused, nothing was kept"
            raise DatasetError(message)
    if ".." in PurePosixPath(name).parts:
        message = f"{what}: holds {name!r}, a name outside its own folder; refused, nothing was kept"
        raise DatasetError(message)


def _check_room(total: int, folder: Path, what: str) -> None:
    """Refuse what says that it is larger than the space there is, before it fills the disk."""
    if total > shutil.disk_usage(folder).total:
        message = f"{what}: says that it holds {total / 1e9:.0f} GB, more than this disk; refused, nothing was kept"
        raise DatasetError(message)
