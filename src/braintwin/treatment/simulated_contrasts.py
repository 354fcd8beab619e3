"""The contrasts of a simulated trial, as its instrument tells them."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from braintwin.contracts.simulate import OUTCOMES
from braintwin.treatment.calibration_parameters import Parameter, as_posterior
from braintwin.treatment.closed_form import hazard_shifts, log_onset_ratio, log_wake_odds
from braintwin.treatment.evidence import Effect, Treatment
from braintwin.treatment.library import PLACEBO, Meta
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators
from braintwin.treatment.trial import Trial

Floats = npt.NDArray[np.float64]


def placebo_mean(meta: Meta) -> Operators:
    """Return the mean of what a placebo does, bridged to the laboratory."""
    change = {}
    for outcome in ("SOL", "WASO"):
        diary = meta.comparator_offsets_min.get("instrument") == "diary"
        change[outcome] = meta.offset(outcome)[0] * (meta.measurement_bridge.factor(outcome)[0] if diary else 1.0)
    base = meta.reference_baseline
    row = hazard_shifts(
        onset=log_onset_ratio(change["SOL"], base),
        wake_odds=log_wake_odds(change["SOL"], change["WASO"], base),
        wake_entry_share=meta.split(PLACEBO).mean,
    )
    return Operators(row, np.zeros(1), np.ones(1))


def measured(treated: Floats, control: Floats, latency: str) -> dict[str, float]:
    """Return the contrasts of two arms (person, outcome), by the names of `contrasts.OUTCOME_OF`."""
    night = [dict(zip(OUTCOMES, arm.mean(axis=0), strict=True)) for arm in (treated, control)]
    change = {name: float(night[0][name] - night[1][name]) for name in OUTCOMES}
    lps = OUTCOMES.index("LPS")
    ratio = np.exp((np.log(treated[:, lps] + 1) - np.log(control[:, lps] + 1)).mean())
    share = {
        name: 100 * (night[0][name] / night[0]["TST"] - night[1][name] / night[1]["TST"]) for name in ("N3", "REM")
    }
    return change | {
        "latency": change[latency],
        "LPS_ratio": float(ratio),
        "N3_share": float(share["N3"]),
        "REM_share": float(share["REM"]),
        "SE0": float(night[1]["SE"]),
        "TST0": float(night[1]["TST"]),
        "TIB0": float(night[1]["TIB"]),
    }


def by_diary(found: Mapping[str, float], bridge: Mapping[str, float]) -> dict[str, float]:
    """Return contrasts as a diary tells them: latency and wake exaggerated by 1 / bridge, sleep what is left over."""
    latency, waso = found["latency"] / bridge["SOL"], found["WASO"] / bridge["WASO"]
    in_bed = found["TIB"]
    tst = in_bed - latency - waso
    efficiency = 100 * ((found["TST0"] + tst) / (found["TIB0"] + in_bed) - found["TST0"] / found["TIB0"])
    return {**found, "latency": latency, "WASO": waso, "TST": tst, "SE": efficiency}


class TrialModel:
    """The simulated contrasts of a treatment as a function of its parameters; people differ as `simulate` has them."""

    def __init__(
        self, treatment: Treatment, meta: Meta, trial: Trial, parameters: Sequence[Parameter], seed: int
    ) -> None:
        self.treatment, self.meta, self.trial, self.seed = treatment, meta, trial, seed
        self.parameters = list(parameters)
        self.placebo = placebo_mean(meta) if treatment.reference == PLACEBO else Operators.nothing(1)
        self.control = trial.arm(self.placebo)

    def operators(self, values: Floats) -> Operators:
        """Return everybody's operators when their mean is what `values` say."""
        certain = None
        if any(p.row.any() for p in self.parameters):
            size = len(self.parameters)
            certain = as_posterior(self.parameters, values, np.zeros((size, size)), source="a trial value")
        drawn = draw_operators(
            self.treatment.model_copy(update={"operators": certain, "effects": self._devices()}),
            self.meta, draws=len(self.trial.effects), time_in_bed_min=self.trial.baseline.TIB,
            placebo=(np.zeros(1), np.zeros(1)), rng=np.random.default_rng(self.seed),
            uncertainty=Uncertainty(comparator_offset=False, error_scale=0.0),
        )  # fmt: skip
        return Operators(drawn.shift + self.placebo.shift, drawn.time_in_bed_min, drawn.arousal_factor)

    def _devices(self) -> dict[str, Effect]:
        return {k: e for k, e in self.treatment.effects.items() if k == "AHI_ln_ratio_on_device"}

    def predict(self, values: Floats, outcomes: Sequence[str]) -> Floats:
        """Return the contrasts, as the trial's instrument tells them."""
        found = measured(self.trial.arm(self.operators(values)), self.control, self.trial.baseline.latency)
        if self.treatment.instrument == "diary":
            named = dict(zip([p.name for p in self.parameters], values, strict=True))
            found = by_diary(found, {name: max(named[f"bridge_{name}"], 0.1) for name in ("SOL", "WASO")})
        return np.array([found[name] for name in outcomes])
