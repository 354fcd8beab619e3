"""The population prior from many nights, by empirical Bayes.

Alternates (a) everybody's effects given the population, by Laplace's method, and (b) the population given everybody:
covariances and regressions in closed form, the multinomial coefficients by Newton steps at a draw of the effects and
its mirror image (stochastic EM, doi:10.1111/1467-9868.00267 [Nielsen 2000]).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.inference.night_counts import cell_offsets
from braintwin.inference.population_coefficients import newton
from braintwin.inference.population_cohort import Cohort, cohort
from braintwin.inference.training import TrainingNight
from braintwin.models.hypnogram import DESTINATIONS, GROUP_OF, N_STAGES
from braintwin.models.population import COVARIATES, Population, first_population, hashed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WAYS = N_STAGES - 1

ONSET = GROUPS.index("onset")
WAKING = [GROUPS.index(name) for name in ("n1_w", "n23_w", "r_w")]
"""Groups that respiratory events reach through ρ, not through the regression on AHI."""

COVARIATE_SD, SITE_SD, SITE_WEIGHT = 0.5, 0.3, 3.0
SITE_PEOPLE = SITE_NIGHTS = 30.0
"""Weight of the people of other sites (of all nights) in the covariance of a site's own, people (nights)."""
ONSET_PERSON_SD, ONSET_NIGHT_SD = 0.6, 0.4
NEWTON_AT = (0, 2, 5, 10, 18, 30, 45)
"""Iterations that move the coefficients."""
COV_SD, COV_WEIGHT = 0.25, 14.0
"""Prior of both covariances: as if so many people (nights) with this sd had been seen besides."""


@dataclass
class Expected:
    """Everybody's effects given a population.

    Attributes
    ----------
    effect, mirrored : (night, group) float
        One draw of person and night effect together, and its mirror image about the mode.
    person, night : (person, group), (night, group) float
        Posterior means; those of nights without what is expected of the night.
    person_spread, night_spread : (person, group, group), (night, group, group) float
        Second moments about what is expected.
    evidence : (person,) float
        Log marginal likelihood by Laplace's method.
    """

    effect: Floats
    mirrored: Floats
    person: Floats
    night: Floats
    person_spread: Floats
    night_spread: Floats
    evidence: Floats


def expect(data: Cohort, population: Population, at: Floats, rng: np.random.Generator, iterations: int = 3) -> Expected:
    """Return everybody's effects; `at` (night, group) is where the search begins, and is moved."""
    from braintwin.inference import night_laplace

    people, nights, size = len(data.people), len(data.counts), len(GROUPS)
    found = Expected(
        np.empty((nights, size)), np.empty((nights, size)), np.empty((people, size)), np.empty((nights, size)),
        np.empty((people, size, size)), np.empty((nights, size, size)), np.empty(people),
    )  # fmt: skip
    night_laplace.everybody(
        data.starts, data.counts.bounds, cell_offsets(population, data.counts, data.arousal), *data.counts.arrays,
        GROUP_OF, data.means(population), np.outer(data.first, population.first_night),
        population.site_person_cov, population.site_night_cov, data.site(population.sites), at,
        rng.standard_normal((nights, size)), iterations, found.effect, found.mirrored, found.person, found.night,
        found.person_spread, found.night_spread, found.evidence,
    )  # fmt: skip
    return found


def _moved(spread: Floats, gap: Floats, shift: Floats) -> Floats:
    """Return the sum of second moments about means that moved by `shift`, given those about the old means."""
    cross = gap.T @ shift
    return np.asarray(spread.sum(axis=0) - cross - cross.T + shift.T @ shift)


def _free_of_onset(cov: Floats, sd: float) -> Floats:
    """Return a covariance whose latency is as it was assumed: hardly a recording says when lights went off."""
    cov = (cov + cov.T) / 2
    cov[ONSET, :] = cov[:, ONSET] = 0.0
    cov[ONSET, ONSET] = sd**2
    return cov


