"""The interface for notebooks: a person's twin from Python, its tables and its scenarios."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import braintwin as bt
from braintwin.contracts.simulate import OUTCOMES
from braintwin.errors import BrainTwinError
from report_artefacts import write_study


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of a study: lab-001 whole, lab-003 failed its check, lab-005 without a night."""
    paths, _, _ = write_study(tmp_path_factory.mktemp("notebook") / "results" / "demo", people=5)
    return paths.root


def test_a_study_is_a_mapping_of_twins(results: Path) -> None:
    study = bt.Study(results)
    assert list(study) == [f"lab-00{i}" for i in range(1, 6)]
    assert "lab-002" in study and "lab-009" not in study
    assert study["lab-001"].person.age_band == "40-44"
    with pytest.raises(BrainTwinError, match=r"nobody called 'lab-01' in study 'demo' \(did you mean 'lab-001'\?\)"):
        study["lab-01"]


def test_a_twin_is_loaded_from_its_folder(results: Path) -> None:
    twin = bt.load(results / "people" / "lab-001")
    assert twin.check.verdict == "pass"
    assert twin.night["posterior"]["person_effect"].dims == ("chain", "draw", "group")
    assert {"X", "Y", "Z"} <= set(twin.spectral["posterior"].data_vars)
    assert "expected_utility" in twin.ranking
    assert "lab-001" in twin._repr_html_() and "<table" in twin._repr_html_()


def test_another_folder_is_refused_with_who_is_there(results: Path) -> None:
    with pytest.raises(BrainTwinError, match=r"'demo' is no person's folder .* it holds lab-001, lab-002"):
        bt.load(results)
    with pytest.raises(BrainTwinError, match="no study in 'index'"):
        bt.Study(results / "index")


def test_a_scenario_is_a_table_and_a_drawing(results: Path) -> None:
    twin = bt.load(results / "people" / "lab-001")
    first, again = (twin.simulate("zolpidem_10", draws=60, nights=2) for _ in range(2))
    table = first.summary()
    assert list(table.index) == list(OUTCOMES)
    assert np.allclose((table["scenario"] - table["usual"]).astype(float), table["mean"].astype(float), atol=1e-6)
    assert table.drop(columns="unit").astype(float).equals(again.summary().drop(columns="unit").astype(float))
    assert "<svg" in first._repr_html_() and "Research use only" in first._repr_html_()


def test_no_change_changes_nothing(results: Path) -> None:
    table = bt.load(results / "people" / "lab-001").simulate("none", draws=60, nights=2).summary()
    assert np.allclose(table[["mean", "low", "high"]].astype(float), 0.0)


def test_what_cannot_be_simulated_says_why(results: Path) -> None:
    twin = bt.load(results / "people" / "lab-001")
    with pytest.raises(BrainTwinError, match=r"'zolpidem_1O' \(did you mean 'zolpidem_10'\?\)"):
        twin.simulate("zolpidem_1O")
    with pytest.raises(BrainTwinError, match="failed its check"):
        bt.load(results / "people" / "lab-003").simulate("zolpidem_10", draws=60, nights=2)
    with pytest.raises(BrainTwinError, match=r"no night\.nc"):
        _ = bt.load(results / "people" / "lab-005").night


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, braintwin; print(sorted(m for m in sys.modules if m.startswith('braintwin')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['braintwin']"
