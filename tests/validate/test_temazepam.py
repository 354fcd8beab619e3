"""The temazepam crossover, leave one person out: written down with its intervals, whatever they show."""

from pathlib import Path

import numpy as np
import pytest

from braintwin.inference.trial import Prior, members
from braintwin.inference.trial_fit import FAMILIES, fit_operators
from braintwin.inference.trial_scores import SCORED, foretell_all, summary
from braintwin.io.population import packaged_population, read_population
from temazepam_trial import crossover_nights

pytestmark = pytest.mark.real
GROUP = ("WASO", "efficiency", "N1 share", "N2 share")


def test_the_treated_night_of_ten_people(campaign, real_data: Path, tmp_path: Path) -> None:
    run = campaign(
        "temazepam",
        claim="Left out, ten people's changes on temazepam in WASO, efficiency, N1 and N2 lie, as a group, within the "
        "observed 95 % intervals.",
        code=["braintwin.inference.trial_scores"],
        data=["src/braintwin/data/population.nc"],
        settings={"people": 10, "draws": 2000},
    )

    def everything() -> dict[str, object]:
        population = read_population(packaged_population())
        trial = members(crossover_nights(real_data, tmp_path), ["temazepam"], population)
        fit = fit_operators(trial, Prior())
        families = {}
        for name in FAMILIES:
            mean, sd = fit.family(name)
            families[name] = [mean, mean - 1.645 * sd, mean + 1.645 * sd]
        nights = foretell_all(trial, population, Prior(), rng=np.random.default_rng(1), draws=2000)
        return {"log rate, 90 %": families, **summary(nights, np.random.default_rng(2))}

    numbers = run.part("leave-one-out", everything)
    outcomes = numbers.pop("outcomes")
    within = {}
    for name in SCORED:
        _, low, high = outcomes[name]["observed_change"]
        within[name] = bool(low <= outcomes[name]["expected_change"] <= high)
    passed = all(within[name] for name in GROUP)
    run.finish(passed=passed, numbers={**numbers, "within the observed interval": within, **outcomes})
    assert passed, within
