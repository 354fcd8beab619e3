"""Outcomes of a night, by hand and against YASA."""

import numpy as np
import pandas as pd
import pytest

from braintwin.contracts.simulate import OUTCOME_UNITS, OUTCOMES
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import nights_in, outcomes
from braintwin.models.population import first_population


def one(stages, **keywords):
    return dict(zip(OUTCOMES, outcomes(np.array([stages], dtype=np.int8), **keywords)[0], strict=True))


def test_a_night_by_hand():
    night = one([0] * 10 + [1] * 2 + [0] * 4 + [2] * 30 + [3] * 20 + [0] * 2 + [4] * 12 + [0] * 20)
    expected = {
        "SOL": 5, "LPS": 8, "WASO": 13, "TST": 32, "SE": 64, "N1": 1, "N2": 15, "N3": 10, "REM": 6, "awakenings": 3,
        "TIB": 50,
    }  # fmt: skip
    assert night == expected
    assert set(OUTCOME_UNITS) == set(expected)


def test_missing_epochs_count_for_no_stage():
    stages = [0] * 10 + [2] * 30 + [-1] * 10 + [2] * 30 + [0] * 10 + [-1] * 5
    night = one(stages)
    assert (night["TST"], night["WASO"], night["TIB"]) == (30, 5, 45)
    assert night["SE"] == pytest.approx(100 * 60 / 80)
    assert night["awakenings"] == 1
    assert one([0, 2, -1, 0, 2])["awakenings"] == 0


def test_a_night_without_sleep_has_its_time_in_bed_as_latency():
    night = one([0] * 100)
    assert (night["SOL"], night["LPS"], night["TST"], night["WASO"], night["SE"]) == (50, 50, 0, 0, 0)
    nothing = one([-1] * 10)
    assert nothing["TIB"] == 0
    assert np.isnan(nothing["SE"])


def test_nights_are_counted_in_each_stage_at_each_epoch():
    stages = np.random.default_rng(4).integers(-1, 5, (300, 70)).astype(np.int8)
    for some in (stages, stages[:, :45], stages[:0]):
        expected = [(some == code).sum(axis=0) for code in range(5)]
        np.testing.assert_array_equal(nights_in(some), expected)


def test_lights_off_and_epoch_length():
    stages = [0] * 30 + [2] * 60
    assert one(stages, lights_off_epoch=20)["SOL"] == 5
    assert one(stages, epoch_s=20.0)["TST"] == 20


def test_the_same_as_yasa():
    yasa = pytest.importorskip("yasa")
    stages = simulate_nights(
        first_population(), effects=np.zeros((1, 12)), uniforms=np.random.default_rng(0).random((4, 900)), n_epochs=900
    )
    names = pd.Series(["WAKE", "N1", "N2", "N3", "REM"])
    for night in stages:
        hypnogram = yasa.Hypnogram(names[night].to_numpy(), freq="30s")
        theirs = hypnogram.sleep_statistics()
        ours = one(night)
        for name in ("TIB", "TST", "SOL", "SE", "N1", "N2", "N3", "REM"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-3), name
        last = int(np.flatnonzero(night > 0)[-1])
        # YASA's WASO ends with the last epoch of sleep; the AASM's, and ours, with lights on.
        assert ours["WASO"] - (len(night) - 1 - last) / 2 == pytest.approx(theirs["WASO"])
        asleep = night > 0
        ten = [i for i in range(len(night) - 20) if asleep[i : i + 20].all()]
        assert ours["LPS"] == ten[0] / 2
