"""The cohort as tidy tables: one observation a row, one variable a column, units in the table of columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from braintwin.contracts.simulate import OUTCOME_UNITS, OUTCOMES
from braintwin.contracts.tables import QUARANTINE_COLUMNS
from braintwin.report.member import SUMMARY_COLUMNS, Member, plain, summary_row
from braintwin.report.names import name_of

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_QUANTILE_NAMES = tuple(f"q{round(100 * q):02d}" for q in QUANTILES)

TABLES = {
    "people": "one row a person: nights, verdicts, highest expected utility, medians of outcomes",
    "nights": "one row a fitted night: its outcomes",
    "rankings": "one row a person and treatment: utility, P(best), regret, SUCRA, near tie, candidate or why not",
    "contrasts": "one row a person, treatment and outcome: change against no change, min or points of % (SE)",
    "parameters": "one row a person and parameter: prior, posterior, contraction, R-hat, ESS",
    "connectomes": "one row a person and stage: likeness to the group's connectome, of own nights, with others' nights",
    "quarantine": "one row a refused night or person: step, state, reason",
}
"""Tables that the cohort page offers, and what a row is."""

EMPTY = {
    "people": SUMMARY_COLUMNS, "nights": ("person", "group", "night"), "rankings": ("person", "treatment"),
    "contrasts": ("person", "treatment", "outcome"), "parameters": ("person", "twin", "parameter"),
    "connectomes": ("person", "stage", "nights", "likeness", "own_nights", "others_nights"),
    "quarantine": QUARANTINE_COLUMNS,
}  # fmt: skip
"""Columns that a table has even without rows."""

Rows = list[dict[str, Any]]


def tables(members: Sequence[Member], quarantine: Sequence[dict[str, str]], connectome: xr.Dataset) -> dict[str, Rows]:
    """Return every table of TABLES as rows."""
    return {
        "people": [summary_row(member) for member in members],
        "nights": [row for member in members for row in _nights(member)],
        "rankings": [row for member in members for row in _rankings(member)],
        "contrasts": [row for member in members for row in _contrasts(member)],
        "parameters": [row for member in members for row in _parameters(member)],
        "connectomes": _connectomes(connectome),
        "quarantine": [dict(row) for row in quarantine],
    }


def _connectomes(found: xr.Dataset) -> Rows:
    numbers = ("likeness", "own_nights", "others_nights")
    return [
        {"person": str(person), "stage": str(stage), "nights": int(found["n_nights"].values[i, k])}
        | {name: plain(found[name].values[i, k]) for name in numbers}
        for i, person in enumerate(found["person"].values)
        for k, stage in enumerate(found["stage"].values)
        if found["n_nights"].values[i, k]
    ]


def _nights(member: Member) -> Rows:
    observed = member.observed
    if "outcome_value" not in observed:
        return []
    names = [str(name) for name in observed["outcome"].values]
    values = observed["outcome_value"].transpose("night", "outcome").values
    return [
        {"person": member.person.person, "group": member.group, "night": str(night)}
        | {f"{name}_{_unit(name)}": plain(v) for name, v in zip(names, row) if name in OUTCOMES}
        for night, row in zip(observed["night"].values, values)
    ]


def _unit(outcome: str) -> str:
    return {"min": "min", "%": "percent"}.get(OUTCOME_UNITS[outcome], "count")


def _rankings(member: Member) -> Rows:
    ranking = member.ranking
    if ranking is None:
        return []
    verdict, why = str(ranking.attrs.get("verdict", "")), ranking.get("not_candidate_reason")
    columns = {
        name: ranking[name].values
        for name in ("utility_sd", "utility_mcse", "p_best", "expected_regret", "sucra", "population_expected_utility")
    }
    quantile = ranking["utility_quantile"].transpose("treatment", "quantile").values
    rows = []
    for i, key in enumerate(ranking["treatment"].values):
        placed = verdict != "none" and bool(ranking["candidate"].values[i])
        row: dict[str, Any] = {
            "person": member.person.person, "group": member.group, "verdict": verdict, "treatment": str(key),
            "label": str(ranking["label"].values[i]), "candidate": bool(ranking["candidate"].values[i]),
            "why_not": str(why.values[i]) if why is not None else "",
            "near_tie": placed and bool(ranking["near_tie"].values[i]),
            "expected_utility": plain(ranking["expected_utility"].values[i]),
        }  # fmt: skip
        row |= {
            name: plain(values[i]) if placed or name not in ("p_best", "expected_regret", "sucra") else None
            for name, values in columns.items()
        }
        rows.append(row | {name: plain(v) for name, v in zip(_QUANTILE_NAMES, quantile[i])})
    return rows


def _contrasts(member: Member) -> Rows:
    ranking = member.ranking
    if ranking is None:
        return []
    mean = ranking["contrast_mean"].transpose("treatment", "outcome").values
    quantile = ranking["contrast_quantile"].transpose("treatment", "outcome", "quantile").values
    return [
        {"person": member.person.person, "treatment": str(key), "outcome": str(name), "unit": OUTCOME_UNITS[str(name)],
         "mean": plain(mean[i, k])} | {q: plain(v) for q, v in zip(_QUANTILE_NAMES, quantile[i, k])}
        for i, key in enumerate(ranking["treatment"].values)
        for k, name in enumerate(ranking["outcome"].values)
    ]  # fmt: skip


def _parameters(member: Member) -> Rows:
    if member.check is None:
        return []
    rows = []
    for found in member.check.parameters:
        name = name_of(found.name)
        numbers = found.model_dump(exclude={"twin", "name"})
        rows.append(
            {"person": member.person.person, "twin": found.twin, "parameter": found.name, "words": name.words,
             "symbol": name.symbol}
            | {key: None if value is None or not np.isfinite(value) else plain(value) for key, value in numbers.items()}
        )  # fmt: skip
    return rows
