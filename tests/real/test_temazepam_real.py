"""The real temazepam crossover: operators against those of all 22 people, and the group's change foretold."""

from pathlib import Path

import numpy as np
import pytest

from braintwin.cli.fit_treatment import joined
from braintwin.inference.trial import Prior, members
from braintwin.inference.trial_fit import fit_operators
from braintwin.inference.trial_scores import foretell_all, summary
from braintwin.io.population import packaged_population, read_population
from braintwin.options.simulate import SimulateOptions
from temazepam_trial import crossover_nights, learned_entry
from treated_people import LIBRARY, simulated_and_ranked

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


def test_what_was_learned_is_simulated_and_ranked_beside_the_published_entry(real_data: Path, tmp_path: Path) -> None:
    entry, library = learned_entry(real_data, tmp_path), tmp_path / "mine.yaml"
    library.write_text(joined(LIBRARY, entry, "temazepam_own_trial"), encoding="utf-8")
    options = SimulateOptions(draws=100, replicates=4, treatments=["temazepam_own_trial", "temazepam_15_30"])
    population = read_population(packaged_population())
    nights, found = simulated_and_ranked(tmp_path, library, population, options)
    assert {*found["treatment"].to_numpy()} == {"none", "placebo", "temazepam_own_trial", "temazepam_15_30"}
    own = found.sel(treatment="temazepam_own_trial")
    wake = nights["operator_value"].sel(group="n23_w")
    assert float((wake.sel(treatment="temazepam_own_trial") - wake.sel(treatment="placebo")).mean()) < 0
    assert float(own["contrast_mean"].sel(outcome="WASO")) < 0
    assert np.isfinite(found["expected_utility"].to_numpy()).all()
    assert "exploratory" in str(own["not_candidate_reason"].item())
    assert bool(found["candidate"].sel(treatment="temazepam_15_30"))
