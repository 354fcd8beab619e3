"""What a reader tells of recordings that are not BIDS; one reader a format, one writer for all.

A reader is a module of this folder with a function ``read(folder, options) -> RawStudy`` and a line in
:data:`braintwin.io.convert.run.READERS`. It opens no signal: it names the files, the stages and the people.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from braintwin.errors import DatasetError, NightExcluded


@dataclass(frozen=True)
class Row:
    """One row of a scoring: onset after the first sample and length, s; label as it is written."""

    onset: float
    duration: float
    label: str


@dataclass(frozen=True)
class RawNight:
    """One recording.

    Parameters
    ----------
    person, session, run : str
        Labels of letters and digits; session and run may be empty.
    signal : Path
        EDF or BDF.
    rows : tuple of Row or None
        The scoring; None where nobody scored the night.
    lights_off_s : float or None
        Lights off after the first sample, s.
    condition : str
        Treatment of the night, empty where there is none.
    """

    person: str
    session: str
    run: str
    signal: Path
    rows: tuple[Row, ...] | None
    lights_off_s: float | None = None
    condition: str = ""

    @property
    def name(self) -> str:
        """Return the labels as a file name holds them."""
        parts = (("sub", self.person), ("ses", self.session), ("run", self.run))
        return "_".join(f"{key}-{value}" for key, value in parts if value)


@dataclass
class RawStudy:
    """All recordings of a folder.

    Parameters
    ----------
    nights : list of RawNight
        To be converted.
    people : dict
        Label -> column -> cell of participants.tsv.
    columns : dict
        Column of participants.tsv -> what participants.json says of it.
    refused : list of (str, str)
        Night -> why it cannot be converted.
    title, licence, citation, authors, readme
        Of the dataset.
    scored_by : str
        What events.json says of the stages.
    power_line_hz : float or None
        Mains frequency.
    channels : dict
        Channel -> type, where its name does not tell.
    """

    nights: list[RawNight]
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    title: str = "Converted sleep recordings"
    licence: str = ""
    citation: str = ""
    authors: list[str] = field(default_factory=list)
    readme: str = ""
    scored_by: str = "Sleep stage."
    power_line_hz: float | None = None
    channels: dict[str, str] = field(default_factory=dict)


def label(text: str) -> str:
    """Return a text as a BIDS label: letters and digits only."""
    return re.sub(r"[^A-Za-z0-9]", "", text)


def check_distinct(nights: list[RawNight]) -> None:
    """Refuse nights that would have one name.

    Raises
    ------
    DatasetError
        Naming the first.
    """
    twice = [name for name, count in Counter(night.name for night in nights).items() if count > 1]
    if twice:
        message = (
            f"convert: {len(twice)} name(s) would stand for several recordings, the first {twice[0]!r}; tell them apart"
        )
        raise DatasetError(message)


def edf_start(path: Path) -> datetime:
    """Return when an EDF or BDF file begins, by its header.

    Raises
    ------
    NightExcluded
        If the file cannot be read, is no EDF, or is shorter than its header says.
    """
    try:
        with path.open("rb") as stream:
            fixed = stream.read(256)
            promised = _promised_size(fixed, stream.read(int(fixed[184:192]) - 256))
        if (size := path.stat().st_size) < promised:
            message = f"convert: {path.name} is cut short ({size} bytes, its header says {promised}); get it again"
            raise NightExcluded(message)
        day, month, year = (int(part) for part in fixed[168:176].decode("ascii").split("."))
        hour, minute, second = (int(part) for part in fixed[176:184].decode("ascii").split("."))
        return datetime(year + (1900 if year >= 85 else 2000), month, day, hour, minute, second)  # clipping as EDF says
    except (OSError, ValueError):
        message = f"convert: {path.name} cannot be read, or its header tells no start; get it again, or leave it out"
        raise NightExcluded(message) from None


def _promised_size(fixed: bytes, signals: bytes) -> int:
    """Return how many bytes an EDF or BDF file has by its header; 0 where it was still being recorded."""
    records, count = int(fixed[236:244]), int(fixed[252:256])
    samples = [int(signals[216 * count + 8 * i : 216 * count + 8 * (i + 1)]) for i in range(count)]
    width = 3 if fixed.startswith(b"\xff") else 2
    return int(fixed[184:192]) + max(0, records) * width * sum(samples)


def clock_s(text: str) -> float | None:
    """Return a time of day (HH:MM or HH:MM:SS, or a fraction of a day as tables hold it) in s; None if it is none."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?", text.strip())
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return int(found[1]) * 3600.0 + int(found[2]) * 60.0 + float(found[3] or 0)
    try:
        fraction = float(text)
    except ValueError:
        return None
    return round(fraction * 86400.0) if 0 <= fraction < 1 else None


def after_start(clock: float, start: datetime) -> float:
    """Return how long after the start of a recording a time of day comes, s, within one day."""
    begun = start.hour * 3600 + start.minute * 60 + start.second
    return (clock - begun) % 86400.0
