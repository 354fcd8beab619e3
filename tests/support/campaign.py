"""Long evidence that goes on where it stopped: `make validate` writes studies/validation/<name>.json.

    python tests/support/campaign.py            which evidence is fresh, stale or failed
    python tests/support/campaign.py --write    the same as docs/reference/validation.md

BRAINTWIN_DASK (slurm, tcp://host:8786, or JSON of `DaskOptions`) spreads campaigns of many independent fits, such as
simulation-based calibration, over workers. Workers at an address are started with PYTHONPATH=tests/support.
A record keeps the digest of the code and data that it is evidence of; where they have changed since, it is stale.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from braintwin.io.arrays import write_text
from braintwin.provenance import code_digest, environment, file_digest, options_digest

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "studies" / "validation"
PAGE = ROOT / "docs" / "reference" / "validation.md"
PARTS = ROOT / ".validate"
SEEDS = tuple("01234567")
"""Of campaigns that tell their Monte-Carlo error: the first makes the numbers, all of them their error."""

_ALONE = threading.Lock()


@dataclass
class Campaign:
    """One piece of evidence: what it is about, its parts, and its record.

    Parameters
    ----------
    name : str
        Name of the record, letters, digits and hyphens.
    claim : str
        The sentence that it is evidence for.
    code : sequence of str
        Modules whose behaviour it shows; they and what they import decide whether it is stale.
    data : sequence of str
        Files it rests on, relative to the root.
    settings : mapping
        Sizes and options, kept in the record; other settings are another campaign.
    test : str
        The pytest node that runs it, relative to the root.
    page : str
        The page of the docs that shows its numbers; validation.md itself unless given.
    """

    name: str
    claim: str
    code: Sequence[str]
    data: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    test: str = ""
    page: str = ""
    records: Path = RECORDS
    parts: Path = PARTS

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").isalnum() or not self.claim or not self.code:
            message = "a campaign needs a name of letters, digits and hyphens, a claim, and modules"
            raise ValueError(message)
        self.digest = digest(self.code, self.data)

    @property
    def record(self) -> Path:
        """Return where the record lies."""
        return self.records / f"{self.name}.json"

    @property
    def folder(self) -> Path:
        """Return where the parts of this campaign lie: of this code, these data and these settings alone."""
        return self.parts / f"{self.name}-{self.digest}-{options_digest(self.settings)}"

    def part(self, key: str, make: Callable[[], Any]) -> Any:
        """Return ``make()``, kept as JSON: after an interruption it is not made again.

        The CPU seconds of each part are added up in the record.
        """
        path = self._path(key)
        return _value(path) if path.is_file() else self._keep(key, *timed(lambda _: make(), key))

    def each(
        self, keys: Sequence[str], make: Callable[[str], Any], *, spread: bool = False
    ) -> Iterator[tuple[str, Any]]:
        """Yield every key with its part.

        With `spread`, parts are made where BRAINTWIN_DASK says: `make` must depend on its key and on imports alone,
        keep no files, and refer to nothing that cannot be sent.
        """
        missing = [key for key in keys if not self._path(key).is_file()]
        where = os.environ.get("BRAINTWIN_DASK", "") if spread and missing else ""
        with _workers(where, self.code) if where else nullcontext(map) as everywhere:
            made = iter(everywhere(_sendable(make) if where else partial(timed, make), missing))
            for key in keys:
                path = self._path(key)
                yield key, _value(path) if path.is_file() else self._keep(key, *next(made))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _keep(self, key: str, value: Any, cpu_s: float) -> Any:
        write_text(self._path(key), json.dumps({"value": value, "cpu_s": cpu_s}))
        return value

    def fresh(self) -> bool:
        """Tell whether the record is of this code, these data and these settings, and passed."""
        found = read(self.record)
        if found is None:
            return False
        same = found["digest"] == self.digest and found["settings"] == plain(self.settings)
        return bool(same and found["passed"])

    def finish(self, *, passed: bool, numbers: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> None:
        """Write the record, whether the claim held or not; the test asserts afterwards.

        `error` is the Monte-Carlo sd of each of the `numbers`, see :func:`monte_carlo_sd`.
        """
        cpu = sum(json.loads(p.read_text(encoding="utf-8"))["cpu_s"] for p in sorted(self.folder.glob("*.json")))
        value = {
            "name": self.name,
            "claim": self.claim,
            "passed": bool(passed),
            "numbers": plain(numbers),
            "settings": plain(self.settings),
            "command": f"make validate ONLY={self.test}",
            "code": list(self.code),
            "data": list(self.data),
            "digest": self.digest,
            "cpu_s": round(cpu, 1),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "numeric": numeric(),
        }
        value |= {"page": self.page} if self.page else {}
        value |= {"monte_carlo_sd": plain(error)} if error else {}
        write_text(self.record, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def timed(make: Callable[[str], Any], key: str) -> tuple[Any, float]:
    """Return a part and the CPU seconds that it took."""
    began = sum(os.times()[:4])
    return plain(make(key)), sum(os.times()[:4]) - began


def timed_alone(sent: bytes, key: str) -> tuple[Any, float]:
    """Return :func:`timed` of a function that was sent, one at a time in a process: compilers are not for threads."""
    import cloudpickle

    with _ALONE:
        return timed(cloudpickle.loads(sent), key)


def numeric() -> dict[str, Any]:
    """Return the libraries that numbers pass through, and the kind of processor that BLAS takes this one for."""
    here = environment()
    kinds = sorted({str(pool.get("architecture")) for pool in here["blas"]})
    return {"packages": here["packages"], "processor": ", ".join([here["platform"], *kinds])}


def monte_carlo_sd(values: Sequence[Any]) -> Any:
    """Return the sd over seeds of each number in nested `values`, in their shape; None for what is no number."""
    first = values[0]
    if isinstance(first, Mapping):
        return {key: monte_carlo_sd([value[key] for value in values]) for key in first}
    if isinstance(first, list) and len({len(value) for value in values}) == 1:
        return [monte_carlo_sd(items) for items in zip(*values, strict=True)]
    if all(isinstance(value, int | float) for value in values):
        return float(f"{np.std(values, ddof=1):.3g}")
    return None


def _sendable(make: Callable[[str], Any]) -> Callable[[str], tuple[Any, float]]:
    """Return :func:`timed` of a function of a test, which travels by value: workers cannot import tests."""
    import cloudpickle

    module = sys.modules[make.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        return partial(timed_alone, cloudpickle.dumps(make))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _workers(where: str, code: Sequence[str]) -> AbstractContextManager[Callable[..., Iterable[Any]]]:
    from braintwin.io.workers import mapper
    from braintwin.options.dask import DaskOptions

    # jobs of SLURM get the environment of this process
    paths = [str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in dict.fromkeys(paths) if path)
    # one core: two would take turns
    return mapper(DaskOptions(cores=1).at(where), code)


def _value(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))["value"]


def digest(code: Sequence[str], data: Sequence[str]) -> str:
    """Return 12 hex digits over modules (with what they import) and files."""
    lines = [f"{module} {code_digest(module)}" for module in sorted(code)]
    lines += [f"{path} {file_digest(ROOT / path) if (ROOT / path).is_file() else 'absent'}" for path in sorted(data)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def plain(value: Any) -> Any:
    """Return `value` in the types of JSON; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def read(path: Path) -> dict[str, Any] | None:
    """Return a record, or None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def state(record: Mapping[str, Any]) -> str:
    """Return fresh, stale (code or data have changed since) or failed."""
    try:
        now = digest(record["code"], record["data"])
    except ModuleNotFoundError:
        return "stale"
    if now != record["digest"]:
        return "stale"
    return "fresh" if record["passed"] else "failed"


def records(folder: Path = RECORDS) -> list[dict[str, Any]]:
    """Return every record, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def page(folder: Path = RECORDS) -> str:
    """Return the page of all evidence, with its state as of now."""
    lines = [
        "# Validation",
        "",
        "Evidence that takes longer than the tests. `make validate` makes what is missing or stale, and goes on where",
        "it was stopped; each record is `studies/validation/<name>.json`. *Stale* means that the code or data it is",
        "evidence of have changed since; `python tests/support/campaign.py` says so at any time.",
        "",
    ]
    for record in records(folder):
        verdict = {"fresh": "holds", "failed": "**does not hold**"}.get(state(record), "**stale**")
        lines += [f"## {record['name']}", "", f"{record['claim']} — {verdict}.", ""]
        if record.get("page"):
            lines += [f"Its numbers are on [their own page](../{record['page']})."]
        else:
            lines += ["| number | value |", "|---|---|"]
            lines += [f"| {key} | {_shown(value)} |" for key, value in _flat(record["numbers"])]
        settings = ", ".join(f"{key} {_shown(value)}" for key, value in record["settings"].items()) or "none"
        lines += ["", f"Settings: {settings}. CPU {record['cpu_s']:g} s. Command: `{record['command']}`", ""]
    return "\n".join(lines).rstrip() + "\n"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}, ")
        else:
            yield f"{before}{key}", value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(_shown(item) for item in value[:12])
        return shown + (f", … ({len(value)})" if len(value) > 12 else "")
    return "n/a" if value is None else (f"{value:.4g}" if isinstance(value, float) else str(value))


def main(words: Sequence[str]) -> int:
    """Print the state of every record; return 1 where one is stale or failed."""
    given = argparse.ArgumentParser(description="The state of the evidence in studies/validation.")
    given.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    if given.parse_args(words).write:
        write_text(PAGE, page())
    states = {record["name"]: state(record) for record in records()}
    for name, verdict in states.items():
        sys.stdout.write(f"{verdict:6} {name}\n")
    return int(any(verdict != "fresh" for verdict in states.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
