"""A study of invented numbers, written through the contracts: what the report must be able to show."""

from pathlib import Path

import numpy as np
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.contracts.check import ParameterRow, PersonCheck, TwinCheck
from braintwin.contracts.connect import CONNECTOME, MEASURES
from braintwin.contracts.features import FEATURES
from braintwin.contracts.night import (
    GROUPS,
    NIGHT_OBSERVED,
    NIGHT_POSTERIOR,
    NIGHT_PREDICTIVE,
    NIGHT_PRIOR,
    NIGHT_STATS,
)
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import OUTCOMES, SIMULATED
from braintwin.contracts.spectral import (
    SPECTRAL_OBSERVED,
    SPECTRAL_POSTERIOR,
    SPECTRAL_PREDICTIVE,
    SPECTRAL_PRIOR,
    SPECTRAL_STARTS,
    SPECTRAL_STATS,
)
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import QUARANTINE_COLUMNS, DatasetRecord, NightRow, PersonRow
from braintwin.io.arrays import write_dataset
from braintwin.io.library import read_library
from braintwin.io.posterior import write_groups
from braintwin.io.records import write_json, write_nights, write_people, write_status, write_table
from braintwin.options.rank import RankOptions
from braintwin.paths import StudyPaths
from braintwin.steps.rank import rank_person

ROOT = Path(__file__).parents[2]
TREATMENTS = ROOT / "config" / "treatments.yaml"
CHANNELS = ("F3", "F4", "C3", "C4", "O1", "O2")
FREQ = np.arange(1.0, 40.25, 0.5)
STAMP = {
    "braintwin_version": "0.0.0",
    "code": "0123456789ab",
    "seed": "7",
    "inputs": '{"a/b": "c"}',
    "options": '{"mcid": 1.0, "near_tie_probability": 0.2}',
}
NIGHT_CONTRACTS = {
    "posterior": NIGHT_POSTERIOR,
    "prior": NIGHT_PRIOR,
    "sample_stats": NIGHT_STATS,
    "observed_data": NIGHT_OBSERVED,
    "posterior_predictive": NIGHT_PREDICTIVE,
}
SPECTRAL_CONTRACTS = {
    "posterior": SPECTRAL_POSTERIOR,
    "prior": SPECTRAL_PRIOR,
    "sample_stats": SPECTRAL_STATS,
    "posterior_predictive": SPECTRAL_PREDICTIVE,
    "observed_data": SPECTRAL_OBSERVED,
    "starts": SPECTRAL_STARTS,
}


def _hypnogram(rng: np.random.Generator, epochs: int) -> np.ndarray:
    stage, dwell = [0] * 30, {0: 4, 1: 3, 2: 24, 3: 30, 4: 26}
    following = {0: [1], 1: [2], 2: [3, 4, 1, 0], 3: [2], 4: [1, 2, 0]}
    while len(stage) < epochs:
        now = int(rng.choice(following[stage[-1]]))
        stage += [now] * int(rng.geometric(1 / dwell[now]))
    return np.array(stage[:epochs])


def _log_psd(rng: np.random.Generator, stages: int, channels: int) -> np.ndarray:
    base = 4 - 1.6 * np.log(FREQ) + 1.1 * np.exp(-0.5 * ((FREQ - 13) / 1.2) ** 2)
    shift = rng.normal(0, 0.4, (stages, channels, 1))
    return base + shift + rng.normal(0, 0.08, (stages, channels, FREQ.size))


