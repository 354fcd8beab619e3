"""Verify the archive of the validation study: integrity, tables against records, every number made again.

    python tests/support/validation_check.py [ARCHIVE] [--parts nights-sbc,temazepam] [--seal SEAL] [--each]

Numbers of real people are made again where the data are present (BRAINTWIN_DATA). Exit code 0: nothing is different;
1: something is, and is named; 2: nothing could be verified.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import t

from braintwin.cli.machine import same_bits
from braintwin.errors import BrainTwinError
from braintwin.review import archive as archives
from braintwin.review.compare import FLOATING, Number, tally
from braintwin.review.tolerance import CONFIDENCE, is_number
from braintwin.review.verify import NUMERIC
from campaign import ROOT, SEEDS, numeric, plain, state
from held_out_nights import held_out_nights
from nights_sbc import calibration
from speed_ratios import speed_ratios
from temazepam_trial import crossover_nights, left_out
from validation_study import ARCHIVE, Table, parts, read_cells, table

MAKE: dict[str, Callable[[Path, Path], Any]] = {
    "held-out-nights": lambda data, _: held_out_nights(data),
    "temazepam": lambda data, folder: left_out(crossover_nights(data, folder), 0),
    "nights-sbc": lambda *_: calibration(0),
    "speed": lambda *_: speed_ratios(),
}
"""The numbers of each part, from the data and an empty folder."""


@dataclass
class Report:
    """What became of an archive: what is wrong with its files, its numbers, and what was not made again and why."""

    faults: list[str] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def different(self) -> list[Number]:
        """Return the numbers that are different."""
        return [number for number in self.numbers if number.verdict == "different"]


def check(archive: Path, data: Path | None, chosen: Sequence[str] = tuple(MAKE), seal: str | None = None) -> Report:
    """Return what became of every file and number of an archive.

    Parameters
    ----------
    archive : Path
        The sealed study.
    data : Path or None
        The folder of real data; parts that need it are not made again without it.
    chosen : sequence of str
        Parts that are made again.
    seal : str, optional
        The seal that was printed elsewhere.

    Raises
    ------
    BrainTwinError
        If it is no archive of a study at all.
    """
    report = Report()
    with TemporaryDirectory() as name:
        folder = Path(name) / "study"
        folder.mkdir()
        faults = archives.unpack(archive, folder) + archives.integrity(folder, seal)[0]
        if not faults:
            packed_with = json.loads((folder / "study.json").read_text(encoding="utf-8"))["zlib"]
            faults = archives.container(archive, folder, packed_with)
        report.faults = [f"{fault.path} {fault.what}" for fault in faults]
        if report.faults:
            return report
        study = list(parts(folder))
        for part, record in study:
            report.numbers += of_records(folder, part, record)
        if report.different:
            return report
        factor = tolerance_factor(folder)
        for part, record in study:
            if part["record"] in chosen and (data is not None or not part["data"]):
                report.numbers += made_again(folder, part, record, data or folder, factor)
            else:
                why = ", its data are not here" if part["data"] and data is None else ""
                report.notes.append(f"{part['record']}: not made again{why}")
    return report


def of_records(folder: Path, part: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Number]:
    """Yield every number of a part's tables, and of their errors, that is not what its own record says."""
    for kind, numbers in (("tables", record["numbers"]), ("errors", record.get("monte_carlo_sd", {}))):
        for spec in part["tables"] if numbers else ():
            name = f"{kind}/{spec['name']}.tsv"
            published = read_cells(folder / name, spec["key"])
            for number in compared(name, published, table(numbers, spec), lambda *_: None):
                if number.verdict == "different":
                    yield number


def made_again(
    folder: Path, part: Mapping[str, Any], record: Mapping[str, Any], data: Path, factor: float
) -> Iterator[Number]:
    """Yield every number of a part's tables beside the one that is made again here."""
    with TemporaryDirectory() as empty:
        numbers = plain(MAKE[part["record"]](data, Path(empty)))
    strict = same_software(record)
    for spec in part["tables"]:
        name = f"tables/{spec['name']}.tsv"
        published, again = read_cells(folder / name, spec["key"]), table(numbers, spec)
        if bound := spec.get("direction"):
            yield from above_bound(name, published, again, bound)
            continue
        errors = read_cells(folder / "errors" / f"{spec['name']}.tsv", spec["key"])
        steps = spec.get("steps", {})

        def allowed(row: str, column: str, errors: Table = errors, steps: Mapping[str, float] = steps) -> float:
            error = errors[row][column]
            return max(factor * float(error) if error else 0.0, float(steps.get(column, 0)))

        yield from compared(name, published, again, (lambda *_: None) if strict else allowed)


