"""What makes forecasts of a night as wide as they are, and what narrower ones would gain.

    python benchmarks/nights_spread.py [people]

Sleep-EDF cassette, second nights, population without the person. First the sd of each outcome where chance alone
differs between simulated nights, then with night effects, with people's, with both; beside it that of what was seen
about the forecasts' means. Then the CRPS skill of the own twin over the population, with both forecasts drawn
together about their means: a better width that both share cannot give what night 1 does not tell.
Needs the shared data (BRAINTWIN_DATA).
"""

import os
import sys
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_evidence import night_evidence, prior_belief
from braintwin.inference.night_scores import AT_ONCE, crps, outcome_values
from braintwin.inference.nights import count
from braintwin.io.population import packaged_population, read_population
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import correlated, hashed, scales
from held_out_nights import SCORED
from real_nights import cassette_pairs

NIGHTS, DRAWS = 3000, 1000
SCALES = (1.0, 0.9, 0.8, 0.7, 0.6)
WHICH = [OUTCOMES.index(name) for name in SCORED]


def forecasts(population, who, nights, rng):
    """Return outcomes of simulated second nights (night, outcome) by what differs between them."""
    first = night_evidence(
        population, count(nights[:1]), prior_belief(population, who), first=True, who=who, rng=rng, draws=DRAWS
    )
    people = population.draw(rng, NIGHTS, who).person_effect
    sd, corr = scales(population.night_covariance(who))
    further = sd * correlated(rng, NIGHTS, corr)
    usual = np.repeat(people.mean(axis=0, keepdims=True), NIGHTS, axis=0)
    length = len(nights[1].stages)
    uniforms = rng.random((NIGHTS, length))
    effects = {
        "chance": usual, "chance, night": usual + further, "chance, person": people, "all": people + further,
        "own twin": first.person[rng.integers(0, DRAWS, NIGHTS)] + further,
    }  # fmt: skip
    found = {}
    for kind, effect in effects.items():
        shifted = effect.copy()
        shifted[:, GROUPS.index("onset")] = AT_ONCE
        stages = simulate_nights(population, effects=shifted, uniforms=uniforms, n_epochs=length)
        found[kind] = outcome_values(stages, lights_off_known=False)[:, WHICH]
    return found


def drawn_together(samples: np.ndarray, scale: float) -> np.ndarray:
    """Return samples (person, night) with `scale` times their spread about their means, none below zero."""
    middle = samples.mean(axis=1, keepdims=True)
    return np.asarray(np.maximum(middle + scale * (samples - middle), 0))


def mean_crps(samples: np.ndarray, seen: np.ndarray) -> float:
    """Return the mean CRPS of samples (person, night) of what was seen (person,)."""
    return float(crps(np.ascontiguousarray(samples.T), seen).mean())


def main(most: int | None = None) -> None:
    """Print spreads, then what night 1 tells and the skill by width."""
    data = Path(os.environ.get("BRAINTWIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    population = read_population(packaged_population())
    variants = [population.unpacked(row) for row in population.left_out]
    rng, made, seen = np.random.default_rng(20), [], []
    for name, (who, nights) in list(cassette_pairs(data).items())[:most]:
        made.append(forecasts(variants[population.trained[hashed(name)]], who, nights, rng))
        seen.append(outcome_values(nights[1].stages[None], lights_off_known=False)[0, WHICH])
    true = np.array(seen)
    of = {kind: np.array([one[kind] for one in made]) for kind in made[0]}
    print(f"{len(true)} people; sd about the mean, min, of awakenings in numbers")
    print(f"{'':16s}" + "".join(f"{name:>11s}" for name in SCORED))
    for kind, values in of.items():
        print(f"{kind:16s}" + "".join(f"{sd:11.1f}" for sd in np.sqrt(values.var(axis=1).mean(axis=0))))
    away = true - of["all"].mean(axis=1)
    print(f"{'seen':16s}" + "".join(f"{sd:11.1f}" for sd in np.sqrt(np.square(away).mean(axis=0))))
    print("\nr and slope of what was seen on what the own twin foretells, both about the population's forecast;")
    print("skill % with " + ", ".join(f"{scale:g}" for scale in SCALES) + " of the width")
    for i, name in enumerate(SCORED):
        told = of["own twin"][:, :, i].mean(axis=1) - of["all"][:, :, i].mean(axis=1)
        skills = []
        for scale in SCALES:
            own, base = (
                mean_crps(drawn_together(of[kind][:, :, i], scale), true[:, i]) for kind in ("own twin", "all")
            )
            skills.append(f"{100 * (1 - own / base):7.1f}")
        r, slope = pearsonr(told, away[:, i]).statistic, np.polyfit(told, away[:, i], 1)[0]
        print(f"{name:11s} {r:6.2f} {slope:6.2f}  {' '.join(skills)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
