"""Sleep-EDF cassette people with two nights: learned from night 1, scored on night 2, population without them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_counts import cell_offsets
from braintwin.inference.night_evidence import night_evidence, prior_belief, weigh
from braintwin.inference.night_scores import Scores, holm, outcome_values, predict_nights, score
from braintwin.inference.nights import count
from braintwin.inference.person_test import OWN_WEIGHT, choose_weight, mixture, nested_mixture, permutation_p
from braintwin.io.population import packaged_population, read_population
from braintwin.models.population import Population, hashed
from real_nights import cassette_pairs

SCORED = ("WASO", "TST", "N1", "N2", "N3", "REM", "awakenings")
FORECASTS = ("own", "safe")


def bootstrapped(values: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Return the mean of people's `values` with its bootstrap interval and one-sided 95 % bound, and who loses."""
    means = rng.choice(values, (4000, len(values))).mean(axis=1)
    low, bound, high = np.quantile(means, [0.025, 0.05, 0.975]).tolist()
    return {
        "mean": float(values.mean()), "low": low, "high": high, "bound": bound, "lose": int((values < 0).sum()),
        "people": len(values), "worst": float(values.min()),
    }  # fmt: skip


def same_scorer(name: str) -> bool | None:
    """Return whether both nights of a Sleep-EDF person were scored by one technician, from the names of the files."""
    import mne

    table = Path(mne.__file__).parent / "datasets" / "sleep_physionet" / "age_records.csv"
    number = int(name.removeprefix("sleepedf-cassette"))
    names = [line.rsplit(",", 1)[-1] for line in table.read_text().split() if "Hypnogram" in line]
    scorers = [found[7] for found in names if int(found[3:5]) == number]
    return scorers[0] == scorers[1] if len(scorers) == 2 else None


def held_out_nights(
    data: Path,
    *,
    most: int | None = None,
    draws: int = 1000,
    simulated: int = 4800,
    seed: int = 20,
    population: Population | None = None,
) -> dict[str, Any]:
    """Return how well night 2 is foretold: log-score gains, ranks among other people's twins, scores of the outcomes.

    Parameters
    ----------
    data : Path
        The folder of real data.
    most : int, optional
        Only so many people.
    draws, simulated : int
        Draws of the evidence, and nights simulated for the outcomes.
    population : Population, optional
        With its variants that leave a fold of people out; the packaged one unless given.
    """
    rng = np.random.default_rng(seed)
    population = population or read_population(packaged_population())
    people = dict(list(cassette_pairs(data).items())[:most])
    variants = {fold: population.unpacked(row) for fold, row in enumerate(population.left_out)}
    folds = np.array([population.trained[hashed(name)] for name in people])
    beliefs, offsets, seconds, gains, joint, ess = [], [], [], [], [], []
    scores: dict[str, list[Scores]] = {kind: [] for kind in (*FORECASTS, "population")}
    for (who, nights), fold in zip(people.values(), folds, strict=True):
        prior_population = variants[fold]
        one, two = count(nights[:1]), count(nights[1:])
        prior = prior_belief(prior_population, who)
        first = night_evidence(prior_population, one, prior, first=True, who=who, rng=rng, draws=draws)
        own = night_evidence(prior_population, two, first.belief, who=who, rng=rng, draws=draws)
        base = night_evidence(prior_population, two, prior, who=who, rng=rng, draws=draws)
        both = night_evidence(
            prior_population, count(nights), prior, first=[True, False], who=who, rng=rng, draws=draws
        )
        gains.append(own.log_probability - base.log_probability)
        joint.append(both.log_probability - first.log_probability - base.log_probability)
        ess.append([first.ess, own.ess, base.ess, both.ess])
        beliefs.append(first.belief)
        offsets.append(cell_offsets(prior_population, two, np.zeros(1)))
        seconds.append(two)

        seen = outcome_values(nights[1].stages[None], lights_off_known=False)[0]
        drawn = {
            "own": first.person[rng.integers(0, draws, simulated)],
            "population": prior_population.draw(rng, simulated, who).person_effect,
        }
        mine = (np.arange(simulated) * 0.6180339887498949) % 1 < OWN_WEIGHT
        drawn["safe"] = np.where(mine[:, None], drawn["own"], drawn["population"])
        # Night effects and uniforms are the same for all forecasts: less chance in their differences.
        same = int(rng.integers(2**32))
        for kind, effects in drawn.items():
            stages = predict_nights(
                prior_population, effects, who, n_epochs=len(nights[1].stages), lights_off_known=False,
                rng=np.random.default_rng(same),
            )  # fmt: skip
            scores[kind].append(score(outcome_values(stages, lights_off_known=False), seen))

    gain = np.array(gains)
    table = np.empty((len(people), len(people)))
    for i, (two, offset, fold, (who, _)) in enumerate(zip(seconds, offsets, folds, people.values(), strict=True)):
        night_cov = variants[fold].night_covariance(who)
        for j, belief in enumerate(beliefs):
            table[i, j] = weigh(two, offset, belief, np.zeros((1, 12)), night_cov, rng, 60).log_probability
    others = (table.sum(axis=1) - np.diag(table)) / (len(table) - 1)
    safe, weight = nested_mixture(gain, folds)
    same = np.array([same_scorer(name) is True for name in people])
    kinds = {
        "own - population": gain,
        "safe (nested weight) - population": safe,
        f"safe (weight {OWN_WEIGHT}) - population": mixture(gain, OWN_WEIGHT),
        "own - other people's twins": np.diag(table) - others,
        "own - population, one scorer": gain[same],
        "own - population, two scorers": gain[~same],
    }
    p = permutation_p(table, rng)
    return {
        "people": len(people),
        "evidence": {
            "least_ess": float(np.min(ess)), "median_ess": float(np.median(ess)),
            "chained_less_joint": float(np.mean(gain - np.array(joint))),
            "largest_difference": float(np.abs(gain - np.array(joint)).max()),
        },
        "gains": {name: bootstrapped(values, rng) for name, values in kinds.items() if len(values)},
        "weights": sorted(set(weight.round(2).tolist())),
        "weight_of_all": float(choose_weight(gain)),
        "against_others": {
            "pairs in which the own twin scores higher": float(
                (np.diag(table)[:, None] > table).sum() / (len(table) * (len(table) - 1))
            ),
            "permutation p": float(p),
        },
        "outcomes": _outcomes(scores, rng),
    }  # fmt: skip


