"""A datalad dataset: cloned without its content, then only what is wanted is got, and checked by git-annex's keys."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from braintwin.errors import DatasetError
from braintwin.io.records import write_json
from braintwin.io.retrieve.files import RemoteFile, chosen
from braintwin.io.retrieve.tree import Brought, Manifest, manifest_path
from braintwin.options.source import SubsetOptions

_NOBODY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "BrainTwin"), ("EMAIL", "braintwin@localhost"))
}
"""The clone keeps a log of its own; the user's name has no place in it."""

_AT_ONCE = 500
"""Files named in one command; a command line is limited."""


def clone(source: str, target: Path, version: str, subset: SubsetOptions, connections: int, what: str) -> Manifest:
    """Clone `source` into the new folder `target` and get the wanted content; its version is the commit.

    An interrupted clone is begun anew, it holds no content; got content stays and is not got again.

    Raises
    ------
    DatasetError
        If datalad or git-annex is absent, the clone fails, or content cannot be got.
    """
    partial = target.with_name(f".{target.name}.clone")
    if source.startswith("-") or "::" in source:
        message = f"{what}: {source!r} is no address that can be cloned; correct the source"
        raise DatasetError(message)
    if Path(source).exists():
        source = str(Path(source).resolve())
    if not partial.is_dir():
        fresh = target.with_name(f".{target.name}.fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        _run(["datalad", "clone", source, str(fresh)], fresh.parent, what)
        if version:
            _run(["git", "checkout", "--quiet", "--detach", version], fresh, what)
        fresh.replace(partial)
    listed = _run(["git", "ls-files", "-z"], partial, what).split("\0")
    files = [RemoteFile(path, source) for path in listed if path and not path.startswith(".")]
    wanted = [file.path for file in chosen(files, subset, what)]
    absent = [path for path in wanted if (partial / path).is_symlink() and not (partial / path).exists()]
    for first in range(0, len(absent), _AT_ONCE):
        _run(["datalad", "get", f"--jobs={connections}", *absent[first : first + _AT_ONCE]], partial, what)
    here = [path for path in wanted if (partial / path).is_file()]
    manifest = Manifest(
        version=_run(["git", "rev-parse", "HEAD"], partial, what).strip(),
        files=[Brought(path=path, size=(partial / path).stat().st_size, proof=_kind(partial / path)) for path in here],
    )
    write_json(manifest_path(target), manifest)
    partial.replace(target)
    return manifest


def _kind(path: Path) -> str:
    """Return who vouches for a file: git-annex by its key, or git."""
    return "annex" if path.is_symlink() else "git"


def _run(command: Sequence[str], folder: Path, what: str) -> str:
    """Run datalad or git and return what it printed."""
    beside = str(Path(sys.executable).parent)  # also where the environment is not activated
    path = os.pathsep.join([beside, os.environ.get("PATH", "")])
    program = shutil.which(command[0], path=path)
    if program is None or shutil.which("git-annex", path=path) is None:
        message = f"{what}: a datalad: source needs datalad and git-annex; install them (pip install datalad git-annex)"
        raise DatasetError(message)
    environment = {**os.environ, "PATH": path, "GIT_TERMINAL_PROMPT": "0", "DATALAD_UI_PROGRESSBAR": "log", **_NOBODY}
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        told = next((line for line in lines if "error" in line.lower() or "fatal" in line.lower()), "")
        last = lines[-1] if lines else "it said nothing"
        message = f"{what}: {command[0]} {command[1]} failed ({(told or last)[:300]}); run again to go on"
        raise DatasetError(message)
    return done.stdout
