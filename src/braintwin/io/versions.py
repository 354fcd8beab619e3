"""Every version of a twin, with what it saw: ``people/<person>/versions/``.

Each version is kept whole (``0001.nc``, ``0002.nc``, …) and told in one line of ``history.jsonl``. A line holds the
digest of its version, of each night that the version saw, and of the line before: whoever changes, drops or swaps a
line or a version breaks the chain from there on. That the chain as a whole was replaced shows only against a copy of
its last digest kept elsewhere; ``braintwin update --history`` prints it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, ValidationError

from braintwin.contracts.stages import EPOCH_S
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import atomic
from braintwin.io.digest import content_digest
from braintwin.io.posterior import read_groups

HISTORY = "history.jsonl"


class Version(BaseModel):
    """One line of the history.

    Attributes
    ----------
    version : int
        Number from 1.
    made_by : str
        Step that made it: fit-nights or update.
    twin : str
        Content digest of the version.
    saw : dict of str to str
        Digest of the scoring of every night behind it, by name.
    population : str
        Name of the population prior.
    code, options, inputs, seed, braintwin_version : str
        As stamped on the version.
    previous : str
        Digest of the line before, empty for the first.
    digest : str
        Digest of this line without itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    made_by: str
    twin: str
    saw: dict[str, str]
    population: str
    code: str
    options: str
    inputs: str
    seed: str
    braintwin_version: str
    previous: str
    digest: str = ""

    def sealed(self) -> "Version":
        """Return this line with its digest."""
        return self.model_copy(update={"digest": self.expected()})

    def expected(self) -> str:
        """Return the digest that this line must have."""
        values = self.model_dump(exclude={"digest"})
        return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def versions_of(twin: Path) -> Path:
    """Return the folder of the versions of a person's `night.nc`."""
    return twin.parent / "versions"


def version_path(folder: Path, number: int) -> Path:
    """Return where a version lies."""
    return folder / f"{number:04d}.nc"


def read_history(folder: Path) -> list[Version]:
    """Return the lines of a history as they stand, none where there is no history.

    Raises
    ------
    BrainTwinError
        If a line is not one.
    """
    path = folder / HISTORY
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else [], 1):
        try:
            found.append(Version.model_validate_json(line))
        except ValidationError:
            message = f"{HISTORY} of {folder.parent.name}: line {number} is not a version; it was changed by hand"
            raise BrainTwinError(message) from None
    return found


def faults(folder: Path) -> list[str]:
    """Return in which ways a history is not what was written: nothing for a whole one."""
    found: list[str] = []
    before = ""
    lines = read_history(folder)
    for number, line in enumerate(lines, 1):
        path = version_path(folder, number)
        if line.version != number:
            found.append(f"line {number} says version {line.version}: a line was dropped or moved")
        if line.digest != line.expected():
            found.append(f"line {number} was changed: its digest is not that of its content")
        if line.previous != before:
            found.append(f"line {number} does not follow the line before it")
        if not path.is_file():
            found.append(f"{path.name} is gone")
        elif content_digest(path) != line.twin:
            found.append(f"{path.name} is not the twin that line {number} tells of")
        before = line.digest
    extra = {p.name for p in folder.glob("[0-9]*.nc")} - {version_path(folder, n + 1).name for n in range(len(lines))}
    found.extend(f"{name} has no line" for name in sorted(extra))
    return found


def record(twin: Path) -> Version:
    """Keep a twin as a version, unless it is the last one already; return its line.

    Raises
    ------
    BrainTwinError
        If the history is not whole: nothing is added to it.
    """
    folder = versions_of(twin)
    broken = faults(folder)
    spare = version_path(folder, len(read_history(folder)) + 1)
    if broken == [f"{spare.name} has no line"]:  # a copy whose line an interruption left out
        broken = []
    if broken:
        message = (
            f"versions of {twin.parent.name}: {broken[0]}"
            + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else "")
            + "; restore the folder from a copy, or move it away to begin a new history"
        )
        raise BrainTwinError(message)
    lines = read_history(folder)
    digest = content_digest(twin)
    if lines and lines[-1].twin == digest:
        return lines[-1]
    groups = read_groups(twin)
    stamp = groups.get("/", xr.Dataset()).attrs
    line = Version(
        version=len(lines) + 1,
        made_by=str(stamp.get("step", "")),
        twin=digest,
        saw=seen(groups),
        population=str(groups["posterior"].attrs.get("population", "")),
        previous=lines[-1].digest if lines else "",
        **{name: str(stamp.get(name, "")) for name in ("code", "options", "inputs", "seed", "braintwin_version")},
    ).sealed()
    with atomic(spare) as temporary:
        shutil.copyfile(twin, temporary)
    with (folder / HISTORY).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line.model_dump(), sort_keys=True, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return line


def seen(groups: Mapping[str, xr.Dataset]) -> dict[str, str]:
    """Return the digest of every night that a twin was fitted to, by name."""
    observed = groups.get("observed_data", xr.Dataset())
    if "stage" not in observed:
        return {}
    lengths = np.rint(observed["time_in_bed"].values * 60 / EPOCH_S).astype(int)
    rows = zip(observed["night"].values, observed["stage"].values, lengths, strict=True)
    return {str(name): night_digest(stages[:length]) for name, stages, length in rows}


def night_digest(stages: Any) -> str:
    """Return the digest of one night's scoring."""
    return hashlib.sha256(np.ascontiguousarray(stages, dtype=np.int8).tobytes()).hexdigest()
