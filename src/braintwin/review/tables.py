"""The long tables of a published study: every number of the rankings and of the posterior summaries, one a row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.rank import RANKING
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_json, write_table

RANKING_COLUMNS = (
    "person", "treatment", "candidate", "near_tie", "expected_utility", "utility_mcse", "utility_q05", "utility_q50",
    "utility_q95", "p_best", "expected_regret", "sucra", "weight_first_share", "person_expected_utility",
    "population_expected_utility",
)  # fmt: skip
OUTCOME_COLUMNS = ("person", "treatment", "outcome", "mean", "q05", "q50", "q95")
PARAMETER_COLUMNS = (
    "person", "twin", "parameter", "mean", "sd", "q05", "q95", "mcse", "contraction", "rhat", "ess_bulk", "ess_tail",
)  # fmt: skip
KEYS = {
    "tables/ranking.tsv": ("person", "treatment"),
    "tables/outcomes.tsv": ("person", "treatment", "outcome"),
    "tables/parameters.tsv": ("person", "twin", "parameter"),
    "cohort/summary.tsv": ("person",),
}
"""The tables that hold published numbers, and the columns that name a row of each."""

DIGITS = 6


def printed(value: Any) -> str:
    """Return a number as the tables hold it, to DIGITS significant digits; empty where there is none."""
    if value is None or not np.isfinite(value):
        return ""
    return f"{float(value):.{DIGITS}g}"


def ranking_rows(person: str, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the published numbers of every treatment of a person's ``rank.nc``, by name of the treatment."""
    ranking = read_dataset(path, RANKING)
    for i in np.argsort(ranking["treatment"].to_numpy().astype(str), kind="stable"):
        one = ranking.isel(treatment=int(i))
        low, middle, high = (float(one["utility_quantile"].sel(quantile=q)) for q in (0.05, 0.5, 0.95))
        row = {name: printed(one[name].item()) for name in RANKING_COLUMNS[4:] if name in one}
        yield {
            **dict.fromkeys(RANKING_COLUMNS, ""), **row, "person": person, "treatment": str(one["treatment"].item()),
            "candidate": bool(one["candidate"]), "near_tie": bool(one["near_tie"]), "utility_q05": printed(low),
            "utility_q50": printed(middle), "utility_q95": printed(high),
        }  # fmt: skip


def outcome_rows(person: str, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the change of each outcome under each treatment of a person's ``rank.nc``."""
    ranking = read_dataset(path, RANKING)
    treatments, outcomes = (ranking[name].to_numpy().astype(str) for name in ("treatment", "outcome"))
    mean = ranking["contrast_mean"].transpose("treatment", "outcome").to_numpy()
    quantile = ranking["contrast_quantile"].transpose("treatment", "outcome", "quantile").to_numpy()
    at = [int(np.argmin(abs(ranking["quantile"].to_numpy() - q))) for q in (0.05, 0.5, 0.95)] if mean.size else []
    for i in np.argsort(treatments, kind="stable"):
        for j, outcome in enumerate(outcomes):
            low, middle, high = (printed(quantile[i, j, k]) for k in at)
            yield {
                "person": person, "treatment": treatments[i], "outcome": outcome, "mean": printed(mean[i, j]),
                "q05": low, "q50": middle, "q95": high,
            }  # fmt: skip


def parameter_rows(person: str, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the posterior summary of every parameter of a person's ``check.json``."""
    for row in read_json(path, PersonCheck).parameters:
        values = row.model_dump()
        numbers = {name: printed(values[name]) for name in PARAMETER_COLUMNS[3:]}
        yield {"person": person, "twin": row.twin, "parameter": row.name, **numbers}


def write_tables(study: Path, folder: Path) -> None:
    """Write the long tables of the study below `study` into `folder`."""
    people = sorted(path.name for path in (study / "people").iterdir()) if (study / "people").is_dir() else []
    ranked = [name for name in people if (study / "people" / name / "rank.nc").is_file()]
    judged = [name for name in people if (study / "people" / name / "check.json").is_file()]
    for name, columns, rows in (
        (
            "ranking",
            RANKING_COLUMNS,
            (row for p in ranked for row in ranking_rows(p, study / "people" / p / "rank.nc")),
        ),
        (
            "outcomes",
            OUTCOME_COLUMNS,
            (row for p in ranked for row in outcome_rows(p, study / "people" / p / "rank.nc")),
        ),
        (
            "parameters",
            PARAMETER_COLUMNS,
            (row for p in judged for row in parameter_rows(p, study / "people" / p / "check.json")),
        ),
    ):
        write_table(folder / f"{name}.tsv", columns, rows)
