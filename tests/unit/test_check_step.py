"""Verdicts on fits made by hand: whatever is wrong with one must be called by its name."""

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.spectral import GROUP_CONTRACTS
from braintwin.inference.diagnose import contraction, inside_band, share
from braintwin.inference.rival_graphs import tabulated
from braintwin.io.posterior import write_groups
from braintwin.io.records import read_json, read_status, write_status
from braintwin.options.check import CheckOptions
from braintwin.steps import check

STAGES, CHANNELS, FREQ = ["W", "N2"], ["C3"], np.arange(1.0, 40.1, 0.5)
CHAINS, DRAWS = 4, 500


def spectral_groups(rng, **bad):
    """Return the groups of a sound fit; `bad` spoils one part of it."""
    dims = ("chain", "draw")

    def normal(mean, sd, *shape):
        return mean + sd * rng.standard_normal((CHAINS, DRAWS, *shape))

    posterior = xr.Dataset(
        {
            "X": ((*dims, "stage"), normal(0.8, 0.01, 2)),
            "Y": ((*dims, "stage"), normal(0.0, 0.01, 2)),
            "Z": ((*dims, "stage"), normal(0.3, 0.02, 2)),
            "emg_fraction": ((*dims, "stage"), normal(0.05, 0.005, 2)),
            "log_scale": ((*dims, "stage", "channel"), normal(1.0, 0.1, 2, 1)),
            "t0": (dims, normal(0.07, 0.005)),
            "alpha": ((*dims, "stage"), normal(np.array([80, 50]), 5, 2)),
            "kappa": (dims, np.exp(normal(1, 0.7))),
            "residual_sd": ((*dims, "stage"), np.abs(normal(np.array([0.15, bad.get("residual", 0.15)]), 0.01, 2))),
        },
        {"stage": STAGES, "channel": CHANNELS},
        {"person": "x-1", "graph": "none", "graph_note": "", "kappa_source": bad.get("kappa_source", "prior")},
    )
    if "stuck" in bad:
        posterior["X"][2] += 0.1
    prior = posterior.drop_vars(["log_scale", "channel"]).isel(chain=[0])
    prior["X"] = prior["X"].dims, 0.8 + 0.1 * rng.standard_normal(prior["X"].shape)
    diverging = rng.uniform(size=(CHAINS, DRAWS)) < bad.get("diverging", 0.0)
    stats = xr.Dataset(
        {
            "diverging": (dims, diverging),
            "energy": (dims, normal(100, 5)),
            "lp": (dims, normal(-100, 5)),
            "stable": ((*dims, "stage"), rng.uniform(size=(CHAINS, DRAWS, 2)) >= bad.get("unstable", 0.0)),
        },
        {"stage": STAGES},
        {"unstable": bad.get("exchanged", 0.0)},
    )
    shape = (2, 1, len(FREQ))
    mean = np.broadcast_to(-1.5 * np.log(FREQ), shape)
    coords = {"stage": STAGES, "channel": CHANNELS, "freq": FREQ}
    where = ("stage", "channel", "freq")
    drawn = (("sample", *where), mean + 0.15 * rng.standard_normal((300, *shape)))
    seen = mean + 0.15 * rng.standard_normal(shape) + bad.get("shift", 0.0)
    observed = xr.Dataset(
        {
            "log_psd": (where, seen),
            "log_psd_var": (where, np.full(shape, 0.01)),
            "used": (where, np.ones(shape, int)),
            "repeats": ("stage", np.ones(len(STAGES))),
        },
        coords,
    )
    best = np.array(bad.get("starts", [50.0, 50.0, 49.9, 20.0, 10.0, -np.inf]))
    starts = xr.Dataset(
        {"log_posterior": ("start", best), **{n: (("start", "stage"), np.zeros((len(best), 2))) for n in "XYZ"}},
        {"stage": STAGES},
    )
    return {
        "posterior": posterior,
        "prior": prior,
        "sample_stats": stats,
        "posterior_predictive": xr.Dataset({"log_psd": drawn, "log_psd_model": drawn}, coords),
        "observed_data": observed,
        "starts": starts,
        "graphs": bad.get("graphs", tabulated([], [], np.zeros((0, 0)), [])),
        **explained(posterior, bad.get("second")),
    }