def _outcomes(scores: Mapping[str, list[Scores]], rng: np.random.Generator) -> dict[str, dict[str, dict[str, float]]]:
    """Return coverage, width and CRPS skill of each outcome by the forecast, beside the population's."""
    which = [OUTCOMES.index(name) for name in SCORED]
    values = {
        kind: {part: np.array([getattr(s, part) for s in found])[:, which] for part in ("crps", "width", "inside")}
        for kind, found in scores.items()
    }
    base, people = values["population"], len(scores["population"])
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for kind in FORECASTS:
        mine = values[kind]
        hits = mine["inside"].sum(axis=0).astype(int)
        tests = [binomtest(int(k), people, 0.9) for k in hits]
        adjusted = holm(np.array([test.pvalue for test in tests]))
        rows[kind] = {}
        for i, name in enumerate(SCORED):
            interval = tests[i].proportion_ci(method="exact")
            pick = rng.integers(0, people, (2000, people))
            skills = 100 * (1 - mine["crps"][pick, i].mean(axis=1) / base["crps"][pick, i].mean(axis=1))
            low, high = np.quantile(skills, [0.025, 0.975])
            rows[kind][name] = {
                "covered": hits[i] / people, "covered_low": interval.low, "covered_high": interval.high,
                "population_covered": base["inside"][:, i].mean(), "holm_p": adjusted[i],
                "width": mine["width"][:, i].mean(), "population_width": base["width"][:, i].mean(),
                "crps": mine["crps"][:, i].mean(), "population_crps": base["crps"][:, i].mean(),
                "skill": 100 * (1 - mine["crps"][:, i].mean() / base["crps"][:, i].mean()),
                "skill_low": low, "skill_high": high,
            }  # fmt: skip
            rows[kind][name] = {part: float(value) for part, value in rows[kind][name].items()}
    return rows
