"""``braintwin verify``: of each published number, is it identical, within its tolerance, or different.

Exit codes: 0 nothing is different; 1 something is, and is named; 2 nothing could be verified.
"""

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from braintwin.errors import BrainTwinError
from braintwin.review.compare import Number, tally
from braintwin.review.verify import Report, Request, verify

SHOWN = 20
WORDS = {"identical": "identical", "within": "within tolerance", "different": "DIFFERENT"}


def parse_data(words: list[str]) -> dict[str, Path]:
    """Return ``NAME=FOLDER`` words as a mapping.

    Raises
    ------
    BrainTwinError
        If a word is of another form, or the place is not there.
    """
    found = {}
    for word in words:
        name, sign, place = word.partition("=")
        if not sign or not Path(place).exists():
            message = f"verify: --data {word!r} names no dataset and place that is there; expected NAME=FOLDER"
            raise BrainTwinError(message)
        found[name] = Path(place)
    return found


def run(archive: Path, request: Request, *, each: bool, as_json: bool) -> int:
    """Verify an archive, print what was found and return the exit code."""
    if not archive.is_file():
        message = f"verify: {archive.name}: no such file; name an archive that `braintwin publish` made"
        raise BrainTwinError(message)
    report = verify(archive, request)
    if as_json:
        sys.stdout.write(json.dumps(report.plain(), indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines(report, each=each)) + "\n")
    return 1 if report.outcome == "different" else 0


def lines(report: Report, *, each: bool) -> Iterator[str]:
    """Yield the report as people read it."""
    yield f"{report.archive}: seal {report.seal}"
    for fault in report.faults[:SHOWN]:
        yield f"DIFFERENT  {fault.path}: {fault.what}"
    if len(report.faults) > SHOWN:
        yield f"           and {len(report.faults) - SHOWN} more"
    if report.faults:
        yield "verdict: DIFFERENT. The archive is not what was published; no number was made again."
        return
    yield "integrity: every byte is what was sealed; config, manifest, artefacts and words agree"
    if not report.recomputed:
        yield "verdict: SEALED. No number was made again (--integrity-only)."
        return
    yield f"numbers made again from the {report.source} of study {report.study} (BrainTwin {report.version})"
    yield from (f"  {note}" for note in report.notes)
    if each:
        yield from (f"{WORDS[n.verdict]:<17}{n.name}: {n.published!r} {_again(n)}" for n in report.numbers)
    else:
        yield from _by_quantity(report.numbers)
    yield from _verdict(report)


def _again(number: Number) -> str:
    return f"({number.basis})" if number.verdict == "identical" else f"made again {number.again!r} ({number.basis})"


def _by_quantity(numbers: list[Number]) -> Iterator[str]:
    def place(number: Number) -> tuple[str, str]:
        table = number.table
        return ("people/*/" + table.rpartition("/")[2] if table.startswith("people/") else table, number.quantity)

    for (table, quantity), group in groupby(sorted(numbers, key=place), key=place):
        counts = tally(list(group))
        said = ", ".join(f"{count} {WORDS[kind]}" for kind, count in counts.items() if count)
        yield f"  {table:<24} {quantity:<28} {said}"
    other = [number for number in numbers if number.verdict != "identical"]
    for number in sorted(other, key=lambda n: n.verdict != "different")[:SHOWN]:
        yield f"{WORDS[number.verdict]:<17}{number.name}: published {number.published!r}, {_again(number)}"
    if len(other) > SHOWN:
        yield f"                 and {len(other) - SHOWN} more; --each shows every number"


def _verdict(report: Report) -> Iterator[str]:
    counts = tally(report.numbers)
    said = f"{counts['identical']} identical, {counts['within']} within tolerance, {counts['different']} different"
    yield f"verdict: {'DIFFERENT' if counts['different'] else 'VERIFIED'}. Of {len(report.numbers)} numbers, {said}."
