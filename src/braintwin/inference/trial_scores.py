"""How well treated nights were foretold: log score, CRPS and coverage by rival, and the change of the group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_scores import AT_ONCE, score
from braintwin.inference.trial import Member, Prior
from braintwin.inference.trial_fit import OperatorFit
from braintwin.inference.trial_forecast import RIVALS, Forecast, can_be_foretold, foretell, left_out
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import outcomes
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]

SCORED = ("WASO", "TST", "efficiency", "N1 share", "N2 share", "N3 share", "REM share", "awakenings")
"""Outcomes of a treated night: min, per cent of the time from onset to the last sleep, per cent of sleep, number."""

SHIFTED = "shifted"
"""Rival on outcomes alone: own nights untreated, moved by the mean change of the other people."""


@dataclass(frozen=True)
class TreatedNight:
    """One left-out treated night and what was said of it.

    Attributes
    ----------
    person : str
    log_score : dict of str to float
        By rival, nats.
    ess : float
    observed, untreated : (outcome,) float
        Outcomes of the night, and the mean of the person's untreated ones.
    change : (outcome,) float
        Expected change, operators against none on the same noise.
    crps, inside, width : dict of str to (outcome,) float
        By rival, with SHIFTED; 90 % intervals.
    """

    person: str
    log_score: Mapping[str, float]
    ess: float
    observed: Floats
    untreated: Floats
    change: Floats
    crps: Mapping[str, Floats]
    inside: Mapping[str, Floats]
    width: Mapping[str, Floats]


def sleep_period(stages: npt.NDArray[np.integer]) -> Floats:
    """Return the outcomes SCORED of nights whose lights off need not be known, (night, outcome)."""
    found = dict(zip(OUTCOMES, outcomes(stages).T, strict=True))
    asleep = np.maximum(found["TST"], 0.5)
    shares = [100 * found[stage] / asleep for stage in ("N1", "N2", "N3", "REM")]
    efficiency = 100 * found["TST"] / np.maximum(found["TST"] + found["WASO"], 0.5)
    return np.column_stack([found["WASO"], found["TST"], efficiency, *shares, found["awakenings"]])


def _simulate(population: Population, member: Member, night: int, forecast: Forecast, seed: int) -> Floats:
    length = len(member.nights[night].stages)
    effects = forecast.effect.copy()
    if not member.nights[night].lights_off_known:
        effects[:, GROUPS.index("onset")] = AT_ONCE
    stages = simulate_nights(
        population.for_person(member.person),
        effects=effects,
        uniforms=np.random.default_rng(seed).random((len(effects), length)),
        n_epochs=length,
        arousal_rate=member.nights[night].ahi or 0.0,
    )
    return sleep_period(stages)


def observed_change(member: Member) -> Floats:
    """Return treated less untreated nights of a person, (outcome,)."""
    values = np.vstack([sleep_period(night.stages[None]) for night in member.nights])
    return np.asarray(values[member.treated].mean(axis=0) - values[~member.treated].mean(axis=0))


def foretell_all(
    trial: Sequence[Member], population: Population, prior: Prior, *, rng: np.random.Generator, draws: int = 1000
) -> list[TreatedNight]:
    """Return every treated night of those who have nights of both kinds, foretold without them.

    A person of a parallel trial has no such night, and is only learned from.
    """
    both = [i for i, member in enumerate(trial) if can_be_foretold(member)]
    changes = {i: observed_change(trial[i]) for i in both}
    found = []
    for i in both:
        fit = left_out(trial, i, prior)
        mean_change = np.mean([changes[j] for j in both if j != i] or [np.zeros(len(SCORED))], axis=0)
        for night in np.flatnonzero(trial[i].treated).tolist():
            found.append(_one(trial[i], night, fit, mean_change, population, int(rng.integers(2**62)), draws))
    return found


def _one(
    member: Member, night: int, fit: OperatorFit, mean_change: Floats, population: Population, seed: int, draws: int
) -> TreatedNight:
    forecasts = {name: foretell(member, night, fit, name, np.random.default_rng(seed), draws) for name in RIVALS}
    simulated = {name: _simulate(population, member, night, f, seed + 1) for name, f in forecasts.items()}
    simulated[SHIFTED] = np.maximum(simulated["no change"] + mean_change, 0.0)
    values = np.vstack([sleep_period(n.stages[None]) for n in member.nights])
    scores = {name: score(samples, values[night]) for name, samples in simulated.items()}
    return TreatedNight(
        person=member.person,
        log_score={name: f.log_probability for name, f in forecasts.items()},
        ess=min(f.ess for f in forecasts.values()),
        observed=values[night],
        untreated=values[~member.treated].mean(axis=0),
        change=simulated["own"].mean(axis=0) - simulated["no change"].mean(axis=0),
        crps={name: s.crps for name, s in scores.items()},
        inside={name: s.inside for name, s in scores.items()},
        width={name: s.width for name, s in scores.items()},
    )


def by_person(nights: Sequence[TreatedNight], values: Floats) -> Floats:
    """Return the mean of values (night, ...) of each person, (person, ...): nights of one person are no replicates."""
    names = np.array([night.person for night in nights])
    return np.stack([values[names == name].mean(axis=0) for name in dict.fromkeys(names.tolist())])


def paired_interval(difference: Floats, rng: np.random.Generator, resamples: int = 4000) -> tuple[float, float, float]:
    """Return the mean of paired differences (person,) and its 95 % bootstrap interval over people."""
    means = rng.choice(difference, (resamples, len(difference))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


def mean_interval(values: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of values (person,) and its t interval; infinite for one person."""
    from scipy.stats import t

    n = len(values)
    half = float(t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.inf
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def summary(nights: Sequence[TreatedNight], rng: np.random.Generator) -> dict[str, object]:
    """Return the scores of all treated nights as plain numbers: what a page or a paper shows."""
    observed = by_person(nights, np.stack([night.observed - night.untreated for night in nights]))
    expected = by_person(nights, np.stack([night.change for night in nights]))
    log_score = {
        name: by_person(nights, np.array([night.log_score["own"] - night.log_score[name] for night in nights]))
        for name in RIVALS[1:]
    }
    crps = {name: by_person(nights, np.stack([night.crps[name] for night in nights])) for name in (*RIVALS, SHIFTED)}
    inside = {name: np.stack([night.inside[name] for night in nights]).mean(axis=0) for name in (*RIVALS, SHIFTED)}
    width = {name: np.stack([night.width[name] for night in nights]).mean(axis=0) for name in (*RIVALS, SHIFTED)}
    by_outcome = {}
    for i, outcome in enumerate(SCORED):
        by_outcome[outcome] = {
            "observed_change": mean_interval(observed[:, i]),
            "expected_change": float(expected[:, i].mean()),
            "crps": {name: float(values[:, i].mean()) for name, values in crps.items()},
            "crps_less_than_no_change": paired_interval(crps["no change"][:, i] - crps["own"][:, i], rng),
            "crps_less_than_shifted": paired_interval(crps[SHIFTED][:, i] - crps["own"][:, i], rng),
            "crps_less_than_population": paired_interval(crps["population"][:, i] - crps["own"][:, i], rng),
            "coverage_90": {name: float(values[i]) for name, values in inside.items()},
            "width_90": {name: float(values[i]) for name, values in width.items()},
        }
    return {
        "people": len(observed),
        "nights": len(nights),
        "least_ess": float(min(night.ess for night in nights)),
        "log_score_gain": {name: paired_interval(values, rng) for name, values in log_score.items()},
        "outcomes": by_outcome,
    }
