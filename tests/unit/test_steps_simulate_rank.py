"""From a fitted person on disk to a ranking on disk, and the refusals on the way."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import OUTCOMES, SIMULATED
from braintwin.contracts.tables import PersonRow
from braintwin.errors import ConfigError
from braintwin.io.arrays import read_dataset, write_dataset
from braintwin.io.library import read_library
from braintwin.io.population import write_population
from braintwin.io.records import read_json, read_status, write_json, write_status
from braintwin.models.population import first_population
from braintwin.options.rank import RankOptions
from braintwin.options.simulate import SimulateOptions
from braintwin.steps import rank, simulate
from treated_people import LIBRARY, write_person

POPULATION = first_population()
OPTIONS = SimulateOptions(draws=60, replicates=2, examples=2)


def run_simulate(root: Path, people: list[PersonRow], options: SimulateOptions = OPTIONS) -> None:
    write_population(root / "population.nc", POPULATION)
    folders = [root / row.person for row in people]
    simulate.run(
        people=people, night=[f / "night.nc" for f in folders], check=[f / "check.json" for f in folders],
        treatments=LIBRARY, population=root / "population.nc", simulate=[f / "simulate.nc" for f in folders], seed=3,
        options=options,
    )  # fmt: skip


def run_rank(root: Path, people: list[PersonRow], options: RankOptions | None = None) -> None:
    folders = [root / row.person for row in people]
    rank.run(
        simulate=[f / "simulate.nc" for f in folders], check=[f / "check.json" for f in folders], treatments=LIBRARY,
        rank=[f / "rank.nc" for f in folders], seed=3, options=options or RankOptions(),
    )  # fmt: skip


def simulated(root: Path, row: PersonRow) -> xr.Dataset:
    return read_dataset(root / row.person / "simulate.nc", SIMULATED)


def ranking(root: Path, row: PersonRow) -> xr.Dataset:
    return read_dataset(root / row.person / "rank.nc", RANKING)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, PersonRow]]:
    root = tmp_path_factory.mktemp("cohort")
    rows = [
        write_person(root, "made-insomnia", POPULATION, age_band="65-69", seed=1),
        write_person(root, "made-osa", POPULATION, diagnosis="osa", arousal_rate=40.0, centre={}, seed=2),
        write_person(root, "made-healthy", POPULATION, diagnosis="healthy", centre={}, seed=3),
        write_person(root, "made-unknown", POPULATION, diagnosis="", seed=4),
        write_person(root, "made-failed", POPULATION, verdict="fail", seed=5),
    ]
    run_simulate(root, rows)
    run_rank(root, rows)
    return root, {row.person.split("-")[1]: row for row in rows}


def test_no_change_against_itself_is_exactly_zero(cohort) -> None:
    root, rows = cohort
    nights = simulated(root, rows["insomnia"])
    found = ranking(root, rows["insomnia"]).sel(treatment="none")
    assert float(found["expected_utility"]) == 0
    assert float(abs(found["contrast_quantile"]).max()) == 0
    untreated = nights["outcome_value"].sel(treatment="none")
    np.testing.assert_array_equal(nights["outcome_value"].sel(treatment="sleep_hygiene"), untreated)
    np.testing.assert_array_equal(nights["outcome_value"].sel(treatment="cpap"), untreated)  # no events to prevent


def test_fresh_noise_drifts_and_common_noise_does_not(cohort) -> None:
    root, rows = cohort
    nights = simulated(root, rows["insomnia"])
    drift = nights["baseline_drift"].sel(outcome="TST")
    own = nights["outcome_value"].sel(outcome="TST")
    contrast = own.sel(treatment="sleep_restriction") - own.sel(treatment="none")
    assert float(drift.std()) > 20
    assert abs(float(drift.mean())) < 4 * float(drift.std()) / np.sqrt(60)
    assert float(contrast.std()) < 1.5 * float(drift.std())


def test_outcomes_are_nights(cohort) -> None:
    root, rows = cohort
    for key in ("insomnia", "osa", "healthy"):
        nights = simulated(root, rows[key])
        for name in ("outcome_value", "population_outcome_value"):
            value = nights[name]
            stages = value.sel(outcome=["N1", "N2", "N3", "REM"]).sum("outcome")
            np.testing.assert_allclose(stages, value.sel(outcome="TST"))
            total = value.sel(outcome=["SOL", "WASO", "TST"]).sum("outcome")
            np.testing.assert_allclose(total, value.sel(outcome="TIB"))
        assert (nights["outcome_value"].sel(treatment="none", outcome="TIB") == 480).all()
        np.testing.assert_allclose(nights["stage_probability"].sel(treatment="none").sum("stage"), 1)
        assert (nights["example_stage"].sel(treatment="none").isel(epoch=slice(960)) >= 0).all()
        assert (nights["example_stage"].sel(treatment="sleep_restriction").isel(epoch=959) == -1).any()


def test_caffeine_ranks_below_placebo_for_everyone(cohort) -> None:
    root, rows = cohort
    for key in ("insomnia", "osa", "healthy", "unknown"):
        order = list(ranking(root, rows[key])["treatment"].to_numpy())
        assert order.index("caffeine") > order.index("placebo")


def test_exploratory_and_uncalibrated_never_lead(cohort) -> None:
    root, rows = cohort
    found = ranking(root, rows["insomnia"])
    reasons = found["not_candidate_reason"]
    for key, reason in {
        "acoustic_so": "exploratory", "tes": "exploratory", "sleep_restriction": "not calibrated",
        "caffeine": "negative control", "placebo": "control", "cpap": "tried in osa",
    }.items():  # fmt: skip
        one = found.sel(treatment=key)
        assert not bool(one["candidate"])
        assert float(one["p_best"]) == 0
        assert reason in str(reasons.sel(treatment=key).item())
    assert bool(found["candidate"][0])
    assert str(reasons[0].item()) == ""


def test_cpap_is_for_apnoea(cohort) -> None:
    root, rows = cohort
    found = ranking(root, rows["osa"])
    assert set(found["treatment"].to_numpy()[found["candidate"].to_numpy()]) == {"none", "cpap"}
    assert float(found["contrast_mean"].sel(treatment="cpap", outcome="WASO")) < -5


def test_healthy_and_unknown_are_told_so(cohort) -> None:
    root, rows = cohort
    healthy = ranking(root, rows["healthy"])
    assert healthy.attrs["verdict"] == "none"
    assert "no treatment of the library is for a person with diagnosis 'healthy'" in healthy.attrs["reason"]
    unknown = simulated(root, rows["unknown"]).sel(treatment="cbti")
    assert bool(unknown["eligible"])
    assert "eligibility unknown" in str(unknown["caution"].item())
    old = simulated(root, rows["insomnia"]).sel(treatment="zolpidem_10")
    assert str(old["caution"].item()) == "age>=65 (Beers)"


def test_a_failed_check_is_never_ranked(cohort) -> None:
    root, rows = cohort
    row = rows["failed"]
    for name, contract in (("simulate.nc", SIMULATED), ("rank.nc", RANKING)):
        path = root / row.person / name
        assert read_dataset(path, contract).sizes["treatment"] == 0
        status = read_status(path)
        assert status.state == "failed"
        assert "R-hat of onset is 1.4" in status.reason
    found = ranking(root, row)
    assert found.attrs["verdict"] == "none"
    assert found.attrs["reason"] == read_status(root / row.person / "rank.nc").reason


def test_a_check_that_fails_later_takes_the_ranking_away(tmp_path: Path) -> None:
    row = write_person(tmp_path, "made-later", POPULATION)
    run_simulate(tmp_path, [row], OPTIONS.model_copy(update={"treatments": ["cbti"]}))
    write_person(tmp_path, "made-later", POPULATION, verdict="fail")
    run_rank(tmp_path, [row])
    assert ranking(tmp_path, row).sizes["treatment"] == 0
    assert read_status(tmp_path / "made-later" / "rank.nc").state == "failed"


def test_a_person_without_nights_is_absent_not_failed(tmp_path: Path) -> None:
    row = write_person(tmp_path, "made-empty", POPULATION)
    write_status(tmp_path / "made-empty" / "night.nc", "fit-nights", "absent", "no night has stages")
    run_simulate(tmp_path, [row])
    run_rank(tmp_path, [row])
    assert read_status(tmp_path / "made-empty" / "rank.nc").state == "absent"
    assert ranking(tmp_path, row).attrs["reason"] == "no night has stages"


def test_result_does_not_depend_on_batch_or_on_other_treatments(cohort, tmp_path: Path) -> None:
    root, rows = cohort
    alone = write_person(tmp_path, "made-insomnia", POPULATION, age_band="65-69", seed=1)
    run_simulate(tmp_path, [alone], OPTIONS.model_copy(update={"treatments": ["zolpidem_10", "cbti"]}))
    few, all_of_them = simulated(tmp_path, alone), simulated(root, rows["insomnia"])
    assert list(few["treatment"].to_numpy()) == ["none", "placebo", "cbti", "zolpidem_10"]
    xr.testing.assert_identical(few.drop_attrs(), all_of_them.sel(treatment=few["treatment"]).drop_attrs())


def test_weights_change_the_ranking_without_new_nights(cohort) -> None:
    root, rows = cohort
    row = rows["insomnia"]
    before = ranking(root, row)
    only_burden = RankOptions.model_validate(
        {"weights": {"SOL": 0, "WASO": 0, "TST": 0, "REM": 0, "N3": 0, "harm": 0, "burden": -1}}
    )
    run_rank(root, [row], only_burden)
    after = ranking(root, row)
    run_rank(root, [row])
    assert str(after["treatment"][0].item()) == "none"
    xr.testing.assert_identical(ranking(root, row), before)
    assert list(before["outcome"].to_numpy()) == list(OUTCOMES)


def test_nothing_moves_without_connectome_and_spectral_twin(tmp_path: Path) -> None:
    """The ablation: a person whose spectral twin, and the connectome below it, are not there."""
    few = OPTIONS.model_copy(update={"treatments": ["cbti", "daridorexant_50"]})
    found = []
    for verdict in ("pass", "absent"):
        root = tmp_path / verdict
        row = write_person(root, "made-one", POPULATION, seed=1)
        path = root / row.person / "check.json"
        check = read_json(path, PersonCheck)
        spectral = check.spectral.model_copy(update={"verdict": verdict})
        write_json(path, check.model_copy(update={"spectral": spectral}))
        run_simulate(root, [row], few)
        run_rank(root, [row])
        found.append(ranking(root, row))
    xr.testing.assert_identical(*(dataset.drop_attrs() for dataset in found))
    assert found[0].attrs["shift_without_spectral"] == 0.0
    assert found[0].attrs["shift_population_only"] > 0


def test_swapped_labels_swap_the_ranking(tmp_path: Path) -> None:
    """Two entries exchange their contents: each name gets what the other had, but for the noise of fresh draws."""
    library, one, other = read_library(LIBRARY), "ramelteon_8", "lemborexant_10"
    assert library.calibration is not None
    entries, records = dict(library.treatments), dict(library.calibration.treatments)
    for table in (entries, records):
        table[one], table[other] = table[other], table[one]
    calibration = library.calibration.model_copy(update={"treatments": records})
    swapped = library.model_copy(update={"treatments": entries, "calibration": calibration})
    row = write_person(tmp_path, "made-one", POPULATION, seed=1)
    before, after = (
        rank.rank_person(
            simulate.simulate_person(
                row, tmp_path / row.person / "night.nc", which.choose([one, other]), which, POPULATION, 3, OPTIONS
            ),
            which, 3, RankOptions(),
        )
        for which in (library, swapped)
    )  # fmt: skip
    for name, was in ((one, other), (other, one)):
        new, old = after.sel(treatment=name), before.sel(treatment=was)
        error = np.hypot(float(new["utility_mcse"]), float(old["utility_mcse"]))
        assert abs(float(new["person_expected_utility"] - old["person_expected_utility"])) < 4 * error
        assert bool(new["candidate"]) and bool(old["candidate"])
        assert str(new["label"].item()) == str(old["label"].item())


def test_unknown_treatment_is_a_config_error(tmp_path: Path) -> None:
    row = write_person(tmp_path, "made-one", POPULATION)
    with pytest.raises(ConfigError, match="not in the treatment library: 'cbt'"):
        run_simulate(tmp_path, [row], OPTIONS.model_copy(update={"treatments": ["cbt"]}))


@pytest.mark.parametrize(
    ("recorded", "asked", "expected"),
    [
        ([480, 400, 420], None, (420, "record")),
        ([np.nan, 450], None, (450, "record")),
        ([84], None, (480, "assumed")),
        ([1320], None, (480, "assumed")),
        ([np.nan], None, (480, "assumed")),
        ([84], 500.0, (500, "option")),
    ],
)
def test_a_segment_or_a_day_is_not_taken_for_a_night(recorded, asked, expected) -> None:
    assert simulate.time_in_bed(np.array(recorded, dtype=float), asked) == expected


def test_a_twin_that_did_worse_on_unseen_nights_is_not_ranked_as_its_own(tmp_path: Path) -> None:
    row = write_person(tmp_path, "made-far", first_population(), sd=0.02, centre={"n23_w": 1.5, "w_n1": -1.5})
    with xr.open_dataset(tmp_path / row.person / "night.nc", group="posterior") as opened:
        posterior = opened.load()
    run_simulate(tmp_path, [row])
    path = tmp_path / row.person / "simulate.nc"
    before = read_dataset(path, SIMULATED)
    run_rank(tmp_path, [row])
    assert posterior.attrs.get("personal_verdict") is None
    assert ranking(tmp_path, row).attrs["verdict"] == "personal"
    write_dataset(path, before.assign_attrs(personal_verdict="population"), SIMULATED)
    run_rank(tmp_path, [row])
    attrs = ranking(tmp_path, row).attrs
    assert attrs["verdict"] == "population"
    assert "unseen nights" in attrs["reason"]