def explained(posterior, second):
    """Return the groups of one explanation, or of two where `second` is (share, X of N2 in it, whether it is stuck)."""
    share, every = [1.0], [posterior]
    if second is not None:
        other = posterior.copy(deep=True)
        other["X"][..., 1] += second[1] - 0.8
        if second[2]:
            other["X"][1] += 0.1
        share, every = [1 - second[0], second[0]], [posterior, other]
    means = [one.drop_vars(["log_scale", "channel"]).mean(("chain", "draw")) for one in every]
    told = xr.concat(means, "explanation").assign(
        weight=("explanation", share),
        log_evidence=("explanation", np.log(share)),
        log_density=("explanation", np.log(share)),
        starts=("explanation", [2] * len(share)),
    )
    return {"explanations": told, "others": xr.concat(every, "explanation").isel(explanation=slice(1, None))}


def night_groups(rng, *, stuck=False, shift=0.0):
    """Return what check reads of a hypnogram twin."""
    dims = ("chain", "draw")
    effect = 0.2 * rng.standard_normal((CHAINS, DRAWS, len(GROUPS)))
    if stuck:
        effect[1, :, 4] += 2
    sd = np.exp(0.2 * rng.standard_normal((CHAINS, DRAWS, len(GROUPS))))
    means = rng.uniform(10, 100, len(OUTCOMES))
    return {
        "posterior": xr.Dataset(
            {"person_effect": ((*dims, "group"), effect), "night_sd": ((*dims, "group"), sd)}, {"group": list(GROUPS)}
        ),
        "prior": xr.Dataset(
            {"person_effect": ((*dims, "group"), rng.standard_normal((1, DRAWS, len(GROUPS))))},
            {"group": list(GROUPS)},
        ),
        "sample_stats": xr.Dataset(
            {
                "diverging": (dims, np.zeros((CHAINS, DRAWS), bool)),
                "energy": (dims, rng.standard_normal((CHAINS, DRAWS))),
            }
        ),
        "observed_data": xr.Dataset(
            {"outcome_value": (("night", "outcome"), means[None] + shift)}, {"outcome": list(OUTCOMES), "night": ["n"]}
        ),
        "posterior_predictive": xr.Dataset(
            {"outcome_value": (("sample", "outcome"), means + 5 * rng.standard_normal((300, len(OUTCOMES))))},
            {"outcome": list(OUTCOMES)},
        ),
    }


@pytest.fixture
def judge(tmp_path):
    """Return a function that writes one person's fits, runs the step and returns its record and status."""

    def run(spectral=None, night=None):
        folder = tmp_path / "people" / "x-1"
        rng = np.random.default_rng(7)
        paths = {name: folder / f"{name}.nc" for name in ("spectral", "night")}
        for name, path in paths.items():
            given = {"spectral": spectral, "night": night}[name]
            if isinstance(given, tuple):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_status(path, name, *given)
            elif name == "spectral":
                groups = spectral_groups(rng, **(given or {}))
                write_groups(path, {**groups, "sampled": groups["posterior"]}, GROUP_CONTRACTS)
                write_status(path, name, "ok")
            else:
                write_groups(path, night_groups(rng, **(given or {})), {})
                write_status(path, name, "ok")
        target = folder / "check.json"
        check.run(spectral=[paths["spectral"]], night=[paths["night"]], check=[target], options=CheckOptions())
        return read_json(target, PersonCheck), read_status(target)

    return run


