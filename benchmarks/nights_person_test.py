"""Is the hypnogram twin personal: Sleep-EDF cassette, learned from night 1, scored on night 2, population without them.

    python benchmarks/nights_person_test.py [people]

Log score against the population with age and sex, against other people's twins; 90 % coverage, widths and CRPS of
the outcomes. Needs the shared data (BRAINTWIN_DATA).
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import binom, binomtest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_counts import cell_offsets
from braintwin.inference.night_evidence import night_evidence, prior_belief, weigh
from braintwin.inference.night_scores import holm, outcome_values, predict_nights, score
from braintwin.inference.nights import count
from braintwin.inference.person_test import OWN_WEIGHT, choose_weight, mixture, nested_mixture, permutation_p
from braintwin.io.population import packaged_population, read_population
from braintwin.models.population import hashed
from support.real_nights import cassette_pairs

SCORED = ("WASO", "TST", "N1", "N2", "N3", "REM", "awakenings")
DRAWS, SIMULATED = 1000, 1200


def line(name: str, values: np.ndarray, rng: np.random.Generator) -> None:
    """Print a mean with its bootstrap interval and the one-sided 95 % bound."""
    means = rng.choice(values, (4000, len(values))).mean(axis=1)
    low, bound, high = np.quantile(means, [0.025, 0.05, 0.975])
    print(
        f"{name:34s} {values.mean():6.2f}  95 % [{low:.2f}, {high:.2f}]  one-sided 95 % > {bound:.2f}  "
        f"lose {int((values < 0).sum())}/{len(values)}  worst {values.min():.2f}"
    )


def same_scorer(name: str) -> bool | None:
    """Return whether both nights of a Sleep-EDF person were scored by one technician, from the names of the files."""
    import mne

    table = Path(mne.__file__).parent / "datasets" / "sleep_physionet" / "age_records.csv"
    number = int(name.removeprefix("sleepedf-cassette"))
    names = [line.rsplit(",", 1)[-1] for line in table.read_text().split() if "Hypnogram" in line]
    scorers = [found[7] for found in names if int(found[3:5]) == number]
    return scorers[0] == scorers[1] if len(scorers) == 2 else None


def main(most: int | None = None) -> dict[str, float]:
    """Run the test and return its main numbers."""
    began = time.process_time()
    rng = np.random.default_rng(20)
    data = Path(os.environ.get("BRAINTWIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    population = read_population(os.environ.get("BRAINTWIN_POPULATION", packaged_population()))
    people = dict(list(cassette_pairs(data).items())[:most])
    variants = {fold: population.unpacked(row) for fold, row in enumerate(population.left_out)}
    folds = np.array([population.trained[hashed(name)] for name in people])
    beliefs, offsets, seconds, gains, joint, ess = [], [], [], [], [], []
    scores = {kind: [] for kind in ("own", "population", "safe")}
    for (who, nights), fold in zip(people.values(), folds, strict=True):
        prior_population = variants[fold]
        one, two = count(nights[:1]), count(nights[1:])
        prior = prior_belief(prior_population, who)
        first = night_evidence(prior_population, one, prior, first=True, who=who, rng=rng, draws=DRAWS)
        own = night_evidence(prior_population, two, first.belief, who=who, rng=rng, draws=DRAWS)
        base = night_evidence(prior_population, two, prior, who=who, rng=rng, draws=DRAWS)
        both = night_evidence(
            prior_population, count(nights), prior, first=[True, False], who=who, rng=rng, draws=DRAWS
        )
        gains.append(own.log_probability - base.log_probability)
        joint.append(both.log_probability - first.log_probability - base.log_probability)
        ess.append([first.ess, own.ess, base.ess, both.ess])
        beliefs.append(first.belief)
        offsets.append(cell_offsets(prior_population, two, np.zeros(1)))
        seconds.append(two)

        seen = outcome_values(nights[1].stages[None], lights_off_known=False)[0]
        drawn = {
            "own": first.person[rng.integers(0, DRAWS, SIMULATED)],
            "population": prior_population.draw(rng, SIMULATED, who).person_effect,
        }
        mine = (np.arange(SIMULATED) * 0.6180339887498949) % 1 < OWN_WEIGHT
        drawn["safe"] = np.where(mine[:, None], drawn["own"], drawn["population"])
        for kind, effects in drawn.items():
            stages = predict_nights(
                prior_population, effects, who, n_epochs=len(nights[1].stages), lights_off_known=False, rng=rng
            )
            scores[kind].append(score(outcome_values(stages, lights_off_known=False), seen))

    gain = np.array(gains)
    table = np.empty((len(people), len(people)))
    for i, (two, offset, fold, (who, _)) in enumerate(zip(seconds, offsets, folds, people.values(), strict=True)):
        night_cov = variants[fold].night_covariance(who)
        for j, belief in enumerate(beliefs):
            table[i, j] = weigh(two, offset, belief, np.zeros((1, 12)), night_cov, rng, 60).log_probability
    others = (table.sum(axis=1) - np.diag(table)) / (len(table) - 1)
    safe, weight = nested_mixture(gain, folds)
    p = permutation_p(table, rng)
    print(
        f"{len(people)} people; marginal likelihood with {DRAWS} draws: effective sample size least "
        f"{np.min(ess):.0f}, median {np.median(ess):.0f}; chained against joint evidence: mean difference "
        f"{np.mean(gain - np.array(joint)):.3f}, largest {np.abs(gain - np.array(joint)).max():.2f} nats"
    )
    line("own - population, nats a night", gain, rng)
    line("safe (nested weight) - population", safe, rng)
    line(f"safe (weight {OWN_WEIGHT}) - population", mixture(gain, OWN_WEIGHT), rng)
    line("own - other people's twins", np.diag(table) - others, rng)
    same = np.array([same_scorer(name) is True for name in people])
    if same.any() and not same.all():
        line("own - population, one scorer", gain[same], rng)
        line("own - population, two scorers", gain[~same], rng)
    chosen = sorted(set(weight.round(2).tolist()))
    print(f"weights chosen on the other folds: {chosen}; on all: {choose_weight(gain):.2f}")
    beats = float((np.diag(table)[:, None] > table).sum() / (len(table) * (len(table) - 1)))
    print(f"own beats a random other's twin in {100 * beats:.0f} % of pairs, permutation p = {p:.4f}")

    numbers = {
        "gain": float(gain.mean()),
        "safe": float(safe.mean()),
        "p": p,
        "ess": float(np.min(ess)),
        "others": float((np.diag(table) - others).mean()),
        "safe_bound": float(np.quantile(rng.choice(safe, (4000, len(safe))).mean(axis=1), 0.05)),
    }
    which = [OUTCOMES.index(name) for name in SCORED]
    parts = ("crps", "width", "inside")
    values = {
        kind: {part: np.array([getattr(s, part) for s in found])[:, which] for part in parts}
        for kind, found in scores.items()
    }
    for kind in ("own", "safe"):
        mine, base = values[kind], values["population"]
        hits = mine["inside"].sum(axis=0).astype(int)
        adjusted = holm(np.array([binomtest(k, len(people), 0.9).pvalue for k in hits]))
        print(f"\n{kind:11s} 90 % coverage [exact 95 %]      Holm p   width/pop (min)     CRPS skill % [95 %]")
        for i, name in enumerate(SCORED):
            interval = binomtest(hits[i], len(people), 0.9).proportion_ci(method="exact")
            pick = rng.integers(0, len(people), (2000, len(people)))
            skills = 100 * (1 - mine["crps"][pick, i].mean(axis=1) / base["crps"][pick, i].mean(axis=1))
            skill = 100 * (1 - mine["crps"][:, i].mean() / base["crps"][:, i].mean())
            low, high = np.quantile(skills, [0.025, 0.975])
            print(
                f"{name:11s} {hits[i] / len(people):.2f} [{interval.low:.2f}, {interval.high:.2f}] pop "
                f"{base['inside'][:, i].mean():.2f}  {adjusted[i]:6.3f}   {mine['width'][:, i].mean():6.1f} / "
                f"{base['width'][:, i].mean():6.1f}   {skill:6.1f} [{low:.1f}, {high:.1f}]"
            )
            numbers |= {
                f"{kind}/{name}/skill": float(skill),
                f"{kind}/{name}/covered": hits[i] / len(people),
                f"{kind}/{name}/width": float(mine["width"][:, i].mean()),
                f"{kind}/{name}/width_ratio": float(mine["width"][:, i].mean() / base["width"][:, i].mean()),
            }
    least = int(binom.ppf(0.025, len(people), 0.9))
    print(
        f"\ncoverage compatible with .90 alone: {least} or more of {len(people)}; "
        f"CPU {time.process_time() - began:.0f} s"
    )
    return numbers


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
