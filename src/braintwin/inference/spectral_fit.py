"""One person's spectral twin: search, sample, replicate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.stages import STAGES
from braintwin.errors import FitFailed
from braintwin.inference.evidence import bridge, laplace
from braintwin.inference.explained import summarise, without
from braintwin.inference.explanations import Mode, modes, owners, settle, worth_sampling
from braintwin.inference.person_graph import Graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.rival_graphs import Effort, compare
from braintwin.inference.sample import Draws
from braintwin.inference.spectral import CompiledTwin, flat_points, log_power, model_spectrum, padded_data
from braintwin.inference.spectral_coordinates import constrained, prior_draws, stability, unconstrained
from braintwin.inference.spectral_groups import describe, observed, prior_dataset, replicate, tabulate
from braintwin.inference.spectral_search import sample_enough, search_weighed
from braintwin.inference.starts import Optima, multistart
from braintwin.provenance import derive_seed

Floats = npt.NDArray[np.float64]

MIN_CHAINS = 2
"""Chains that must stay in a mode for it to be an explanation of its own."""


@dataclass(frozen=True)
class SpectralFit:
    """The groups of one fit, as contracts.spectral says."""

    posterior: xr.Dataset
    sampled: xr.Dataset
    prior: xr.Dataset
    sample_stats: xr.Dataset
    posterior_predictive: xr.Dataset
    observed_data: xr.Dataset
    starts: xr.Dataset
    explanations: xr.Dataset
    others: xr.Dataset
    graphs: xr.Dataset

    def groups(self) -> dict[str, xr.Dataset]:
        """Return the groups by name."""
        return dict(vars(self))


def fit_person(
    twin: CompiledTwin,
    spectra: PersonSpectra,
    graph: Graph,
    *,
    seed: int,
    chains: int = 4,
    tune: int = 500,
    draws: int = 1500,
    starts: int = 24,
    mode_nats: float = 3.0,
    predictive_samples: int = 200,
    redraws: int = 32,
    rivals: Mapping[str, Graph] | None = None,
    effort: Effort | None = None,
    cores: int = 1,
) -> SpectralFit:
    """Fit one person: climb from many starts, begin every chain at the best optimum, sample, replicate the spectra.

    Neighbouring frequencies count for as much as they say that others do not, judged at the best optimum
    (`neighbours`); the climbs then go on under those weights.

    Where further optima may hold a notable share of the posterior, chains begin in each of them; the heaviest is the
    posterior, what is left of the others goes with it as explanations of their own.

    Sampling takes the graph as known. What is not known of it is carried by `redraws` graphs drawn by their standard
    errors: each draw is moved by as much as the optimum moves under one of them (`carry_graph`). What the spectra say
    under the graphs of `rivals` is compared with that (`rival_graphs`).

    Raises
    ------
    FitFailed
        If no start reached a stable optimum, or no chain could begin there.
    """
    rng = np.random.default_rng(seed)
    begin = unconstrained(twin, prior_draws(rng, starts))
    redrawn = [graph.redraw(rng) for _ in range(redraws)] if graph.standard_error is not None else []
    spectra, optima = search_weighed(twin, spectra, graph, begin, redrawn)
    data = padded_data(twin, spectra, graph)
    if not np.isfinite(optima.log_posterior[0]):
        message = (
            f"fit-spectral: none of {starts} starts reached a stable brain; look for artefacts in the person's spectra "
            "or raise fit_spectral.starts"
        )
        raise FitFailed(message)
    density = twin.model.density(data)
    found = worth_sampling(modes(density, optima), mode_nats)

    def sample(number: int) -> Draws:
        try:
            return sample_enough(
                twin,
                data,
                found[number].point,
                seed=derive_seed(seed, "explanation", str(number)) if number else seed,
                chains=chains,
                tune=tune,
                draws=draws,
                cores=cores,
            )
        except RuntimeError as cause:
            message = f"fit-spectral: the sampler could not begin at the best optimum ({str(cause).splitlines()[0]})"
            raise FitFailed(message) from cause

    drawn = [sample(number) for number in range(len(found))]
    if len(found) > 1:
        found, drawn = weigh(twin, data, found, drawn, mode_nats, rng)
    fits = [
        collect(twin, spectra, redrawn or [graph], one, optima, mode.point, rng, predictive_samples)
        for mode, one in zip(found, drawn, strict=True)
    ]
    own = flat_points(twin, drawn[0].posterior)
    return replace(
        fits[0],
        graphs=compare(twin, spectra, graph, own, rivals or {}, seed, effort or Effort()),
        explanations=summarise(found, [fit.posterior for fit in fits]),
        others=without(fits[0].posterior, [fit.posterior for fit in fits[1:]]),
    )


def weigh(
    twin: CompiledTwin,
    data: dict[str, Floats],
    found: list[Mode],
    drawn: list[Draws],
    mode_nats: float,
    rng: np.random.Generator,
) -> tuple[list[Mode], list[Draws]]:
    """Return the explanations with the mass of their draws, heaviest first, and those draws."""
    density = twin.model.density(data)
    posterior, stats = (xr.concat([getattr(one, part) for one in drawn], "chain") for part in ("posterior", "stats"))
    points = flat_points(twin, posterior).reshape(posterior.sizes["chain"], -1, twin.model.n_dim)
    owner = owners(points, [(mode.point, laplace(density, mode.point)[1]) for mode in found])
    chains = [np.flatnonzero(owner == number) for number in range(len(found))]
    sampled = [
        (replace(mode, log_mass=bridge(density, points[mine], rng)[0]), np.concatenate(points[mine]))
        for mode, mine in zip(found, chains, strict=True)
        if mine.size
    ]
    owned = [Draws(posterior.isel(chain=mine), stats.isel(chain=mine)) for mine in chains if mine.size]
    kept = settle(sampled, mode_nats)
    if any(len(owned[i].posterior["chain"]) < MIN_CHAINS for i in kept) and (owner < 0).any():
        # chains that go from one to the other and back are of one posterior, which those of the heaviest have walked
        return found[:1], drawn[:1]
    return [sampled[i][0] for i in kept], [halves(owned[i]) for i in kept]


def halves(drawn: Draws) -> Draws:
    """Return a lone chain as its two halves, which can disagree; several chains as they are."""
    if drawn.posterior.sizes["chain"] >= MIN_CHAINS:
        return drawn
    half = drawn.posterior.sizes["draw"] // 2
    parts = ({"draw": slice(half)}, {"draw": slice(half, 2 * half)})
    posterior, stats = (
        xr.concat([table.isel(part).assign_coords(draw=np.arange(half)) for part in parts], "chain")
        for table in (drawn.posterior, drawn.stats)
    )
    return Draws(posterior, stats)


def carry_graph(twin: CompiledTwin, spectra: PersonSpectra, graphs: list[Graph], best: Floats) -> Floats:
    """Return by how much the optimum moves under each graph (graph, dim), in unconstrained space.

    The posterior under each graph is taken to have the shape of the one that was sampled, at its own optimum. An
    optimum that runs away to another mode says nothing about the shape here and is left where it was.
    """
    if len(graphs) == 1:
        return np.zeros((1, best.size))
    moved = np.zeros((len(graphs), best.size))
    covariance = laplace(twin.model.density(padded_data(twin, spectra, graphs[0])), best)[1]
    for row, graph in enumerate(graphs):
        density = twin.model.density(padded_data(twin, spectra, graph))
        optimum = multistart(density, best[None], covariance=covariance).points[0]
        if np.isfinite(optimum).all() and stability(constrained(twin, optimum[None])).all():
            moved[row] = optimum - best
    return moved


def collect(
    twin: CompiledTwin,
    spectra: PersonSpectra,
    graphs: list[Graph],
    drawn: Draws,
    optima: Optima,
    best: Floats,
    rng: np.random.Generator,
    predictive_samples: int,
) -> SpectralFit:
    """Return the groups of a fit from its draws: only the stages and channels that the person has."""
    rows = [STAGES.index(stage) for stage in spectra.stages]
    n = drawn.posterior.sizes["chain"] * drawn.posterior.sizes["draw"]
    points = flat_points(twin, drawn.posterior)
    under = rng.permutation(n) % len(graphs)
    moved = points + carry_graph(twin, spectra, graphs, best)[under]
    sampled = tabulate(spectra, drawn, constrained(twin, points), None)
    flat = constrained(twin, moved)
    log_input = np.empty((n, len(rows), len(spectra.channels)))
    for number, graph in enumerate(graphs):
        # in blocks of draws: all at once would hold draw × stage × channel × frequency
        mine = np.flatnonzero(under == number)
        for part in np.array_split(mine, -(-mine.size // 200)) if mine.size else ():
            log_input[part] = model_spectrum(twin.freq, {k: v[part] for k, v in flat.items()}, graph)[1][:, rows]
    told_by = "prior" if graphs[0].source == "none" else "data" if spectra.coherency is None else "coherency"
    posterior = tabulate(spectra, drawn, flat, log_input).assign_attrs(
        graph=graphs[0].source, graph_note=graphs[0].note, kappa_source=told_by
    )
    if told_by == "coherency":
        posterior.attrs["coherency_share"] = float(flat["coherency_share"].mean())
    scale = log_power(spectra, flat)
    stable = stability({k: v.reshape(*posterior["t0"].shape, *v.shape[1:]) for k, v in flat.items()})[..., rows]
    stats = drawn.stats.assign(stable=(("chain", "draw", "stage"), stable)).assign_coords(stage=list(spectra.stages))
    kept = np.unique(np.linspace(0, n - 1, min(predictive_samples, n)).round().astype(int))
    return SpectralFit(
        posterior=posterior,
        sampled=sampled,
        prior=prior_dataset(1000, spectra.stages),
        sample_stats=stats,
        posterior_predictive=replicate(
            twin, spectra, [graphs[i] for i in under[kept]], {k: v[kept] for k, v in flat.items()}, scale[kept], rng
        ),
        observed_data=observed(spectra),
        starts=describe(twin, optima, rows, spectra.stages),
        explanations=xr.Dataset(),
        others=xr.Dataset(),
        graphs=xr.Dataset(),
    )