def test_sound_fits_pass(judge):
    found, status = judge()
    assert (found.verdict, found.spectral.verdict, found.night.verdict) == ("pass", "pass", "pass")
    assert status.state == "ok"
    rows = {row.name: row for row in found.parameters}
    assert rows["X[N2]"].contraction == pytest.approx(0.99, abs=0.005)
    assert rows["log_scale[N2, C3]"].contraction is None
    assert rows[f"person_effect[{GROUPS[0]}]"].contraction == pytest.approx(0.96, abs=0.01)
    assert rows["t0"].rhat < 1.01
    assert found.predictive["spectral"] == pytest.approx(0.9, abs=0.08)
    assert found.spectral.gates["best_starts"] == 3
    assert found.spectral.gates["second_mode_nats"] == pytest.approx(30.0)
    assert (found.spectral.gates["explanations"], found.spectral.gates["explanation_weight"]) == (1, 1.0)
    assert found.stamp["step"] == "check"


@pytest.mark.parametrize(
    ("bad", "verdict", "reason"),
    [
        ({"stuck": True}, "fail", "chains disagree"),
        ({"diverging": 0.05}, "fail", "diverged"),
        ({"diverging": 0.002}, "warn", "diverged"),
        ({"unstable": 0.2}, "fail", "stable brains"),
        ({"exchanged": 0.2}, "fail", "Only 80 % of the draws are stable brains"),
        ({"residual": 0.8}, "fail", "misses the spectrum of N2"),
        ({"starts": [50.0, 40.0, 30.0]}, "fail", "reached the best optimum"),
        ({"second": (0.3, 0.6, False)}, "warn", "hold 70 % and 30 % of the posterior): X[N2] 0.799 or 0.599. "),
        ({"second": (0.3, 0.6, True)}, "warn", "chains of explanation 2 disagree"),
        ({"shift": 0.6}, "warn", "predictive band"),
        ({"kappa_source": "coherency"}, "fail", "misses the coherency"),
    ],
)
def test_what_is_wrong_is_named(judge, bad, verdict, reason):
    found, status = judge(spectral=bad)
    assert found.spectral.verdict == verdict
    assert any(reason in sentence for sentence in found.spectral.reasons)
    assert found.verdict == "warn"  # the ranking rests on the hypnogram twin
    assert any(reason in sentence for sentence in found.reasons)
    assert status.state == "ok"


def test_disagreeing_chains_fail_without_a_divergence(judge):
    found, status = judge(night={"stuck": True})
    assert found.night.gates["divergences"] == 0
    assert (found.night.verdict, found.verdict, status.state) == ("fail", "fail", "failed")
    assert "chains disagree" in status.reason
    assert GROUPS[4] in status.reason


def test_nights_outside_their_prediction_are_a_warning(judge):
    found, _ = judge(night={"shift": 40.0})
    assert found.verdict == "warn"
    assert found.predictive["night"] < 0.2


def test_absent_and_refused_twins(judge):
    found, _ = judge(spectral=("absent", "no EEG."))
    assert (found.verdict, found.spectral.verdict) == ("pass", "absent")
    assert "Spectral twin: no EEG." in found.reasons
    found, status = judge(night=("failed", "did not converge."))
    assert (found.verdict, status.state) == ("fail", "failed")
    found, status = judge(spectral=("absent", "no EEG."), night=("absent", "no stages."))
    assert (found.verdict, status.state) == ("absent", "absent")
    found, _ = judge(spectral=("failed", "no stable brain."))
    assert found.verdict == "warn"


def test_numbers():
    rng = np.random.default_rng(3)
    wide = rng.normal(0, 2, 4000)
    assert contraction(rng.normal(0, 1, 4000), wide) == pytest.approx(0.75, abs=0.03)
    assert np.isnan(contraction(wide, np.ones(5)))
    observed = np.array([0.0, 9.0, np.nan])
    inside = inside_band(observed, np.repeat(wide[:, None], 3, axis=1))
    np.testing.assert_array_equal(inside, [1.0, 0.0, np.nan])
    assert share(inside) == 0.5
    assert share(np.array([np.nan])) is None
