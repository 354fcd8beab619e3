"""Whether a treatment is for a person, and what speaks against it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from braintwin.treatment.evidence import Treatment

_AGE = re.compile(r"age\s*>=\s*(\d+)")
_OSA = re.compile(r"\bOSA\b")


@dataclass(frozen=True)
class Eligibility:
    """A verdict on one treatment for one person: eligible, why not, and what to beware of."""

    eligible: bool
    reason: str = ""
    caution: str = ""


def lowest_age(age_band: str) -> int | None:
    """Return the lower end of an age band such as ``"65-69"`` or ``"85+"``; None where it is unknown."""
    found = re.match(r"\s*(\d+)", age_band)
    return int(found.group(1)) if found else None


def judge(treatment: Treatment, *, age_band: str, covariates: Mapping[str, float | str]) -> Eligibility:
    """Return whether `treatment` is for this person.

    The diagnosis (healthy, insomnia, osa) is compared with the population of the trials. An unknown diagnosis
    excludes nothing, but is said. A contraindication excludes where the covariates hold it under its own name
    (``{"narcolepsy": 1}``); cautions that the data can decide (age, OSA) are passed on.
    """
    known = {str(name).casefold(): value for name, value in covariates.items()}
    held = [text for text in treatment.contraindications if known.get(text.casefold()) not in (None, 0, 0.0, "", "0")]
    if held:
        return Eligibility(False, f"contraindicated: {', '.join(held)}")
    diagnosis = str(known.get("diagnosis", "")).strip().casefold()
    cautions = []
    if "all" not in treatment.eligible:
        if not diagnosis:
            cautions.append(f"eligibility unknown: no diagnosis recorded, tried in {', '.join(treatment.eligible)}")
        elif diagnosis not in treatment.eligible:
            return Eligibility(False, f"tried in {', '.join(treatment.eligible)}, not in {diagnosis}")
    age = lowest_age(age_band)
    for text in (*treatment.contraindications, *treatment.cautions):
        limit = _AGE.search(text)
        if (limit and age is not None and age >= int(limit.group(1))) or (diagnosis == "osa" and _OSA.search(text)):
            cautions.append(text)
    return Eligibility(True, "", "; ".join(cautions))