def write_night(
    paths: StudyPaths, row: NightRow, rng: np.random.Generator, *, refuse: str = "", source: str = "scored"
) -> None:
    """Write prepare, features and connect of one night, or what a refused night leaves."""
    night, person = row.night, row.person
    attrs = {"night": night, "person": person}
    files = {step: paths.night(night, step) for step in ("prepare", "features", "connect")}
    whole: dict[str, xr.Dataset] = {}
    if not refuse:
        channels = CHANNELS if row.has_eeg else ()
        stage = _hypnogram(rng, 960)
        stage[700:706] = -1
        artefact = (rng.random((960, len(channels))) < 0.06).astype("uint8")
        whole["prepare"] = xr.Dataset(
            {
                "stage": ("epoch", stage),
                "artefact": (("epoch", "channel"), artefact),
                "line_frequency": ("line", np.array([22.0] if channels else [])),
                "line_width": ("line", np.array([1.0] if channels else [])),
                "line_channel": ("line", np.array(["C3"] if channels else [], dtype="<U8")),
                "line_excess": ("line", np.array([9.0] if channels else [])),
            },
            coords={
                "epoch": np.arange(960),
                "onset": ("epoch", np.arange(960) * 30.0),
                "channel": np.array(channels, dtype="<U8"),
            },
            attrs={
                **attrs,
                "dataset": row.dataset,
                "condition": row.condition,
                "night_index": row.night_index,
                "epoch_s": 30.0,
                "sfreq": 100.0,
                "reference": "as_recorded",
                "highpass": 0.3,
                "lowpass": 45.0,
                "stages_source": source,
                "lights_off": "unknown",
                "position_source": "standard_1005",
            },
        )
    if not refuse and row.has_eeg:
        swa = (
            np.where(stage[:, None] == 3, 900.0, 90.0)
            * np.exp(-np.arange(960) / 700)[:, None]
            * rng.gamma(8, 1 / 8, (960, 6))
        )
        psd = _log_psd(rng, 5, 6)
        masked = np.zeros((6, FREQ.size), dtype="int8")
        masked[:, np.abs(FREQ - 22) <= 0.5] = 1
        density = np.tile(np.array([0.0, 0.4, 2.3, 1.1, 0.1])[:, None], (1, 6))
        whole["features"] = xr.Dataset(
            {
                "psd": (("stage", "channel", "freq"), np.exp(psd)),
                "log_psd": (("stage", "channel", "freq"), psd),
                "log_psd_var": (("stage", "channel", "freq"), np.full(psd.shape, 0.01)),
                "n_epochs": (("stage", "channel"), np.full((5, 6), 90)),
                "masked": (("channel", "freq"), masked),
                "swa": (("epoch", "channel"), np.where(artefact == 0, swa, np.nan)),
                "spindle_density": (("stage", "channel"), density),
                "slow_wave_density": (("stage", "channel"), density * 3),
            },
            coords={"stage": list(STAGES), "channel": list(CHANNELS), "freq": FREQ, "epoch": np.arange(960)},
            attrs={**attrs, "window_s": 4.0, "df": 0.5, "window": "hann"},
        )
        shape = (5, 2, len(MEASURES), 6, 6)
        upper = np.triu(np.random.default_rng(3).uniform(0.02, 0.4, (6, 6)), 1) + np.triu(
            rng.normal(0, 0.04, (6, 6)), 1
        )
        values = (
            np.broadcast_to(upper + upper.T, shape).copy()
            * np.array([0.8, 0.9, 1, 1.2, 0.7])[:, None, None, None, None]
        )
        values[1] = np.nan
        whole["connect"] = xr.Dataset(
            {
                "connectivity": (("stage", "band", "measure", "node", "node_to"), values),
                "standard_error": (("stage", "band", "measure", "node", "node_to"), np.full(shape, 0.021)),
                "n_epochs": ("stage", np.array([40, 4, 200, 90, 80])),
                "reason": ("stage", np.array(["", "4 clean epochs, needs 10", "", "", ""])),
            },
            coords={
                "stage": list(STAGES),
                "band": ["delta", "sigma"],
                "band_low": ("band", [1.0, 12.0]),
                "band_high": ("band", [4.0, 15.0]),
                "measure": list(MEASURES),
                "node": list(CHANNELS),
                "node_to": list(CHANNELS),
            },
            attrs={**attrs, "estimand": "sensor", "level": "sensor", "epochs_used": "odd", "window_s": 4.0},
        )
    for step, contract in (("prepare", PREPARED), ("features", FEATURES), ("connect", CONNECTOME)):
        write_dataset(files[step], whole.get(step, contract.empty()), contract, STAMP)
        state = "ok" if step in whole else "excluded" if refuse else "absent"
        write_status(files[step], step, state, "" if step in whole else refuse or f"{night} has no EEG")


