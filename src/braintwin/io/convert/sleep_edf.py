"""Sleep-EDF Expanded as PhysioNet has it: pairs of PSG and Hypnogram, and the tables of their subjects.

Kemp et al. 2000, doi:10.1109/10.867928; data doi:10.13026/C2X676. ``SC4ssNE0-PSG.edf``: subject ss, night N, at home;
``ST7ssNJ0-PSG.edf``: subject ss, night N, in hospital, one night on placebo and one on temazepam.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from braintwin.errors import DatasetError, NightExcluded
from braintwin.io.convert.study import RawNight, RawStudy, Row, after_start, check_distinct, clock_s, edf_start
from braintwin.io.events import table_lines
from braintwin.options.convert import ConvertOptions

_NAME = re.compile(r"(SC4|ST7)(\d\d)(\d)[A-Z][0-9A-Z]-(PSG|Hypnogram)\.edf", re.IGNORECASE)
TABLES = {"SC4": "SC-subjects", "ST7": "ST-subjects"}

_COLUMNS: dict[str, dict[str, Any]] = {
    "age": {"Description": "Age of the participant.", "Units": "year"},
    "sex": {"Description": "Sex of the participant.", "Levels": {"F": "female", "M": "male"}},
    "study": {
        "Description": "Part of Sleep-EDF.",
        "Levels": {"cassette": "at home, no medication", "telemetry": "in hospital, mild difficulty falling asleep"},
    },
    "placebo_night": {"Description": "Session of the night after placebo."},
    "temazepam_night": {"Description": "Session of the night after temazepam."},
}
_README = """\
Sleep-EDF Database Expanded, converted to BIDS by BrainTwin from the EDF files that PhysioNet publishes.

Signals are copies of the PSG files, dates and patient fields of their headers taken out. events.tsv holds the stages
as they were scored (Rechtschaffen and Kales), and lights off where the table of the subjects tells it. In the telemetry
part one night followed placebo and one temazepam: participants.tsv and sessions.tsv say which.
"""


@dataclass(frozen=True)
class _Subject:
    """One night of one subject as the tables tell it."""

    age: str
    sex: str
    lights_off: str
    condition: str = ""


def read(folder: Path, options: ConvertOptions) -> RawStudy:
    """Return the nights of a folder; a PSG without hypnogram is a night that nobody scored.

    Raises
    ------
    DatasetError
        If there is no PSG.
    """
    del options
    psg, hypnograms = _pairs(folder)
    if not psg:
        message = (
            "convert: no file like SC4001E0-PSG.edf or ST7011J0-PSG.edf in the folder; correct the source or reader"
        )
        raise DatasetError(message)
    known = {part: dict(_subjects(folder, part)) for part in sorted({key[0] for key in psg})}
    study = RawStudy(
        [],
        columns=_COLUMNS if "ST7" in known else {k: v for k, v in _COLUMNS.items() if not k.endswith("_night")},
        title="Sleep-EDF Database Expanded",
        licence="ODC-By-1.0",
        citation="Kemp B et al. 2000, doi:10.1109/10.867928; Goldberger et al. 2000, doi:10.1161/01.CIR.101.23.e215",
        authors=["Bob Kemp", "Aeilko Zwinderman", "Bert Tuk", "Hilbert Kamphuisen", "Josefien Oberyé"],
        readme=_README,
        scored_by="Stage scored by Rechtschaffen and Kales from Fpz-Cz and Pz-Oz.",
        power_line_hz=50.0,
        channels={"EEG Fpz-Cz": "EEG", "EEG Pz-Oz": "EEG", "EOG horizontal": "EOG", "EMG submental": "EMG"},
    )
    for key, signals in sorted(psg.items()):
        name = f"{key[0]}{key[1]}{key[2]}"
        try:
            subject = known[key[0]].get((key[1], key[2]))
            study.nights.append(_night(key, signals, hypnograms.get(key, []), subject))
        except NightExcluded as refusal:
            study.refused.append((name, str(refusal)))
            continue
        _add_person(study, key, subject)
    study.refused += [
        (f"{key[0]}{key[1]}{key[2]}", "convert: a hypnogram without its PSG; get the PSG, or leave it out")
        for key in sorted(hypnograms.keys() - psg.keys())
    ]
    check_distinct(study.nights)
    return study


_Key = tuple[str, str, str]


def _pairs(folder: Path) -> tuple[dict[_Key, list[Path]], dict[_Key, list[Path]]]:
    found: dict[str, dict[_Key, list[Path]]] = {"psg": defaultdict(list), "hypnogram": defaultdict(list)}
    for path in sorted(folder.rglob("*.[Ee][Dd][Ff]")):
        if match := _NAME.fullmatch(path.name):
            found[match[4].lower()][(match[1].upper(), match[2], match[3])].append(path)
    return found["psg"], found["hypnogram"]


def _night(key: _Key, signals: list[Path], hypnograms: list[Path], subject: _Subject | None) -> RawNight:
    part, number, night = key
    if len(signals) > 1 or len(hypnograms) > 1:
        several = ", ".join(path.name for path in (signals if len(signals) > 1 else hypnograms))
        message = f"convert: several files for one night ({several}); keep one"
        raise NightExcluded(message)
    if part == "ST7" and subject is None:
        message = (
            f"convert: {TABLES[part]} does not tell whether night {night} of subject {number} followed placebo or "
            "temazepam, and a treated night must not pass for an untreated one; put the table beside the recordings"
        )
        raise NightExcluded(message)
    start = edf_start(signals[0])
    clock = clock_s(subject.lights_off) if subject else None
    return RawNight(
        person=f"{part}{number}",
        session=night,
        run="",
        signal=signals[0],
        rows=read_hypnogram_edf(hypnograms[0], start) if hypnograms else None,
        lights_off_s=None if clock is None else after_start(clock, start),
        condition=subject.condition if subject else "",
    )


def read_hypnogram_edf(path: Path, start: Any) -> tuple[Row, ...]:
    """Return the annotations of a hypnogram in EDF+, counted from `start`, the beginning of the recording.

    Raises
    ------
    NightExcluded
        If it cannot be read, or begins on another day.
    """
    import mne

    shift = (edf_start(path) - start).total_seconds()
    if abs(shift) > 86400:
        message = f"convert: {path.name} begins {shift / 86400:.0f} days after its PSG; check that they belong together"
        raise NightExcluded(message)
    try:
        try:
            marks = mne.read_annotations(path)
        except UnicodeDecodeError:  # the norm says UTF-8
            marks = mne.read_annotations(path, encoding="latin1")
    except (OSError, ValueError, RuntimeError, IndexError, KeyError) as cause:
        message = f"convert: mne cannot read {path.name} ({type(cause).__name__}); get it again, or leave it out"
        raise NightExcluded(message) from None
    return tuple(
        Row(float(onset) + shift, float(length), str(text))
        for onset, length, text in zip(marks.onset, marks.duration, marks.description, strict=True)
    )


def _add_person(study: RawStudy, key: _Key, subject: _Subject | None) -> None:
    row = study.people.setdefault(f"{key[0]}{key[1]}", {"study": "cassette" if key[0] == "SC4" else "telemetry"})
    if subject:
        row.update({"age": subject.age, "sex": subject.sex})
        if subject.condition:
            row[f"{subject.condition}_night"] = key[2]


def _subjects(folder: Path, part: str) -> Iterator[tuple[tuple[str, str], _Subject]]:
    """Yield (subject, night) and what is told of it: by a CSV, by the workbook, or by mne's copy of the two tables."""
    stem = TABLES[part]
    csvs, books = sorted(folder.rglob(f"{stem}.csv")), sorted(folder.rglob(f"{stem}.xls"))
    if csvs:
        lines = [list(line) for line in table_lines(csvs[0].read_bytes())]
    elif books and _has_xlrd():
        lines = _workbook(books[0])
    else:
        yield from _from_mne(part)
        return
    yield from (_cassette(lines) if part == "SC4" else _telemetry(lines))


