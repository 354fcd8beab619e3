"""Simulation-based calibration of the hypnogram twin on 400 simulated people, and a version that must fail."""

from campaign import SEEDS, monte_carlo_sd
from nights_sbc import BLOCKS, PEOPLE, calibration

CODE = ["braintwin.inference.night_evidence", "braintwin.models.nights_simulator"]


def test_simulation_based_calibration_of_the_hypnogram_twin(campaign):
    run = campaign(
        "nights-sbc",
        claim="The truth ranks uniformly among posterior draws of person effects; a fit that is too sure is found out.",
        code=CODE,
        data=["tests/support/nights_sbc.py"],
        settings={"people": BLOCKS * PEOPLE, "nights": 2, "epochs": 700, "seeds": len(SEEDS)},
        page="explanation/validation-study.md",
    )
    found = [one for _, one in run.each(SEEDS, lambda seed: calibration(int(seed)), spread=True)]
    right, fails = (found[0]["fits"][name]["least_p"] for name in ("as it is", "too sure"))
    passed = bool(right > 0.001 and fails < 1e-6)
    run.finish(passed=passed, numbers=found[0], error=monte_carlo_sd(found))
    assert right > 0.001
    assert fails < 1e-6
