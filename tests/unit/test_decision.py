"""Where the uncertainty of an order comes from, and the controls that every ranking must pass."""

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.io.library import read_library
from braintwin.treatment.decision import SOURCES, acceptability, explained, shift_of_utility, uncertainty_shares
from braintwin.treatment.evidence import Burden, Effect, Source, Treatment
from braintwin.treatment.operators import Uncertainty, draw_operators, placebo_shift
from braintwin.treatment.utility import weight_factors
from treated_people import LIBRARY

DRAWS = 3000


def test_parts_of_a_sum_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.standard_normal((3, DRAWS, 2))
    value = a @ [2.0, 0.0] + b @ [0.0, 1.0] + 1.0 * rng.standard_normal(DRAWS)
    found = explained(value, {"trial": a, "heterogeneity": b, "person": c})
    shares = {name: part / sum(found.values()) for name, part in found.items()}
    expected = {"trial": 4 / 6, "heterogeneity": 1 / 6, "person": 0.0, "night": 1 / 6}
    assert shares == pytest.approx(expected, abs=0.03)


def test_frozen_sources_have_no_share() -> None:
    rng = np.random.default_rng(2)
    trial, night = rng.standard_normal((3, DRAWS, 1)), rng.standard_normal((3, DRAWS))
    candidate = np.array([True, True, False])
    nothing, person = np.zeros((3, DRAWS, 1)), rng.standard_normal((DRAWS, 12))
    of_order, each = uncertainty_shares(
        trial[:, :, 0] + 0.001 * night, candidate, 0, {"trial": trial, "heterogeneity": nothing}, person
    )
    assert dict(zip(SOURCES, of_order)) == pytest.approx(
        {"trial": 1.0, "heterogeneity": 0.0, "person": 0.0, "night": 0.0}, abs=1e-3
    )
    assert np.isnan(each[[0, 2]]).all()
    assert of_order.sum() == pytest.approx(1)
    of_order, _ = uncertainty_shares(night, candidate, 0, {"trial": nothing, "heterogeneity": nothing}, person)
    assert of_order[SOURCES.index("night")] > 0.97
    doubled, _ = uncertainty_shares(
        2 * trial[:, :, 0] + night, candidate, 0, {"trial": trial, "heterogeneity": nothing}, person
    )
    once, _ = uncertainty_shares(
        trial[:, :, 0] + night, candidate, 0, {"trial": trial, "heterogeneity": nothing}, person
    )
    assert doubled[0] > once[0] + 0.2


def test_acceptability_of_first_ranks_is_the_share_of_weights() -> None:
    rng = np.random.default_rng(3)
    component = rng.standard_normal((4, 5, 50))
    candidate = np.array([True, True, False, True, True])
    factors = weight_factors(("a", "b", "c", "d"), 500, 4.0, rng)
    share = acceptability(component, factors, candidate)
    mean = np.where(candidate[:, None], component.mean(axis=2).T @ factors.T, -np.inf)
    np.testing.assert_allclose(share[:, 0], np.bincount(mean.argmax(axis=0), minlength=5) / 500, atol=1e-12)
    np.testing.assert_allclose(share.sum(axis=1), [1, 1, 0, 1, 1])
    np.testing.assert_allclose(share.sum(axis=0), [1, 1, 1, 1, 0])


def test_ablation_measures_what_moves() -> None:
    own, other, candidate = np.array([0.0, 2.0, 9.0]), np.array([0.0, -1.0, 0.0]), np.array([True, True, False])
    assert shift_of_utility(own, own, candidate) == (0.0, True)
    assert shift_of_utility(own, other, candidate) == (1.5, False)


def _sham() -> Treatment:
    return Treatment(
        label="sham", cls="Z-drug", eligible=["all"], comparator="placebo", reference="placebo", scale="PSG",
        instrument="psg", horizon_weeks=4, effects={}, burden=Burden(value=0, prov="assumed"), harms={},
        sources=[Source(citation="made up", provenance="assumed")],
    )  # fmt: skip


def test_sham_is_placebo() -> None:
    library = read_library(LIBRARY)
    rng, uncertainty = np.random.default_rng(4), Uncertainty()
    placebo = placebo_shift(library.meta, 200, rng, uncertainty)
    drawn = [
        draw_operators(
            t, library.meta, draws=200, time_in_bed_min=480, placebo=placebo, rng=np.random.default_rng(seed),
            uncertainty=uncertainty,
        ).shift
        for seed, t in enumerate((library.treatments["placebo"], _sham()))
    ]  # fmt: skip
    np.testing.assert_array_equal(*drawn)
    assert drawn[0].any()


@pytest.mark.parametrize("key", ["daridorexant_50", "cbti"])
def test_doubled_trial_error_doubles_what_operators_leave_open(key: str) -> None:
    library = read_library(LIBRARY)
    assert library.treatments[key].operators is not None

    def spread(scale: float) -> np.ndarray:
        drawn = draw_operators(
            library.treatments[key], library.meta, draws=4000, time_in_bed_min=480, placebo=(np.zeros(1), np.zeros(1)),
            rng=np.random.default_rng(5),
            uncertainty=Uncertainty(heterogeneity_sd=0.0, comparator_offset=False, error_scale=scale),
        )  # fmt: skip
        return drawn.shift.std(axis=0)

    once = spread(1.0)
    assert once[GROUPS.index("onset")] > 0.02
    np.testing.assert_allclose(spread(2.0), 2 * once, rtol=1e-6)


def test_an_assumed_entry_is_simulated_and_never_calibrated() -> None:
    library = read_library(LIBRARY)
    assert isinstance(library.treatments["exercise"].effects["SOL_min"], Effect)
    assert library.shortcoming("exercise")
    assert library.treatments["exercise"].operators is None
