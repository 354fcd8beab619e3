"""The page of the cohort: who is in, who is not and why, and what holds for each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.tables import DatasetRecord
from braintwin.options.pages import PagesOptions
from braintwin.report import course, figures_cohort, numbers
from braintwin.report.answer import best_row, utility_digits
from braintwin.report.change import what_twins_add
from braintwin.report.figures_night import OUTCOMES_SHOWN
from braintwin.report.group_connectome import group_connectome
from braintwin.report.limits import READING
from braintwin.report.material import is_ranked
from braintwin.report.member import Member, left_out, outcome_medians, summary_row
from braintwin.report.population import calibrated, held_out, parameter_figure, population_lines
from braintwin.report.render import page
from braintwin.report.tidy import TABLES
from braintwin.report.utility import draws_of


@dataclass(frozen=True)
class Cohort:
    """All that the page tells.

    `links` are relative to the page; `tables` are (name, CSV, Parquet) of tidy tables; `trials` are sentences on how
    the treatments agree with their trials.
    """

    members: list[Member]
    quarantine: list[dict[str, str]]
    records: list[DatasetRecord]
    found: int
    used: int
    links: Mapping[str, str]
    tables: list[tuple[str, str, str]] = field(default_factory=list)
    trials: list[str] = field(default_factory=list)
    connectome: xr.Dataset | None = None


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
        aside=[row for member in cohort.members for row in left_out(member)],
        steps=sorted(Counter(row["step"] for row in cohort.quarantine).items()),
        records=cohort.records,
        rows=[_printed(row, member) for row, member in zip(rows, cohort.members)],
        outcomes_shown=OUTCOMES_SHOWN,
        verdicts=Counter(row["verdict"] for row in rows),
        rankings=Counter(row["ranking"] for row in rows),
        bests=_bests(rows),
        added=[
            *what_twins_add([member.ranking for member in cohort.members if member.ranking is not None]),
            *cohort.trials,
        ],
        outcomes=_outcomes(cohort.members),
        parameters=parameter_figure(cohort.members),
        population=population_lines(cohort.members),
        calibration=calibrated(cohort.members),
        held_out=held_out(cohort.members),
        course=course.of_cohort(cohort.members),
        map=_map(cohort.members),
        connectome=group_connectome(cohort.connectome),
        links=cohort.links,
        tables=[(name, TABLES[name], csv, parquet) for name, csv, parquet in cohort.tables],
        reading=READING,
    )


def _printed(row: Mapping[str, Any], member: Member) -> dict[str, Any]:
    digits, ends, draws = 1, 1, 0
    if member.ranking is not None and (best := best_row(member.ranking)) is not None:
        digits, ends = utility_digits(member.ranking.isel(treatment=best))
        draws = draws_of(member.ranking)
    has = row["expected_utility"] is not None
    return {
        **row,
        "utility": numbers.fixed(row["expected_utility"], digits, sign=True),
        "interval": numbers.interval(row["utility_q05"], row["utility_q95"], ends, sign=True) if has else "",
        "p_best": numbers.probability(row["p_best"], draws or None),
        "medians": [
            numbers.fixed(row[f"{name}_median"], 0 if OUTCOME_UNITS[name] == "min" else 1) for name in OUTCOMES_SHOWN
        ],
        "files": list(member.links.items()),
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
    return figures_cohort.by_group(chosen, "Median outcome of each person's nights") if chosen else None


def _map(members: Sequence[Member]) -> Markup | None:
    """Draw the people with a ranking; where nothing could be ranked, no change is not a treatment chosen."""
    labels: dict[str, str] = {}
    tables: list[dict[str, float]] = []
    people: list[str] = []
    for member in members:
        if member.ranking is None or not is_ranked(member.ranking):
            continue
        keys = [str(k) for k in member.ranking["treatment"].values]
        labels |= dict(zip(keys, (str(x) for x in member.ranking["label"].values)))
        utility, candidate = member.ranking["expected_utility"].values, member.ranking["candidate"].values.astype(bool)
        tables.append(dict(zip(keys, np.where(candidate, utility, np.nan).astype(float))))
        people.append(member.person.person)
    if not people:
        return None
    utility = np.array([[table.get(key, np.nan) for key in labels] for table in tables])
    kept = np.flatnonzero(np.isfinite(utility).any(axis=0))
    order = kept[np.argsort(-np.nanmean(utility[:, kept], axis=0), kind="stable")]
    return figures_cohort.treatment_map(utility[:, order], people, [list(labels.values())[i] for i in order])
