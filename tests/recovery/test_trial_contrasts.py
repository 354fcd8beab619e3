"""The closed form of entries that were not calibrated: on a night like their trials', it gives the minutes back."""

import numpy as np
import pytest

from braintwin.contracts.simulate import OUTCOMES
from braintwin.io.library import read_library
from braintwin.models.population import first_population
from braintwin.treatment.counterfactual import simulate_treatments
from braintwin.treatment.library import Library
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators, placebo_shift
from treated_people import LIBRARY, plain_twin

DRAWS = 400
AGAINST_PLACEBO = Uncertainty(heterogeneity_sd=0.0, comparator_offset=False)


def contrasts(library: Library, keys: list[str], sol_min: float, wake_entry: float) -> dict[str, dict[str, float]]:
    """Return mean contrasts on a night with this latency and this shift of wake entry."""
    population = first_population()
    rng = np.random.default_rng(1)
    placebo = placebo_shift(library.meta, DRAWS, rng, AGAINST_PLACEBO)
    operators = {"none": Operators.nothing(DRAWS)} | {
        key: draw_operators(
            library.treatments[key].model_copy(update={"operators": None}), library.meta, draws=DRAWS,
            time_in_bed_min=480, placebo=placebo, rng=rng, uncertainty=AGAINST_PLACEBO,
        )
        for key in keys
    }  # fmt: skip
    hazard = 0.5 / sol_min
    onset = np.log(hazard / (1 - hazard)) - population.onset
    twin = plain_twin({"onset": onset, "n1_w": wake_entry, "n23_w": wake_entry, "r_w": wake_entry}, DRAWS)
    found = simulate_treatments(
        population, twin, operators, time_in_bed_min=480, arousal_rate=0, replicates=5, rng=np.random.default_rng(2)
    )
    means = {key: dict(zip(OUTCOMES, nights.outcome.mean(axis=0))) for key, nights in found.items()}
    return {key: {o: means[key][o] - means["none"][o] for o in OUTCOMES} for key in keys} | {"none": means["none"]}


@pytest.mark.slow
def test_operators_give_back_latency_and_wake_of_their_trials() -> None:
    library = read_library(LIBRARY)
    groups = {
        (40.0, 0.1): ["zolpidem_10", "eszopiclone_3", "temazepam_15_30", "trazodone_50", "doxepin_3", "doxepin_6",
                      "ramelteon_8", "melatonin"],
        (68.0, 0.45): ["daridorexant_25", "daridorexant_50"],
    }  # fmt: skip
    for (sol, wake_entry), keys in groups.items():
        found = contrasts(library, keys, sol, wake_entry)
        baseline = library.treatments[keys[0]].trial_baseline or library.meta.reference_baseline
        assert found["none"]["SOL"] == pytest.approx(baseline.SOL, abs=3)
        assert found["none"]["WASO"] == pytest.approx(baseline.WASO, abs=6)
        for key in keys:
            for outcome in ("SOL", "WASO"):
                effect = library.treatments[key].effects[f"{outcome}_min"]
                # One standard error of the trial; 1 min is three of the simulation's own.
                assert abs(found[key][outcome] - effect.mean) < effect.se + 1, (key, outcome, found[key][outcome])
    assert found["daridorexant_50"]["TST"] == pytest.approx(21, abs=2 * 4.39)
