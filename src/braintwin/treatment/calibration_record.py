"""What `braintwin calibrate` found, as the library keeps it: operators, reproduced contrasts, held-out contrasts."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from braintwin.treatment.posterior import OperatorPosterior


class ContrastRecord(BaseModel):
    """One contrast of a trial, and what the simulated trial gives (sd: how uncertain the operators leave it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    prov: str
    mean: float
    se: float
    simulated: float
    sd: float
    counts: bool
    left_out: str = ""

    @property
    def distance(self) -> float:
        """Return the difference, in standard errors of the trial."""
        return (self.simulated - self.mean) / self.se

    @property
    def within(self) -> bool:
        """Whether the simulated contrast is within one standard error."""
        return abs(self.distance) <= 1.0


class EntryRecord(BaseModel):
    """The calibration of one entry; `evidence` is the digest of the numbers that it rests on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    evidence: str
    operators: OperatorPosterior | None = None
    baseline: dict[str, float]
    contrasts: list[ContrastRecord] = []
    notes: list[str] = []
    bridge: dict[str, float] = {}

    @property
    def shortcoming(self) -> str:
        """Return why this does not count as calibrated; empty where it does."""
        sound = [c for c in self.contrasts if c.counts]
        if not sound:
            return "no contrast of latency, wake, sleep time or efficiency was read or derived"
        missed = [c for c in sound if not c.within and not c.left_out]
        if missed and len(missed) == len([c for c in sound if not c.left_out]):
            return f"operators do not give back {', '.join(c.name for c in missed)}"
        return ""


class HeldOutRecord(BaseModel):
    """One contrast that no operator was fitted to, with its 95 % predictive interval.

    `low_alike` and `high_alike` bound the interval as it were if all trials of a treatment had the same effect.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    drug: str
    dose_mg: float
    trial: str
    time: str
    outcome: str
    measured: float
    se: float
    predicted: float
    low: float
    high: float
    low_alike: float
    high_alike: float
    route: str

    @property
    def inside(self) -> bool:
        """Whether what was measured lies in the interval."""
        return self.low <= self.measured <= self.high

    @property
    def inside_alike(self) -> bool:
        """Return whether it lies in the interval without differences between trials."""
        return self.low_alike <= self.measured <= self.high_alike

    @property
    def vote(self) -> tuple[str, str]:
        """Return whose vote this is: one for each drug and trial."""
        return self.drug, self.trial.split(" (")[0]


class Calibration(BaseModel):
    """The whole of it, with what it was made with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    population: str
    population_digest: str
    people: int
    seed: int
    treatments: dict[str, EntryRecord] = {}
    heldout: list[HeldOutRecord] = []

    def values(self) -> dict[str, Any]:
        """Return this as plain values, floats rounded to what is worth writing."""
        rounded: dict[str, Any] = _rounded(self.model_dump(mode="json", exclude_defaults=True))
        return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def inside_by_vote(records: list[HeldOutRecord], *, alike: bool = False) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (inside, all) for each drug and trial; `alike` takes trials of a treatment to have the same effect."""
    votes: dict[tuple[str, str], tuple[int, int]] = {}
    for record in records:
        inside, total = votes.get(record.vote, (0, 0))
        votes[record.vote] = inside + (record.inside_alike if alike else record.inside), total + 1
    return votes


def held_out_shares(records: list[HeldOutRecord], *, alike: bool = False) -> tuple[int, int, float]:
    """Return how many are inside, how many there are, and the share inside with one vote for each drug and trial."""
    votes = inside_by_vote(records, alike=alike)
    inside, total = (sum(vote[i] for vote in votes.values()) for i in (0, 1))
    return inside, total, sum(a / b for a, b in votes.values()) / len(votes) if votes else float("nan")
