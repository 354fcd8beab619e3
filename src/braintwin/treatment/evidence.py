"""What trials say of one treatment, as records that refuse a number without its origin.

The records hold evidence; what they do to a night is decided in :mod:`braintwin.treatment.operators` alone.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from braintwin.treatment.posterior import OperatorPosterior

Provenance = Literal["read", "recall", "derived", "assumed", "read-secondary-unverified"]
"""How a number got into the library; only the first was seen in print by whoever wrote it."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Population = Literal["all", "healthy", "insomnia", "osa", "circadian_delay", "low_sws", "healthy_ageing"]

SIMULATED_EFFECTS = ("SOL_min", "LPS_ratio", "WASO_min", "TIB_min", "AHI_ln_ratio_on_device", "N3_pct", "REM_pct")
"""Effects that become operators, and therefore need a standard error."""


class Record(BaseModel):
    """A part of the library: no unknown keys, and no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Effect(Record):
    """Treatment minus comparator: mean, standard error, and where the number is from."""

    mean: float
    prov: Provenance
    se: float | None = Field(None, gt=0)
    ci95: tuple[float, float] | None = None
    ci_prov: str = ""
    ci95_nma: tuple[float, float] | None = None
    p: float | str | None = None
    note: str = ""
    se_note: str = ""
    verify_note: str = ""
    previous: dict[str, Any] | None = None


class Source(Record):
    """A publication, and whether it was read."""

    citation: Text
    provenance: Provenance
    confidence: Literal["high", "moderate", "low"] = "moderate"
    doi: str = ""
    where_read: str = ""


class Baseline(Record):
    """The untreated night of a trial, min: minutes of effect are turned into log hazards here.

    `SOL` is the latency to sleep onset or to persistent sleep, as `latency` says; `AHI` is in events per hour.
    """

    SOL: float = Field(gt=0)
    WASO: float = Field(gt=0)
    TIB: float = Field(gt=0)
    latency: Literal["SOL", "LPS"] = "SOL"
    AHI: float = Field(0.0, ge=0)
    prov: Provenance = "assumed"
    note: str = ""

    @model_validator(mode="after")
    def _room(self) -> "Baseline":
        if self.SOL + self.WASO >= self.TIB:
            message = f"SOL {self.SOL:g} and WASO {self.WASO:g} leave no sleep in TIB {self.TIB:g}"
            raise ValueError(message)
        return self


class Burden(Record):
    """What a treatment asks of a person, 0 (nothing) to 1."""

    value: float = Field(ge=0, le=1)
    prov: Provenance
    note: str = ""


class WakeSplit(Record):
    """Beta(a, b) of the share of a change of wake odds that falls on waking up."""

    a: float = Field(gt=0)
    b: float = Field(gt=0)
    prov: Provenance
    note: str = ""

    @property
    def mean(self) -> float:
        """Return the mean share."""
        return self.a / (self.a + self.b)

    @property
    def sd(self) -> float:
        """Return the sd of the share."""
        return math.sqrt(self.mean * (1 - self.mean) / (self.a + self.b + 1))


class MeasurementBridge(Record):
    """Laboratory effect over diary effect, (mean, sd) per outcome."""

    diary_to_psg: dict[str, tuple[float, float] | str]
    psg_evidence: Any = None
    prov: Provenance = "assumed"
    note: str = ""

    def factor(self, outcome: str) -> tuple[float, float]:
        """Return (mean, sd) of the factor for an outcome; 1, 0 where none is stated."""
        found = self.diary_to_psg.get(outcome, (1.0, 0.0))
        return found if isinstance(found, tuple) else (1.0, 0.0)


class Adherence(Record):
    """How much of the treatment is taken, (mean, sd)."""

    hours_per_night: tuple[float, float] | None = None
    completion_fraction: tuple[float, float] | None = None
    rule: str = ""


class Operator(Record):
    """A log-hazard shift worked out before: mean and sd."""

    mean: float
    sd: float = Field(ge=0)


class DerivedOperators(Record):
    """The two shifts at a stated baseline, as the evidence table gives them: a check on our own."""

    ln_HR_onset: Operator
    ln_odds_wake: Operator
    reference_baseline: Baseline
    split: str = ""
    warning: str = ""
    recomputed: str = ""
    previous: dict[str, Any] = {}


class Treatment(Record):
    """One block of the library."""

    label: Text
    cls: Text
    eligible: list[Population] = Field(min_length=1)
    comparator: Text
    reference: Literal["untreated", "placebo"]
    scale: Text
    instrument: Literal["psg", "diary", "mixed"]
    horizon_weeks: float = Field(ge=0)
    effects: dict[str, Effect]
    burden: Burden
    harms: dict[str, Effect]
    sources: list[Source] = Field(min_length=1)
    exploratory: bool = False
    population: str = ""
    implied: dict[str, dict[str, Any]] = {}
    trial_baseline: Baseline | None = None
    derived_operators_psg: DerivedOperators | None = None
    operators: OperatorPosterior | None = None
    architecture: dict[str, Effect] = {}
    spectrum_NREM_dlnP: dict[str, Effect] = {}
    spectrum_REM_dlnP: dict[str, Effect] = {}
    measurement_bridge: MeasurementBridge | None = None
    adherence: Adherence | None = None
    heterogeneity: dict[str, float] = {}
    contraindications: list[str] = []
    cautions: list[str] = []
    notes: list[str] = []
    evidence: dict[str, Any] = {}

    @model_validator(mode="after")
    def _errors_of_what_is_simulated(self) -> "Treatment":
        lacking = [name for name in SIMULATED_EFFECTS if name in self.effects and self.effects[name].se is None]
        if lacking:
            message = f"effects {', '.join(lacking)} are simulated and need a standard error (se)"
            raise ValueError(message)
        return self

    @property
    def control(self) -> bool:
        """Whether this is a comparator or a negative control rather than something to recommend."""
        return "control" in self.cls

    def harm(self) -> tuple[float, float]:
        """Return the log odds ratio of leaving a trial over adverse events, (mean, se); 0, 0 where nothing is known."""
        for name in ("AE_dropout_logOR", "dropout_logOR", "AE_dropout_OR"):
            effect = self.harms.get(name)
            if effect is not None and effect.se is not None:
                if name.endswith("_logOR"):
                    return effect.mean, effect.se
                return math.log(effect.mean), effect.se / effect.mean
        return 0.0, 0.0