def compared(
    name: str, published: Table, again: Table, allowed: Callable[[str, str], float | None]
) -> Iterator[Number]:
    """Yield the verdict on every cell; `allowed` is the distance that a number may have, None for no distance."""
    places = ((row, column) for cells in (published, again) for row, values in cells.items() for column in values)
    for row, column in dict.fromkeys(places):
        a, b = (cells.get(row, {}).get(column, "absent") for cells in (published, again))
        place = (name, row, column, a, b)
        if a == b:
            yield Number(*place, "identical", "the same digits")
            continue
        most = allowed(row, column) if is_number(a) and is_number(b) else None
        if most is None:
            yield Number(*place, "different", "must be the same")
            continue
        # both were rounded to six digits
        far, most = abs(float(a) - float(b)), max(most, FLOATING, 1e-5 * abs(float(a)))
        yield Number(*place, "within" if far <= most else "different", f"differs by {far:.3g}, allowed {most:.3g}")


def above_bound(name: str, published: Table, again: Table, bound: str) -> Iterator[Number]:
    """Yield the verdict on ratios: those made again must not be below their bound."""
    for row, cells in published.items():
        (column,) = (column for column in cells if column != bound)
        a, b, least = cells[column], again[row][column], cells[bound]
        verdict = "within" if float(b) >= float(least) else "different"
        yield Number(name, row, column, a, b, verdict, f"a ratio, compared with {bound} {least} alone")


def tolerance_factor(folder: Path) -> float:
    """Return t·√2 for all numbers with an error at once."""
    cells = [
        cell
        for part, record in parts(folder)
        if "monte_carlo_sd" in record
        for spec in part["tables"]
        for row in table(record["monte_carlo_sd"], spec).values()
        for cell in row.values()
    ]
    count = sum(is_number(cell) and float(cell) > 0 for cell in cells)
    return float(np.sqrt(2) * t.isf((1 - CONFIDENCE) / (2 * max(1, count)), len(SEEDS) - 1))


def same_software(record: Mapping[str, Any]) -> bool:
    """Tell whether code, libraries and kind of processor are those of the record: then digits must be the same."""
    then, now = record["numeric"], numeric()
    libraries = all(then["packages"].get(name) == now["packages"].get(name) for name in NUMERIC)
    return state(record) == "fresh" and libraries and then["processor"] == now["processor"]


def main(words: Sequence[str]) -> int:
    """Verify an archive, say what became of it, and return the exit code."""
    given = argparse.ArgumentParser(description="Verify the archive of the validation study.")
    given.add_argument("archive", type=Path, nargs="?", default=ARCHIVE)
    given.add_argument("--parts", default=",".join(MAKE), help="parts to make again; '' for none")
    given.add_argument("--seal", help="the seal as it was printed")
    given.add_argument("--each", action="store_true", help="print every number")
    chosen = given.parse_args(words)
    data = Path(os.environ.get("BRAINTWIN_DATA", ROOT.parent / "shared" / "data"))
    try:
        report = check(chosen.archive, data if (data / "bids").is_dir() else None, chosen.parts.split(","), chosen.seal)
    except (BrainTwinError, FileNotFoundError) as cause:
        sys.stdout.write(f"{cause}\nverdict: nothing could be verified\n")
        return 2
    for line in [*report.faults, *report.notes]:
        sys.stdout.write(f"{line}\n")
    for number in report.numbers if chosen.each else report.different:
        again = f"published {number.published}, here {number.again}: {number.verdict}, {number.basis}"
        sys.stdout.write(f"{number.name}: {again}\n")
    for name in dict.fromkeys(number.table for number in report.numbers):
        counts = tally([number for number in report.numbers if number.table == name])
        sys.stdout.write(f"{name}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}\n")
    wrong = bool(report.faults or report.different)
    sys.stdout.write(f"verdict: {'different' if wrong else 'verified'}\n")
    return int(wrong)


if __name__ == "__main__":
    same_bits()
    sys.exit(main(sys.argv[1:]))
