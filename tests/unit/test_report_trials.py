"""What pages say of the trials behind the treatments, and of what the twins add."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.rank import RANKING
from braintwin.io.arrays import write_dataset
from braintwin.io.library import read_library
from braintwin.models.population import first_population
from braintwin.options.pages import PagesOptions
from braintwin.options.simulate import SimulateOptions
from braintwin.report.change import what_twins_add
from braintwin.report.trials import agreement_with_trials
from braintwin.steps import cohort
from report_artefacts import cohort_arguments, write_study
from treated_people import LIBRARY, simulated_and_ranked


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    options = SimulateOptions(draws=60, replicates=2, treatments=["cbti", "daridorexant_50"])
    return simulated_and_ranked(tmp_path_factory.mktemp("one"), LIBRARY, first_population(), options)[1]


def test_what_was_predicted_unseen_is_told_with_what_was_missed() -> None:
    library = read_library(LIBRARY)
    assert library.calibration is not None
    said = agreement_with_trials(library)
    assert "cannot come first" in said[0]
    inside = sum(record.inside for record in library.calibration.heldout)
    assert f"Of {len(library.calibration.heldout)} contrasts that nothing was fitted to, {inside} lie" in said[1]
    assert all(record.id in said[1] for record in library.calibration.heldout if not record.inside)
    never = agreement_with_trials(library.model_copy(update={"calibration": None}))
    assert never == ["This treatment library was never calibrated to trials: none of its treatments is ranked first."]


def test_what_the_twins_add_is_measured_against_the_population_alone(ranking: xr.Dataset) -> None:
    own, other = (ranking[f"{who}_expected_utility"].to_numpy() for who in ("person", "population"))
    kept = ranking["candidate"].to_numpy()
    assert ranking.attrs["shift_population_only"] == pytest.approx(np.abs(own - other)[kept].mean())
    first, second = what_twins_add([ranking])
    assert first.startswith("With the population alone in place of the own twin")
    assert second == "Without the connectome and the spectral twin nothing moves: no simulated night rests on them."
    rests = ranking.assign_attrs(shift_without_spectral=0.25)
    assert "they move by 0.25" in what_twins_add([rests])[1]


def test_the_cohort_page_says_both(ranking: xr.Dataset, tmp_path: Path) -> None:
    paths, people, _ = write_study(tmp_path / "results" / "demo")
    person = people[0].person
    write_dataset(paths.person(person, "rank"), ranking.assign_attrs(person=person), RANKING)
    cohort.run(**cohort_arguments(paths, people), options=PagesOptions())
    words = paths.cohort_page.read_text(encoding="utf-8")
    assert "contrasts that nothing was fitted to" in words
    assert "With the population alone in place of the own twin" in words
