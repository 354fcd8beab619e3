"""The page of the cohort: who is in, who is not and why, and what holds for each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.tables import DatasetRecord, PersonRow
from braintwin.options.pages import PagesOptions
from braintwin.report import figures_cohort, numbers
from braintwin.report.answer import READING, best_row, near_ties
from braintwin.report.figures_night import OUTCOMES_SHOWN
from braintwin.report.render import page

SUMMARY_COLUMNS = (
    "person", "dataset", "group", "age_band", "sex", "nights_found", "nights_used", "nights_quarantined", "verdict",
    "spectral_verdict", "night_verdict", "ranking", "reason", "best", "best_label", "expected_utility", "utility_q05",
    "utility_q95", "p_best", "expected_regret", "sucra", "near_ties", "personalisation_index", "personalisation_null",
    *(f"{name}_median" for name in OUTCOMES_SHOWN),
)  # fmt: skip
"""Columns of `summary.tsv`: one row a person; outcomes are medians over the person's fitted nights."""

_INFORMATIVE = 6


@dataclass(frozen=True)
class Member:
    """One person of the cohort, with what is known of them; `nights` is (found, used, quarantined)."""

    person: PersonRow
    nights: tuple[int, int, int]
    check: PersonCheck | None
    observed: xr.Dataset
    ranking: xr.Dataset | None
    reason: str = ""

    @property
    def group(self) -> str:
        """Diagnosis where it is recorded, else the dataset."""
        return str(self.person.covariates.get("diagnosis", "") or self.person.dataset)


@dataclass(frozen=True)
class Cohort:
    """All that the page tells. `links` are relative to the page."""

    members: list[Member]
    quarantine: list[dict[str, str]]
    records: list[DatasetRecord]
    found: int
    used: int
    links: Mapping[str, str]


def outcome_medians(observed: xr.Dataset) -> dict[str, float | None]:
    """Return the median over nights of each outcome that the pages show; None where it is not known."""
    medians: dict[str, float | None] = {}
    for name in OUTCOMES_SHOWN:
        known = "outcome_value" in observed and name in observed["outcome"].values
        values = observed["outcome_value"].sel(outcome=name).values if known else np.empty(0)
        values = values[np.isfinite(values)]
        medians[name] = float(np.median(values)) if values.size else None
    return medians


def summary_row(member: Member) -> dict[str, Any]:
    """Return one row of `summary.tsv`; a number that is not known is None."""
    check, person = member.check, member.person
    row: dict[str, Any] = dict.fromkeys(SUMMARY_COLUMNS)
    row |= {
        "person": person.person, "dataset": person.dataset, "group": member.group, "age_band": person.age_band,
        "sex": person.sex, "nights_found": member.nights[0], "nights_used": member.nights[1],
        "nights_quarantined": member.nights[2], "verdict": check.verdict if check else "absent",
        "spectral_verdict": check.spectral.verdict if check else "absent",
        "night_verdict": check.night.verdict if check else "absent", "ranking": "none", "reason": member.reason,
    }  # fmt: skip
    row |= {f"{name}_median": _plain(value) for name, value in outcome_medians(member.observed).items()}
    best = best_row(member.ranking) if member.ranking is not None else None
    if member.ranking is None or best is None:
        return row
    if member.ranking.attrs.get("verdict") == "none":
        return row | {"reason": str(member.ranking.attrs.get("reason", ""))}
    ranking, chosen = member.ranking, member.ranking.isel(treatment=best)
    quantile = chosen["utility_quantile"]
    return row | {
        "ranking": str(ranking.attrs.get("verdict", "")), "reason": str(ranking.attrs.get("reason", "")),
        "best": str(chosen["treatment"].values), "best_label": str(chosen["label"].values),
        "expected_utility": _plain(chosen["expected_utility"]),
        "utility_q05": _plain(quantile.sel(quantile=0.05, method="nearest")),
        "utility_q95": _plain(quantile.sel(quantile=0.95, method="nearest")), "p_best": _plain(chosen["p_best"]),
        "expected_regret": _plain(chosen["expected_regret"]), "sucra": _plain(chosen["sucra"]),
        "near_ties": len(near_ties(ranking, best)),
        "personalisation_index": _plain(ranking.attrs.get("personalisation_index")),
        "personalisation_null": _plain(ranking.attrs.get("personalisation_null")),
    }  # fmt: skip


