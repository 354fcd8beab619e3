"""People with a posterior of the hypnogram twin that a test chooses, on disk as the fits would leave them."""

from pathlib import Path

import numpy as np
import xarray as xr

from braintwin.contracts.check import PersonCheck, TwinCheck
from braintwin.contracts.night import GROUPS, NIGHT_OBSERVED, NIGHT_POSTERIOR
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.tables import PersonRow
from braintwin.io.library import read_library
from braintwin.io.posterior import write_groups
from braintwin.io.records import write_json, write_status
from braintwin.models.population import Draws, Population
from braintwin.options.rank import RankOptions
from braintwin.options.simulate import SimulateOptions
from braintwin.steps.rank import rank_person
from braintwin.steps.simulate import simulate_person

LIBRARY = Path(__file__).parents[2] / "config" / "treatments.yaml"

INSOMNIA = {"onset": -1.0, "n1_w": 0.1, "n23_w": 0.1, "r_w": 0.1}
"""Effects of the insomnia-like night of the published check: onset hazard near .0125 per epoch, wake entry +.1."""


def effect(values: dict[str, float]) -> np.ndarray:
    """Return a vector over the hazard groups."""
    return np.array([values.get(group, 0.0) for group in GROUPS])


def plain_twin(values: dict[str, float], draws: int, night_sd: float = 0.0) -> Draws:
    """Return a twin that is sure of itself."""
    person = np.tile(effect(values), (draws, 1))
    spread = np.full((draws, len(GROUPS)), night_sd)
    return Draws(person, np.zeros_like(person), spread, np.eye(len(GROUPS)))


def write_person(
    root: Path,
    person: str,
    population: Population,
    *,
    diagnosis: str = "insomnia",
    age_band: str = "40-44",
    centre: dict[str, float] | None = None,
    sd: float = 0.1,
    arousal_rate: float = 0.0,
    verdict: str = "pass",
    seed: int = 0,
) -> PersonRow:
    """Write `night.nc` and `check.json` of a person whose posterior is normal around `centre`."""
    rng = np.random.default_rng(seed)
    draws = population.draw(rng, 120)
    around = effect(INSOMNIA if centre is None else centre) + sd * rng.standard_normal((120, len(GROUPS)))

    def chained(values: np.ndarray) -> np.ndarray:
        return values.reshape(2, 60, *values.shape[1:])

    dims = ("chain", "draw")
    posterior = xr.Dataset(
        {
            "person_effect": ((*dims, "group"), chained(around)),
            "night_effect": ((*dims, "night", "group"), np.zeros((2, 60, 1, len(GROUPS)))),
            "night_sd": ((*dims, "group"), chained(draws.night_sd)),
        },
        coords={"group": list(GROUPS), "night": ["n1"]},
        attrs={"person": person, "onset_source": "data", "population": "base-rates", "arousal_rate": arousal_rate},
    )
    observed = xr.Dataset(
        {
            "stage": (("night", "epoch"), np.zeros((1, 960), dtype=int)),
            "lights_off_known": ("night", [True]),
            "time_in_bed": ("night", [480.0]),
            "outcome_value": (("night", "outcome"), np.zeros((1, len(OUTCOMES)))),
        },
        coords={"night": ["n1"], "outcome": list(OUTCOMES)},
    )
    folder = root / person
    write_groups(
        folder / "night.nc",
        {"posterior": posterior, "observed_data": observed},
        {"posterior": NIGHT_POSTERIOR, "observed_data": NIGHT_OBSERVED},
    )
    write_status(folder / "night.nc", "fit-nights", "ok")
    reasons = ["R-hat of onset is 1.4, expected at most 1.01"] if verdict == "fail" else []
    twin = TwinCheck.model_validate({"verdict": verdict, "reasons": reasons, "gates": {}})
    check = PersonCheck.model_validate(
        {
            "person": person, "verdict": verdict, "reasons": reasons, "spectral": twin, "night": twin,
            "parameters": [], "predictive": {}, "stamp": {},
        }
    )  # fmt: skip
    write_json(folder / "check.json", check)
    covariates: dict[str, float | str] = {"diagnosis": diagnosis} if diagnosis else {}
    return PersonRow(person=person, batch="0", dataset="made", age_band=age_band, covariates=covariates)


def simulated_and_ranked(
    folder: Path, library: Path, population: Population, options: SimulateOptions, seed: int = 11
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the simulated nights of an insomnia-like person under a library, and their ranking."""
    read, row = read_library(library), write_person(folder, "made-1", population, seed=7)
    nights = simulate_person(
        row, folder / row.person / "night.nc", read.choose(options.treatments), read, population, seed, options
    )
    return nights, rank_person(nights, read, seed, RankOptions())
