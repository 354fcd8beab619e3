"""What is known of hypnograms before a person is seen: the population prior of the hypnogram twin."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.night import GROUPS
from braintwin.contracts.population import POPULATION
from braintwin.contracts.stages import STAGES

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


@dataclass(frozen=True)
class Draws:
    """People (or nights) drawn from a population: what :func:`braintwin.models.nights_simulator.simulate_nights` takes.

    Attributes
    ----------
    person_effect : (draw, group) float
    night_effect : (draw, group) float
    night_sd : (draw, group) float
    time_effect : (draw, transition, time_basis) float
    dwell_effect : (draw, from_stage, dwell_bin) float
    pressure_effect : (draw, transition) float
    """

    person_effect: Floats
    night_effect: Floats
    night_sd: Floats
    time_effect: Floats
    dwell_effect: Floats
    pressure_effect: Floats


@dataclass(frozen=True)
class Population:
    """Base rates, effects and their spread between people and between nights.

    Attributes
    ----------
    base_logit : (from_stage, to_stage) float
        Log odds of a change against staying; 0 on the diagonal.
    onset : float
        Log odds of leaving wake in an epoch before sleep onset.
    time_effect, time_effect_sd : (transition, time_basis) float
    dwell_effect, dwell_effect_sd : (from_stage, dwell_bin) float
    pressure_effect, pressure_effect_sd : (transition,) float
    person_sd : (group,) float
        Sd of people around the population.
    night_sd, night_sd_spread : (group,) float
        Median and sd of the logarithm of the sd of nights around the person.
    arousal_gain : float
        ρ in ln(1 + ρ AHI / 60).
    attrs : dict
        Provenance: name, source, licence, nights, people.
    """

    base_logit: Floats
    onset: float
    time_effect: Floats
    time_effect_sd: Floats
    dwell_effect: Floats
    dwell_effect_sd: Floats
    pressure_effect: Floats
    pressure_effect_sd: Floats
    person_sd: Floats
    night_sd: Floats
    night_sd_spread: Floats
    arousal_gain: float
    attrs: dict[str, str] = field(default_factory=dict)

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
            item.name: float(dataset[item.name]) if item.type is float else np.array(dataset[item.name], dtype=float)
            for item in fields(cls)
            if item.name != "attrs"
        }
        return cls(**values, attrs={str(k): str(v) for k, v in dataset.attrs.items()})

    def to_dataset(self) -> xr.Dataset:
        """Return this population as a dataset under its contract."""
        coords = {
            "from_stage": list(STAGES),
            "to_stage": list(STAGES),
            "transition": [f"{a}>{b}" for a in STAGES for b in STAGES if a != b],
            "time_basis": ["constant", *(f"time_{i}" for i in range(1, self.time_effect.shape[1]))],
            "dwell_bin": ["0-1", "1-2", "2-5", "5-10", ">10"],
            "group": list(GROUPS),
        }
        variables = {name: (var.dims, getattr(self, name)) for name, var in POPULATION.variables.items()}
        dataset = xr.Dataset(variables, coords=coords, attrs=dict(self.attrs))
        return POPULATION.check(POPULATION.stamp_units(dataset), "population")

    def draw(self, rng: np.random.Generator, draws: int) -> Draws:
        """Return `draws` people of this population, each with one night."""

        def normal(mean: Floats | float, sd: Floats) -> Floats:
            return np.asarray(mean + sd * rng.standard_normal((draws, *sd.shape)))

        night_sd = np.exp(normal(np.log(self.night_sd), self.night_sd_spread))
        return Draws(
            person_effect=normal(0.0, self.person_sd),
            night_sd=night_sd,
            night_effect=night_sd * rng.standard_normal(night_sd.shape),
            time_effect=normal(self.time_effect, self.time_effect_sd),
            dwell_effect=normal(self.dwell_effect, self.dwell_effect_sd),
            pressure_effect=normal(self.pressure_effect, self.pressure_effect_sd),
        )


def first_population() -> Population:
    """Return the population before any was learned: published base rates, no effects, wide spreads.

    The spreads are assumptions: nights vary about their person with a sd near 0.25 (single-night ICC of .4 to .6,
    doi:10.5665/sleep.4594), people somewhat more; the latency varies most.
    """
    counts = np.array(BASE_COUNTS, dtype=float)
    stages = len(STAGES)
    base = np.log(counts / np.diag(counts)[:, None])
    person_sd, night_sd = np.full(len(GROUPS), 0.4), np.full(len(GROUPS), 0.25)
    person_sd[GROUPS.index("onset")], night_sd[GROUPS.index("onset")] = 0.6, 0.4
    transitions = [(a, b) for a in range(stages) for b in range(stages) if a != b]
    time_sd = np.tile([0.4, 0.3, 0.2, 0.1], (len(transitions), 1))
    # The constant tells apart the transitions of one group; the commonest of each group is moved by the group alone.
    for common in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 3), (2, 4), (3, 2), (4, 0), (4, 1)):
        time_sd[transitions.index(common), 0] = 0.0
    return Population(
        base_logit=base,
        onset=float(np.log(BASE_ONSET_HAZARD / (1 - BASE_ONSET_HAZARD))),
        time_effect=np.zeros_like(time_sd),
        time_effect_sd=time_sd,
        dwell_effect=np.zeros((stages, 5)),
        dwell_effect_sd=np.full((stages, 5), 0.4),
        pressure_effect=np.zeros(len(transitions)),
        pressure_effect_sd=np.full(len(transitions), 0.5),
        person_sd=person_sd,
        night_sd=night_sd,
        night_sd_spread=np.full(len(GROUPS), 0.3),
        arousal_gain=1.0,
        attrs={
            "name": "base-rates",
            "source": "Metzner et al. 2021, doi:10.1038/s42003-021-02912-6 (30-s transition counts, 583 h); "
            "latency from Boulos et al. 2019, doi:10.1016/S2213-2600(19)30057-8; spreads are assumptions",
            "licence": "facts quoted from the literature",
            "nights": "0",
            "people": "",
        },
    )
