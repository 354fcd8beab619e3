"""The project's validation study: its records as tables, figures and a page, sealed in one archive.

    python tests/support/validation_study.py    what `make validation-study` does after the records are there

Everything is a function of studies/validation/config.yaml and the records beside it: the same records, the same bytes.
`validation_check.py` verifies the archive.
"""

import json
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

import validation_figures
from braintwin.io.arrays import write_text
from braintwin.io.records import read_table, write_table
from braintwin.review import archive as archives
from campaign import RECORDS, ROOT, read

CONFIG = RECORDS / "config.yaml"
ARCHIVE = RECORDS / "expected" / "validation.zip"
PAGE = ROOT / "docs" / "explanation" / "validation-study.md"

Table = dict[str, dict[str, str]]
"""Cells of a table by row and column."""


def parts(folder: Path = RECORDS) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each part of the study as its config says it, with its record.

    Raises
    ------
    FileNotFoundError
        If a record is not there.
    """
    for part in yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["parts"]:
        record = read(folder / f"{part['record']}.json")
        if record is None:
            message = f"{part['record']}.json is not in {folder.name}; `make validation-study` makes it"
            raise FileNotFoundError(message)
        yield part, record


def at(value: Any, path: Any) -> Any:
    """Return what stands at a path such as ``outcomes/own`` or ``observed_change/0``; nothing below None."""
    for key in filter(None, str(path).split("/")):
        value = None if value is None else value[int(key)] if isinstance(value, list) else value[key]
    return value


def table(numbers: Mapping[str, Any], spec: Mapping[str, Any]) -> Table:
    """Return a table of a record's numbers, or of their Monte-Carlo errors."""
    return {
        row: {column: _cell(at(values, path)) for column, path in spec["columns"].items()}
        for row, values in at(numbers, spec["rows"]).items()
    }


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def read_cells(path: Path, key: str) -> Table:
    """Return a table as it was written; without rows where there is none."""
    rows = read_table(path) if path.is_file() else []
    return {row[key]: {column: cell for column, cell in row.items() if column != key} for row in rows}


def write_tables(folder: Path, part: Mapping[str, Any], numbers: Mapping[str, Any], kind: str = "tables") -> None:
    """Write the tables of a part below `folder`."""
    for spec in part["tables"]:
        key, path = spec["key"], folder / kind / f"{spec['name']}.tsv"
        rows = table(numbers, spec).items()
        write_table(path, [key, *spec["columns"]], [{key: row, **cells} for row, cells in rows])


def write_study(folder: Path, source: Path = RECORDS) -> None:
    """Write everything that is sealed: config, records, tables with their Monte-Carlo errors, figures."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "config.yaml", folder)
    for part, record in parts(source):
        shutil.copy(source / f"{part['record']}.json", folder)
        write_tables(folder, part, record["numbers"])
        if "monte_carlo_sd" in record:
            write_tables(folder, part, record["monte_carlo_sd"], "errors")
        tables = {spec["name"]: table(record["numbers"], spec) for spec in part["tables"]}
        validation_figures.draw(part["record"], tables, folder / "figures" / f"{part['record']}.svg")
    date = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["date"]
    about = {"study": "validation of BrainTwin", "date": str(date), "zlib": zlib.ZLIB_RUNTIME_VERSION}
    about["matplotlib"] = version("matplotlib")
    write_text(folder / "study.json", json.dumps(about, indent=2) + "\n")


def page(folder: Path, seal: str) -> str:
    """Return the page of the study in `folder`."""
    lines = [
        "# The validation study",
        "",
        "What BrainTwin is held to on real and simulated nights, as a study to make again: config, one command,",
        "tables, figures, and a sealed archive of them, `studies/validation/expected/validation.zip`. This page is",
        "written by `make validation-study` from the records of [`make validate`](../reference/validation.md).",
        "",
        "```sh",
        "make validation-study                     # what is missing or stale, the archive, this page",
        "python tests/support/validation_check.py  # verify the archive, make every number again",
        "```",
        "",
        f"Seal of the archive: `{seal}`.",
        "",
        "`validation_check.py` makes every number again, those of real people where the data are present",
        "(`BRAINTWIN_DATA`), and calls it *identical*, *within* its Monte-Carlo tolerance or *different*. With the",
        "same code, libraries and kind of processor the same digits are asked for. Otherwise a number may differ by",
        "t·√2·s: s is its sd over eight seeds (`errors/` in the archive), t such that all numbers hold at once with",
        "99 % where nothing is wrong; a count may always change by one. Exit code 1, and the culprit named, if a file,",
        "a table or a number is different.",
        "",
    ]
    for part, record in parts(folder):
        verdict = "holds" if record["passed"] else "**does not hold**"
        lines += [f"## {part['title']}", "", part["text"].strip(), "", f"{record['claim']} This {verdict}.", ""]
        lines += [f"![{part['figure']}]({PAGE.stem}/{part['record']}.svg)", ""]
        for spec in part["tables"]:
            lines += [f"{spec['title']}:", "", *_markdown(spec["key"], table(record["numbers"], spec)), ""]
        lines += [f"Command: `{record['command']}`, {record['cpu_s']:.0f} CPU s.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(key: str, cells: Table) -> list[str]:
    shown = {row: _folded(values) for row, values in cells.items()}
    columns = list(next(iter(shown.values())))
    rows = [[row, *values.values()] for row, values in shown.items()]
    return [f"| {' | '.join(row)} |" for row in ([key, *columns], ["---"] * (1 + len(columns)), *rows)]


def _folded(values: Mapping[str, str]) -> dict[str, str]:
    """Return a row to three digits, with the columns ``low`` and ``high`` as an interval behind the one before them."""
    shown: dict[str, str] = {}
    for column, value in values.items():
        if column.endswith("low"):
            shown[[*shown][-1]] += f" ({_short(value)} to "
        elif column.endswith("high"):
            shown[[*shown][-1]] += f"{_short(value)})"
        else:
            shown[column] = _short(value)
    return shown


def _short(cell: str) -> str:
    """Return a cell to three digits; whole numbers as they are."""
    try:
        return cell if cell.lstrip("-").isdigit() else f"{float(cell):.3g}"
    except ValueError:
        return cell


def publish(archive: Path = ARCHIVE, shown: Path = PAGE) -> str:
    """Seal the study, write its page and figures for the docs, and return the seal."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder)
        seal = archives.pack(folder, archive)
        write_text(shown, page(folder, seal))
        shutil.copytree(folder / "figures", shown.with_suffix(""), dirs_exist_ok=True)
    return seal


if __name__ == "__main__":
    sys.stdout.write(f"{ARCHIVE.relative_to(ROOT)}, seal {publish()}\n")
