"""What is known of hypnograms before a person is seen: the population prior of the hypnogram twin."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.night import GROUPS
from braintwin.contracts.population import POPULATION
from braintwin.contracts.stages import STAGES
from braintwin.models.night_history import (
    CLOCK_NAMES,
    DWELL_NAMES,
    LITERATURE,
    LOAD_NAMES,
    RECENT_NAMES,
    TIME_BASIS,
    ProcessS,
)

Floats = npt.NDArray[np.float64]

BASE_COUNTS = (
    (11737, 571, 84, 2, 2),
    (281, 6697, 1661, 11, 59),
    (253, 1070, 26259, 505, 272),
    (49, 176, 279, 9630, 12),
    (57, 189, 84, 2, 10071),
)
"""30-s transitions W, N1, N2, N3, R in 583 h of sleep (Metzner et al. 2021, doi:10.1038/s42003-021-02912-6)."""

BASE_ONSET_HAZARD = 1 / 30
"""Chance of falling asleep in an epoch after lights off: latency 15 min (doi:10.1016/S2213-2600(19)30057-8)."""

COVARIATES = ("age", "male", "ahi")
N_TRANSITIONS = len(STAGES) * (len(STAGES) - 1)


@dataclass(frozen=True)
class Who:
    """What is known of a person before any night.

    Attributes
    ----------
    age : float or None
        Years.
    sex : str
        F or M; anything else is unknown.
    ahi : float or None
        Respiratory events per hour of sleep.
    site : str
        Dataset whose scorers scored the nights; one that is not in the population widens the prior.
    """

    age: float | None = None
    sex: str = ""
    ahi: float | None = None
    site: str = ""

    def covariates(self) -> Floats:
        """Return the covariates, (covariate,): decades from 50, +½ for men and -½ for women, ln(1 + AHI / 10)."""
        age = 0.0 if self.age is None else (self.age - 50) / 10
        male = {"M": 0.5, "F": -0.5}.get(self.sex[:1].upper(), 0.0)
        return np.array([age, male, np.log1p(max(self.ahi or 0.0, 0.0) / 10)])


NOBODY = Who()


@dataclass(frozen=True)
class Draws:
    """People (or nights) drawn from a population: what :func:`braintwin.models.nights_simulator.simulate_nights` takes.

    Attributes
    ----------
    person_effect : (draw, group) float
    night_effect : (draw, group) float
    night_sd : (draw, group) float
        Sd of further nights around the person.
    night_corr : (group, group) float
        Their correlation between groups.
    """

    person_effect: Floats
    night_effect: Floats
    night_sd: Floats
    night_corr: Floats

    def further_nights(self, rng: np.random.Generator) -> Floats:
        """Return the effects of one further night of each draw: person and night together, (draw, group)."""
        noise = correlated(rng, len(self.person_effect), self.night_corr)
        return np.asarray(self.person_effect + self.night_sd * noise)


@dataclass(frozen=True)
class Population:
    """Base rates, effects and their spread between people and between nights.

    Attributes
    ----------
    base_logit : (from_stage, to_stage) float
        Log odds of a change against staying; 0 on the diagonal.
    onset : float
        Log odds of leaving wake in an epoch before sleep onset.
    time_effect : (transition, time_basis) float
    dwell_effect : (transition, dwell_bin) float
    pressure_effect : (transition,) float
    clock_effect : (transition, clock_bin) float
    load_effect : (transition, load_bin) float
    recent_effect : (transition, recent_bin) float
    person_cov, night_cov : (group, group) float
        Covariance of people around what is expected of them, and of nights around their person.
    site_person_cov, site_night_cov : (site, group, group) float
        The same in each dataset: patients differ more than the healthy, and where scorers change from night to night,
        nights differ by them too.
    covariate_effect : (covariate, group) float
        By the columns of :meth:`Who.covariates`.
    first_night : (group,) float
        Shift of the first night in the laboratory.
    site_effect : (site, group) float
    site_sd : (group,) float
        Spread of datasets.
    arousal_gain : float
        ρ in ln(1 + ρ AHI / 60).
    sites : tuple of str
    left_out : (fold, parameter) float
        The parameters learned without the people of each fold, as :meth:`packed`.
    trained : dict of str to int
        Fold of each person that was learned from, by hashed id.
    attrs : dict
        Provenance: name, source, licence, nights, people.
    process : ProcessS
        Time constants of Process S: the literature's, with which every population is learned, unless a person's own
        are put in their place.
    """

    base_logit: Floats
    onset: float
    time_effect: Floats
    dwell_effect: Floats
    pressure_effect: Floats
    clock_effect: Floats
    load_effect: Floats
    recent_effect: Floats
    person_cov: Floats
    night_cov: Floats
    site_person_cov: Floats
    site_night_cov: Floats
    covariate_effect: Floats
    first_night: Floats
    site_effect: Floats
    site_sd: Floats
    arousal_gain: float
    sites: tuple[str, ...] = ()
    left_out: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    trained: dict[str, int] = field(default_factory=dict)
    attrs: dict[str, str] = field(default_factory=dict)
    process: ProcessS = LITERATURE

    @property
    def person_sd(self) -> Floats:
        """Return the sd of people, (group,)."""
        return np.sqrt(np.diag(self.person_cov))

    @property
    def night_sd(self) -> Floats:
        """Return the sd of nights around their person, (group,)."""
        return np.sqrt(np.diag(self.night_cov))

    def person_mean(self, who: Who) -> Floats:
        """Return what is expected of a person's effects, (group,)."""
        mean = who.covariates() @ self.covariate_effect
        if who.site in self.sites:
            mean = mean + self.site_effect[self.sites.index(who.site)]
        return np.asarray(mean)

    def event_shift(self, before: float, after: npt.ArrayLike) -> Floats:
        """Return how effects move when respiratory events per hour go from `before` to `after` (draw,), (draw, group).

        As the people of the population differ by their AHI; the waking that ρ brings is not in it.
        """
        row = self.covariate_effect[COVARIATES.index("ahi")]
        after = np.atleast_1d(np.asarray(after, dtype=np.float64))
        return np.asarray((np.log1p(after / 10) - np.log1p(before / 10))[:, None] * row)

    def people_of(self, site: str) -> Floats:
        """Return the spread of the people of one dataset around its mean, (group, group)."""
        return self.site_person_cov[self.sites.index(site)] if site in self.sites else self.person_cov

    def person_covariance(self, who: Who) -> Floats:
        """Return the spread of people like this one, (group, group): wider where the dataset is a new one."""
        new = 0.0 if who.site in self.sites else 1.0
        return np.asarray(self.people_of(who.site) + new * np.diag(self.site_sd**2))

    def night_covariance(self, who: Who) -> Floats:
        """Return the spread of such a person's nights, (group, group)."""
        return self.site_night_cov[self.sites.index(who.site)] if who.site in self.sites else self.night_cov

    def for_person(self, person: str) -> "Population":
        """Return the population without this person: the variant that left their fold out, if they were learned from.

        Raises
        ------
        KeyError
            If they were learned from and there is no such variant.
        """
        fold = self.trained.get(hashed(person))
        if fold is None:
            return self
        if not 0 <= fold < len(self.left_out):
            message = f"{person} was learned from, and the population has no variant without fold {fold}"
            raise KeyError(message)
        return self.unpacked(self.left_out[fold])

    def in_rhythm_of(self, twin: Mapping[Any, Any]) -> "Population":
        """Return the population with the time constants of Process S that the attributes of a twin name, if any."""
        if "tau_sleep_h" not in twin:
            return self
        return replace(self, process=ProcessS(float(twin["tau_wake_h"]), float(twin["tau_sleep_h"])))

    def draw(self, rng: np.random.Generator, draws: int, who: Who | None = None) -> Draws:
        """Return `draws` people of this population, each with one night; like `who`, where given."""
        if who is None:
            mean, cov, night_cov = np.zeros(len(GROUPS)), self.person_cov, self.night_cov
        else:
            mean, cov, night_cov = self.person_mean(who), self.person_covariance(who), self.night_covariance(who)
        person = mean + rng.standard_normal((draws, len(GROUPS))) @ root(cov)
        sd, corr = scales(night_cov)
        night_sd = np.broadcast_to(sd, person.shape).copy()
        return Draws(person, night_sd * correlated(rng, draws, corr), night_sd, corr)

    def packed(self) -> Floats:
        """Return all parameters in one row, (parameter,)."""
        return np.concatenate([np.ravel(getattr(self, name)) for name in _NUMBERS])

    def unpacked(self, row: Floats) -> "Population":
        """Return this population with the parameters of a row."""
        values: dict[str, Any] = {}
        start = 0
        for name in _NUMBERS:
            shape = np.shape(getattr(self, name))
            stop = start + int(np.prod(shape))
            values[name] = row[start:stop].reshape(shape) if shape else float(row[start])
            start = stop
        return replace(self, **values)

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> "Population":
        """Return the population that a dataset (`population.nc`) describes.

        Raises
        ------
        ContractError
            If the dataset breaks the contract.
        """
        POPULATION.check(dataset, "population")
        values: dict[str, Any] = {
            name: np.array(dataset[name], dtype=float) if dataset[name].ndim else float(dataset[name])
            for name in (*_NUMBERS, "left_out")
        }
        trained = zip(dataset["trained"].values, dataset["trained_fold"].values, strict=True)
        return cls(
            **values,
            sites=tuple(str(s) for s in dataset["site"].values),
            trained={str(name): int(fold) for name, fold in trained},
            attrs={str(k): str(v) for k, v in dataset.attrs.items()},
        )

    def to_dataset(self) -> xr.Dataset:
        """Return this population as a dataset under its contract."""
        coords = {
            "from_stage": list(STAGES),
            "to_stage": list(STAGES),
            "transition": [f"{a}>{b}" for a in STAGES for b in STAGES if a != b],
            "time_basis": list(TIME_BASIS),
            "dwell_bin": list(DWELL_NAMES),
            "clock_bin": list(CLOCK_NAMES),
            "load_bin": list(LOAD_NAMES),
            "recent_bin": list(RECENT_NAMES),
            "group": list(GROUPS),
            "group_too": list(GROUPS),
            "covariate": list(COVARIATES),
            "site": np.array(self.sites, dtype=str),
            "trained": np.array(list(self.trained), dtype=str),
        }
        values = {name: getattr(self, name) for name in (*_NUMBERS, "left_out")}
        values["trained_fold"] = np.array(list(self.trained.values()), dtype=np.int64)
        variables = {name: (var.dims, values[name]) for name, var in POPULATION.variables.items()}
        dataset = xr.Dataset(variables, coords=coords, attrs=dict(self.attrs))
        return POPULATION.check(POPULATION.stamp_units(dataset), "population")


