"""A treatment that was calibrated on its trial gives that trial's contrasts back in a virtual one."""

import numpy as np

from braintwin.contracts.simulate import OUTCOMES
from braintwin.io.library import read_library
from braintwin.models.population import first_population
from braintwin.treatment.calibration import calibrate
from braintwin.treatment.library import no_change
from braintwin.treatment.trial import enrol
from braintwin.treatment.virtual_trial import Arm, Design, arm, clinic, virtual_trials
from treated_people import LIBRARY

PEOPLE = 1200


def test_zolpidem_gives_its_own_contrasts_back() -> None:
    library, population = read_library(LIBRARY), first_population()
    entry, meta = library.treatments["zolpidem_10"], library.meta
    baseline = entry.trial_baseline or meta.reference_baseline
    trial = enrol(population, baseline, people=1000, rng=np.random.default_rng(1))
    found = calibrate(entry, meta, trial, population="base rates", seed=1)
    assert found.operators is not None
    entry = entry.model_copy(update={"operators": found.operators})
    place = clinic(population, baseline, seed=2)

    def of(treatment, name: int) -> Arm:
        # One trial, the average effect as it is known best, and nobody different from it.
        return arm(
            treatment, meta, trials=1, people=PEOPLE, time_in_bed_min=baseline.TIB,
            placebo=(np.zeros(1), np.zeros(1)), seed=name, heterogeneity_sd=0.0, error_scale=0.0,
        )  # fmt: skip

    virtual = virtual_trials(place, of(entry, 3), of(no_change(), 4), Design("crossover", PEOPLE), trials=1, seed=5)
    compared = []
    for contrast in found.reproduced:
        effect = contrast.contrast
        if effect.left_out or effect.outcome not in ("latency", "WASO", "TST"):
            continue
        column = OUTCOMES.index(baseline.latency if effect.outcome == "latency" else effect.outcome)
        chance = 3 * virtual.error[0, column]
        assert abs(virtual.contrast[0, column] - contrast.simulated) < chance, effect.name
        if contrast.within:
            assert abs(virtual.contrast[0, column] - effect.mean) < effect.se + chance, effect.name
            compared.append(effect.outcome)
    assert {"latency", "WASO"} <= {*compared}