def _has_xlrd() -> bool:
    from importlib.util import find_spec

    return find_spec("xlrd") is not None


def _workbook(path: Path) -> list[list[str]]:
    """Return the cells of the first sheet of an .xls as text; numbers without a fraction as integers."""
    from xlrd import open_workbook

    sheet = open_workbook(path).sheet_by_index(0)
    rows = (sheet.row_values(row) for row in range(sheet.nrows))
    return [[f"{cell:g}" if isinstance(cell, float) and cell >= 1 else str(cell) for cell in row] for row in rows]


def _cassette(lines: list[list[str]]) -> Iterator[tuple[tuple[str, str], _Subject]]:
    """Yield the rows of SC-subjects: subject, night, age, sex (F=1), LightsOff."""
    for line in lines:
        cells = [cell.strip() for cell in line] + [""] * 5
        if cells[0].isdigit() and cells[1].isdigit():
            sex = {"1": "F", "2": "M"}.get(cells[3], "")
            yield (f"{int(cells[0]):02d}", cells[1]), _Subject(cells[2], sex, cells[4])


def _telemetry(lines: list[list[str]]) -> Iterator[tuple[tuple[str, str], _Subject]]:
    """Yield the rows of ST-subjects: number, age, M1/F2, then night and lights off on placebo and on temazepam."""
    for line in lines:
        cells = [cell.strip() for cell in line] + [""] * 7
        if cells[0].isdigit() and cells[3].isdigit():
            sex = {"1": "M", "2": "F"}.get(cells[2], "")
            for night, clock, condition in ((cells[3], cells[4], "placebo"), (cells[5], cells[6], "temazepam")):
                yield (f"{int(cells[0]):02d}", night), _Subject(cells[1], sex, clock, condition)


def _from_mne(part: str) -> Iterator[tuple[tuple[str, str], _Subject]]:
    """Yield the same facts from the tables that mne ships, made from the published workbooks (their SHA-1 is there)."""
    import mne

    name = "age_records.csv" if part == "SC4" else "temazepam_records.csv"
    path = Path(mne.__file__).parent / "datasets" / "sleep_physionet" / name
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            match = _NAME.fullmatch(row.get("fname_PSG") or row.get("fname") or "")
            if match and match[4].upper() == "PSG":
                sex = {"female": "F", "male": "M"}.get(row["sex"], "")
                subject = _Subject(row["age"], sex, row["lights off"], row.get("drug", "").lower())
                yield (match[2], match[3]), subject