_OTHERS = ("sites", "left_out", "trained", "attrs", "process")
_NUMBERS = tuple(f.name for f in fields(Population) if f.name not in _OTHERS)


def root(cov: Floats) -> Floats:
    """Return the symmetric square root of a covariance that may be singular.

    Unlike its eigenvectors, which another machine's LAPACK may turn over, it is the same anywhere up to rounding.
    """
    values, vectors = np.linalg.eigh(cov)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def scales(cov: Floats) -> tuple[Floats, Floats]:
    """Return the sds and the correlation of a covariance; what does not vary is correlated with nothing."""
    sd = np.sqrt(np.diag(cov))
    unit = np.where(sd > 0, sd, 1.0)
    corr = cov / np.outer(unit, unit)
    np.fill_diagonal(corr, 1.0)
    return sd, corr


def correlated(rng: np.random.Generator, draws: int, corr: Floats) -> Floats:
    """Return standard normals correlated between groups, (draw, group)."""
    return np.asarray(rng.standard_normal((draws, len(corr))) @ root(corr))


def hashed(person: str) -> str:
    """Return the id under which a person that was learned from is listed."""
    return hashlib.sha256(f"braintwin population:{person}".encode()).hexdigest()[:16]


def first_population() -> Population:
    """Return the population before any was learned: published base rates, no effects, wide spreads.

    The spreads are assumptions: nights vary about their person with a sd near 0.25 (single-night ICC of .4 to .6,
    doi:10.5665/sleep.4594), people somewhat more; the latency varies most.
    """
    counts = np.array(BASE_COUNTS, dtype=float)
    base = np.log(counts / np.diag(counts)[:, None])
    person_sd, night_sd = np.full(len(GROUPS), 0.4), np.full(len(GROUPS), 0.25)
    person_sd[GROUPS.index("onset")], night_sd[GROUPS.index("onset")] = 0.6, 0.4
    return Population(
        base_logit=base,
        onset=float(np.log(BASE_ONSET_HAZARD / (1 - BASE_ONSET_HAZARD))),
        time_effect=np.zeros((N_TRANSITIONS, len(TIME_BASIS))),
        dwell_effect=np.zeros((N_TRANSITIONS, len(DWELL_NAMES))),
        pressure_effect=np.zeros(N_TRANSITIONS),
        clock_effect=np.zeros((N_TRANSITIONS, len(CLOCK_NAMES))),
        load_effect=np.zeros((N_TRANSITIONS, len(LOAD_NAMES))),
        recent_effect=np.zeros((N_TRANSITIONS, len(RECENT_NAMES))),
        person_cov=np.diag(person_sd**2),
        night_cov=np.diag(night_sd**2),
        site_person_cov=np.zeros((0, len(GROUPS), len(GROUPS))),
        site_night_cov=np.zeros((0, len(GROUPS), len(GROUPS))),
        covariate_effect=np.zeros((len(COVARIATES), len(GROUPS))),
        first_night=np.zeros(len(GROUPS)),
        site_effect=np.zeros((0, len(GROUPS))),
        site_sd=np.zeros(len(GROUPS)),
        arousal_gain=1.0,
        attrs={
            "name": "base-rates",
            "source": "Metzner et al. 2021, doi:10.1038/s42003-021-02912-6 (30-s transition counts, 583 h); "
            "latency from Boulos et al. 2019, doi:10.1016/S2213-2600(19)30057-8; spreads are assumptions",
            "licence": "facts quoted from the literature",
            "nights": "0",
            "people": "0",
        },
    )
