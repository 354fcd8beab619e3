"""`fit-nights`: prepared nights in, one hypnogram twin per person out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import braintwin
from braintwin.contracts.night import (
    GROUPS,
    NIGHT_OBSERVED,
    NIGHT_POSTERIOR,
    NIGHT_PREDICTIVE,
    NIGHT_PRIOR,
    NIGHT_STATS,
)
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.stages import EPOCH_S, MISSING, STAGES
from braintwin.contracts.tables import PersonRow
from braintwin.inference.night_checks import COUNTS
from braintwin.inference.night_scores import AT_ONCE, replicate
from braintwin.inference.nights import (
    Night,
    bucket,
    compile_nights,
    count,
    first_nights,
    fit_person,
    prior_person,
)
from braintwin.inference.person_test import person_test
from braintwin.inference.process_s import Course, fit_process
from braintwin.inference.sample import CompiledModel
from braintwin.inference.training import age_of
from braintwin.io.population import read_population
from braintwin.io.posterior import write_groups
from braintwin.io.records import guarded
from braintwin.models.hypnogram import TRANSITION_NAMES
from braintwin.models.night_history import ProcessS
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import NEED_LIGHTS_OFF, outcomes
from braintwin.models.population import Population, Who
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.paths import owner
from braintwin.provenance import derive_seed, stamp
from braintwin.steps.fit_nights_read import STEP, left_out, read_night, usable
from braintwin.treatment.counterfactual import person_draws

RHYTHM = ("tau_wake_h", "tau_sleep_h", "tau_wake_log_sd", "tau_sleep_log_sd", "process_s_episodes")
"""Attributes of a posterior whose Process S was learned from slow-wave activity."""
PROCESS_DRAWS = 16
CONTRACTS = {
    "posterior": NIGHT_POSTERIOR,
    "prior": NIGHT_PRIOR,
    "sample_stats": NIGHT_STATS,
    "observed_data": NIGHT_OBSERVED,
    "posterior_predictive": NIGHT_PREDICTIVE,
}


def observed(nights: Sequence[Night]) -> xr.Dataset:
    """Return the fitted hypnograms and their outcomes; those that need lights off are NaN where it is unknown."""
    width = max(len(n.stages) for n in nights)
    stages = np.full((len(nights), width), MISSING, dtype=np.int8)
    for row, night in zip(stages, nights, strict=True):
        row[: len(night.stages)] = night.stages
    values = outcomes(stages)
    known = np.array([night.lights_off_known for night in nights])
    values[~known[:, None] & np.isin(OUTCOMES, NEED_LIGHTS_OFF)] = np.nan
    minutes = np.array([len(n.stages) for n in nights]) * EPOCH_S / 60
    most = max((len(n.versions) for n in nights if n.versions is not None), default=0)
    versions = np.full((len(nights), most, width), MISSING, dtype=np.int8)
    for part, night in zip(versions, nights, strict=True):
        if most:
            part[:, : len(night.stages)] = night.stages
        if night.versions is not None:
            part[: len(night.versions), : len(night.stages)] = night.versions
    drawn = {"stage_version": (("night", "version", "epoch"), versions)} if most else {}
    return xr.Dataset(
        {
            "stage": (("night", "epoch"), stages),
            **drawn,
            "lights_off_known": (("night",), known),
            "time_in_bed": (("night",), minutes),
            "outcome_value": (("night", "outcome"), values),
        },
        {"night": [n.name for n in nights], "outcome": list(OUTCOMES)},
    )


def predictive(
    posterior: xr.Dataset, population: Population, nights: Sequence[Night], arousal_rate: float, samples: int, seed: int
) -> xr.Dataset:
    """Return outcomes of further nights of the person, as long as the fitted ones, with fresh night effects.

    Where lights off is unknown the night starts with sleep, as the fitted ones do.
    """
    rng = np.random.default_rng(seed)
    effects = person_draws(posterior, samples).further_nights(rng)
    samples = len(effects)
    like = [nights[i % len(nights)] for i in range(samples)]
    known = np.array([night.lights_off_known for night in like])
    effects[~known, GROUPS.index("onset")] = AT_ONCE
    lengths = np.array([len(night.stages) for night in like])
    stages = simulate_nights(
        population,
        effects=effects,
        uniforms=rng.random((samples, int(lengths.max()))),
        n_epochs=lengths,
        arousal_rate=arousal_rate,
    )
    values = outcomes(stages)
    values[~known[:, None] & np.isin(OUTCOMES, NEED_LIGHTS_OFF)] = np.nan
    return xr.Dataset({"outcome_value": (("sample", "outcome"), values)}, {"outcome": list(OUTCOMES)})


def replicated(
    posterior: xr.Dataset, population: Population, seen: xr.Dataset, arousal_rate: float, samples: int, seed: int
) -> xr.Dataset:
    """Return how the fitted nights would go again: counts for the predictive checks, (replicate, ...)."""
    made = replicate(
        population,
        person_draws(posterior, samples),
        seen["stage"].values,
        seen["lights_off_known"].values,
        first_nights(seen.sizes["night"], None),
        arousal_rate=arousal_rate,
        rng=np.random.default_rng(seed),
    )
    # Counts are small, and there are 126,000 of them a person.
    counts = {
        name: (("replicate", *dim), part.astype(np.int32 if part.max() > np.iinfo(np.int16).max else np.int16))
        for (name, dim), part in zip(COUNTS.items(), made.parts, strict=True)
    }
    return xr.Dataset(counts, {"state": list(STAGES), "transition": list(TRANSITION_NAMES)})


def who_is(person: PersonRow) -> Who:
    """Return what the population model knows of a person."""
    ahi = person.covariates.get("ahi")
    return Who(age_of(person.age_band), person.sex, None if ahi in (None, "") else float(ahi), person.dataset)


def run(
    *,
    people: list[PersonRow],
    prepare: list[Path],
    population: Path,
    night: list[Path],
    seed: int,
    threads: int,
    options: FitNightsOptions,
    features: Sequence[Path] = (),
) -> None:
    """Fit the hypnogram twin of every person of a batch.

    Parameters
    ----------
    people : list of PersonRow
        The batch; ``covariates["ahi"]``, where given, is the rate of respiratory events.
    prepare : list of path
        `prepare.nc` of their nights.
    population : path
        The population prior.
    night : list of path
        `night.nc` of each person, to be written.
    seed : int
        Seed of the study.
    threads : int
        Chains at a time; changes no result.
    options : FitNightsOptions
    features : list of path
        `features.nc` of the nights with EEG, needed for their Process S alone.
    """
    prior = read_population(population)
    spectra = {path.parent.name: path for path in features}
    read = (read_night(path, spectra.get(path.parent.name), seed, options) for path in prepare)
    found = [p for p in read if p is not None]
    outputs = {owner(path): path for path in night}
    compiled: dict[int, CompiledModel] = {}
    for row in people:
        path = outputs[row.person]
        inputs = [population, *(p.path for p in found if p.person == row.person)]
        inputs += [spectra[p.path.parent.name] for p in found if p.person == row.person and p.course is not None]
        attrs = stamp(
            version=braintwin.__version__,
            step=STEP,
            module=__name__,
            options=options.model_dump(),
            inputs=inputs,
            seed=seed,
        )

        told = {"person": row.person, "left_out": left_out(row.person, found)}

        def write_empty(path: Path = path, attrs: Mapping[str, str] = attrs, told: Mapping[str, str] = told) -> None:
            empty = {name: contract.empty() for name, contract in CONTRACTS.items()}
            empty["posterior"].attrs.update(told)
            write_groups(path, empty, CONTRACTS, attrs)

        with guarded(path, STEP, write_empty):
            good = usable(row.person, found)
            nights = [p.night for p in good if p.night is not None]
            courses = [p.course for p in good if p.course is not None]
            room = bucket(len(nights))
            if room not in compiled:
                compiled[room] = compile_nights(prior, room)
            own = derive_seed(seed, STEP, row.person)
            groups = fit(compiled[room], prior, row, nights, own, threads, options, courses)
            groups["posterior"].attrs.update(told)
            write_groups(path, groups, CONTRACTS, attrs)


def fit(
    compiled: CompiledModel,
    population: Population,
    person: PersonRow,
    nights: Sequence[Night],
    seed: int,
    threads: int,
    options: FitNightsOptions,
    courses: Sequence[Course] = (),
    rhythm: Mapping[str, Any] | None = None,
) -> dict[str, xr.Dataset]:
    """Return the groups of one person's `night.nc`.

    Somebody whom the population learned from is fitted with the variant that never saw them. Their Process S is what
    slow-wave activity (`courses`) says of it, or what an earlier fit found (`rhythm`, attributes of its posterior).
    """
    who = who_is(person)
    told: dict[str, Any] = {key: rhythm[key] for key in RHYTHM if key in rhythm} if rhythm else {}
    processes: list[ProcessS] = []
    if courses:
        learned = fit_process(courses)
        rng = np.random.default_rng(derive_seed(seed, "process S", person.person))
        processes = learned.draws(PROCESS_DRAWS, rng)
        values = (learned.mean.tau_wake_h, learned.mean.tau_sleep_h, *learned.log_sd.tolist(), learned.episodes)
        told = dict(zip(RHYTHM, values, strict=True))
    population = population.for_person(person.person).in_rhythm_of(told)
    arousal_rate = who.ahi or 0.0
    posterior, stats = fit_person(
        compiled,
        population,
        nights,
        seed=seed,
        who=who,
        chains=options.chains,
        tune=options.tune,
        draws=options.draws,
        cores=threads,
        processes=processes,
    )
    rng = np.random.default_rng(derive_seed(seed, "person test", person.person))
    test = person_test(population, count(nights, population.process), who, arousal_rate=arousal_rate, rng=rng)
    posterior.attrs.update(
        {
            "person": person.person,
            "onset_source": "data" if any(n.lights_off_known for n in nights) else "prior",
            "population": population.attrs.get("name", ""),
            "arousal_rate": arousal_rate,
            "personal_gain": float(test.gains.mean()) if test.gains.size else "",
            "personal_nights": int(test.gains.size),
            "personal_ess": test.ess if test.gains.size else "",
            "personal_verdict": test.verdict,
            "own_weight": test.own_weight,
            **told,
        }
    )
    seen = observed(nights)
    return {
        "posterior": posterior,
        "prior": prior_person(
            population, derive_seed(seed, "prior", person.person), options.chains * options.draws, who
        ),
        "sample_stats": stats,
        "observed_data": seen,
        "posterior_predictive": predictive(
            posterior,
            population,
            nights,
            arousal_rate,
            options.predictive_samples,
            derive_seed(seed, "predictive", person.person),
        ).merge(
            replicated(
                posterior,
                population,
                seen,
                arousal_rate,
                options.predictive_samples,
                derive_seed(seed, "replicates", person.person),
            )
        ),
    }


def fit_twin(
    population: Population,
    person: PersonRow,
    nights: Sequence[Night],
    seed: int,
    options: FitNightsOptions,
    rhythm: Mapping[str, Any],
) -> dict[str, xr.Dataset]:
    """Return the groups of one person's `night.nc`, fitted alone, with the Process S of an earlier fit."""
    compiled = compile_nights(population, bucket(len(nights)))
    return fit(compiled, population, person, nights, seed, 1, options, rhythm=rhythm)
