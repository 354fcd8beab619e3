"""Whether simulated nights have the severity gradient of CinC's patients.

    python benchmarks/nights_severity.py [study]

Needs the prepared nights of `braintwin fit-population --config config/examples/population.yaml`, by default in
results/population. Every patient's night is simulated from age, sex and AHI alone, by the population without them, as
long as theirs and with the same epochs missing. Printed by AHI: means of N1, N3 and WASO, observed (standard error) and
simulated; then the change from the least to the most severe, which should lie in the 95 % interval of the observed one.
"""

import sys
from pathlib import Path

import numpy as np

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_scores import AT_ONCE, outcome_values
from braintwin.inference.training import TrainingNight
from braintwin.io.population import packaged_population, read_population
from braintwin.io.records import read_nights, read_people
from braintwin.io.training import read_training
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import Population, Who, correlated, hashed, scales
from braintwin.options.fit_population import FitPopulationOptions
from braintwin.paths import StudyPaths

NIGHTS = 200
SHOWN = ("N1", "N3", "WASO")
BANDS = {"< 5": (0, 5), "5 to 15": (5, 15), "15 to 30": (15, 30), "> 30": (30, np.inf)}


def simulated(night: TrainingNight, population: Population, rng: np.random.Generator) -> np.ndarray:
    """Return the mean outcomes of people like this patient, in nights like this one, (outcome,)."""
    who = Who(night.age, night.sex, night.ahi, night.dataset)
    sd, corr = scales(population.night_covariance(who))
    effects = population.draw(rng, NIGHTS, who).person_effect + sd * correlated(rng, NIGHTS, corr)
    effects = effects + (night.night_index == 1) * population.first_night
    effects[:, GROUPS.index("onset")] = AT_ONCE
    length = len(night.stages)
    stages = simulate_nights(
        population,
        effects=effects,
        uniforms=rng.random((NIGHTS, length)),
        n_epochs=length,
        arousal_rate=night.ahi or 0.0,
    )
    stages[:, night.stages < 0] = -1
    return np.asarray(outcome_values(stages, lights_off_known=False).mean(axis=0))


def main(study: Path) -> None:
    """Print the table."""
    paths, options = StudyPaths(study), FitPopulationOptions()
    rows = read_nights(study / "index" / "nights.tsv")
    prepared = [paths.night(row.night, "prepare") for row in rows if row.dataset == "cinc"]
    people = read_people(study / "index" / "people.tsv")
    nights = read_training(rows, people, prepared, options.conditions, min_night_min=options.min_night_min).nights
    population, rng = read_population(packaged_population()), np.random.default_rng(20)
    variants = [population.unpacked(row) for row in population.left_out]
    which = [OUTCOMES.index(name) for name in SHOWN]
    seen = np.array([outcome_values(night.stages[None], lights_off_known=False)[0, which] for night in nights])
    made = np.array([simulated(n, variants[population.trained[hashed(n.person)]], rng)[which] for n in nights])
    ahi = np.array([night.ahi for night in nights], dtype=float)
    print(f"{len(nights)} patients; min, observed (standard error) / simulated\nAHI        patients" + "".join(
        f"{name:>22s}" for name in SHOWN
    ))  # fmt: skip
    parts = []
    for name, (low, high) in BANDS.items():
        pick = (ahi >= low) & (ahi < high)
        error = seen[pick].std(axis=0, ddof=1) / np.sqrt(pick.sum())
        parts.append((seen[pick].mean(axis=0), error, made[pick].mean(axis=0)))
        cells = "".join(f"{o:10.1f} ({e:3.1f}) /{s:6.1f}" for o, e, s in zip(*parts[-1], strict=True))
        print(f"{name:10s} {pick.sum():8d}{cells}")
    (first, e, a), (last, f, b) = parts[0], parts[-1]
    for name, seen_, error, made_ in zip(SHOWN, last - first, np.hypot(e, f), b - a, strict=True):
        inside = "inside" if abs(made_ - seen_) <= 1.96 * error else "OUTSIDE"
        low, high = seen_ - 1.96 * error, seen_ + 1.96 * error
        print(f"{name:5s} < 5 to > 30: {seen_:+6.1f} (95 % {low:+.1f} to {high:+.1f}) / {made_:+6.1f}  {inside}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/population"))
