"""One person of a cohort: what is known of them, and their row in the summary."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.tables import PersonRow
from braintwin.report.answer import best_row, near_ties
from braintwin.report.figures_night import OUTCOMES_SHOWN, finite_of
from braintwin.report.material import is_ranked
from braintwin.report.names import readable

SUMMARY_COLUMNS = (
    "person", "dataset", "group", "age_band", "sex", "nights_found", "nights_used", "nights_quarantined", "verdict",
    "spectral_verdict", "night_verdict", "ranking", "reason", "best", "best_label", "expected_utility", "utility_q05",
    "utility_q95", "p_best", "expected_regret", "sucra", "near_ties", "personalisation_index", "personalisation_null",
    "shift_population_only", "shift_without_spectral",
    *(f"{name}_median" for name in OUTCOMES_SHOWN),
)  # fmt: skip
"""Columns of `summary.tsv`: one row a person; outcomes are medians over the person's fitted nights."""


@dataclass(frozen=True)
class Member:
    """One person of the cohort, with what is known of them; `nights` is (found, used, quarantined).

    `observed` and `predicted` are groups of the hypnogram twin and `twin` the attributes of its posterior; `links`
    lead to the person's artefacts.
    """

    person: PersonRow
    nights: tuple[int, int, int]
    check: PersonCheck | None
    observed: xr.Dataset
    ranking: xr.Dataset | None
    reason: str = ""
    predicted: xr.Dataset = field(default_factory=xr.Dataset)
    links: Mapping[str, str] = field(default_factory=dict)
    twin: Mapping[str, object] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Diagnosis where it is recorded, else the dataset."""
        return str(self.person.covariates.get("diagnosis", "") or self.person.dataset)


def left_out(member: Member) -> list[dict[str, str]]:
    """Return the nights of a person that their hypnogram twin was not fitted to, with the reason."""
    nights = json.loads(str(member.twin.get("left_out", "{}")))
    return [{"night": name, "person": member.person.person, "reason": why} for name, why in nights.items()]


def outcome_medians(observed: xr.Dataset) -> dict[str, float | None]:
    """Return the median over nights of each outcome that the pages show; None where it is not known."""
    medians: dict[str, float | None] = {}
    for name in OUTCOMES_SHOWN:
        values = finite_of(observed, name)
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
        "night_verdict": check.night.verdict if check else "absent", "ranking": "none",
        "reason": readable(member.reason),
    }  # fmt: skip
    row |= {f"{name}_median": plain(value) for name, value in outcome_medians(member.observed).items()}
    best = best_row(member.ranking) if member.ranking is not None else None
    if member.ranking is None or best is None:
        return row
    if not is_ranked(member.ranking):
        return row | {"reason": str(member.ranking.attrs.get("reason", ""))}
    ranking, chosen = member.ranking, member.ranking.isel(treatment=best)
    quantile = chosen["utility_quantile"]
    return row | {
        "ranking": str(ranking.attrs.get("verdict", "")), "reason": str(ranking.attrs.get("reason", "")),
        "best": str(chosen["treatment"].values), "best_label": str(chosen["label"].values),
        "expected_utility": plain(chosen["expected_utility"]),
        "utility_q05": plain(quantile.sel(quantile=0.05, method="nearest")),
        "utility_q95": plain(quantile.sel(quantile=0.95, method="nearest")), "p_best": plain(chosen["p_best"]),
        "expected_regret": plain(chosen["expected_regret"]), "sucra": plain(chosen["sucra"]),
        "near_ties": len(near_ties(ranking, best)),
        "personalisation_index": plain(ranking.attrs.get("personalisation_index")),
        "personalisation_null": plain(ranking.attrs.get("personalisation_null")),
        "shift_population_only": plain(ranking.attrs.get("shift_population_only")),
        "shift_without_spectral": plain(ranking.attrs.get("shift_without_spectral")),
    }  # fmt: skip


def plain(value: Any) -> float | None:
    """Return a number to six digits for a table; None where there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return float(f"{number:.6g}") if np.isfinite(number) else None