def _empty_groups(contracts: dict[str, Contract]) -> dict[str, xr.Dataset]:
    return {name: contract.empty() for name, contract in contracts.items()}


def write_twins(
    paths: StudyPaths,
    person: str,
    nights: list[str],
    rng: np.random.Generator,
    *,
    eeg: bool,
    verdict: str,
    fitted: bool,
) -> None:
    """Write spectral.nc, night.nc and check.json of one person."""
    spectral, night = paths.person(person, "spectral"), paths.person(person, "night")
    if eeg and fitted:
        truth = _log_psd(rng, 5, 6)
        draws = truth + rng.normal(0, 0.16, (40, *truth.shape))
        used = np.ones(truth.shape, dtype="int8")
        used[..., np.abs(FREQ - 22) <= 0.5] = 0
        axes = {"stage": list(STAGES), "channel": list(CHANNELS)}
        posterior = SPECTRAL_POSTERIOR.empty({"chain": 2, "draw": 5, "stage": 5, "channel": 6}).assign_coords(axes)
        groups = _empty_groups(SPECTRAL_CONTRACTS) | {
            "posterior": posterior.fillna(0.1).assign_attrs(person=person, graph="functional", kappa_source="prior"),
            "posterior_predictive": xr.Dataset(
                {
                    name: (
                        ("sample", "stage", "channel", "freq"),
                        draws if name == "log_psd" else np.repeat(truth[None], 40, 0),
                    )
                    for name in ("log_psd", "log_psd_model")
                },
                coords={**axes, "freq": FREQ},
            ),
            "observed_data": xr.Dataset(
                {
                    "log_psd": (("stage", "channel", "freq"), truth + 3.0 * (used == 0)),
                    "log_psd_var": (("stage", "channel", "freq"), np.full(truth.shape, 0.01)),
                    "used": (("stage", "channel", "freq"), used),
                    "repeats": ("stage", np.ones(5)),
                },
                coords={**axes, "freq": FREQ},
            ),
        }
        write_groups(spectral, groups, SPECTRAL_CONTRACTS, STAMP)
        write_status(spectral, "fit-spectral", "ok")
    else:
        write_groups(spectral, _empty_groups(SPECTRAL_CONTRACTS), SPECTRAL_CONTRACTS, STAMP)
        write_status(spectral, "fit-spectral", "absent", f"no night of {person} has EEG")
    if fitted:
        posterior = NIGHT_POSTERIOR.empty({"chain": 2, "draw": 5, "night": len(nights), "group": 12}).fillna(0.0)
        posterior = posterior.assign_coords(group=list(GROUPS), night=nights).assign_attrs(
            person=person, onset_source="prior", population="packaged", arousal_rate=0.0
        )
        centre = np.array([18, 25, 60, 395, 83, 40, 190, 80, 90, 14, 475.0])
        predictive = xr.Dataset(
            {"outcome_value": (("sample", "outcome"), centre * rng.gamma(16, 1 / 16, (200, 11))), **_course()},
            coords={"outcome": list(OUTCOMES)},
        )
        observed = NIGHT_OBSERVED.empty({"night": len(nights), "epoch": 960, "outcome": 11}).assign_coords(
            night=nights, outcome=list(OUTCOMES)
        )
        observed["outcome_value"] = (("night", "outcome"), centre * rng.gamma(16, 1 / 16, (len(nights), 11)))
        observed["outcome_value"][:, 0] = np.nan
        observed["lights_off_known"] = (("night",), np.ones(len(nights), dtype=bool))
        groups = _empty_groups(NIGHT_CONTRACTS) | {
            "posterior": posterior,
            "posterior_predictive": predictive,
            "observed_data": observed,
        }
        write_groups(night, groups, NIGHT_CONTRACTS, STAMP)
        write_status(night, "fit-nights", "ok")
    else:
        write_groups(night, _empty_groups(NIGHT_CONTRACTS), NIGHT_CONTRACTS, STAMP)
        write_status(night, "fit-nights", "excluded", f"no usable night of {person}")
    _write_check(paths, person, rng, eeg=eeg, verdict=verdict, fitted=fitted)


