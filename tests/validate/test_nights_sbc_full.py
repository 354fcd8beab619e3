"""Simulation-based calibration of the hypnogram twin on 400 simulated people, and a version that must fail."""

import numpy as np

from nights_sbc import calibrate, uniformity

BLOCKS, PEOPLE = 4, 100
CODE = ["braintwin.inference.night_evidence", "braintwin.models.nights_simulator"]


def test_simulation_based_calibration_of_the_hypnogram_twin(campaign):
    run = campaign(
        "nights-sbc",
        claim="The truth ranks uniformly among posterior draws of person effects; a fit that is too sure is found out.",
        code=CODE,
        settings={"people": BLOCKS * PEOPLE, "nights": 2, "epochs": 700},
    )
    blocks = [str(block) for block in range(BLOCKS)]
    found = run.each(blocks, lambda block: calibrate(PEOPLE, seed=int(block)).tolist(), spread=True)
    ranks = np.concatenate([np.array(block) for _, block in found])
    wrong = calibrate(PEOPLE, seed=99, narrow=0.4)
    right, fails = uniformity(ranks), uniformity(wrong)
    passed = bool(right > 0.001 and fails < 1e-6)
    run.finish(passed=passed, numbers={"people": len(ranks), "p_uniform": right, "p_too_sure": fails})
    assert right > 0.001
    assert fails < 1e-6
