"""Each published number against the one made again: identical, within its tolerance, or different."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.simulate import SIMULATED
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_json, read_table
from braintwin.review.tables import KEYS
from braintwin.review.tolerance import Tolerances, is_number

Verdict = Literal["identical", "within", "different"]
FLOATING = 1e-12
"""Absolute difference that two processors may leave of the same sum; far below every printed digit."""

RELATIVE = 1e-9
"""Largest relative difference of simulated nights that is put down to floating point."""


@dataclass(frozen=True)
class Number:
    """One published number (or word) and what became of it."""

    table: str
    row: str
    quantity: str
    published: str
    again: str
    verdict: Verdict
    basis: str

    def plain(self) -> dict[str, str]:
        """Return it as JSON holds it."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Return where it stands, for people."""
        return f"{self.table} {self.row} {self.quantity}".replace("  ", " ")


def compare_tables(published: Path, again: Path, tolerances: Tolerances | None) -> Iterator[Number]:
    """Yield every cell of the published tables.

    Parameters
    ----------
    published, again : Path
        Two studies that hold the tables of KEYS.
    tolerances : Tolerances or None
        What is allowed; None where everything must be the same.
    """
    for table, keys in KEYS.items():
        theirs, ours = (_rows(root / table, keys) for root in (published, again))
        for key in dict.fromkeys([*theirs, *ours]):
            if key not in theirs or key not in ours:
                here, there = ("present", "absent") if key in theirs else ("absent", "present")
                yield Number(table, " ".join(key), "row", here, there, "different", "the row is in one of them only")
                continue
            for quantity in theirs[key]:  # what another version adds was not published
                if quantity not in keys:
                    yield _cell(table, key, quantity, theirs[key], ours[key], tolerances)


def _rows(path: Path, keys: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, str]]:
    rows = read_table(path) if path.is_file() else []
    return {tuple(str(row.get(key)) for key in keys): {str(k): str(v or "") for k, v in row.items()} for row in rows}


def _cell(
    table: str, key: tuple[str, ...], quantity: str, theirs: dict[str, str], ours: dict[str, str],
    tolerances: Tolerances | None,
) -> Number:  # fmt: skip
    a, b = theirs.get(quantity, ""), ours.get(quantity, "")
    place = (table, " ".join(key), quantity, a, b)
    if a == b:
        return Number(*place, "identical", "the same digits")
    if not (is_number(a) and is_number(b)):
        return Number(*place, "different", "words must be the same")
    distance = abs(float(a) - float(b))
    if distance <= FLOATING:
        return Number(*place, "identical", f"floating point: differs by less than {FLOATING:g}")
    if tolerances is None:
        return Number(*place, "different", "exact: made from the same draws with the same code and libraries")
    allowed = tolerances.of(table, theirs, quantity)
    verdict: Verdict = "within" if distance <= allowed.distance else "different"
    return Number(*place, verdict, f"differs by {distance:.3g}, allowed {allowed.distance:.3g}: {allowed.basis}")


def compare_gates(published: Path, again: Path, *, strict: bool) -> Iterator[Number]:
    """Yield the verdicts and gates of every person's ``check.json``; numbers must agree only where `strict`."""
    for path in sorted(published.glob("people/*/check.json")):
        name = path.relative_to(published)
        theirs, ours = (read_json(root / name, PersonCheck) for root in (published, again))
        flat = ({"verdict": check.verdict, **_gates(check)} for check in (theirs, ours))
        a, b = flat
        for gate in a:
            same = a.get(gate) == b.get(gate) or _close(a.get(gate), b.get(gate))
            bound = strict or gate in ("verdict", "spectral.verdict", "night.verdict")
            verdict: Verdict = "identical" if same else "different" if bound else "within"
            basis = "the same" if same else "exact" if bound else "a diagnostic of the sampler; bound by its verdict"
            yield Number(name.as_posix(), "", gate, _said(a.get(gate)), _said(b.get(gate)), verdict, basis)


def _gates(check: PersonCheck) -> dict[str, Any]:
    twins = {"spectral": check.spectral, "night": check.night}
    found: dict[str, Any] = {f"{name}.verdict": twin.verdict for name, twin in twins.items()}
    return found | {f"{name}.{gate}": value for name, twin in twins.items() for gate, value in twin.gates.items()}