def _course() -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return counts of forty replicates of how a night goes."""
    rng = np.random.default_rng(3)
    return {
        "stage_count": (("replicate", "interval", "state"), rng.poisson(19, (40, 10, 5))),
        "change_count": (("replicate", "interval", "transition"), rng.poisson(1, (40, 10, 20))),
        "bout_count": (("replicate", "state", "bout"), rng.poisson(4, (40, 5, 13))),
    }


def _write_check(
    paths: StudyPaths, person: str, rng: np.random.Generator, *, eeg: bool, verdict: str, fitted: bool
) -> None:
    names = [("night", f"person_effect[{g}]", 0.55) for g in GROUPS] + [
        ("night", f"night_sd[{g}]", 0.05) for g in GROUPS
    ]
    if eeg:
        names += [("spectral", f"{p}[{s}]", 0.8) for p in "XYZ" for s in STAGES] + [
            ("spectral", "t0", 0.6),
            ("spectral", "kappa", 0.01),
        ]
        names += [("spectral", f"log_scale[{s},{c}]", 0.95) for s in STAGES for c in CHANNELS]
    rows = []
    for twin, name, contraction in names if fitted else []:
        mean, sd = float(rng.normal(0, 0.5)), float(np.sqrt(1 - contraction))
        rows.append(
            ParameterRow(
                twin=twin,
                name=name,
                mean=mean,
                sd=sd,
                q05=mean - 1.6 * sd,
                q95=mean + 1.6 * sd,
                prior_mean=0.0,
                prior_sd=1.0,
                contraction=contraction,
                rhat=1.002,
                ess_bulk=1200.0,
                ess_tail=900.0,
                mcse=0.01,
            )
        )
    gates = {"max_rhat": 1.002, "min_ess": 900.0, "divergences": 0, "min_ebfmi": 0.9}
    reasons = ["R-hat 1.31 of person_effect[w_n1] is above 1.05: the chains disagree"] if verdict == "fail" else []
    check = PersonCheck(
        person=person,
        verdict=verdict,
        reasons=reasons,
        spectral=TwinCheck(
            verdict=verdict if eeg else "absent", reasons=[], gates={**gates, "min_stable": 0.99} if eeg else {}
        ),
        night=TwinCheck(verdict=verdict, reasons=reasons, gates=gates),
        parameters=rows,
        predictive={"coverage_90": 0.91, "residual_sd": None},
        stamp=STAMP,
    )
    write_json(paths.person(person, "check", ".json"), check)
    write_status(paths.person(person, "check", ".json"), "check", "ok")


def write_ranking(
    paths: StudyPaths, person: PersonRow, rng: np.random.Generator, *, refuse: str = "", verdict: str = "population"
) -> None:
    """Write simulate.nc and rank.nc of one person."""
    simulate, rank = paths.person(person.person, "simulate"), paths.person(person.person, "rank")
    if refuse:
        write_dataset(simulate, SIMULATED.empty(), SIMULATED, STAMP)
        write_dataset(
            rank, RANKING.empty(attrs={"person": person.person, "verdict": "none", "reason": refuse}), RANKING, STAMP
        )
        write_status(simulate, "simulate", "failed", refuse)
        write_status(rank, "rank", "failed", refuse)
        return
    library = read_library(TREATMENTS).choose(None)
    keys, labels, n = list(library), [t.label for t in library.values()], len(library)
    diagnosis = person.covariates.get("diagnosis", "")
    eligible = np.array([not diagnosis or "all" in t.eligible or diagnosis in t.eligible for t in library.values()])
    exploratory = np.array([t.exploratory for t in library.values()])
    bins = np.arange(5.0, 480.0, 10.0)
    wake = 0.1 + 0.8 * np.exp(-bins / 15)
    deep = 0.45 * np.exp(-bins / 120) * (1 - wake)
    rem = 0.3 * (bins / 480) * (1 - wake)
    share = np.stack([wake, 0.1 * (1 - wake), 0.9 * (1 - wake) - deep - rem, deep, rem], axis=1)
    tilt = rng.uniform(0.75, 1.0, (n, 1, 1)) ** np.array([1, 0, 0, 0, 0])
    tilt[0] = 1
    share = share * tilt
    share /= share.sum(axis=-1, keepdims=True)
    simulated = SIMULATED.empty(
        {
            "treatment": n,
            "draw": 400,
            "outcome": 11,
            "group": 12,
            "example": 24,
            "epoch": 960,
            "stage": 5,
            "clock": bins.size,
        }
    ).assign_coords(
        treatment=keys,
        outcome=list(OUTCOMES),
        group=list(GROUPS),
        stage=list(STAGES),
        clock=bins,
        label=("treatment", labels),
    )
    simulated["stage_probability"] = (("treatment", "clock", "stage"), share)
    simulated["eligible"] = ("treatment", eligible)
    simulated["exploratory"] = ("treatment", exploratory)
    simulated["ineligible_reason"] = (
        "treatment",
        np.array(["" if e else f"tried in {', '.join(t.eligible)}" for e, t in zip(eligible, library.values())]),
    )
    simulated.attrs |= {
        "person": person.person,
        "condition": str(diagnosis),
        "horizon": "4 weeks",
        "replicates": 20,
        "time_in_bed_min": 480.0,
    }
    effect = np.array([0.0 if k == "none" else -18.0 if k == "caffeine" else float(rng.uniform(0, 25)) for k in keys])
    own, others = (_outcomes(rng, effect, share, verdict == "personal" and k == 0) for k in (0, 1))
    simulated["outcome_value"] = (("treatment", "draw", "outcome"), own if verdict == "personal" else others)
    simulated["population_outcome_value"] = (("treatment", "draw", "outcome"), others)
    simulated["operator_value"] = (("treatment", "draw", "group"), rng.normal(0, 0.2, (n, 400, 12)))
    simulated["caution"] = ("treatment", np.full(n, "", dtype="<U4"))
    simulated["baseline_drift"] = (("draw", "outcome"), np.zeros((400, 11)))
    simulated["example_stage"] = (
        ("treatment", "example", "epoch"),
        np.broadcast_to(_hypnogram(rng, 960), (n, 24, 960)).astype("int8"),
    )
    write_dataset(simulate, simulated, SIMULATED, STAMP)
    write_status(simulate, "simulate", "ok")
    ranking = rank_person(simulated, read_library(TREATMENTS), 7, RankOptions(null_permutations=20, weight_samples=50))
    write_dataset(rank, ranking, RANKING, STAMP)
    write_status(rank, "rank", "ok")


def _outcomes(rng: np.random.Generator, effect: np.ndarray, share: np.ndarray, own: bool) -> np.ndarray:
    """Return outcomes of nights that agree with the shares by the clock; `own` turns the effects round."""
    minutes = 10 * share.sum(axis=1)
    wake, n1, n2, n3, rem = minutes.T
    gain = effect[:, None] * rng.gamma(9, 1 / 9, (len(effect), 400))
    if own:
        gain[1:] = gain[:0:-1]
    noise = rng.normal(0, 6, 400)
    asleep = (n1 + n2 + n3 + rem)[:, None]
    parts = {
        "SOL": 30 - gain / 3 + noise / 4, "LPS": 32 - gain / 3 + noise / 4,
        "WASO": wake[:, None] - 30 - 2 * gain / 3 + noise, "TST": asleep + gain - noise,
        "SE": (asleep + gain - noise) / 4.8, "N1": n1[:, None] + 0 * gain, "N2": n2[:, None] + gain / 2,
        "N3": n3[:, None] + gain / 4, "REM": rem[:, None] + gain / 4, "awakenings": 14 + 0 * gain,
        "TIB": 480 + 0 * gain,
    }  # fmt: skip
    return np.stack([parts[name] for name in OUTCOMES], axis=-1)


def write_study(root: Path, people: int = 5) -> tuple[StudyPaths, list[PersonRow], list[NightRow]]:
    """Write a whole study; the first people are one of each kind, the others whole.

    In turn: whole with two nights; no EEG and staged by YASA; failed check; one night refused by prepare; all refused.
    """
    paths = StudyPaths(root)
    persons, nights = [], []
    for i in range(people):
        name = f"lab-{i + 1:03d}"
        rng = np.random.default_rng(100 + i)
        diagnosis = ("insomnia", "healthy", "osa")[i % 3]
        covariates = {"diagnosis": diagnosis, "ahi": 4.0 + i}
        person = PersonRow(person=name, batch="b000", dataset="lab", age_band="40-44", sex="F", covariates=covariates)
        rows = [
            NightRow(
                night=f"{name}-{k}",
                person=name,
                dataset="lab",
                bids_path=f"sub-{i + 1:03d}/ses-{k}",
                night_index=k,
                has_eeg=i != 1,
                has_stages=i != 1,
            )
            for k in (1, 2)
        ]
        for row in rows:
            gone = i == 4 or (i == 3 and row.night_index == 2)
            reason = f"prepare: {row.night} has 12 min of scored sleep, needs 60; check its events" if gone else ""
            write_night(paths, row, rng, refuse=reason, source="yasa" if i == 1 else "scored")
        fitted = i != 4
        used = [r.night for r in rows if not (i == 3 and r.night_index == 2)]
        write_twins(
            paths,
            name,
            used,
            rng,
            eeg=i != 1 and fitted,
            verdict="fail" if i == 2 else "pass" if fitted else "absent",
            fitted=fitted,
        )
        refuse = "R-hat 1.31 is above 1.05" if i == 2 else f"no usable night of {name}" if not fitted else ""
        write_ranking(paths, person, rng, refuse=refuse, verdict="personal" if i == 0 else "population")
        persons.append(person)
        nights += rows
    write_nights(paths.nights, nights)
    write_people(paths.people, persons)
    refused = [
        {
            "night": "lab-900-1",
            "person": "lab-900",
            "step": "index",
            "state": "excluded",
            "reason": "no signal file and no stages",
        }
    ]
    write_table(paths.refused, QUARANTINE_COLUMNS, refused)
    record = DatasetRecord(
        name="lab",
        root="store/lab",
        kind="local",
        source="lab",
        title="A sleep laboratory",
        licence="CC0",
        citation="doi:10.0000/example",
    )
    write_json(paths.dataset_record("lab"), record)
    return paths, persons, nights


def page_arguments(paths: StudyPaths, people: list[PersonRow], nights: list[NightRow]) -> dict[str, object]:
    """Return the arguments of `steps.pages.run` for a study, without its options."""
    names = [p.person for p in people]
    return {
        "people": people,
        **{step: [paths.night(n.night, step) for n in nights] for step in ("prepare", "features", "connect")},
        **{step: [paths.person(p, step) for p in names] for step in ("spectral", "night", "simulate", "rank")},
        "check": [paths.person(p, "check", ".json") for p in names],
        "treatments": TREATMENTS,
        "page": [paths.person_page(p) for p in names],
    }


def cohort_arguments(paths: StudyPaths, people: list[PersonRow]) -> dict[str, object]:
    """Return the arguments of `steps.cohort.run` for a study, without its options."""
    return {
        "nights": paths.nights,
        "people": paths.people,
        "refused": paths.refused,
        "records": sorted((paths.root / "datasets").glob("*.json")),
        "treatments": TREATMENTS,
        "quarantine": paths.quarantine,
        "page": paths.cohort_page,
        "summary": paths.root / "cohort" / "summary.tsv",
    }
