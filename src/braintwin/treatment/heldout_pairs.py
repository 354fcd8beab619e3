"""The contrasts of a library that are held out, as its `heldout_validation_pairs` list them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from braintwin.treatment.library import Library

NAMES = {
    "WASO_min": "WASO", "TST_min": "TST", "LPS_min": "LPS", "LPS_ratio": "LPS_ratio", "N1_min": "N1", "N2_min": "N2",
    "SWS_min": "N3", "REM_min": "REM", "sTST_min": "TST", "sSOL_min": "SOL",
}  # fmt: skip
"""Outcomes of the pairs, as a simulated trial has them."""


@dataclass(frozen=True)
class Pair:
    """A contrast to be predicted."""

    id: str
    drug: str
    dose: float
    trial: str
    time: str
    scale: str
    outcome: str
    mean: float
    se: float

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Pair | None":
        """Return the pair, or None where it is no held-out placebo contrast with an error."""
        if values.get("used_in_effects") or values.get("diff_vs_placebo") is None or not values.get("se"):
            return None
        if values["outcome"] not in NAMES or values.get("dose_mg") is None:
            return None
        return cls(
            str(values["id"]), str(values["drug"]).split()[0], float(values["dose_mg"]), str(values["trial"]),
            str(values["time"]), str(values["scale"]), str(values["outcome"]), float(values["diff_vs_placebo"]),
            float(values["se"]),
        )  # fmt: skip


def doses_of(library: Library, drug: str) -> dict[float, str]:
    """Return the library's keys of a drug, by dose in mg."""
    found = {}
    for key in library.treatments:
        name, _, dose = key.rpartition("_")
        if name == drug and dose.isdigit():
            found[float(dose)] = key
    return found


def own_trials(pairs: Sequence[Mapping[str, Any]], drug: str) -> set[str]:
    """Return the trials that the library's entries of a drug come from."""
    return {str(p["trial"]) for p in pairs if p.get("used_in_effects") and str(p["drug"]).split()[0] == drug}
