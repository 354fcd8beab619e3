"""The verdict on one person's fits (`check.json`)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["pass", "warn", "fail", "absent"]


class ParameterRow(BaseModel):
    """One scalar parameter of a fit with its posterior summary and diagnostics."""

    model_config = ConfigDict(extra="forbid")

    twin: Literal["spectral", "night"]
    name: str
    mean: float
    sd: float
    q05: float
    q95: float
    prior_mean: float | None
    prior_sd: float | None
    contraction: float | None
    rhat: float | None
    ess_bulk: float | None
    ess_tail: float | None
    mcse: float | None


class TwinCheck(BaseModel):
    """The gates of one twin: what was asked, what was found."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict
    reasons: list[str]
    gates: dict[str, float | int | bool | str | None]


class PersonCheck(BaseModel):
    """`check.json`: may this person's twins be used, and for what."""

    model_config = ConfigDict(extra="forbid")

    person: str
    verdict: Verdict
    reasons: list[str]
    spectral: TwinCheck
    night: TwinCheck
    parameters: list[ParameterRow]
    predictive: dict[str, float | None]
    stamp: dict[str, object]
