"""The real temazepam crossover: operators against those of all 22 people, and the group's change foretold."""

from pathlib import Path

import numpy as np
import pytest

from braintwin.inference.trial import Prior, members
from braintwin.inference.trial_fit import fit_operators
from braintwin.inference.trial_scores import foretell_all, summary
from braintwin.io.population import packaged_population, read_population
from temazepam_trial import crossover_nights

pytestmark = pytest.mark.real


def test_ten_people_agree_with_all_twenty_two(real_data: Path, tmp_path: Path) -> None:
    population = read_population(packaged_population())
    nights = crossover_nights(real_data, tmp_path)
    assert sorted({night.condition for night in nights}) == ["placebo", "temazepam"]
    assert (len(nights), len({night.person for night in nights})) == (20, 10)
    trial = members(nights, ["temazepam"], population)

    fit = fit_operators(trial, Prior())
    families = ("wake entry", "wake exit", "lightening", "REM entry")
    learned = {name: fit.family(name) for name in families}
    interval = {name: (mean - 1.645 * sd, mean + 1.645 * sd) for name, (mean, sd) in learned.items()}
    # Pooled over all 22 people: wake entry -0.24 (90 % -0.40 to -0.07), the others without an interval.
    assert interval["wake entry"][0] < -0.07 and interval["wake entry"][1] > -0.40
    for name, pooled in (("lightening", -0.21), ("wake exit", 0.11), ("REM entry", 0.26)):
        assert interval[name][0] <= pooled <= interval[name][1], name
    signs = {name: np.sign(mean) for name, (mean, _) in learned.items()}
    assert signs == {"wake entry": -1, "lightening": -1, "wake exit": 1, "REM entry": 1}

    found = summary(
        foretell_all(trial, population, Prior(), rng=np.random.default_rng(1), draws=400), np.random.default_rng(2)
    )
    assert found["people"] == 10
    for outcome in ("WASO", "efficiency", "N1 share", "N2 share"):
        values = found["outcomes"][outcome]
        _, low, high = values["observed_change"]
        assert low <= values["expected_change"] <= high, outcome
