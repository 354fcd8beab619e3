"""The temazepam crossover, leave one person out: written down with its intervals, whatever they show."""

from pathlib import Path

import pytest

from campaign import SEEDS, monte_carlo_sd
from temazepam_trial import crossover_nights, left_out

pytestmark = pytest.mark.real
GROUP = ("WASO", "efficiency", "N1 share", "N2 share")


def test_the_treated_night_of_ten_people(campaign, real_data: Path, tmp_path: Path) -> None:
    run = campaign(
        "temazepam",
        claim="Left out, ten people's changes on temazepam in WASO, efficiency, N1 and N2 lie, as a group, within the "
        "observed 95 % intervals.",
        code=["braintwin.inference.trial_scores"],
        data=["src/braintwin/data/population.nc", "tests/support/temazepam_trial.py"],
        settings={"people": 10, "draws": 2000, "seeds": len(SEEDS)},
        page="explanation/validation-study.md",
    )
    nights = crossover_nights(real_data, tmp_path)
    found = [one for _, one in run.each(SEEDS, lambda seed: left_out(nights, int(seed)))]
    within = {name: row["within"] for name, row in found[0]["outcomes"].items()}
    passed = all(within[name] for name in GROUP)
    run.finish(passed=passed, numbers=found[0], error=monte_carlo_sd(found))
    assert passed, within
