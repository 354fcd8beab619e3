"""Tempered SMC of one person's spectral twin: a second opinion on its chains that shares neither search nor sampler."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import logsumexp

from braintwin.contracts.stages import STAGES
from braintwin.inference.person_graph import Graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.spectral import CompiledTwin, padded_data
from braintwin.inference.spectral_coordinates import (
    BY_STAGE,
    SHARED,
    constrained,
    dendrites,
    prior_draws,
    stability,
    unconstrained,
)
from braintwin.inference.spectral_kernel import EDGE, EDGE_HEIGHT, EDGE_WIDTH
from braintwin.inference.tempered import Density, Particles, tempered
from braintwin.models.corticothalamic import dispersion_floor

Floats = npt.NDArray[np.float64]

PRIOR_DRAWS = 20_000
"""Draws that tell how much of the prior is stable brains."""


def log_wall(freq: Floats, draws: Mapping[str, Floats]) -> Floats:
    """Return the log of the wall at the edge of stability (draw,), which is part of the prior."""
    alpha, beta = dendrites(dict(draws))
    wide = {"X": draws["X"], "Y": draws["Y"], "Z": draws["Z"], "alpha": alpha, "beta": beta}
    loop: dict[str, Any] = {name: value[..., None] for name, value in wide.items()} | {"t0": draws["t0"][:, None, None]}
    distance = np.sqrt(dispersion_floor(freq, **loop)).min(axis=-1)
    lowest = np.minimum(distance, 1 - draws["X"] - draws["Y"])
    return np.asarray(-EDGE_HEIGHT * np.logaddexp(0, (EDGE - lowest) / EDGE_WIDTH).sum(axis=-1))


def log_prior_mass(freq: Floats, rng: np.random.Generator, n: int = PRIOR_DRAWS) -> float:
    """Return the log of the share of the prior that is stable brains clear of the wall."""
    draws = prior_draws(rng, n, stable=False)
    inside = stability(draws).all(axis=1)
    wall = log_wall(freq, draws)
    return float(logsumexp(wall[inside]) - np.log(n))


def sample_by_smc(
    twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, rng: np.random.Generator, *, particles: int
) -> Particles:
    """Return particles of the posterior, and the log of its whole mass in the scale of `evidence.bridge`."""
    data = padded_data(twin, spectra, graph)

    def at(share: float) -> Density:
        together = {} if twin.place is None else {"coherency_weight": np.array(share)}
        return twin.model.density({**data, "used": share * data["used"], **together})

    begin = prior_draws(rng, particles)
    points = unconstrained(twin, begin)
    # what prior_draws leaves at its centre has a standard normal prior
    for name in ("offset_raw", "weight_raw", "share_raw", "loss_raw"):
        if name in twin.model.layout:
            place, _ = twin.model.layout[name]
            points[:, place] = rng.standard_normal(points[:, place].shape)
    found = tempered(at, points, log_wall(twin.freq, begin), rng)
    kept = found.points[stability(constrained(twin, found.points)).all(axis=1)]
    return Particles(kept, found.log_evidence + log_prior_mass(twin.freq, rng), found.temperatures, found.accepted)


def second_opinion(
    twin: CompiledTwin, spectra: PersonSpectra, particles: Particles, explanations: xr.Dataset, draws: list[xr.Dataset]
) -> xr.Dataset:
    """Return `explanations` with the share of the particles in each, and by how much their means differ.

    Parameters
    ----------
    explanations : Dataset
        As the contract of ``spectral.nc/explanations`` says.
    draws : list of Dataset
        Draws of each explanation as they were sampled.
    """
    rows = [STAGES.index(stage) for stage in spectra.stages]
    flat = constrained(twin, particles.points)
    theirs = np.concatenate(
        [flat[n][:, rows] for n in BY_STAGE] + [flat[n][:, None] for n in SHARED], axis=1
    )  # fmt: skip
    ours = [_table(one) for one in draws]
    far = np.stack([np.square((theirs - own.mean(axis=0)) / own.std(axis=0)).sum(axis=1) for own in ours])
    nearest = far.argmin(axis=0)
    shares = np.bincount(nearest, minlength=len(ours)) / len(nearest)
    first = theirs[nearest == 0]
    shift = np.abs(first.mean(axis=0) - ours[0].mean(axis=0)) / ours[0].std(axis=0) if len(first) else np.inf
    return explanations.assign(
        smc_share=("explanation", shares),
        smc_shift=((), float(np.max(shift))),
        smc_log_evidence=((), particles.log_evidence),
    )


def _table(draws: xr.Dataset) -> Floats:
    """Return draws as (chain × draw, parameter)."""
    n = draws.sizes["chain"] * draws.sizes["draw"]
    columns = [draws[name].transpose("chain", "draw", ...).values.reshape(n, -1) for name in (*BY_STAGE, *SHARED)]
    return np.concatenate(columns, axis=1)
