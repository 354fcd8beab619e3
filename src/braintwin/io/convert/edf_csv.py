"""EDF recordings and tables of stages, told apart by an explicit map."""

import csv
import re
from pathlib import Path

from braintwin.contracts.stages import MISSING, STAGES
from braintwin.errors import ConfigError, DatasetError, NightExcluded
from braintwin.io.convert.study import RawNight, RawStudy, Row, after_start, check_distinct, clock_s, edf_start, label
from braintwin.io.events import decoded, table_lines
from braintwin.io.scoring import is_code, stage_of
from braintwin.options.convert import ConvertOptions, ScoringOptions

_PLACE = re.compile(r"\{(sub|ses|run)\}")


def read(folder: Path, options: ConvertOptions) -> RawStudy:
    """Return the recordings that `options.signals` names, with their stages where `options.scores` names a table.

    Raises
    ------
    ConfigError, DatasetError
        If the map says too little, or names no recording.
    """
    if "{sub}" not in options.signals:
        message = "convert: reader edf-csv needs convert.signals with {sub} in it, e.g. 'rec/{sub}_{ses}.edf'"
        raise ConfigError(message)
    signals = _matching(folder, options.signals)
    if not signals:
        message = f"convert: nothing in the folder is like {options.signals!r}; correct convert.signals"
        raise DatasetError(message)
    scores = _matching(folder, options.scores) if options.scores else {}
    study = RawStudy([], power_line_hz=options.power_line_hz)
    for key, path in signals.items():
        try:
            study.nights.append(_night(key, path, scores.get(key), options.scoring))
        except NightExcluded as refusal:
            study.refused.append((path.name, str(refusal)))
    lonely = [path for key, path in scores.items() if key not in signals]
    study.refused += [(path.name, "convert: a table of stages without its recording") for path in lonely]
    check_distinct(study.nights)
    if options.people:
        study.people, study.columns = _people(folder / options.people, options.people)
    return study


_Key = tuple[str, str, str]


def _matching(folder: Path, pattern: str) -> dict[_Key, Path]:
    """Return the files that a pattern names, by their participant, session and run."""
    expression, seen, end = "", set(), 0
    for place in _PLACE.finditer(pattern):
        expression += re.escape(pattern[end : place.start()]).replace(r"\*", "[^/]*")
        expression += f"(?P={place[1]})" if place[1] in seen else f"(?P<{place[1]}>[^/]+?)"
        seen.add(place[1])
        end = place.end()
    whole = re.compile(expression + re.escape(pattern[end:]).replace(r"\*", "[^/]*"))
    found: dict[_Key, Path] = {}
    for path in sorted(folder.rglob("*")):
        match = whole.fullmatch(path.relative_to(folder).as_posix()) if path.is_file() else None
        if match:
            parts = {name: label(text) for name, text in match.groupdict().items()}
            key = (parts.get("sub", ""), parts.get("ses", ""), parts.get("run", ""))
            if key in found or not key[0]:
                message = (
                    f"convert: {path.name} and another file are of one participant, session and run by {pattern!r}; "
                    "tell them apart in the pattern"
                )
                raise DatasetError(message)
            found[key] = path
    return found


def _night(key: _Key, path: Path, table: Path | None, scoring: ScoringOptions) -> RawNight:
    start = edf_start(path)
    rows: tuple[Row, ...] | None = None
    if table is not None:
        lines = _lines(table)
        header = lines[0] if scoring.header else tuple(str(i + 1) for i in range(len(lines[0]) if lines else 0))
        body = lines[1:] if scoring.header else lines
        if not body:
            message = f"convert: {table.name} holds no row; leave it out, and the night counts as not scored"
            raise NightExcluded(message)
        columns = {
            name: _column(header, wanted, table.name) if wanted is not None else None
            for name, wanted in (("stage", scoring.stage), ("onset", scoring.onset), ("duration", scoring.duration))
        }
        stages = _decoded([_cell(line, columns["stage"]) for line in body], scoring, table.name)
        onsets = _onsets(body, columns["onset"], scoring, start, table.name)
        lengths = _lengths(body, columns["duration"], scoring, table.name)
        rows = tuple(Row(*row) for row in zip(onsets, lengths, stages, strict=True))
    return RawNight(*key, signal=path, rows=rows)


