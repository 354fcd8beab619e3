"""Caffeine in the evening is worse than placebo in everybody, or the simulator or the operators are wrong."""

import numpy as np

from braintwin.io.library import read_library
from braintwin.models.population import Draws, first_population
from braintwin.options.rank import WeightOptions
from braintwin.treatment.counterfactual import simulate_treatments
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators, placebo_shift
from braintwin.treatment.utility import components
from treated_people import LIBRARY


def test_caffeine_is_below_placebo_for_every_person_of_the_population() -> None:
    library, population = read_library(LIBRARY), first_population()
    people, nights = 100, 120
    rng = np.random.default_rng(21)
    drawn = population.draw(rng, people)
    each = ("person_effect", "night_effect", "night_sd")
    twins = Draws(**vars(drawn) | {name: np.repeat(getattr(drawn, name), nights, axis=0) for name in each})
    exact = Uncertainty(heterogeneity_sd=0.0)
    placebo = placebo_shift(library.meta, 4000, rng, exact)
    arms = {"none": Operators.nothing(people * nights)}
    for key in ("placebo", "caffeine"):
        operators = draw_operators(
            library.treatments[key], library.meta, draws=4000, time_in_bed_min=480, placebo=placebo, rng=rng,
            uncertainty=exact,
        )  # fmt: skip
        mean = np.repeat(operators.shift.mean(axis=0, keepdims=True), people * nights, axis=0)
        arms[key] = Operators(mean, arms["none"].time_in_bed_min, arms["none"].arousal_factor)
    found = simulate_treatments(
        population, twins, arms, time_in_bed_min=480, arousal_rate=0, replicates=1, rng=np.random.default_rng(4)
    )
    outcome = np.stack([found[key].outcome for key in arms])
    zero = np.zeros(outcome.shape[:2])
    _, part = components(outcome, 0, zero, np.zeros(3), WeightOptions().model_dump())
    utility = part.sum(axis=0).reshape(3, people, nights).mean(axis=2)
    assert (utility[2] < utility[1]).all()
    assert (utility[2] < 0).mean() > 0.95
