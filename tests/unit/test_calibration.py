"""Operators fitted to a trial give it back, and say so where the trial's numbers cannot all be true."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from braintwin.contracts.night import GROUPS
from braintwin.io.library import WRITTEN, read_library, write_calibration
from braintwin.io.population import packaged_population, read_population
from braintwin.models.population import first_population
from braintwin.treatment.calibrate_library import ANALOGUE, Enrolment, calibrate_library, digest_of
from braintwin.treatment.calibration import calibrate
from braintwin.treatment.calibration_page import calibration_page
from braintwin.treatment.calibration_parameters import parameters_of
from braintwin.treatment.calibration_record import held_out_shares, inside_by_vote
from braintwin.treatment.closed_form import hazard_shifts
from braintwin.treatment.contrasts import contrasts_of
from braintwin.treatment.evidence import Baseline, Burden, Effect, Source, Treatment
from braintwin.treatment.gauss_newton import fit
from braintwin.treatment.heldout import INCONSISTENCY_LOGIT, HeldOut, between_trials
from braintwin.treatment.library import Library
from braintwin.treatment.operators import Operators
from braintwin.treatment.posterior import OperatorPosterior
from braintwin.treatment.response import Responses
from braintwin.treatment.simulated_contrasts import measured, placebo_mean
from braintwin.treatment.trial import Trial, enrol
from treated_people import LIBRARY

PEOPLE = 600
BASELINE = Baseline(SOL=40, WASO=85, TIB=480)


@pytest.fixture(scope="module")
def library() -> Library:
    return read_library(LIBRARY)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return enrol(first_population(), BASELINE, people=PEOPLE, rng=np.random.default_rng(3))


def entry(effects: dict[str, tuple[float, float]], cls: str = "drug", instrument: str = "psg") -> Treatment:
    """Return a treatment against no treatment with these read effects, (mean, se)."""
    return Treatment(
        label="made up", cls=cls, eligible=["all"], comparator="nothing", reference="untreated", scale="PSG",
        instrument=instrument, horizon_weeks=4, burden=Burden(value=0, prov="assumed"), harms={},
        effects={k: Effect(mean=m, se=se, prov="read") for k, (m, se) in effects.items()},
        sources=[Source(citation="made up", provenance="assumed")],
    )  # fmt: skip


def test_a_trial_has_the_night_of_its_baseline(trial: Trial) -> None:
    night = trial.night()
    assert night["SOL"] == pytest.approx(40, abs=0.5)
    assert night["WASO"] == pytest.approx(85, abs=0.5)
    assert night["TST"] == pytest.approx(480 - 40 - 85, abs=1)


def test_known_operators_are_found_again(trial: Trial, library: Library) -> None:
    row = hazard_shifts(onset=0.3, wake_odds=-0.4, wake_entry_share=0.5)
    known = Operators(row, np.zeros(1), np.ones(1))
    truth = measured(trial.arm(known), trial.arm(), "SOL")
    effects = {"SOL_min": (truth["SOL"], 1.0), "WASO_min": (truth["WASO"], 2.0), "TST_min": (truth["TST"], 2.0)}
    found = calibrate(entry(effects), library.meta, trial, population="made up", seed=5)
    assert found.operators is not None
    assert found.operators.mean["onset"] == pytest.approx(0.3, abs=0.06)
    assert found.operators.mean["n23_w"] == pytest.approx(-0.2, abs=0.05)
    assert found.operators.mean["w_n1"] == pytest.approx(0.2, abs=0.05)
    assert all(r.within for r in found.reproduced)


def test_what_does_not_close_is_left_out_and_told(trial: Trial, library: Library) -> None:
    effects = {"SOL_min": (-8.0, 2.0), "WASO_min": (-25.0, 3.0), "TST_min": (5.0, 3.0)}
    contrasts, notes = contrasts_of(entry(effects), library.meta)
    assert [c.name for c in contrasts if c.left_out] == ["TST_min"]
    assert "not coherent" in notes[0]
    found = calibrate(entry(effects), library.meta, trial, population="made up", seed=5)
    within = {r.contrast.name: r.within for r in found.reproduced}
    assert within == {"SOL_min": True, "WASO_min": True, "TST_min": False}


def test_orexin_antagonists_may_only_act_on_wake_exit(trial: Trial, library: Library) -> None:
    found = calibrate(
        entry({"WASO_min": (-25.0, 3.0)}, cls="DORA"), library.meta, trial, population="made up", seed=5
    )  # fmt: skip
    assert found.operators is not None
    assert found.operators.mean["w_deep"] > 4 * abs(found.operators.mean["n23_w"])


def test_a_diary_is_bridged_and_bed_restriction_found(trial: Trial, library: Library) -> None:
    effects = {"SOL_min": (-19.0, 2.5), "WASO_min": (-26.0, 5.0), "TST_min": (8.0, 4.0), "TIB_min": (-37.0, 8.0)}
    found = calibrate(
        entry(effects, cls="behavioural", instrument="diary"), library.meta, trial, population="made up", seed=5
    )
    assert found.operators is not None
    assert found.operators.mean["TIB_min"] < -15
    assert all(0.2 < found.bridge[name] < 0.8 for name in ("SOL", "WASO"))
    assert all(r.within for r in found.reproduced)


def test_several_contrasts_of_one_trial_are_not_as_many_facts(trial: Trial, library: Library) -> None:
    few = entry({"SOL_min": (-10.0, 2.0), "WASO_min": (-20.0, 3.0)})
    many = entry({"SOL_min": (-10.0, 2.0), "WASO_min": (-20.0, 3.0), "TST_min": (30.0, 3.6), "SE_pct": (6.25, 0.75)})
    sd = [
        np.sqrt(found.operators.covariance[0][0])
        for found in (calibrate(e, library.meta, trial, population="x", seed=5) for e in (few, many))
        if found.operators
    ]
    assert sd[1] > 0.7 * sd[0]


def test_a_linear_model_is_solved_exactly(library: Library) -> None:
    contrasts, _ = contrasts_of(entry({"SOL_min": (-10.0, 2.0), "WASO_min": (-20.0, 3.0)}), library.meta)
    parameters = parameters_of(entry({}), library.meta, contrasts)
    slope = np.array([[-30.0, 1.0, 0.0], [0.0, 70.0, 5.0]])
    aim, error = np.array([-10.0, -20.0]), np.array([2.0, 3.0])
    at, cov, _, _ = fit(lambda v: slope @ v, parameters, aim, error, np.ones(2))
    precision = np.diag([p.sd**-2 for p in parameters])
    exact = np.linalg.inv(slope.T @ np.diag(error**-2) @ slope + precision)
    np.testing.assert_allclose(cov, exact, rtol=1e-6)
    np.testing.assert_allclose(at, exact @ slope.T @ (aim / error**2), atol=1e-6)


def test_the_posterior_draws_its_own_mean_and_covariance() -> None:
    cov = np.array([[0.04, 0.01, 0.0], [0.01, 0.02, 0.5], [0.0, 0.5, 100.0]])
    posterior = OperatorPosterior.of(
        {"onset": 0.3, "w_n1": -0.2, "TIB_min": -30.0},
        cov,
        origin="learned",
        source="a test",
        between_sd={"onset": 0.2},
    )
    shift, minutes = posterior.average(40_000, np.random.default_rng(0))
    drawn = np.column_stack([shift[:, GROUPS.index("onset")], shift[:, GROUPS.index("w_n1")], minutes])
    np.testing.assert_allclose(drawn.mean(axis=0), [0.3, -0.2, -30.0], rtol=0.02)
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    np.testing.assert_allclose(np.cov(drawn.T) / scale, cov / scale, atol=0.03)
    assert not shift[:, GROUPS.index("n23_w")].any()
    apart, _ = posterior.between(40_000, np.random.default_rng(1))
    assert apart[:, 0].std() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize(
    "change",
    [{"mean": {"onse": 0.1}}, {"covariance": [[1.0, 0.0]]}, {"covariance": [[-1.0]]}, {"between_sd": {"onset": -1.0}}],
)
def test_a_wrong_posterior_is_refused(change: dict[str, object]) -> None:
    values = {"origin": "learned", "source": "x", "mean": {"onset": 0.1}, "covariance": [[0.01]]}
    with pytest.raises(ValueError, match=r"onse|covariance|sd"):
        OperatorPosterior.model_validate({**values, **change})


def test_the_shipped_calibration_is_that_of_the_shipped_library_and_population(library: Library) -> None:
    found = library.calibration
    assert found is not None
    assert found.population_digest == digest_of(read_population(packaged_population())), "run `braintwin calibrate`"
    assert [*found.treatments] == [*library.treatments]
    assert all(found.treatments[k].evidence == library.evidence(t) for k, t in library.treatments.items())


def test_shipped_contrasts_are_given_back_or_told(library: Library) -> None:
    assert library.calibration is not None
    page = calibration_page(library)
    for key, found in library.calibration.treatments.items():
        for contrast in found.contrasts:
            if contrast.counts and not contrast.left_out and not contrast.within:
                row = next(line for line in page.split(f"`{key}`")[1].splitlines() if f"`{contrast.name}`" in line)
                assert "**outside**" in row
    counted = [c for e in library.calibration.treatments.values() for c in e.contrasts if c.counts and not c.left_out]
    assert np.mean([c.within for c in counted]) > 0.9
    for key in ("suvorexant_20", "lemborexant_10", "daridorexant_50"):
        mean = library.treatments[key].operators.mean  # type: ignore[union-attr]
        assert mean["w_deep"] > 4 * abs(mean["n23_w"]), "orexin antagonists act on wake exit"


def test_held_out_contrasts_have_one_vote_for_each_drug_and_trial(library: Library) -> None:
    assert library.calibration is not None
    raw = {p["id"]: p for p in library.heldout_validation_pairs["pairs"]}
    records = library.calibration.heldout
    assert not any(raw[r.id]["used_in_effects"] for r in records)
    votes = inside_by_vote(records)
    assert sum(total for _, total in votes.values()) == len(records)
    assert ("Missed:" in calibration_page(library)) == bool(records)
    _, total, share = held_out_shares(records)
    assert total == 61 and share >= 0.9
    assert held_out_shares(records, alike=True)[2] < share
    for record in records:
        if not record.inside:
            assert f"`{record.id}`" in calibration_page(library).split("Missed: ")[1].split("\n")[0]


@pytest.mark.slow
def test_held_out_contrasts_are_those_that_the_code_predicts(library: Library) -> None:
    shipped = library.calibration
    assert shipped is not None
    fitted = {key: entry.operators for key, entry in shipped.treatments.items() if entry.operators is not None}
    prior = read_population(packaged_population())
    held = HeldOut(library, fitted, Enrolment(library, prior, shipped.people, shipped.seed), ANALOGUE)
    again = {}
    for number, pair in enumerate(held.pairs):
        if pair.drug == "daridorexant":
            again[pair.id] = held.predict(pair, np.random.default_rng([shipped.seed, number]))
    assert len(again) == 8
    for record in shipped.heldout:
        if record.id in again:
            found = again[record.id]
            assert found.route == record.route
            # a tenth of the trial's error: operators are rounded where they are written
            for name in ("predicted", "low", "high", "low_alike", "high_alike"):
                assert getattr(found, name) == pytest.approx(getattr(record, name), abs=0.1 * record.se), record.id


def test_trials_differ_as_meta_analyses_have_found() -> None:
    """I² has a median of 40 % and 95 % of 15 to 73 %; the sd of the effect follows from it."""
    rng = np.random.default_rng(1)
    logit = INCONSISTENCY_LOGIT[0] + INCONSISTENCY_LOGIT[1] * rng.standard_normal(100_000)
    share = np.quantile(1 / (1 + np.exp(-logit)), (0.025, 0.5, 0.975))
    assert share == pytest.approx([0.15, 0.40, 0.73], abs=0.02)
    drawn = np.concatenate([between_trials(2.0, rng) for _ in range(50)])
    assert drawn.std() == pytest.approx(2.0 * np.sqrt(np.mean(np.exp(logit))), rel=0.02)


def test_a_surface_is_the_simulated_trial(trial: Trial, library: Library) -> None:
    placebo = placebo_mean(library.meta)
    surface = Responses(trial, placebo)
    shift = hazard_shifts(onset=0.25, wake_odds=-0.3, wake_entry_share=0.3)
    truth = measured(trial.arm(Operators(placebo.shift + shift, np.zeros(1), np.ones(1))), trial.arm(placebo), "SOL")
    for outcome, near in (("latency", 1.0), ("WASO", 2.0), ("TST", 2.5)):
        assert surface(shift, outcome)[0] == pytest.approx(truth[outcome], abs=near)
        assert abs(truth[outcome]) > 4 * near


def test_a_changed_entry_is_not_calibrated_and_only_it_is_fitted_again(tmp_path: Path, library: Library) -> None:
    path = tmp_path / "treatments.yaml"
    text = LIBRARY.read_text(encoding="utf-8")
    changed = yaml.safe_load(text.split(WRITTEN)[0])
    changed["treatments"]["melatonin"]["effects"]["SOL_min"]["mean"] = -9.0
    path.write_text(
        yaml.safe_dump(changed, sort_keys=False) + "\n" + WRITTEN + text.split(WRITTEN)[1], encoding="utf-8"
    )
    read = read_library(path)
    assert "changed" in read.shortcoming("melatonin")
    assert read.treatments["melatonin"].operators is None
    assert not read.shortcoming("ramelteon_8")
    assert library.calibration is not None
    write_calibration(path, library.calibration)
    assert read_library(path).calibration == library.calibration


@pytest.mark.slow
def test_the_command_gives_the_shipped_numbers(library: Library) -> None:
    shipped = library.calibration
    assert shipped is not None
    others = {k: e for k, e in shipped.treatments.items() if k != "melatonin"}
    kept = shipped.model_copy(update={"treatments": others})
    plain = {k: t.model_copy(update={"operators": None}) for k, t in library.treatments.items()}
    told: list[str] = []
    found = calibrate_library(
        library.model_copy(update={"treatments": plain, "calibration": kept}),
        read_population(packaged_population()), people=shipped.people, seed=shipped.seed, said=told.append,
        held_out=False,
    )  # fmt: skip
    assert [line for line in told if "unchanged" not in line] == ["melatonin: calibrated"]
    again, before = found.treatments["melatonin"], shipped.treatments["melatonin"]
    for a, b in zip(again.contrasts, before.contrasts, strict=True):
        assert a.simulated == pytest.approx(b.simulated, rel=1e-3, abs=1e-3)
