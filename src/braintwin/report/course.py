"""The predictive check of how nights go, of a person and of a cohort, as sections of a page."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from braintwin.inference.night_checks import BLOCKS, PredictiveCheck, check_profiles, seen, stored
from braintwin.models.night_profile import Profile
from braintwin.report import figures_profile, numbers
from braintwin.report.material import PersonMaterial
from braintwin.report.member import Member

_WORDS = {
    "stages": "stage shares by tenth of the night",
    "changes": "transition frequencies by tenth of the night",
    "bouts": "survival curves of bouts",
}


def _pair(observed: xr.Dataset, predictive: xr.Dataset) -> tuple[Profile, Profile] | None:
    """Return the course of the nights seen and of their replicates; None where there is none."""
    found, made = seen(observed), stored(predictive)
    return None if found is None or made is None else (found, made)


def _lines(checks: dict[str, PredictiveCheck]) -> list[dict[str, str]]:
    return [
        {
            "words": _WORDS[name],
            "inside": f"{100 * checks[name].inside:.0f} %",
            "expected": f"{100 * checks[name].expected:.0f} %",
            "p": numbers.fixed(checks[name].p_value, 3),
        }
        for name in BLOCKS
    ]


def of_person(material: PersonMaterial) -> dict[str, Any] | None:
    """Return the check of the nights that a person's twin was fitted to."""
    groups = material.night or {}
    pair = _pair(groups.get("observed_data", xr.Dataset()), groups.get("posterior_predictive", xr.Dataset()))
    if pair is None:
        return None
    checks = check_profiles(*pair)
    return {"image": figures_profile.course(checks["stages"], checks["bouts"]), "lines": _lines(checks)}


def of_cohort(members: Sequence[Member]) -> dict[str, Any] | None:
    """Return the check of all fitted nights together; people whose fit failed are left out."""
    total: tuple[Profile, Profile] | None = None
    people = 0
    for member in members:
        pair = _pair(member.observed, member.predicted)
        if pair is None or member.check is None or member.check.night.verdict == "fail":
            continue
        people += 1
        if total is None:
            total = pair
            continue
        # One replicate of the cohort is one of everybody; people with fewer draws set how many there are.
        both = min(len(total[1].stage_count), len(pair[1].stage_count))
        cut = [Profile(*(part[:both] for part in made.parts)) for made in (total[1], pair[1])]
        total = total[0].plus(pair[0]), cut[0].plus(cut[1])
    if total is None:
        return None
    checks = check_profiles(*total)
    return {
        "image": figures_profile.course(checks["stages"], checks["bouts"]),
        "changes": figures_profile.changes(checks["changes"]),
        "lines": _lines(checks),
        "people": people,
        "replicates": len(total[1].stage_count),
    }