def _plain(value: Any) -> float | None:
    """Return a number to six digits for the table; None where there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return float(f"{number:.6g}") if np.isfinite(number) else None


def cohort_page(cohort: Cohort, options: PagesOptions) -> str:
    """Return the cohort's page as one self-contained HTML document.

    Raises
    ------
    AssertionError
        If a night was lost on the way: nights found are nights used plus nights in quarantine.
    """
    lost = [row for row in cohort.quarantine if row["night"]]
    assert cohort.found == cohort.used + len(lost), "a night was silently dropped"
    rows = [summary_row(member) for member in cohort.members]
    return page(
        "cohort.html.j2",
        title=options.title,
        found=cohort.found,
        used=cohort.used,
        lost=lost,
        fallen=[row for row in cohort.quarantine if not row["night"]],
        steps=sorted(Counter(row["step"] for row in cohort.quarantine).items()),
        records=cohort.records,
        rows=[_printed(row, member) for row, member in zip(rows, cohort.members)],
        verdicts=Counter(row["verdict"] for row in rows),
        rankings=Counter(row["ranking"] for row in rows),
        bests=_bests(rows),
        outcomes=_outcomes(cohort.members),
        parameters=_parameters(cohort.members),
        map=_map(cohort.members),
        links=cohort.links,
        reading=READING,
    )


def _printed(row: Mapping[str, Any], member: Member) -> dict[str, Any]:
    digits = 1
    if member.ranking is not None and (best := best_row(member.ranking)) is not None:
        digits = numbers.digits_for(float(member.ranking["utility_mcse"].values[best]), 1)
    has = row["expected_utility"] is not None
    return {
        **row,
        "utility": numbers.fixed(row["expected_utility"], digits, sign=True),
        "interval": numbers.interval(row["utility_q05"], row["utility_q95"], digits, sign=True) if has else "",
        "p_best": numbers.probability(row["p_best"]),
        "medians": [
            numbers.fixed(row[f"{name}_median"], 0 if OUTCOME_UNITS[name] == "min" else 1) for name in OUTCOMES_SHOWN
        ],
    }


def _bests(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    counts = Counter(str(row["best_label"]) for row in rows if row["best_label"])
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _outcomes(members: Sequence[Member]) -> Markup | None:
    panels: dict[str, dict[str, list[float]]] = {}
    for member in members:
        for name, value in outcome_medians(member.observed).items():
            if value is not None:
                panels.setdefault(f"{name}, {OUTCOME_UNITS[name]}", {}).setdefault(member.group, []).append(value)
    order = [f"{name}, {OUTCOME_UNITS[name]}" for name in OUTCOMES_SHOWN]
    chosen = {name: panels[name] for name in order if name in panels}
    return figures_cohort.by_group(chosen, "outcomes", "Median outcome of each person's nights") if chosen else None


def _parameters(members: Sequence[Member]) -> Markup | None:
    """Draw the parameters that the data informed most: median contraction over the people who have them."""
    values: dict[str, dict[str, list[float]]] = {}
    contraction: dict[str, list[float]] = {}
    for member in members:
        if member.check is None or member.check.verdict == "fail":
            continue
        for row in member.check.parameters:
            # Scales of single channels and effects of single nights are not comparable between people.
            if row.name.startswith(("log_scale", "night_effect", "time_effect", "dwell_effect", "pressure_effect")):
                continue
            if row.contraction is not None and np.isfinite(row.contraction):
                values.setdefault(row.name, {}).setdefault(member.group, []).append(row.mean)
                contraction.setdefault(row.name, []).append(row.contraction)
    most = max((len(found) for found in contraction.values()), default=0)
    shared = [name for name, found in contraction.items() if 2 * len(found) >= most]
    chosen = sorted(shared, key=lambda name: (-float(np.median(contraction[name])), name))[:_INFORMATIVE]
    if not chosen:
        return None
    return figures_cohort.by_group({name: values[name] for name in sorted(chosen)}, "parameters", "Posterior means")


def _map(members: Sequence[Member]) -> Markup | None:
    ranked = [m for m in members if m.ranking is not None and best_row(m.ranking) is not None]
    if not ranked:
        return None
    labels: dict[str, str] = {}
    tables: list[dict[str, float]] = []
    for member in ranked:
        assert member.ranking is not None
        part = member.ranking.where(member.ranking["candidate"], drop=False)["expected_utility"]
        keys = [str(k) for k in member.ranking["treatment"].values]
        labels |= dict(zip(keys, (str(x) for x in member.ranking["label"].values)))
        tables.append(dict(zip(keys, part.values.astype(float))))
    utility = np.array([[table.get(key, np.nan) for key in labels] for table in tables])
    kept = np.flatnonzero(np.isfinite(utility).any(axis=0))
    order = kept[np.argsort(-np.nanmean(utility[:, kept], axis=0), kind="stable")]
    names = [list(labels.values())[i] for i in order]
    return figures_cohort.treatment_map(utility[:, order], [m.person.person for m in ranked], names, "map")
