"""Files from the future: a clock that ran fast, here or on the machine that recorded, must not stop a study.

Snakemake compares times of modification. A result that seems to come from tomorrow would be made again for ever, or end
the run as a skewed clock.
"""

import json
import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from braintwin.errors import BrainTwinError
from braintwin.paths import StudyPaths

GRACE_S = 60.0
"""Clocks of one cluster differ by seconds."""


def from_the_future(files: Iterable[Path], now: float) -> list[Path]:
    """Return the files whose time of modification lies after `now`."""
    found = []
    for path in files:
        try:
            if path.stat().st_mtime > now + GRACE_S:
                found.append(path)
        except OSError:
            continue
    return found


def settle_results(paths: StudyPaths) -> int:
    """Give results from the future the time of now, the order among them kept; return how many there were."""
    now = time.time()
    parts = (paths.root / name for name in ("datasets", "index", "nights", "people", "cohort", "report"))
    found = from_the_future((file for part in parts for file in part.rglob("*") if file.is_file()), now)
    for rank, path in enumerate(sorted(found, key=lambda p: p.stat().st_mtime)):
        moment = now - 1.0 + rank / max(1, len(found))
        os.utime(path, (moment, moment))
    return len(found)


def refuse_recordings(paths: StudyPaths) -> None:
    """Refuse recordings from the future, which are not ours to touch.

    Raises
    ------
    BrainTwinError
        With the first of them, and what to type.
    """
    from braintwin.io.records import read_nights

    now = time.time()
    roots: dict[str, Path] = {}
    files = []
    for row in read_nights(paths.nights):
        if row.dataset not in roots:
            record = json.loads(paths.dataset_record(row.dataset).read_text(encoding="utf-8"))
            roots[row.dataset] = Path(record["root"])
        files += [roots[row.dataset] / name for name in (row.signal, row.stages) if name]
    found = from_the_future(files, now)
    if found:
        when = datetime.fromtimestamp(found[0].stat().st_mtime).isoformat(" ", "minutes")
        message = (
            f"run: {len(found)} recording(s) have a time of modification in the future (first: {found[0]}, {when}); "
            "set this machine's clock if it is slow, else `touch` them"
        )
        raise BrainTwinError(message)
