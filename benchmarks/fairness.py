"""Does the hypnogram twin serve women and men, younger and older people alike? Sleep-EDF cassette, night 1 to night 2.

    python benchmarks/fairness.py

Everybody's population was learned without their fold. By sex and by tercile of age: coverage of the 90 % intervals of
the second night, error of the predicted mean, CRPS against the population with age and sex, log score against it. A
difference between groups is compared with that of people dealt to the groups at random. Needs the shared data
(BRAINTWIN_DATA).
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_evidence import night_evidence, prior_belief
from braintwin.inference.night_scores import holm, outcome_values, predict_nights, score
from braintwin.inference.nights import count
from braintwin.inference.person_test import OWN_WEIGHT, mixture
from braintwin.io.population import packaged_population, read_population
from braintwin.models.population import hashed
from support.real_nights import cassette_pairs

SCORED = ("WASO", "TST", "N1", "N2", "N3", "REM")
WHICH = [OUTCOMES.index(name) for name in SCORED]
SIMULATED, DEALT = 1200, 9999
Table = dict[str, np.ndarray]


def measure(data: Path, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Table]:
    """Return ages, sexes and what was measured of each person's second night."""
    population = read_population(os.environ.get("BRAINTWIN_POPULATION", packaged_population()))
    ages, sexes, rows = [], [], []
    for name, (who, (first, second)) in cassette_pairs(data).items():
        left_out = population.unpacked(population.left_out[population.trained[hashed(name)]])
        prior = prior_belief(left_out, who)
        asked = {"who": who, "rng": rng, "draws": 600}
        told = night_evidence(left_out, count([first]), prior, first=True, **asked)
        gain = (
            night_evidence(left_out, count([second]), told.belief, **asked).log_probability
            - night_evidence(left_out, count([second]), prior, **asked).log_probability
        )
        base = left_out.draw(rng, SIMULATED, who).person_effect
        own = told.person[rng.integers(0, len(told.person), SIMULATED)]
        mixed = np.where((rng.random(SIMULATED) < OWN_WEIGHT)[:, None], own, base)
        seen = outcome_values(second.stages[None], lights_off_known=False)[0]
        scores, middles = [], []
        for effects in (mixed, base):
            nights = predict_nights(
                left_out, effects, who, n_epochs=len(second.stages), lights_off_known=False, rng=rng
            )
            values = outcome_values(nights, lights_off_known=False)
            scores.append(score(values, seen))
            middles.append(values.mean(axis=0))
        ages.append(who.age)
        sexes.append(who.sex)
        rows.append((scores[0].inside[WHICH], (middles[0] - seen)[WHICH], scores[0].crps[WHICH],
                     scores[1].crps[WHICH], float(mixture([gain], OWN_WEIGHT)[0])))  # fmt: skip
    names = ("inside", "error", "crps", "base", "gain")
    table = {name: np.array(column, float) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return np.array(ages), np.array(sexes), table


def statistics(table: Table, members: np.ndarray) -> np.ndarray:
    """Return what groups are compared by: coverage and CRPS skill over outcomes, errors, gain; (9,)."""
    skill = 1 - table["crps"][members].sum(axis=0) / table["base"][members].sum(axis=0)
    error, gain = table["error"][members].mean(axis=0), table["gain"][members].mean()
    return np.array([table["inside"][members].mean(), skill.mean(), *error, gain])


def spread(table: Table, groups: list[np.ndarray]) -> np.ndarray:
    """Return the largest difference between groups in each statistic."""
    found = np.array([statistics(table, members) for members in groups])
    return found.max(axis=0) - found.min(axis=0)


def compare(title: str, groups: dict[str, np.ndarray], table: Table, rng: np.random.Generator) -> None:
    """Print the groups side by side, and how often people dealt at random differ as much."""
    print(f"\n{title}")
    print(f"{'group':18s} {'n':>3s}  coverage [exact 95 %]*  CRPS skill %  gain, nats  mean error, min: "
          + " ".join(f"{name:>6s}" for name in SCORED))  # fmt: skip
    for name, members in groups.items():
        values = statistics(table, members)
        inside = table["inside"][members]
        whole = binomtest(round(inside.mean() * len(inside)), len(inside), 0.9).proportion_ci(method="exact")
        print(f"{name:18s} {len(inside):3d}  {values[0]:.2f} [{whole.low:.2f}, {whole.high:.2f}]{'':9s}"
              f"{100 * values[1]:9.1f} {values[-1]:11.2f} {'':19s}"
              + " ".join(f"{value:6.1f}" for value in values[2:-1]))  # fmt: skip
    parts = list(groups.values())
    seen, everyone = spread(table, parts), np.concatenate(parts)
    cuts = np.cumsum([len(part) for part in parts])[:-1]
    dealt = np.array([spread(table, np.split(rng.permutation(everyone), cuts)) for _ in range(DEALT)])
    p = (1 + (dealt >= seen).sum(axis=0)) / (1 + DEALT)
    names = ("coverage", "CRPS skill", *(f"error of {name}" for name in SCORED), "gain")
    adjusted = holm(p)
    told = [f"{name} {value:.3f} ({many:.2f})" for name, value, many in zip(names, p, adjusted, strict=True)]
    print(f"largest difference, p (Holm's over the nine): {'; '.join(told)}")


def main() -> None:
    """Measure, and print both divisions."""
    began = time.process_time()
    rng = np.random.default_rng(44)
    data = Path(os.environ.get("BRAINTWIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    ages, sexes, table = measure(data, rng)
    low, high = np.quantile(ages, [1 / 3, 2 / 3])
    compare("by sex", {sex: np.flatnonzero(sexes == sex) for sex in sorted(set(sexes))}, table, rng)
    thirds = {
        f"up to {low:.0f} years": ages <= low,
        f"{low:.0f} to {high:.0f} years": (ages > low) & (ages <= high),
        f"over {high:.0f} years": ages > high,
    }
    compare("by age", {name: np.flatnonzero(members) for name, members in thirds.items()}, table, rng)
    print(f"\n* of all six outcomes of a person together, counted as one; {len(ages)} people, "
          f"CPU {time.process_time() - began:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
