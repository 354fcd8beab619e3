"""Trials of simulated people whose treatment is known."""

import numpy as np

from braintwin.contracts.night import GROUPS
from braintwin.inference.training import TrainingNight
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import NOBODY, Population, correlated, scales


def shift_of(values: dict[str, float]) -> np.ndarray:
    """Return a vector over the hazard groups."""
    return np.array([values.get(group, 0.0) for group in GROUPS])


def made_trial(
    population: Population,
    operator: np.ndarray,
    *,
    people: int,
    rng: np.random.Generator,
    spread: float = 0.0,
    parallel: bool = False,
    study: np.ndarray | None = None,
    epochs: int = 900,
) -> list[TrainingNight]:
    """Return two nights of each person: a crossover in balanced order, or both nights in one arm."""
    mean = population.person_mean(NOBODY) + (0.0 if study is None else study)
    person_sd, person_corr = scales(population.person_cov)
    night_sd, night_corr = scales(population.night_covariance(NOBODY))
    nights = []
    for i in range(people):
        person = mean + person_sd * correlated(rng, 1, person_corr)[0]
        own = operator + spread * rng.standard_normal(len(GROUPS))
        for index in (1, 2):
            treated = i % 2 == 0 if parallel else (i + index) % 2 == 0
            effect = person + night_sd * correlated(rng, 1, night_corr)[0] + treated * own
            effect = effect + (index == 1) * population.first_night
            stages = simulate_nights(
                population, effects=effect[None], uniforms=rng.random((1, epochs)), n_epochs=epochs
            )[0]
            nights.append(
                TrainingNight(
                    person=f"made-{i:03d}", night=f"made-{i:03d}-{index}", dataset="made", stages=stages,
                    lights_off_known=True, night_index=index, condition="drug" if treated else "placebo",
                )
            )  # fmt: skip
    return nights
