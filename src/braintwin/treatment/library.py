"""What trials say of treatments, as records that refuse a number without its origin.

The records hold evidence; what they do to a night is decided in :mod:`braintwin.treatment.operators` alone.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from braintwin.errors import ConfigError, did_you_mean

Provenance = Literal["read", "recall", "derived", "assumed", "read-secondary-unverified"]
"""How a number got into the library; only the first was seen in print by whoever wrote it."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Population = Literal["all", "healthy", "insomnia", "osa", "circadian_delay", "low_sws", "healthy_ageing"]

NO_CHANGE = "none"
"""Key of the person's own untreated night: the reference of every contrast."""

PLACEBO = "placebo"

SIMULATED_EFFECTS = ("SOL_min", "LPS_ratio", "WASO_min", "TIB_min", "AHI_ln_ratio_on_device", "N3_pct", "REM_pct")
"""Effects that become operators, and therefore need a standard error."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Effect(_Record):
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


class Source(_Record):
    """A publication, and whether it was read."""

    citation: Text
    provenance: Provenance
    confidence: Literal["high", "moderate", "low"] = "moderate"
    doi: str = ""
    where_read: str = ""


class Baseline(_Record):
    """The untreated night of a trial, min: minutes of effect are turned into log hazards here."""

    SOL: float = Field(gt=0)
    WASO: float = Field(gt=0)
    TIB: float = Field(gt=0)
    prov: Provenance = "assumed"
    note: str = ""

    @model_validator(mode="after")
    def _room(self) -> "Baseline":
        if self.SOL + self.WASO >= self.TIB:
            message = f"SOL {self.SOL:g} and WASO {self.WASO:g} leave no sleep in TIB {self.TIB:g}"
            raise ValueError(message)
        return self


class Burden(_Record):
    """What a treatment asks of a person, 0 (nothing) to 1."""

    value: float = Field(ge=0, le=1)
    prov: Provenance
    note: str = ""


class WakeSplit(_Record):
    """Beta(a, b) of the share of a change of wake odds that falls on waking up."""

    a: float = Field(gt=0)
    b: float = Field(gt=0)
    prov: Provenance
    note: str = ""


class MeasurementBridge(_Record):
    """Laboratory effect over diary effect, (mean, sd) per outcome."""

    diary_to_psg: dict[str, tuple[float, float] | str]
    psg_evidence: Any = None
    prov: Provenance = "assumed"
    note: str = ""

    def factor(self, outcome: str) -> tuple[float, float]:
        """Return (mean, sd) of the factor for an outcome; 1, 0 where none is stated."""
        found = self.diary_to_psg.get(outcome, (1.0, 0.0))
        return found if isinstance(found, tuple) else (1.0, 0.0)


class Adherence(_Record):
    """How much of the treatment is taken, (mean, sd)."""

    hours_per_night: tuple[float, float] | None = None
    completion_fraction: tuple[float, float] | None = None
    rule: str = ""


class Operator(_Record):
    """A log-hazard shift worked out before: mean and sd."""

    mean: float
    sd: float = Field(ge=0)


class DerivedOperators(_Record):
    """The two shifts at a stated baseline, as the evidence table gives them: a check on our own."""

    ln_HR_onset: Operator
    ln_odds_wake: Operator
    reference_baseline: Baseline
    split: str = ""
    warning: str = ""
    recomputed: str = ""
    previous: dict[str, Any] = {}


class Treatment(_Record):
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

    @property
    def grounded(self) -> bool:
        """Whether any of the effects that are simulated is more than an assumption."""
        found = [effect for name, effect in self.effects.items() if name in SIMULATED_EFFECTS]
        return any(effect.prov != "assumed" for effect in found)

    def harm(self) -> tuple[float, float]:
        """Return the log odds ratio of leaving a trial over adverse events, (mean, se); 0, 0 where nothing is known."""
        for name in ("AE_dropout_logOR", "dropout_logOR", "AE_dropout_OR"):
            effect = self.harms.get(name)
            if effect is not None and effect.se is not None:
                if name.endswith("_logOR"):
                    return effect.mean, effect.se
                return math.log(effect.mean), effect.se / effect.mean
        return 0.0, 0.0


class Meta(BaseModel):
    """What holds for the whole library."""

    model_config = ConfigDict(extra="allow", frozen=True)

    comparator_offsets_min: dict[str, Any]
    wake_split: dict[str, WakeSplit | str]
    measurement_bridge: MeasurementBridge
    reference_baseline: Baseline
    stage_baseline: dict[str, Any]

    @model_validator(mode="after")
    def _complete(self) -> "Meta":
        for name in ("SOL", "WASO"):
            offset = self.comparator_offsets_min.get(name)
            if not isinstance(offset, Mapping) or not {"mean", "sd"} <= set(offset):
                message = f"comparator_offsets_min.{name} needs mean and sd"
                raise ValueError(message)
        if not isinstance(self.wake_split.get("default"), WakeSplit):
            message = "wake_split.default needs a, b and prov"
            raise ValueError(message)
        return self

    def split(self, cls: str) -> WakeSplit:
        """Return the wake split of a class of treatments."""
        found = self.wake_split.get(cls)
        default = self.wake_split["default"]
        assert isinstance(default, WakeSplit)
        return found if isinstance(found, WakeSplit) else default

    def offset(self, outcome: str) -> tuple[float, float]:
        """Return placebo minus untreated, min, (mean, sd)."""
        found = self.comparator_offsets_min[outcome]
        return float(found["mean"]), float(found["sd"])


class Library(_Record):
    """All treatments, in the order of the file, after no change."""

    meta: Meta
    treatments: dict[str, Treatment]
    baselines: dict[str, Any] = {}
    reliability: dict[str, Any] = {}
    transition_counts_30s: dict[str, Any] = {}
    simulator_jacobian_check: dict[str, Any] = {}
    heldout_validation_pairs: dict[str, Any] = {}

    @model_validator(mode="after")
    def _references(self) -> "Library":
        if PLACEBO not in self.treatments:
            message = "treatments: 'placebo' is absent; every ranking needs it"
            raise ValueError(message)
        if NO_CHANGE in self.treatments:
            message = "treatments: 'none' is built in (no change); give the block another key"
            raise ValueError(message)
        return self

    def choose(self, keys: list[str] | None) -> dict[str, Treatment]:
        """Return no change, placebo and the treatments asked for (all where None), in the order of the file.

        Raises
        ------
        ConfigError
            Naming every key that is not in the library.
        """
        unknown = [key for key in keys or () if key not in self.treatments and key != NO_CHANGE]
        if unknown:
            named = "; ".join(f"{key!r}{did_you_mean(key, self.treatments)}" for key in unknown)
            message = f"simulate.treatments: not in the treatment library: {named}"
            raise ConfigError(message)
        wanted = {*self.treatments} if keys is None else {PLACEBO, *keys}
        return {NO_CHANGE: no_change(), **{k: t for k, t in self.treatments.items() if k in wanted}}


def no_change() -> Treatment:
    """Return the person's own untreated night as a treatment without effect."""
    return Treatment(
        label="No change",
        cls="control",
        eligible=["all"],
        comparator="itself",
        reference="untreated",
        scale="none: the reference itself",
        instrument="psg",
        horizon_weeks=0,
        effects={},
        burden=Burden(value=0, prov="derived", note="by definition"),
        harms={},
        sources=[Source(citation="by definition", provenance="derived", confidence="high")],
    )