def update_people(data: Cohort, population: Population, found: Expected) -> Population:
    """Return the population with new covariates, sites and covariance of people."""
    sites = population.sites
    where = data.site(sites)
    # Of the waking groups the column of AHI is the slope of ln(1 + ρ AHI / 60) by ln ρ: its coefficient moves ρ.
    events = population.arousal_gain * np.array([who.ahi or 0.0 for who in data.who]) / 60
    slope, ahi = events / (1 + events), COVARIATES.index("ahi")
    design = np.column_stack([[who.covariates() for who in data.who], np.eye(len(sites))[where]])
    moved, step = np.zeros((len(data.who), len(GROUPS))), []
    effect = np.zeros((design.shape[1], len(GROUPS)))
    for g in range(len(GROUPS)):
        x, weight = design.copy(), 1 / population.site_person_cov[where, g, g]
        if g in WAKING:
            x[:, ahi] = slope
        ridge = np.concatenate(
            [np.full(len(COVARIATES), COVARIATE_SD**-2), np.full(len(sites), 1 / population.site_sd[g] ** 2)]
        )
        effect[:, g] = np.linalg.solve((x.T * weight) @ x + np.diag(ridge), x.T @ (weight * found.person[:, g]))
        if g in WAKING:
            step.append(effect[ahi, g])
            effect[ahi, g] = 0.0
    change = float(np.clip(np.mean(step), -0.5, 0.5))
    moved[:, WAKING] = change * slope[:, None]
    old = data.means(population)
    shift = design @ effect + moved - old
    person_cov, site_person_cov = _spread_of_people(data, where, found, old, shift)
    # What all sites share belongs to the base rates.
    site = effect[len(COVARIATES) :]
    shared = site.mean(axis=0)
    base = population.base_logit.copy()
    for k in range(N_STAGES):
        base[k, DESTINATIONS[k]] += shared[GROUP_OF[k]]
    for drawn in (found.effect, found.mirrored):
        drawn -= shared + moved[data.person_of]
    spread = np.square(site - shared).sum(axis=0)
    return replace(
        population,
        base_logit=base,
        arousal_gain=float(np.clip(population.arousal_gain * np.exp(change), 0.02, 20.0)),
        covariate_effect=effect[: len(COVARIATES)],
        site_effect=site - shared,
        site_sd=np.sqrt((spread + SITE_WEIGHT * SITE_SD**2) / (len(sites) + SITE_WEIGHT)),
        person_cov=person_cov,
        site_person_cov=site_person_cov,
    )


