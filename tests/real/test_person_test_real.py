"""The person test on Sleep-EDF nights, with the packaged population's variants that never saw those people."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "nights_person_test.py"


@pytest.fixture(scope="module")
def numbers(real_data, tmp_path_factory):
    import os

    os.environ.setdefault("BRAINTWIN_DATA", str(real_data))
    spec = importlib.util.spec_from_file_location("nights_person_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.DRAWS, module.SIMULATED = 400, 400
    return module.main(30)


def test_the_safe_twin_beats_the_population(numbers):
    assert numbers["safe"] > 0


def test_own_twins_beat_other_peoples(numbers):
    assert numbers["others"] > 0.3
    assert numbers["p"] <= 0.01


def test_the_evidence_rests_on_enough_draws(numbers):
    assert numbers["ess"] >= 100


def test_deep_sleep_is_foretold(numbers):
    assert numbers["safe/N3/skill"] >= 15
    assert numbers["safe/N3/width_ratio"] < 1


def test_rem_is_narrower_than_without_a_cycle(numbers):
    assert numbers["own/REM/width"] < 140


def test_coverage_is_not_far_from_what_is_stated(numbers):
    for name in ("N1", "N2", "N3", "REM"):
        assert numbers[f"safe/{name}/covered"] >= 0.7, name
