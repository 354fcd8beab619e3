"""What the pages say: names, digits, the answer and what would change it."""

import json

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.check import ParameterRow
from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.spectral import SPECTRAL_POSTERIOR
from braintwin.io.library import read_library
from braintwin.options.rank import RankOptions
from braintwin.report.answer import answer, left_out
from braintwin.report.change import treatment_share, what_would_change
from braintwin.report.names import HAZARDS, in_words, name_of, readable
from braintwin.report.numbers import apart, digits_for, fixed, interval, probability
from braintwin.report.parameter_table import parameter_lines
from braintwin.report.utility import draws_of, parts
from braintwin.steps.rank import rank_person
from braintwin.treatment.library import Library
from report_artefacts import TREATMENTS

KEYS = ("none", "placebo", "temazepam_15_30", "melatonin", "caffeine")
DRAWS = 400


@pytest.fixture(scope="module")
def library() -> Library:
    return read_library(TREATMENTS)


def simulated(library: Library, *, eligible: bool = True, noise: float = 6.0, seed: int = 3) -> xr.Dataset:
    """Return nights in which temazepam gives 30 min of sleep by its operator and melatonin 20 min."""
    rng = np.random.default_rng(seed)
    operator = rng.normal(0, 1, (len(KEYS), DRAWS, len(GROUPS)))
    gain = np.array([0, 5, 30, 20, -25])[:, None] + 8 * operator[:, :, 0] + rng.normal(0, noise, (len(KEYS), DRAWS))
    gain[0] = 0
    values = np.zeros((len(KEYS), DRAWS, len(OUTCOMES))) + 60.0
    for name, weight in (("TST", 1.0), ("WASO", -0.6), ("SOL", -0.4)):
        values[..., OUTCOMES.index(name)] += weight * gain
    control = [key in ("placebo", "caffeine") for key in KEYS]
    return xr.Dataset(
        {
            "outcome_value": (("treatment", "draw", "outcome"), values),
            "population_outcome_value": (("treatment", "draw", "outcome"), 60 + 0.2 * (values - 60)),
            "operator_value": (("treatment", "draw", "group"), operator),
            "eligible": ("treatment", np.array([eligible or key == "none" for key in KEYS])),
            "exploratory": ("treatment", np.zeros(len(KEYS), bool)),
            "ineligible_reason": ("treatment", np.array(["" if eligible else "tried in insomnia"] * len(KEYS))),
            "caution": ("treatment", np.array([""] * len(KEYS))),
        },
        coords={
            "treatment": list(KEYS),
            "label": ("treatment", ["No change", *(library.treatments[key].label for key in KEYS[1:])]),
            "outcome": list(OUTCOMES),
            "group": list(GROUPS),
        },
        attrs={"person": "lab-1", "condition": "insomnia" if eligible else "healthy", "control": str(control)},
    )


def ranked(nights: xr.Dataset, library: Library) -> xr.Dataset:
    ranking = rank_person(nights, library, 5, RankOptions())
    return ranking.assign_attrs(options=RankOptions().model_dump_json())


def test_every_parameter_has_a_name_of_the_field() -> None:
    assert set(HAZARDS) == set(GROUPS)
    for code in SPECTRAL_POSTERIOR.variables:
        assert name_of(code).words != code
    assert name_of("t0").factor == 1000.0
    assert name_of("t0").unit == "ms"
    assert name_of("X[W]").words == "cortical loop gain, Wake"
    assert name_of("night_effect[lab-1-2, n2_n3]").words == "deepening N2 → N3, that night (lab-1-2)"
    assert name_of("unheard_of").words == "unheard_of"


def test_sentences_lose_their_code_names() -> None:
    said = readable("Only 12 effective draws of night_sd[r_w] and X[N2], and kappa; plain X stays.")
    assert said == (
        "Only 12 effective draws of “waking from REM, sd from night to night” and “cortical loop gain, N2”, "
        "and “coupling on the graph”; plain X stays."
    )
    assert in_words("tried in healthy_ageing, not in osa") == "tried in healthy ageing, not in OSA"


