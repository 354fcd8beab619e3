"""All treatments and what holds for the whole library; an entry is :class:`braintwin.treatment.evidence.Treatment`."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from braintwin.errors import ConfigError, did_you_mean
from braintwin.treatment.calibration_record import Calibration
from braintwin.treatment.evidence import Baseline, Burden, MeasurementBridge, Record, Source, Treatment, WakeSplit

NO_CHANGE = "none"
"""Key of the person's own untreated night: the reference of every contrast."""

PLACEBO = "placebo"


_EVIDENCE = {
    "cls", "reference", "instrument", "effects", "implied", "trial_baseline", "architecture", "measurement_bridge",
    "adherence", "heterogeneity",
}  # fmt: skip
_SHARED_EVIDENCE = {
    "comparator_offsets_min", "wake_split", "measurement_bridge", "reference_baseline", "stage_baseline"
}  # fmt: skip


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


class Library(Record):
    """All treatments, in the order of the file, after no change."""

    meta: Meta
    treatments: dict[str, Treatment]
    baselines: dict[str, Any] = Field({})
    reliability: dict[str, Any] = Field({})
    transition_counts_30s: dict[str, Any] = Field({})
    simulator_jacobian_check: dict[str, Any] = Field({})
    heldout_validation_pairs: dict[str, Any] = Field({})
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _references(self) -> "Library":
        if PLACEBO not in self.treatments:
            message = "treatments: 'placebo' is absent; every ranking needs it"
            raise ValueError(message)
        if NO_CHANGE in self.treatments:
            message = "treatments: 'none' is built in (no change); give the block another key"
            raise ValueError(message)
        return self

    def calibrated(self) -> "Library":
        """Return this library with the calibrated operators in every entry that is as it was when they were fitted.

        Operators that an entry carries of its own (learned from treated nights) stand.
        """
        found = {}
        for key, treatment in self.treatments.items():
            entry = self.calibration.treatments.get(key) if self.calibration else None
            if entry is not None and treatment.operators is None and entry.evidence == self.evidence(treatment):
                treatment = treatment.model_copy(update={"operators": entry.operators})
            found[key] = treatment
        return self.model_copy(update={"treatments": found})

    def evidence(self, treatment: Treatment) -> str:
        """Return a digest of all numbers that the calibration of an entry rests on."""
        meta = self.meta.model_dump(mode="json", include=_SHARED_EVIDENCE)
        values = {"entry": treatment.model_dump(mode="json", include=_EVIDENCE), "meta": meta}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def shortcoming(self, key: str) -> str:
        """Return why an entry's operators are not calibrated to its trial; empty where they are.

        Operators learned from treated nights count as calibrated.
        """
        treatment = self.treatments[key]
        if treatment.operators is not None and treatment.operators.origin == "learned":
            return ""
        entry = self.calibration.treatments.get(key) if self.calibration else None
        if entry is None:
            return "its operators were never fitted (run braintwin calibrate)"
        if entry.evidence != self.evidence(treatment):
            return "the entry changed since its operators were fitted (run braintwin calibrate)"
        return entry.shortcoming

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
        return Library.model_validate(values).calibrated()
    except ValidationError as cause:
        found = [_problem(error) for error in cause.errors(include_url=False)]
        message = f"treatment library {where}: {len(found)} problem(s): {'; '.join(found)}"
        raise ConfigError(message) from None