def _problem(error: Mapping[str, Any]) -> str:
    location = [str(part) for part in error["loc"]]
    where = ".".join(location) or "library"
    if len(location) > 1 and location[0] == "treatments":
        where = f"{location[1]}: {'.'.join(location[2:])}" if len(location) > 2 else location[1]
    if error["type"] == "missing":
        return f"{where} is absent"
    if error["type"] == "extra_forbidden":
        known = Treatment.model_fields if len(location) == 3 else ()
        return f"{where} is not a key{did_you_mean(location[-1], known)}"
    got = error.get("input")
    shown = f" (got {got!r})" if isinstance(got, str | int | float | bool | None) else ""
    return f"{where}: {re.sub(r'^Value error, ', '', error['msg'])}{shown}"


def parse_library(values: Any, where: str) -> Library:
    """Return the library that `values` (read from YAML) describe.

    Raises
    ------
    ConfigError
        Naming every problem at once, each with its treatment and key.
    """
    if not isinstance(values, Mapping):
        message = f"treatment library {where}: expected keys and values, got {type(values).__name__}"
        raise ConfigError(message)
    try:
        return Library.model_validate(values)
    except ValidationError as cause:
        found = [_problem(error) for error in cause.errors(include_url=False)]
        message = f"treatment library {where}: {len(found)} problem(s): {'; '.join(found)}"
        raise ConfigError(message) from None
