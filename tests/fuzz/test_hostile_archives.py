"""Archives that want to write outside: refused in one line, and nothing is written there."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from braintwin.cli.inspect import inspect
from braintwin.errors import BrainTwinError
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.steps import retrieve

DESCRIPTION = b'{"Name": "x", "BIDSVersion": "1.9.0"}'
ROWS = b"onset\tduration\tstage\n0\t30\tW\n"


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for member, content in (*members, (tarfile.TarInfo("data/dataset_description.json"), DESCRIPTION)):
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def plain(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), ROWS


def zipped(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("data/dataset_description.json", DESCRIPTION)
        out.writestr(name, ROWS)
    return path


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "parent": lambda f: tar(f / "a.tar.gz", plain("../escaped")),
    "deep parent": lambda f: tar(f / "a.tar.gz", plain("data/sub-01/../../../escaped")),
    "absolute": lambda f: tar(f / "a.tar.gz", plain(str(f / "escaped"))),
    "through a link": lambda f: tar(
        f / "a.tar.gz", special("data/out", tarfile.SYMTYPE, ".."), plain("data/out/../escaped")
    ),
    "link to a folder": lambda f: tar(
        f / "a.tar.gz", special("data/out", tarfile.SYMTYPE, str(f)), plain("data/out/escaped")
    ),
    "hard link": lambda f: tar(f / "a.tar.gz", special("data/x", tarfile.LNKTYPE, "../../secret")),
    "device": lambda f: tar(f / "a.tar.gz", special("data/null", tarfile.CHRTYPE)),
    "pipe": lambda f: tar(f / "a.tar.gz", special("data/participants.tsv", tarfile.FIFOTYPE)),
    "zip parent": lambda f: zipped(f / "a.zip", "../escaped"),
    "zip absolute": lambda f: zipped(f / "a.zip", str(f / "escaped")),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("command", ["retrieve", "inspect"])
@pytest.mark.timeout(60)
def test_nothing_is_written_outside(command: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    archive = HOSTILE[kind](tmp_path)
    dataset = DatasetOptions(source=str(archive))
    before = sorted(path.name for path in tmp_path.iterdir())
    try:
        if command == "inspect":
            inspect(archive, dataset, "d")
        else:
            retrieve.run(
                name="d", dataset=dataset, synthesize=SynthesizeOptions(), store=tmp_path / "store" / "d",
                record=tmp_path / "store" / "d.json", seed=1, options=RetrieveOptions(),
            )  # fmt: skip
    except BrainTwinError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017 - no refusal is as good, if nothing is written
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path.parent / "escaped").exists()
    assert {path.name for path in tmp_path.iterdir()} - {"store"} == set(before)
    for path in (tmp_path / "store").rglob("*"):
        assert tmp_path / "store" in path.resolve().parents
        assert path.is_dir() or path.is_file()
        assert path.stat().st_nlink == 1 or path.is_dir()
