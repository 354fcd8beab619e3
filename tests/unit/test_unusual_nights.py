"""Nights that are not as one expects: missing stages, only wake, a nap, short epochs, a gap, no lights-off mark."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.simulate import OUTCOMES
from braintwin.errors import NightExcluded
from braintwin.inference.admission import admit
from braintwin.inference.nights import Night
from braintwin.models.hypnogram import BEFORE_ONSET, night_steps
from braintwin.models.outcomes import outcomes
from scored_nights import prepared_from

W, N2, R, X = 0, 2, 4, -1
CYCLE = ["N2"] * 140 + ["R"] * 40
NIGHT = ["W"] * 20 + CYCLE * 4 + ["W"] * 6
"""10 min awake, 6 h asleep, 3 min awake."""


def admitted(prepared: xr.Dataset) -> Night:
    return admit(prepared, [""], 180.0)


def test_an_ordinary_night_is_taken_whole(tmp_path: Path) -> None:
    night = admitted(prepared_from(tmp_path, NIGHT, lights_off="start"))
    assert night.lights_off_known
    assert night.stages.size == len(NIGHT)


def test_missing_stages_are_missing_and_no_step_leads_into_or_out_of_them(tmp_path: Path) -> None:
    labels = list(NIGHT)
    labels[100:103] = ["Unscored", "Movement", "?"]
    night = admitted(prepared_from(tmp_path, labels, lights_off="start"))
    assert night.stages[100:103].tolist() == [X, X, X]
    assert night.stages[99] == night.stages[103] == N2
    left = night_steps(night.stages).epoch
    assert not np.isin(left, [99, 100, 101, 102]).any()
    assert np.isin([98, 103], left).all()


def test_a_night_that_is_mostly_unscored_is_refused(tmp_path: Path) -> None:
    labels = ["N2"] * 160 + ["?"] * 400 + ["N2"] * 40
    with pytest.raises(NightExcluded, match="67 % of its epochs are not scored, expected 50 % at most"):
        admitted(prepared_from(tmp_path, labels))


@pytest.mark.parametrize("lights_off", [None, "start"])
def test_a_night_of_only_wake_is_refused(tmp_path: Path, lights_off: str | None) -> None:
    with pytest.raises(NightExcluded, match="no epoch of sleep among 900 that are scored"):
        admitted(prepared_from(tmp_path, ["W"] * 900, lights_off=lights_off))


@pytest.mark.parametrize("lights_off", [None, "start"])
def test_a_nap_of_two_hours_is_no_night(tmp_path: Path, lights_off: str | None) -> None:
    nap = ["W"] * 20 + ["N2"] * 200 + ["W"] * 20
    with pytest.raises(NightExcluded, match=r"\d+ min long, a nap: expected a night of 180 min or more"):
        admitted(prepared_from(tmp_path, nap, lights_off=lights_off))
    shorter = admit(prepared_from(tmp_path, nap, lights_off=lights_off), [""], 60.0)
    assert (shorter.stages == N2).sum() == 200


def test_an_afternoon_nap_in_a_long_recording_is_not_the_night(tmp_path: Path) -> None:
    day = ["W"] * 240 + ["N2"] * 200 + ["W"] * 900 + NIGHT + ["W"] * 300
    night = admitted(prepared_from(tmp_path, day))
    assert (night.stages > 0).sum() == 4 * len(CYCLE)


def test_epochs_of_4_s_are_read_off_in_30_s_by_majority(tmp_path: Path) -> None:
    short = [stage for stage in NIGHT for _ in range(15)]  # 15 epochs of 4 s are two of 30 s
    prepared = prepared_from(tmp_path, short, epoch_s=4.0, lights_off="start")
    assert prepared.attrs["epoch_s"] == 30.0
    expected = np.repeat([{"W": W, "N2": N2, "R": R}[stage] for stage in NIGHT], 2)
    assert admitted(prepared).stages.tolist() == expected.tolist()


def test_epochs_of_another_length_in_an_artefact_are_refused(tmp_path: Path) -> None:
    prepared = prepared_from(tmp_path, NIGHT)
    prepared.attrs["epoch_s"] = 4.0
    with pytest.raises(NightExcluded, match="epochs of 4 s, expected 30 s; prepare it again from its scoring"):
        admitted(prepared)


def test_a_gap_in_the_scoring_stays_a_gap(tmp_path: Path) -> None:
    labels = NIGHT[:300] + ["gap"] * 120 + NIGHT[420:]
    night = admitted(prepared_from(tmp_path, labels, lights_off="start"))
    assert night.stages.size == len(NIGHT)
    assert (night.stages[300:420] == X).all()
    steps = night_steps(night.stages)
    assert not ((steps.epoch >= 299) & (steps.epoch < 420)).any()
    assert steps.epoch[steps.epoch >= 420][0] == 520  # the first change after it: from there time in stage is known
    whole = night_steps(admitted(prepared_from(tmp_path, NIGHT, lights_off="start")).stages)
    late = int(steps.epoch[-1])
    assert steps.time_bin[steps.epoch == late] == whole.time_bin[whole.epoch == late]


def test_without_a_lights_off_mark_the_latency_is_not_available(tmp_path: Path) -> None:
    prepared = prepared_from(tmp_path, NIGHT)
    assert prepared.attrs["lights_off"] == "unknown"
    night = admitted(prepared)
    assert not night.lights_off_known
    assert night.stages[:2].tolist() == [W, N2]
    assert night.stages[-1] == R
    steps = night_steps(night.stages, lights_off_known=False)
    assert not (steps.row == BEFORE_ONSET).any()
    known = admitted(prepared_from(tmp_path, NIGHT, lights_off="start"))
    assert (night_steps(known.stages).row == BEFORE_ONSET).sum() == 20
    assert outcomes(known.stages[None])[0, OUTCOMES.index("SOL")] == pytest.approx(10.0)


def test_another_condition_is_refused(tmp_path: Path) -> None:
    prepared = prepared_from(tmp_path, NIGHT)
    prepared.attrs["condition"] = "temazepam"
    with pytest.raises(NightExcluded, match="under 'temazepam', which does not count as untreated"):
        admitted(prepared)
