"""The archive of a study: one file, the same bytes for the same content, with a hash chain over its members.

``CHAIN.tsv`` has one line a member: its place, size, SHA-256 and the link that seals it with all before it. The last
link is the seal of the archive; a paper that prints it pins every byte.
"""

import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from braintwin.digest import file_digest
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import atomic
from braintwin.review.chain import link

CHAIN = "CHAIN.tsv"
_HEAD = "place\tbytes\tsha256\tlink\tpath"
_STORED = (".nc", ".zip", ".png")
MOST_BYTES = 50 * 2**30


@dataclass(frozen=True)
class Fault:
    """What is wrong with an archive: the member, and in which way."""

    path: str
    what: str


def members(folder: Path) -> list[str]:
    """Return the files below `folder` by name, the chain left out."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if name != CHAIN)


def _line(place: int, size: int, digest: str, before: str, path: str) -> tuple[str, str]:
    seal = link(before, [place, size, digest, path])
    return f"{place}\t{size}\t{digest}\t{seal}\t{path}", seal


def write_chain(folder: Path) -> str:
    """Write the chain over everything below `folder` and return its seal."""
    lines, seal = [_HEAD], ""
    for place, name in enumerate(members(folder)):
        path = folder / name
        line, seal = _line(place, path.stat().st_size, file_digest(path), seal, name)
        lines.append(line)
    (folder / CHAIN).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return seal


def pack(folder: Path, target: Path) -> str:
    """Seal `folder`, write it as one archive, the same bytes for the same content, and return the seal."""
    seal = write_chain(folder)
    with atomic(target) as temporary:
        _zip(folder, temporary)
    return seal


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted([*members(folder), CHAIN]):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, (folder / name).read_bytes(), compresslevel=9)


def container(archive: Path, folder: Path, packed_with: str) -> list[Fault]:
    """Return a fault if `archive` is not, byte for byte, what packing its own members gives.

    Members may be whole and yet bytes between them changed. Another zlib than `packed_with` may compress otherwise;
    then nothing can be said.
    """
    if packed_with != zlib.ZLIB_RUNTIME_VERSION:
        return []
    with TemporaryDirectory() as place:
        again = Path(place) / "again.zip"
        _zip(folder, again)
        same = file_digest(again) == file_digest(archive)
    return [] if same else [Fault(archive.name, "has bytes outside its members that were changed")]


def unpack(archive: Path, folder: Path) -> list[Fault]:
    """Unpack what can be read of `archive` and return what cannot.

    Raises
    ------
    BrainTwinError
        If it is no archive of a study at all.
    """
    faults = []
    try:
        with zipfile.ZipFile(archive) as stored:
            entries = stored.infolist()
            if CHAIN not in {entry.filename for entry in entries}:
                message = (
                    f"{archive.name}: holds no {CHAIN}, so it is no published study; `braintwin publish` makes one"
                )
                raise BrainTwinError(message)
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                message = f"{archive.name}: would unpack to more than {MOST_BYTES // 2**30} GiB"
                raise BrainTwinError(message)
            for entry in entries:
                faults += _extract(stored, entry, folder)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as cause:
        message = f"{archive.name}: cannot be opened as an archive ({cause}); fetch it again"
        raise BrainTwinError(message) from None
    return faults


def _extract(stored: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> list[Fault]:
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in entry.filename or entry.is_dir():
        return [Fault(entry.filename, "is no member that an archive of a study can have")]
    target = folder / name
    if target.exists():
        return [Fault(entry.filename, "is in the archive twice")]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.write_bytes(stored.read(entry))
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error):
        return [Fault(entry.filename, "is damaged: its bytes do not give what was packed")]
    return []


def integrity(folder: Path, seal: str | None = None) -> tuple[list[Fault], str]:
    """Return every member that is not what the chain sealed, and the seal that the chain ends with.

    Parameters
    ----------
    folder : Path
        The unpacked archive.
    seal : str, optional
        The seal that was printed elsewhere (in the paper); the chain must end with it.
    """
    if not (folder / CHAIN).is_file():
        return [Fault(CHAIN, "cannot be read")], ""
    text = (folder / CHAIN).read_bytes().decode("utf-8", errors="replace")
    lines = text.split("\n")
    faults: list[Fault] = []
    if lines[0] != _HEAD or lines[-1] != "":
        faults.append(Fault(CHAIN, "does not read as a chain"))
    before, listed = "", []
    for place, line in enumerate(lines[1:-1]):
        cells = line.split("\t")
        if len(cells) != 5:
            faults.append(Fault(CHAIN, f"line {place + 2} does not read as a link"))
            continue
        path = cells[4]
        listed.append(path)
        size, digest = _measured(folder / path)
        expected, before = _line(place, size, digest, before, path)
        if expected == line:
            continue
        if not digest:
            faults.append(Fault(path, "is missing"))
        elif cells[2] != digest or cells[1] != str(size):
            faults.append(Fault(path, "is not what was sealed (another SHA-256)"))
        elif cells[0] != str(place):
            faults.append(Fault(CHAIN, f"line {place + 2} is out of place"))
        else:
            faults.append(Fault(CHAIN, f"the link of {path} does not hold"))
        before = cells[3]  # so that one change is named once, not by every link after it
    faults += [Fault(name, "is not in the chain") for name in members(folder) if name not in set(listed)]
    faults += [Fault(name, "is in the chain twice") for name in sorted({n for n in listed if listed.count(n) > 1})]
    if seal is not None and before != seal.strip().lower():
        faults.append(Fault(CHAIN, f"ends with the seal {before[:12]}…, expected {seal[:12]}…"))
    return faults, before


def _measured(path: Path) -> tuple[int, str]:
    return (path.stat().st_size, file_digest(path)) if path.is_file() else (0, "")


def copy_all(names: Iterable[Path], source: Path, target: Path) -> None:
    """Copy files below `source` to the same names below `target`."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((source / name).read_bytes())
