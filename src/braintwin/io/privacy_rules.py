"""What in a name or a text can tell who a person is, or when and where they were recorded."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

ANONYMOUS = frozenset({"", "x", "n/a", "na", "nan", "none", "null", "unknown", "anonymous", "anonymized", "0", "xx"})
"""Values that say nothing of a person, in lower case."""

SHIFTED_BEFORE = 1925
"""Dates before this year are shifted ones: BIDS asks to move recordings back beyond it."""

EDF_NO_DATE = date(1985, 1, 1)
"""The date of an EDF header that has none."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATES = (
    re.compile(
        r"(?<![\d.])(?P<y>(?:18|19|20)\d{2})[-/.](?P<m>0?[1-9]|1[0-2])[-/.](?P<d>0?[1-9]|[12]\d|3[01])(?![\d.])"
    ),
    re.compile(
        r"(?<![\d.])(?P<d>0?[1-9]|[12]\d|3[01])[-/.](?P<m>0?[1-9]|1[0-2])[-/.](?P<y>(?:18|19|20)\d{2})(?![\d.])"
    ),
    re.compile(
        r"\b(?P<d>0?[1-9]|[12]\d|3[01])[- ](?P<b>" + "|".join(_MONTHS) + r")[a-z]*[- ,]+(?P<y>(?:18|19|20)\d{2})\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?P<b>" + "|".join(_MONTHS) + r")[a-z]* +(?P<d>0?[1-9]|[12]\d|3[01]),? +(?:\d\d:\d\d(?::\d\d)? +)?"
        r"(?P<y>(?:19|20)\d{2})\b",
        re.IGNORECASE,
    ),
)
_STAMP = re.compile(
    r"(?<![0-9A-Za-z.])(?P<y>(?:19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?:[T_]?\d{4,12})?(?![0-9A-Za-z])"
)
_DAY_FIRST = re.compile(r"^(?P<d>0[1-9]|[12]\d|3[01])(?P<m>0[1-9]|1[0-2])(?P<y>(?:19|20)\d{2})\d{0,4}$")
_YEAR_FIRST = re.compile(r"^(?P<y>(?:19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])\d{0,6}$")
_PATH = re.compile(
    r"(?<![\w/.:])(?:file://)?/(?:home|Users|root|mnt|media|work|tmp|scratch|data|srv|var|opt|nfs|gpfs|lustre|Volumes)"
    r"/[^\s\"'<>|:,;)\]}]+|\b[A-Z]:\\[^\s\"'<>|]+"
)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.(?!js\b|css\b)[a-z]{2,}\b", re.IGNORECASE)

KEYS = {
    "name": re.compile(
        r"^(patient|subject|participant|person|sur|first|last|family|given|full)_?-?s?_?name$|^initials$"
    ),
    "birth date": re.compile(r"birth|^dob$|geburt"),
    "recording date": re.compile(
        r"acq(uisition)?_?(date|time)|(study|series|content|recording|measurement|meas)_?date"
    ),
    "device serial": re.compile(r"serial"),
    "person's number": re.compile(r"patient_?id|\bmrn\b|ssn|insurance|medical_?record|national_?id|accession"),
    "contact": re.compile(r"^(e_?mail|phone|telephone|address|street|zip|postal_?code)$"),
    "staff": re.compile(
        r"(?:^|_)operators?(?:_?(?:s_)?(?:name|id|initials))?$|technician|technologist|physician|^station_?name$"
    ),
}
"""Keys of JSON and columns of tables by what they hold; names are compared in snake case."""


@dataclass(frozen=True)
class Leak:
    """One thing that should not be shared: where it is, of what kind, and what was found (masked)."""

    path: str
    kind: str
    found: str


def masked(text: str) -> str:
    """Return the shape of a text: its first letter and its length."""
    plain = " ".join(text.split())
    return f"{plain[:1]}{'*' * min(len(plain) - 1, 11)}" if plain else ""


def day(text: str) -> date | None:
    """Return the date that a whole label is (``28102021302``, ``20210501``), or None."""
    for pattern in (_YEAR_FIRST, _DAY_FIRST):
        found = pattern.match(text)
        if found:
            return _date(found)
    return None


def _date(found: "re.Match[str]") -> date | None:
    parts = found.groupdict()
    month = _MONTHS.index(parts["b"][:3].lower()) + 1 if parts.get("b") else int(parts["m"])
    try:
        return date(int(parts["y"]), month, int(parts["d"]))
    except ValueError:
        return None


def dates(text: str) -> Iterator[tuple[str, date]]:
    """Yield every date in a text that is no shifted one."""
    for pattern in (*_DATES, _STAMP):
        for found in pattern.finditer(text):
            when = _date(found)
            if when is not None and when.year >= SHIFTED_BEFORE and when != EDF_NO_DATE:
                yield found[0], when


def in_name(path: str) -> Iterator[Leak]:
    """Yield what the name of a file or folder tells: a date in an entity, or a person's address."""
    for part in dict.fromkeys(re.split(r"[/_.\-]", path)):
        when = day(part)
        if when is not None and when.year >= SHIFTED_BEFORE:
            yield Leak(path, "id that is a date", masked(part))
    for text, _ in dates(path.replace("_", " ")):
        yield Leak(path, "date in a file's name", masked(text))


def in_text(path: str, text: str, terms: Iterable[str] = (), run_day: date | None = None) -> Iterator[Leak]:
    """Yield what a free text tells.

    Parameters
    ----------
    path : str
        Where the text stands.
    text : str
        The text.
    terms : iterable of str
        Names and labels that must not occur.
    run_day : date, optional
        Day on which a program wrote the text; dates within two days of it are of the run, not of a recording.
    """
    for found, when in dates(text):
        if run_day is None or abs(when - run_day) > timedelta(days=2):
            yield Leak(path, "date", masked(found))
    for found in _PATH.findall(text):
        yield Leak(path, "absolute path", masked(found))
    for found in _EMAIL.findall(text):
        yield Leak(path, "e-mail address", masked(found))
    for term in terms:
        if re.search(rf"(?<![A-Za-z0-9]){re.escape(term)}(?![A-Za-z0-9])", text, re.IGNORECASE):
            yield Leak(path, "known name", masked(term))


def in_pair(path: str, key: str, value: Any) -> Iterator[Leak]:
    """Yield what a key of JSON, or a column, and its value tell."""
    text = str(value).strip()
    if text.lower() in ANONYMOUS:
        return
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.strip()).lower().replace(" ", "_").replace("-", "_")
    for kind, pattern in KEYS.items():
        if pattern.search(plain):
            if kind == "recording date" and not any(True for _ in dates(text)):
                continue
            yield Leak(path, kind, f"{key}: {masked(text)}")
            return


_PLACES = (
    (re.compile(r"^(\s*(?:User|Host): ).*$", re.MULTILINE), r"\1(not kept)"),
    (re.compile(r"^(\s*Python version: \S+).*$", re.MULTILINE), r"\1"),
    (re.compile(r"(?<![\w/.:])/(?:[\w.@+~=-]+/)+(?=[\w.@+~=-])"), ".../"),
)


def placeless(text: str) -> str:
    """Return a line of a log without user, host and the folders of this machine; the last part of a path stays."""
    for pattern, instead in _PLACES:
        text = pattern.sub(instead, text)
    return text


def in_age(path: str, text: str) -> Iterator[Leak]:
    """Yield an exact age above 89, which is rare enough to tell who it is; BIDS writes ``89+``."""
    if re.fullmatch(r"\d{2,3}(\.\d+)?", text.strip()) and 89 < float(text) <= 125:
        yield Leak(path, "age above 89", masked(text))