def _spread_of_people(data: Cohort, where: Ints, found: Expected, old: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Return the covariance of all people and that of each dataset's, shrunk to the other datasets'."""
    # Only where people were seen more than once is what is lasting told from what a night, or its scorer, adds; of the
    # other datasets only the sum of both is known, which belongs to nobody else.
    seen = np.isin(where, np.unique(where[data.several]))
    if not seen.any():
        seen[:] = True

    def moments(pick: npt.NDArray[np.bool_]) -> Floats:
        return _moved(found.person_spread[pick], (found.person - old)[pick], shift[pick])

    prior = COV_WEIGHT * COV_SD**2 * np.eye(len(GROUPS))
    cov, site = (moments(seen) + prior) / (seen.sum() + COV_WEIGHT), []
    for s in np.unique(where):
        own, others = where == s, seen & (where != s)
        share = min(1.0, SITE_PEOPLE / max(others.sum(), 1))
        total = moments(own) + share * moments(others) + prior
        site.append(_free_of_onset(total / (own.sum() + share * others.sum() + COV_WEIGHT), ONSET_PERSON_SD))
    return _free_of_onset(cov, ONSET_PERSON_SD), np.array(site)


def update_nights(data: Cohort, population: Population, found: Expected) -> Population:
    """Return the population with new first-night effects and covariances of nights."""
    sites = population.sites
    where, several = data.site(sites)[data.person_of], data.several[data.person_of]
    mean = np.outer(data.first, population.first_night)
    pick = several & data.first
    variance = np.diagonal(population.site_night_cov, axis1=1, axis2=2)[where]
    weight = (1 / variance[pick]).sum(axis=0)
    first = ((found.night + mean)[pick] / variance[pick]).sum(axis=0) / (weight + COVARIATE_SD**-2)
    shift = np.outer(data.first, first) - mean
    repeated = np.unique(where[several])
    prior = COV_WEIGHT * COV_SD**2 * np.eye(len(GROUPS))
    total, n, parts = prior, COV_WEIGHT, []
    for s in range(len(sites)):
        told = (where == s) & (several | (s not in repeated))
        part = _moved(found.night_spread[told], found.night[told], shift[told])
        parts.append((part, told.sum()))
        if s in repeated or not repeated.size:
            total, n = total + part, n + told.sum()
    night_cov = _free_of_onset(total / n, ONSET_NIGHT_SD)
    site = [_free_of_onset((part + SITE_NIGHTS * night_cov) / (m + SITE_NIGHTS), ONSET_NIGHT_SD) for part, m in parts]
    return replace(population, first_night=first, night_cov=night_cov, site_night_cov=np.array(site))


def start(data: Cohort) -> Population:
    """Return the population before the first iteration: published base rates, no effects."""
    sites, first = tuple(sorted({who.site for who in data.who})), first_population()
    return replace(
        first,
        sites=sites,
        site_effect=np.zeros((len(sites), len(GROUPS))),
        site_sd=np.full(len(GROUPS), SITE_SD),
        site_person_cov=np.repeat(first.person_cov[None], len(sites), axis=0),
        site_night_cov=np.repeat(first.night_cov[None], len(sites), axis=0),
    )


def learn(data: Cohort, *, rng: np.random.Generator, iterations: int = 60) -> Population:
    """Return the population of a cohort by empirical Bayes."""
    population = start(data)
    at = np.zeros((len(data.counts), len(GROUPS)))
    for i in range(iterations):
        found = expect(data, population, at, rng)
        population = update_nights(data, update_people(data, population, found), found)
        # The coefficients hardly change once they are found, and cost ten times more than the rest.
        if i in NEWTON_AT:
            population = newton(data, population, (found.effect, found.mirrored), steps=8 if i == 0 else 1)
    return population


def fit_population(
    training: Sequence[TrainingNight],
    *,
    seed: int,
    iterations: int = 60,
    left_out: bool = True,
    each: Callable[..., Iterable[Any]] = map,
) -> Population:
    """Return the population of real nights, with a variant for each fold that never saw its people.

    Parameters
    ----------
    training : sequence of TrainingNight
        Nights, with the fold of each person.
    seed : int
    iterations : int
        Of expectation and maximisation.
    left_out : bool
        Whether to fit the variants, each of which costs as much as the whole.
    each : callable
        ``map``, or one like it whose calls are made elsewhere: the whole and the variants are independent.
    """
    fold_of = {night.person: night.fold for night in training}
    folds = sorted(set(fold_of.values())) if left_out else []
    population: Population
    population, *others = each(partial(_without, training, seed, iterations), [None, *folds])
    variants = np.zeros((max(folds, default=-1) + 1, population.packed().size))
    for fold, without in zip(folds, others, strict=True):
        variants[fold] = _with_sites(without, population.sites).packed()
    return replace(
        population,
        left_out=variants,
        trained={hashed(person): int(fold_of[person]) for person in sorted(fold_of)},
        attrs={
            "name": "learned", "source": "", "licence": "", "nights": str(len(training)), "people": str(len(fold_of)),
        },
    )  # fmt: skip


def _without(training: Sequence[TrainingNight], seed: int, iterations: int, fold: int | None) -> Population:
    """Return the population of all nights, or of those whose people are not in a fold."""
    data = cohort(training if fold is None else [night for night in training if night.fold != fold])
    rng = np.random.default_rng([seed, 0 if fold is None else fold + 1])
    return learn(data, rng=rng, iterations=iterations)


def _with_sites(population: Population, sites: tuple[str, ...]) -> Population:
    """Return a population with room for sites that it never saw."""

    def place(values: Floats, default: Floats) -> Floats:
        known = dict(zip(population.sites, values, strict=True))
        return np.array([known.get(site, default) for site in sites])

    return replace(
        population,
        sites=sites,
        site_effect=place(population.site_effect, np.zeros(len(GROUPS))),
        site_person_cov=place(population.site_person_cov, population.person_cov),
        site_night_cov=place(population.site_night_cov, population.night_cov),
    )
