"""Operators against the evidence table, and against published sensitivities of the chain."""

from pathlib import Path

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.io.library import read_library
from braintwin.models.population import first_population
from braintwin.treatment.closed_form import WAKE_ENTRY, WAKE_EXIT, hazard_shifts, log_onset_ratio, log_wake_odds
from braintwin.treatment.counterfactual import epochs_in_bed, simulate_treatments
from braintwin.treatment.eligibility import judge
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators, placebo_shift
from treated_people import INSOMNIA, LIBRARY, plain_twin

EXACT = Uncertainty(heterogeneity_sd=0.0, comparator_offset=False)


@pytest.fixture(scope="module")
def library():
    return read_library(Path(LIBRARY))


def drawn(
    library, key: str, uncertainty: Uncertainty = EXACT, draws: int = 4000, in_bed: float = 480.0,
    closed: bool = False, arousal_rate: float | None = None,
) -> Operators:  # fmt: skip
    """Draw a treatment's operators; `closed` leaves out what was calibrated and takes the minutes."""
    rng = np.random.default_rng(5)
    placebo = placebo_shift(library.meta, draws, rng, uncertainty)
    entry = library.treatments[key].model_copy(update={"operators": None}) if closed else library.treatments[key]
    return draw_operators(
        entry, library.meta, draws=draws, time_in_bed_min=in_bed, placebo=placebo, rng=rng, uncertainty=uncertainty,
        arousal_rate=arousal_rate,
    )  # fmt: skip


def column(operators: Operators, group: str) -> np.ndarray:
    return operators.shift[:, GROUPS.index(group)]


def test_closed_form_agrees_with_the_evidence_table(library) -> None:
    """The table's own derived operators, from its own minutes, bridged where it bridged.

    The table leaves the sleep period at TIB − SOL₀; ours grows by what latency loses, so here it is told of none.
    """
    checked = 0
    for block in library.treatments.values():
        derived = block.derived_operators_psg
        if derived is None or "SOL_min" not in block.effects:
            continue
        bridge = block.measurement_bridge
        sol, waso = (
            block.effects[f"{name}_min"].mean * (bridge.factor(name)[0] if bridge else 1.0) for name in ("SOL", "WASO")
        )
        base = derived.reference_baseline
        assert log_onset_ratio(sol, base) == pytest.approx(derived.ln_HR_onset.mean, abs=0.002)
        assert log_wake_odds(0, waso, base) == pytest.approx(derived.ln_odds_wake.mean, abs=0.002)
        if sol < 0 and waso < 0:
            assert log_wake_odds(sol, waso, base) < log_wake_odds(0, waso, base)
        checked += 1
    assert checked == 22


def test_minutes_of_the_published_check(library) -> None:
    """Minutes that four treatments are worth on the insomnia base chain (onset .0125, wake entry +.1, rho .5)."""
    expected = {
        "zolpidem_10": (-9.8, -23.7, 33.5, 7.0),
        "daridorexant_50": (-12.3, -16.4, 28.7, 6.0),
        "cbti": (-9.3, -11.7, 21.0, 4.4),  # bridged to the laboratory, time in bed kept
        "caffeine": (7.4, 9.4, -16.9, -3.5),
    }
    draws = 1000
    operators = {"none": Operators.nothing(draws)}
    for key in expected:
        derived = library.treatments[key].derived_operators_psg
        shift = hazard_shifts(onset=derived.ln_HR_onset.mean, wake_odds=derived.ln_odds_wake.mean)
        operators[key] = Operators(np.repeat(shift, draws, axis=0), np.zeros(draws), np.ones(draws))
    population = first_population()
    onset = np.log(0.0125 / (1 - 0.0125)) - population.onset
    twin = plain_twin({**INSOMNIA, "onset": onset}, draws)
    nights = simulate_treatments(
        population, twin, operators, time_in_bed_min=480, arousal_rate=0, replicates=6, rng=np.random.default_rng(2)
    )
    base = nights["none"].outcome.mean(axis=0)
    columns = [OUTCOMES.index(name) for name in ("SOL", "WASO", "TST", "SE")]
    np.testing.assert_allclose(base[columns], (39, 83, 358, 74.5), atol=3)
    for key, minutes in expected.items():
        # 6,000 nights: the Monte-Carlo error of a contrast is about 0.5 min there and here.
        np.testing.assert_allclose((nights[key].outcome.mean(axis=0) - base)[columns], minutes, atol=2.0)


def test_orexin_antagonists_act_on_wake_exit(library) -> None:
    orexin, hypnotic = drawn(library, "daridorexant_50"), drawn(library, "zolpidem_10")
    assert column(orexin, "w_n1").mean() > 5 * -column(orexin, "n23_w").mean()
    assert column(hypnotic, "w_n1").mean() == pytest.approx(-column(hypnotic, "n23_w").mean(), rel=0.1)
    for operators in (orexin, hypnotic):
        for groups in (WAKE_ENTRY, WAKE_EXIT):
            for g in groups:
                np.testing.assert_allclose(column(operators, g), column(operators, groups[0]), atol=1e-6)


