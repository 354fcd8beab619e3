"""What `fit-treatment` says of its fit, beside the library entry: plain numbers, for a page and for a script."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Estimate(BaseModel):
    """A number with its interval."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    low: float
    high: float


class Learned(Estimate):
    """The shift of one hazard group."""

    between_sd: float
    contraction: float


class TreatmentFit(BaseModel):
    """Record of a treatment that was learned from a trial.

    Attributes
    ----------
    name : str
        Key of the entry.
    people, treated_people, treated_nights, control_nights, left_out : int
        What it was learned from, and how many nights were not taken.
    design : str
        crossover, parallel or mixed.
    operators : dict of str to Learned
        By hazard group, 90 % interval.
    families : dict of str to Estimate
        Shift common to a family of groups, 90 % interval.
    forecast : dict
        See :func:`braintwin.inference.trial_scores.summary`; empty where nobody was left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    people: int
    treated_people: int
    treated_nights: int
    control_nights: int
    left_out: int
    design: str
    operators: dict[str, Learned]
    families: dict[str, Estimate]
    forecast: dict[str, Any] = {}
    stamp: dict[str, Any] = {}
