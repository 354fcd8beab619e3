"""Which of an entry's numbers its operators must give back, and whether they can be true together."""

from dataclasses import dataclass

import numpy as np

from braintwin.treatment.evidence import Baseline, Effect, Treatment
from braintwin.treatment.library import Meta

OUTCOME_OF = {
    "SOL_min": "latency", "LPS_psg_min": "LPS", "LPS_ratio": "LPS_ratio", "WASO_min": "WASO", "TST_min": "TST",
    "SE_pct": "SE", "N3_pct": "N3_share", "REM_pct": "REM_share", "sleep_efficiency_pct": "SE",
}  # fmt: skip
"""Contrasts that a simulated trial can give, by their names in the library."""

SLEEP = ("latency", "LPS", "LPS_ratio", "WASO", "TST", "SE")
"""Outcomes of which a calibrated treatment must have one that was read or derived."""

SOUND = ("read", "derived")
INCOHERENT_Z = 2.0


@dataclass(frozen=True)
class Contrast:
    """One number of a trial: what was measured, the mean and standard error, and what it is used for.

    Attributes
    ----------
    name, outcome : str
        As in the library, and as the simulated trial has it.
    mean, se : float
    prov : str
    left_out : str
        Why the operators are not fitted to it; empty where they are.
    """

    name: str
    outcome: str
    mean: float
    se: float
    prov: str
    left_out: str = ""

    @property
    def sound(self) -> bool:
        """Whether this number was read or derived, and is an outcome that a calibrated treatment must give back."""
        return self.prov in SOUND and self.outcome in SLEEP


def _known(treatment: Treatment) -> dict[str, Effect]:
    """Return the effects that a simulated trial can give: under `effects`, and for devices under `architecture`."""
    found = {name: e for name, e in treatment.effects.items() if name in OUTCOME_OF and e.se is not None}
    if "AHI_ln_ratio_on_device" in treatment.effects:
        found |= {name: e for name, e in treatment.architecture.items() if name in OUTCOME_OF and e.se is not None}
    if "SOL_min" in found:
        found.pop("LPS_ratio", None)  # the same latency in another unit
    return found


def contrasts_of(treatment: Treatment, meta: Meta) -> tuple[list[Contrast], list[str]]:
    """Return an entry's contrasts and what was found of their coherence, one sentence each.

    Assumed numbers are not fitted where the entry has better ones. Where sleep time does not close with latency, wake
    and time in bed, it is the sleep time that is left out: the parts are what operators act upon.
    """
    known = _known(treatment)
    better = any(e.prov != "assumed" and OUTCOME_OF[name] in SLEEP for name, e in known.items())
    notes: list[str] = []
    drop = {name: "assumed" for name, e in known.items() if e.prov == "assumed" and better}
    parts = {key: known[key] for key in ("SOL_min", "WASO_min", "TST_min") if key in known and key not in drop}
    in_bed = time_in_bed_effect(treatment)
    if len(parts) == 3:
        gap = sum(e.mean for e in parts.values()) - in_bed[0]
        error = float(np.sqrt(sum((e.se or 0.0) ** 2 for e in parts.values()) + in_bed[1] ** 2))
        z = gap / error
        verdict = "coherent" if abs(z) <= INCOHERENT_Z else "not coherent: TST is left out"
        notes.append(
            f"TST + latency + WASO - time in bed is {gap:+.1f} min ({z:+.1f} standard errors from closing): {verdict}"
        )
        if abs(z) > INCOHERENT_Z:
            drop["TST_min"] = "does not close with latency and WASO"
    if treatment.implied.get("TIB_min"):
        notes.append(f"latency, WASO and TST imply {in_bed[0]:+.0f} min of time in bed (se {in_bed[1]:.0f})")
    if {"SE_pct", "TST_min"} <= {*known} and not in_bed[1] and treatment.instrument != "diary":
        se, tst = known["SE_pct"], known["TST_min"]
        baseline = treatment.trial_baseline or meta.reference_baseline
        gap = se.mean - 100 * tst.mean / baseline.TIB
        z = gap / float(np.hypot(se.se or 0.0, 100 * (tst.se or 0.0) / baseline.TIB))
        verdict = "coherent" if abs(z) <= INCOHERENT_Z else "not coherent"
        notes.append(f"efficiency against TST at {baseline.TIB:g} min in bed: {gap:+.1f} points ({z:+.1f}): {verdict}")
    listed = [
        Contrast(name, OUTCOME_OF[name], e.mean, float(e.se or 0.0), e.prov, drop.get(name, ""))
        for name, e in known.items()
    ]
    return listed, notes


def time_in_bed_effect(treatment: Treatment) -> tuple[float, float]:
    """Return the change of time in bed that an entry states or implies, min, (mean, se); 0, 0 where it has none."""
    effect, implied = treatment.effects.get("TIB_min"), treatment.implied.get("TIB_min")
    if effect is not None:
        return effect.mean, effect.se or 0.0
    return (float(implied["mean"]), float(implied["se"])) if implied else (0.0, 0.0)


def baseline_of(treatment: Treatment, meta: Meta) -> Baseline:
    """Return the untreated night of an entry's trials."""
    return treatment.trial_baseline or meta.reference_baseline
