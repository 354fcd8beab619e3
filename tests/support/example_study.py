"""The published archive of the worked example, unpacked, and ways to tamper with it."""

import json
import shutil
from pathlib import Path

from braintwin.digest import lasting_digest
from braintwin.review import archive as archives
from braintwin.review.chain import chained
from braintwin.review.crate import write_crate
from braintwin.review.manifest import header_of
from braintwin.review.methods import methods

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "studies" / "example"
ARCHIVE = EXAMPLE / "expected" / "example.braintwin.zip"


def unpacked(folder: Path, archive: Path = ARCHIVE) -> Path:
    """Unpack the example, which must be whole."""
    folder.mkdir(parents=True)
    assert archives.unpack(archive, folder) == []
    return folder


def copy_of(folder: Path, target: Path) -> Path:
    """Copy an unpacked archive."""
    return Path(shutil.copytree(folder, target))


def naive_forger(folder: Path) -> None:
    """Seal a changed archive again: every checksum of every file is right."""
    archives.write_chain(folder)


def thorough_forger(folder: Path) -> None:
    """Also make manifest, methods paragraph and crate agree with what was changed."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    bare = [{key: value for key, value in entry.items() if key != "chain"} for entry in manifest["entries"]]
    for entry in bare:
        here = folder / entry["path"]
        if entry["step"] in ("check", "simulate", "rank") and here.is_file():
            entry["digest"] = lasting_digest(here)
    manifest["entries"], manifest["seal"] = chained(header_of(manifest), bare)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    said = json.loads((folder / "publication.json").read_text(encoding="utf-8"))
    (folder / "publication.json").write_text(json.dumps({**said, "seal_of_run": manifest["seal"]}), encoding="utf-8")
    (folder / "methods.md").write_text(methods(manifest), encoding="utf-8")
    write_crate(folder)
    archives.write_chain(folder)


def other_digit(text: str) -> str:
    """Return a number with its last digit changed by one."""
    place = max(i for i, letter in enumerate(text.partition("e")[0]) if letter.isdigit())
    return text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
