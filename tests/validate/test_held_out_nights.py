"""Fifty Sleep-EDF people, the second night foretold from the first: written down whatever it shows."""

from pathlib import Path

import pytest
from scipy.stats import binom

from campaign import SEEDS, monte_carlo_sd
from held_out_nights import held_out_nights

pytestmark = pytest.mark.real


def test_the_second_night_of_fifty_people(campaign, real_data: Path) -> None:
    run = campaign(
        "held-out-nights",
        claim="Learned from one night, fifty people's twins foretell the next better than other people's twins do "
        "(permutation p at most .001), the safe twin better than the population with age and sex (one-sided 95 %), and "
        "coverage of the 90 % intervals is compatible with .90 for all seven outcomes.",
        code=["braintwin.inference.night_evidence", "braintwin.inference.night_scores",
              "braintwin.inference.person_test"],
        data=["src/braintwin/data/population.nc", "tests/support/held_out_nights.py", "tests/support/real_nights.py"],
        settings={"people": 50, "draws": 1000, "simulated nights": 4800, "seeds": len(SEEDS)},
        page="explanation/validation-study.md",
    )  # fmt: skip
    found = [one for _, one in run.each(SEEDS, lambda seed: held_out_nights(real_data, seed=20 + int(seed)))]
    numbers = found[0]
    least = binom.ppf(0.025, numbers["people"], 0.9)
    covered = [row["covered"] * numbers["people"] for rows in numbers["outcomes"].values() for row in rows.values()]
    own, safe = numbers["against_others"]["permutation p"], numbers["gains"]["safe (nested weight) - population"]
    passed = own <= 0.001 and safe["bound"] > 0 and min(covered) > least - 0.5
    run.finish(passed=passed, numbers=numbers, error=monte_carlo_sd(found))
    assert passed, numbers
