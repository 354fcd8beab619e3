"""What must not leave the house in an archive: places on a machine, user names, full dates of people's lives."""

import getpass
import re
from collections.abc import Iterator
from pathlib import Path

from braintwin.errors import BrainTwinError
from braintwin.review.archive import Fault, members

_TEXT = (".json", ".tsv", ".yaml", ".md", ".html")
_PLACE = re.compile(r"(?<![\w.:/~-])(/(?:home|root|Users|mnt|media|data|scratch|tmp|srv|work|opt|var)/[\w.-]+)")
_DATE = re.compile(r"(?<![\d./:-])((?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?![\d-])")
DATED = ("publication.json", "README.md", "ro-crate-metadata.json", "treatments.yaml")
"""Files that hold the day of publication, or dates of the literature, and nothing of a person."""


def _user() -> re.Pattern[str] | None:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return None
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])") if len(name) > 3 and name != "root" else None


def texts(path: Path) -> Iterator[str]:
    """Yield what can be read in a file: its text, or the names and attributes of NetCDF."""
    if path.suffix in _TEXT:
        yield path.read_text(encoding="utf-8", errors="replace")
    elif path.suffix == ".nc":
        import h5py

        with h5py.File(path, "r") as stored:
            found: list[str] = [f"{key}={value}" for key, value in stored.attrs.items()]
            stored.visititems(lambda name, item: found.extend([name, *(f"{k}={v}" for k, v in item.attrs.items())]))
        yield "\n".join(found)


def leaks(folder: Path) -> Iterator[Fault]:
    """Yield everything in a frozen study that tells a place, a user or a date; a narrow net under `privacy-check`."""
    user = _user()
    for name in members(folder):
        if name.startswith("workflow/"):
            continue
        try:
            read = list(texts(folder / name))
        except OSError as cause:
            message = f"publish: {name} cannot be read ({type(cause).__name__})"
            raise BrainTwinError(message) from None
        for text in read:
            for pattern, what in ((_PLACE, "a place on a machine"), (user, "a user's name")):
                if pattern is not None and (found := pattern.search(text)):
                    yield Fault(name, f"holds {what} ({found.group(0)[:40]})")
            if Path(name).name not in DATED and (found := _DATE.search(text)):
                yield Fault(name, f"holds a date ({found.group(1)})")