def test_a_parameter_is_printed_in_its_unit_with_the_digits_of_its_error() -> None:
    row = ParameterRow(
        twin="spectral", name="t0", mean=0.0739712, sd=0.0009, q05=0.0724, q95=0.0755, prior_mean=0.07,
        prior_sd=0.012, contraction=0.994, rhat=1.0011, ess_bulk=900.2, ess_tail=700.4, mcse=0.00003,
    )  # fmt: skip
    line = parameter_lines([row])[0]
    assert (line.words, line.symbol, line.unit) == ("corticothalamic loop delay", "t₀", "ms")
    assert (line.prior, line.posterior, line.interval) == ("70 ± 12", "73.97", "72.40 to 75.50")
    assert (line.rhat, line.ess) == ("1.001", "700")
    assert line.strip is not None
    assert 0 <= line.strip[2] < line.strip[3] <= 100
    rough = parameter_lines([row.model_copy(update={"mcse": 0.004})])[0]
    assert rough.posterior == "74"


def test_digits_go_no_further_than_the_error() -> None:
    assert digits_for(30.0, 1) == -1
    assert fixed(234.0, -1, sign=True) == "+230"
    assert interval(-26.0, 4.0, -1) == "−30 to 0"
    assert probability(0.47, 20) == "50 %"
    assert probability(0.47, 400) == "47 %"
    assert probability(0.0, 20) == "< 5 %"
    assert apart(0.0123, 0.0141, 0.0141) == ("0.012", "0.014")  # one digit more where they would read the same
    assert apart(0.08, 0.031, 0.031) == ("0.08", "0.03")


def test_the_parts_add_up_to_the_utility(library: Library) -> None:
    ranking = ranked(simulated(library), library)
    found = parts(ranking, library)
    assert found is not None
    assert np.allclose(found.part.sum(axis=1), ranking["expected_utility"].values, atol=1e-9)
    assert draws_of(ranking) == DRAWS
    harm = dict(zip(found.keys, found.change[:, found.names.index("harm")]))
    mean, error = library.treatments["temazepam_15_30"].harm()
    assert abs(harm["temazepam_15_30"] - mean) < 4 * error / np.sqrt(DRAWS)
    assert harm["none"] == 0


def test_the_answer_names_the_best_and_what_left_out_nights_say(library: Library) -> None:
    ranking = ranked(simulated(library), library)
    found = answer(ranking, {"personal_gain": 2.24, "own_weight": 0.81})
    assert found is not None
    assert found.ranked
    assert found.best == library.treatments["temazepam_15_30"].label
    assert "+2.2 nats a night" in found.personal_text
    assert "weight 0.8 on the own" in found.personal_text
    assert left_out({"personal_gain": "", "own_weight": 0.7}) == ""
    assert "no better" in left_out({"personal_gain": -0.4})


def test_where_nothing_is_a_candidate_there_is_no_best(library: Library) -> None:
    ranking = ranked(simulated(library, eligible=False), library)
    found = answer(ranking)
    assert found is not None
    assert not found.ranked
    assert found.best == "No ranking"
    assert what_would_change(ranking, None, library) is None


def test_a_weight_at_the_turn_makes_two_treatments_equal(library: Library) -> None:
    nights = simulated(library)
    ranking = ranked(nights, library)
    changes = what_would_change(ranking, nights, library)
    found = parts(ranking, library)
    assert changes is not None
    assert found is not None
    assert [turn.name for turn in changes.turns] == found.names
    turned = [turn for turn in changes.turns if turn.turns != "–"]
    assert turned
    labels = [str(label) for label in ranking["label"].values]
    for turn in turned:
        weight = found.weight.copy()
        weight[found.names.index(turn.name)] = float(turn.turns.replace("−", "-"))
        utility = found.change @ weight
        best, other = utility[0], utility[labels.index(turn.then)]
        # two digits of the weight are printed
        assert abs(best - other) < 0.1 * max(1.0, abs(best))


@pytest.mark.parametrize(("noise", "low", "high"), [(0.0, 0.99, 1.0), (8.0, 0.35, 0.65), (80.0, 0.0, 0.1)])
def test_the_share_of_the_treatment_is_that_of_its_variance(
    library: Library, noise: float, low: float, high: float
) -> None:
    nights = simulated(library, noise=noise)
    share = treatment_share(ranked(nights, library), nights, "temazepam_15_30")
    assert share is not None
    assert low <= share <= high


def test_a_share_is_not_told_from_few_draws(library: Library) -> None:
    nights = simulated(library)
    ranking = ranked(nights, library)
    assert treatment_share(ranking, nights.isel(draw=slice(0, 50)), "temazepam_15_30") is None
    assert treatment_share(ranking.assign_attrs(weights=json.dumps({})), nights, "temazepam_15_30") is None