def _lines(path: Path) -> list[tuple[str, ...]]:
    """Return the cells of a table, separated by tabs or commas, or by semicolons where its first line has no other."""
    raw = path.read_bytes()
    text = decoded(raw)
    first = text.partition("\n")[0]
    if ";" in first and "\t" not in first and "," not in first:
        return [
            tuple(cell.strip() for cell in line) for line in csv.reader(text.splitlines(), delimiter=";") if any(line)
        ]
    return table_lines(raw)


def _column(header: tuple[str, ...], wanted: str, name: str) -> int:
    plain = [column.strip().lower() for column in header]
    if wanted.strip().lower() not in plain:
        message = f"convert: {name} has no column {wanted!r} (found {', '.join(header)}); correct convert.scoring"
        raise NightExcluded(message)
    return plain.index(wanted.strip().lower())


def _cell(line: tuple[str, ...], index: int | None) -> str:
    return line[index].strip() if index is not None and index < len(line) else ""


def _decoded(cells: list[str], scoring: ScoringOptions, name: str) -> list[str]:
    """Return the labels that events.tsv gets; every code must be in the map, words may be known ones."""
    codes = {code.strip().lower(): stage for code, stage in scoring.codes.items()}
    labels: dict[str, str] = {}
    for cell in set(cells):
        code = str(int(float(cell))) if is_code(cell) else cell.lower()
        known = None if is_code(cell) else stage_of(cell)
        if code in codes:
            labels[cell] = f"Sleep stage {codes[code]}"
        elif known is not None:
            labels[cell] = "Sleep stage ?" if known == MISSING else f"Sleep stage {STAGES[known]}"
    if strange := sorted(set(cells) - labels.keys()):
        message = (
            f"convert: {name} holds {', '.join(map(repr, strange[:8]))}, not in convert.scoring.codes; say what each is"
        )
        raise NightExcluded(message)
    return [labels[cell] for cell in cells]


def _onsets(
    body: list[tuple[str, ...]], column: int | None, scoring: ScoringOptions, start: object, name: str
) -> list[float]:
    if column is None:
        return [scoring.offset_s + i * scoring.epoch_s for i in range(len(body))]
    cells = [_cell(line, column) for line in body]
    if scoring.onset_is == "clock":
        clocks = [clock_s(cell) for cell in cells]
        if None not in clocks:
            return [after_start(clock, start) for clock in clocks if clock is not None]  # type: ignore[arg-type]
    else:
        try:
            return [scoring.offset_s + float(cell) for cell in cells]
        except ValueError:
            pass
    what = "times of day (HH:MM:SS)" if scoring.onset_is == "clock" else "seconds"
    message = f"convert: {name} has onsets that are no {what}, e.g. {cells[0]!r}; correct convert.scoring.onset_is"
    raise NightExcluded(message)


def _lengths(body: list[tuple[str, ...]], column: int | None, scoring: ScoringOptions, name: str) -> list[float]:
    if column is None:
        return [scoring.epoch_s] * len(body)
    try:
        return [float(_cell(line, column)) for line in body]
    except ValueError:
        message = f"convert: {name} has a duration that is no number; correct convert.scoring.duration"
        raise NightExcluded(message) from None


def _people(path: Path, name: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    try:
        lines = _lines(path)
    except OSError:
        message = f"convert: no table {name!r} in the folder; correct convert.people"
        raise ConfigError(message) from None
    header = [column.strip() for column in lines[0]] if lines else [""]
    rows = {
        label(line[0].removeprefix("sub-")): dict(zip(header[1:], (cell.strip() for cell in line[1:])))
        for line in lines[1:]
    }
    return rows, {column: {"Description": f"{column}, as the source's table has it."} for column in header[1:]}