def _close(a: Any, b: Any) -> bool:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return numbers and bool(np.isclose(a, b, rtol=RELATIVE, atol=FLOATING))


def _said(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def compare_nights(published: Path, again: Path, people: list[str], *, strict: bool) -> Iterator[Number]:
    """Yield one line a variable of the simulated nights of `people`: the largest relative difference of its values.

    Where the code or a library is another, single nights fall otherwise and only the rankings made of them count.
    """
    for person in people:
        name = f"people/{person}/simulate.nc"
        theirs, ours = (read_dataset(root / name, SIMULATED) for root in (published, again))
        for variable in sorted(map(str, theirs.data_vars)):
            a, b = theirs[variable].to_numpy(), ours[variable].to_numpy() if variable in ours else np.empty(0)
            if a.shape == b.shape and a.dtype.kind in "fiub":
                largest = float(np.max(np.abs(a - b.astype(float)) / np.maximum(1.0, np.abs(a)), initial=0.0))
            else:
                largest = 0.0 if a.shape == b.shape and np.array_equal(a.astype(str), b.astype(str)) else float("inf")
            verdict: Verdict = "identical" if largest <= RELATIVE else "different" if strict else "within"
            basis = f"largest relative difference {largest:.2g}" + (
                "" if strict or verdict == "identical" else "; single nights are not compared across versions"
            )
            yield Number(name, "", variable, f"{a.size} values", f"{b.size} values", verdict, basis)


def compare_pages(published: Path, again: Path, *, strict: bool = True) -> Iterator[Number]:
    """Yield whether the cohort page says the same, word for word and number for number; drawings are left out.

    Another version words its pages otherwise: where not `strict`, the numbers of the tables must speak for the page.
    """
    name = "report/index.html"
    a, b = (words((root / name).read_text(encoding="utf-8")) for root in (published, again))
    place = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), None)
    if place is None and len(a) == len(b):
        yield Number(name, "", "words and numbers", f"{len(a)} words", f"{len(b)} words", "identical", "the same")
        return
    i = min(len(a), len(b)) if place is None else place
    x, y = (" ".join(text[max(0, i - 3) : i + 3]) for text in (a, b))
    verdict: Verdict = "different" if strict else "within"
    basis = "the page says something else" if strict else "worded by another version; its tables are compared instead"
    yield Number(name, "", "words and numbers", x, y, verdict, basis)


def compare_tidy(published: Path, again: Path, *, strict: bool) -> Iterator[Number]:
    """Yield whether each tidy table (CSV and Parquet) beside the summary is the same, by its first line that is not."""
    folders = [root / "cohort" / "tables" for root in (published, again)]
    for name in sorted({path.name for folder in folders for path in folder.glob("*.*")}):
        a, b = (_lines(folder / name) for folder in folders)
        place = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        same = a == b
        verdict: Verdict = "identical" if same else "different" if strict else "within"
        basis = "the same" if same else "exact" if strict else "written by another version; tables/ is compared instead"
        x, y = (f"{len(text)} lines" if same else "".join(text[place : place + 1]) or "absent" for text in (a, b))
        yield Number(f"cohort/tables/{name}", "" if same else f"line {place + 1}", "values", x, y, verdict, basis)


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    if path.suffix == ".parquet":
        import pandas as pd

        return pd.read_parquet(path).to_csv(index=False).splitlines()
    return path.read_text(encoding="utf-8").splitlines()


def words(page: str) -> list[str]:
    """Return the words and numbers of an HTML page that people read."""
    bare = re.sub(r"<(svg|style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", bare).split()


def tally(numbers: list[Number]) -> dict[str, int]:
    """Return how many numbers are identical, within and different."""
    return {kind: sum(number.verdict == kind for number in numbers) for kind in ("identical", "within", "different")}


def flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Return a nested config as text by dotted key."""
    if isinstance(value, Mapping) and value:
        inner = [flat(part, f"{prefix}.{key}" if prefix else str(key)) for key, part in value.items()]
        return {key: text for part in inner for key, text in part.items()}
    return {prefix: json.dumps(value, sort_keys=True)}
