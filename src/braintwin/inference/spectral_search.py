"""From a person's spectra to chains: where to climb from, how much each bin says, in which coordinates to walk."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.linalg import cho_solve, solve_triangular

from braintwin.contracts.stages import STAGES
from braintwin.inference.diagnose import ess, rhat
from braintwin.inference.evidence import laplace
from braintwin.inference.neighbours import repeats, scores
from braintwin.inference.person_graph import Graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.sample import Draws, draw
from braintwin.inference.spectral import CompiledTwin, flat_points, log_power, model_spectrum, padded_data
from braintwin.inference.spectral_coordinates import constrained, stability
from braintwin.inference.starts import Optima, multistart
from braintwin.provenance import derive_seed

Floats = npt.NDArray[np.float64]

BEGIN_SD = 0.3
"""Sd of the starts of chains about an optimum, in posterior sds by Laplace."""

TARGET_ACCEPT = 0.95
"""Near the edge of stability longer steps diverge now and then."""

ENOUGH, ROUGH = 1 / 15, 60.0
"""Chains go on for longer where a coordinate has a smaller effective share of the draws, in bulk or tail, or an R-hat
above 1 by more than `ROUGH` over their number: with 6,000 draws that is 400, and 1.01."""

LONGER = 4
"""By how much."""

MOST_UNSTABLE = 0.2
"""Share of draws beyond the edge of stability up to which they are left out; with more of them the fit fails."""

_STEP = 1e-4


def search(twin: CompiledTwin, data: dict[str, Floats], begin: Floats) -> Optima:
    """Climb from unconstrained vectors (start, dim); an optimum must be a stable brain in every stage."""

    def admissible(points: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(stability(constrained(twin, points)).all(axis=1))

    return multistart(twin.model.density(data), begin, admissible=admissible)


def search_weighed(
    twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, begin: Floats, redrawn: Sequence[Graph] = ()
) -> tuple[PersonSpectra, Optima]:
    """Climb, weigh neighbouring frequencies at the best optimum, and climb on under those weights."""
    optima = search(twin, padded_data(twin, spectra, graph), begin)
    if not np.isfinite(optima.log_posterior[0]):
        return spectra, optima
    spectra = weigh_neighbours(twin, spectra, graph, optima.points[0], redrawn)
    return spectra, search(twin, padded_data(twin, spectra, graph), optima.points)


def weigh_neighbours(
    twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, best: Floats, redrawn: Sequence[Graph] = ()
) -> PersonSpectra:
    """Return the spectra with how many neighbouring frequencies say the same thing, judged at the optimum `best`.

    Each stage is judged on its own: where the model fits wake, what it misses of sleep takes nothing from wake.

    A wrong graph bends all spectra smoothly. Draws are moved by that later and must not be widened for it too: what
    the graphs `redrawn` by their standard errors explain of the residual is taken away first.
    """
    rows = [STAGES.index(stage) for stage in spectra.stages]
    scale = constrained(twin, best[None])["residual_sd"][0, rows]
    spread = np.sqrt(scale[:, None, None] ** 2 + spectra.variance)
    error = spectra.log_psd - modelled(twin, spectra, graph, best[None])[0]
    pull = scores(error, spread, spectra.used, twin.nu)
    slope = slopes(twin, spectra, graph, best, redrawn)
    weight = spectra.weight()
    # each bin in units of its error; a Student-t error informs by (nu + 1) / (nu + 3) of what a normal one does
    flat = (slope * (np.sqrt(weight * (twin.nu + 1) / (twin.nu + 3)) / spread)[..., None]).reshape(-1, slope.shape[-1])
    root = np.linalg.cholesky(flat.T @ flat + np.eye(flat.shape[1]))
    pulled = np.tensordot(weight * pull / spread, slope, axes=error.ndim)
    # at the optimum the parameters balance their prior: they only follow the graph
    pulled[: best.size] = 0.0
    error = error - slope @ cho_solve((root, True), pulled)
    pull = scores(error, spread, spectra.used, twin.nu)
    reach = solve_triangular(root, flat.T, lower=True).T.reshape(slope.shape)
    return replace(spectra, repeats=repeats(pull, spectra.used, reach, float(np.diff(twin.freq).min())))


def modelled(twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, points: Floats) -> Floats:
    """Return the log spectra (point, stage, channel, freq) of unconstrained vectors."""
    draws = constrained(twin, points)
    rows = [STAGES.index(stage) for stage in spectra.stages]
    return np.asarray(log_power(spectra, draws)[..., None] + model_spectrum(twin.freq, draws, graph)[0][:, rows])


def slopes(twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, best: Floats, redrawn: Sequence[Graph]) -> Floats:
    """Return how the log spectra change with each parameter and each error of the graph, (stage, channel, freq, way).

    Ways have unit prior variance: those of the graph are what `redrawn` change, over the root of their number.
    """
    steps = _STEP * np.eye(best.size)
    up, down = (modelled(twin, spectra, graph, best + step) for step in (steps, -steps))
    here = modelled(twin, spectra, graph, best[None])
    errors = [(modelled(twin, spectra, one, best[None]) - here) / np.sqrt(len(redrawn)) for one in redrawn]
    return np.moveaxis(np.concatenate([(up - down) / (2 * _STEP), *errors]), 0, -1)


def sample_about(
    twin: CompiledTwin, data: dict[str, Floats], optimum: Floats, *,
    seed: int, chains: int, tune: int, draws: int, cores: int = 1,
) -> Draws:  # fmt: skip
    """Sample one person from an optimum on, in coordinates in which the hill is round there."""
    return draw(
        twin.model, data, seed=seed, chains=chains, tune=tune, draws=draws, start=optimum, jitter=BEGIN_SD,
        cores=cores, low_rank=True, target_accept=TARGET_ACCEPT,
        covariance=laplace(twin.model.density(data), optimum)[1],
    )  # fmt: skip


def sample_enough(
    twin: CompiledTwin, data: dict[str, Floats], optimum: Floats, *,
    seed: int, chains: int, tune: int, draws: int, cores: int = 1,
) -> Draws:  # fmt: skip
    """Sample as :func:`sample_about` does, and again for longer where that is not enough (`ENOUGH`).

    A thin arm of the posterior (a share of muscle that a strong spindle loop would do for) may be visited rarely. Of
    the longer chains every `LONGER`-th draw is kept; it diverged if one that it stands for did.
    """
    found = sample_about(twin, data, optimum, seed=seed, chains=chains, tune=tune, draws=draws, cores=cores)
    if not enough(found.posterior):
        own = derive_seed(seed, "fit-spectral", "longer")
        found = thinned(
            sample_about(twin, data, optimum, seed=own, chains=chains, tune=2 * tune, draws=LONGER * draws, cores=cores)
        )
    return only_brains(twin, found, seed)


def thinned(found: Draws) -> Draws:
    """Return every `LONGER`-th draw."""
    kept = {"draw": slice(LONGER - 1, None, LONGER)}
    posterior, stats = (
        part.isel(kept).assign_coords(draw=np.arange(part.sizes["draw"] // LONGER))
        for part in (found.posterior, found.stats)
    )
    diverging = found.stats["diverging"].values
    stats["diverging"] = (("chain", "draw"), diverging.reshape(len(diverging), -1, LONGER).any(axis=-1))
    return Draws(posterior, stats)


def only_brains(twin: CompiledTwin, found: Draws, seed: int) -> Draws:
    """Return the draws with those that are no stable brain exchanged for stable ones of the same chain, at random.

    The wall at the edge of stability is soft and sees the distance alone: a chain may pass it now and then. Stable
    draws are of the posterior of stable brains. ``stats.attrs["unstable"]`` is the share that was beyond.
    """
    chains, draws = found.posterior.sizes["chain"], found.posterior.sizes["draw"]
    stable = stability(constrained(twin, flat_points(twin, found.posterior))).all(axis=1).reshape(chains, draws)
    beyond = 1 - float(stable.mean())
    stats = found.stats.assign_attrs(unstable=beyond)
    if not 0 < beyond <= MOST_UNSTABLE or not stable.any(axis=1).all():
        return Draws(found.posterior, stats)
    rng = np.random.default_rng(derive_seed(seed, "fit-spectral", "stable"))
    place = np.tile(np.arange(draws), (chains, 1))
    for row, good in zip(place, stable, strict=True):
        row[~good] = rng.choice(np.flatnonzero(good), int(np.sum(~good)))
    rows = np.arange(chains)[:, None]
    posterior, stats = (part.copy() for part in (found.posterior, stats))
    # how the sampler went stays as it went: divergences and energies
    for table, names in ((posterior, list(posterior)), (stats, ["lp"])):
        for name in names:
            table[name] = (table[name].dims, table[name].values[rows, place])
    return Draws(posterior, stats)


def enough(posterior: xr.Dataset) -> bool:
    """Tell whether every coordinate has enough effective draws, on which the chains agree."""
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    tables = [variable.values.reshape(*variable.shape[:2], -1) for variable in posterior.values()]
    columns = [table[..., i] for table in tables for i in range(table.shape[-1])]
    return all(
        min(ess(column), ess(column, "tail")) >= ENOUGH * n and rhat(column) <= 1 + ROUGH / n for column in columns
    )