def test_doubling_the_error_of_trials_widens_operators(library) -> None:
    once = drawn(library, "zolpidem_10")
    twice = drawn(library, "zolpidem_10", Uncertainty(0.0, True, False, error_scale=2.0))
    assert column(twice, "onset").std() > 1.7 * column(once, "onset").std()


def test_sham_is_placebo(library) -> None:
    """A block compared with placebo and without effects is placebo itself, draw by draw."""
    both = Uncertainty()
    draws = 200
    placebo = placebo_shift(library.meta, draws, np.random.default_rng(1), both)
    block = library.treatments["placebo"]
    sham = block.model_copy(update={"label": "Sham", "cls": "device"})
    one, other = (
        draw_operators(
            b, library.meta, draws=draws, time_in_bed_min=480, placebo=placebo, uncertainty=both,
            rng=np.random.default_rng(seed),
        )
        for b, seed in ((block, 2), (sham, 3))
    )  # fmt: skip
    np.testing.assert_array_equal(one.shift.sum(axis=1) != 0, True)
    np.testing.assert_array_equal(column(one, "onset"), column(other, "onset"))
    np.testing.assert_array_equal(one.time_in_bed_min, 0)


def test_placebo_offset_is_shared_by_all_that_were_compared_with_it(library) -> None:
    with_offset = drawn(library, "zolpidem_10", Uncertainty(0.0))
    without = drawn(library, "zolpidem_10", Uncertainty(0.0, comparator_offset=False))
    rng = np.random.default_rng(5)
    onset, _ = placebo_shift(library.meta, 4000, rng, Uncertainty(0.0))
    np.testing.assert_allclose(column(with_offset, "onset") - column(without, "onset"), onset, atol=1e-12)
    waiting_list = drawn(library, "cbti", Uncertainty(0.0)).shift - drawn(library, "cbti").shift
    np.testing.assert_array_equal(waiting_list, 0)


def test_diary_effects_are_bridged_only_where_asked(library) -> None:
    bridged = drawn(library, "cbti", closed=True)
    raw = drawn(library, "cbti", Uncertainty(0.0, False, False), closed=True)
    assert column(raw, "onset").mean() > 2 * column(bridged, "onset").mean()
    laboratory = drawn(library, "zolpidem_10", Uncertainty(0.0, False, False))
    np.testing.assert_array_equal(laboratory.shift, drawn(library, "zolpidem_10").shift)


def test_behavioural_treatments_restrict_time_in_bed(library) -> None:
    assert drawn(library, "cbti").time_in_bed_min.mean() == pytest.approx(-37.4, abs=8)  # calibrated, within one se
    change = drawn(library, "cbti", closed=True).time_in_bed_min
    assert change.mean() == pytest.approx(-37.4, abs=0.6)
    assert change.std() == pytest.approx(8, abs=0.5)
    assert epochs_in_bed(480, [-37.4, -300, 200]).tolist() == [885, 600, 1080]
    assert epochs_in_bed(240, [-60]).tolist() == [480]


def test_devices_lower_arousals_by_the_adherence_rule(library) -> None:
    cpap = drawn(library, "cpap", arousal_rate=0.0)
    np.testing.assert_array_equal(cpap.shift, 0)
    half, whole, more = (column(drawn(library, "cpap", arousal_rate=a), "n2_n3").mean() for a in (17.5, 35.0, 60.0))
    assert half == pytest.approx(whole / 2)
    assert more == whole
    # 4.6 of 8 h at a ratio of exp(-2.6): 1 - .575 (1 - .074) = .47
    assert cpap.arousal_factor.mean() == pytest.approx(0.47, abs=0.03)
    assert drawn(library, "cpap", in_bed=300).arousal_factor.mean() < cpap.arousal_factor.mean()
    assert drawn(library, "zolpidem_10").arousal_factor.tolist() == [1.0] * 4000


def test_architecture_is_used_only_where_it_was_measured(library) -> None:
    assert column(drawn(library, "caffeine"), "n2_n3").mean() < -0.01
    assert column(drawn(library, "temazepam_15_30"), "n2_n3").tolist() == [0.0] * 4000


def test_eligibility_follows_the_trials(library) -> None:
    treatments = library.treatments
    insomnia = {"diagnosis": "insomnia"}
    assert judge(treatments["cbti"], age_band="40-44", covariates=insomnia).eligible
    cpap = judge(treatments["cpap"], age_band="40-44", covariates=insomnia)
    assert (cpap.eligible, cpap.reason) == (False, "tried in osa, not in insomnia")
    unknown = judge(treatments["cbti"], age_band="", covariates={})
    assert unknown.eligible
    assert "eligibility unknown" in unknown.caution
    old = judge(treatments["zolpidem_10"], age_band="65-69", covariates=insomnia)
    assert old.eligible
    assert old.caution == "age>=65 (Beers)"
    assert judge(treatments["zolpidem_10"], age_band="60-64", covariates=insomnia).caution == ""
    barred = judge(treatments["daridorexant_50"], age_band="", covariates={**insomnia, "Narcolepsy": 1})
    assert (barred.eligible, barred.reason) == (False, "contraindicated: narcolepsy")
    assert judge(treatments["caffeine"], age_band="", covariates={"diagnosis": "healthy"}).eligible
