"""Did the connectome earn its place: the same spectra under a person's graph and under graphs that know less of them.

Each rival is sampled on its own from its own optimum, and what each says of a frequency of a stage that it has not
seen is compared (PSIS-LOO). Draws carried over from the person's own graph are no substitute: a dozen effective draws
were left of 400 (decision 014).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import gammaln

from braintwin.contracts.stages import STAGES
from braintwin.inference.coherency import block_density, model_coherency
from braintwin.inference.evidence import laplace
from braintwin.inference.person_graph import Graph, apart, graph_of
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.psis import TOO_HEAVY, leave_one_out
from braintwin.inference.spectral import CompiledTwin, band_weights, flat_points, padded_data
from braintwin.inference.spectral_coordinates import constrained, dendrites
from braintwin.inference.spectral_search import modelled, sample_about
from braintwin.inference.starts import multistart
from braintwin.models.corticothalamic import emg_shape, transfer_power
from braintwin.provenance import derive_seed
from braintwin.signals.graphs import distance_graph, rewire

Floats = npt.NDArray[np.float64]

OWN, REWIRED, DISTANCE, NONE = "own", "rewired", "distance", "none"

LENGTHS_MM = np.geomspace(15.0, 240.0, 25)
"""Decay lengths that the distance-only graph chooses from."""

BLOCK_BINS = 8
"""Neighbouring frequencies whose scores are added before their spread is taken: residuals are smooth in frequency."""

TRUSTED = 0.05
"""Largest share of the points whose weights may have too heavy a tail."""


def rival_graphs(graph: Graph, positions: Floats | None, rng: np.random.Generator) -> dict[str, Graph]:
    """Return the graphs that a person's own one is compared with; all are taken as known exactly.

    Parameters
    ----------
    graph : Graph
        The person's own; without weights there is nothing to compare.
    positions : (channel, 3) array, optional
        Places of the channels, mm; without them there is no distance-only graph.

    Returns
    -------
    dict
        ``rewired``: the same weights dealt out again, degrees and strengths kept; ``distance``: the exponential of
        distance that comes nearest to the own weights; ``none``: no edge between anything.
    """
    if graph.weights is None:
        return {}
    weights = np.maximum(graph.weights, 0.0)
    found = {REWIRED: graph_of(rewire(weights, rng), REWIRED, operator=graph.operator)}
    if positions is not None and np.isfinite(positions).all():
        found[DISTANCE] = graph_of(nearest_by_distance(weights, positions), DISTANCE, operator=graph.operator)
    return found | {NONE: apart(len(weights), graph.operator)}


def nearest_by_distance(weights: Floats, positions: Floats) -> Floats:
    """Return the weights c exp(-distance / length) that are nearest to `weights` in least squares."""
    pairs = np.triu_indices(len(weights), 1)
    graphs = [distance_graph(positions, length) for length in LENGTHS_MM]
    scales = [float(g[pairs] @ weights[pairs] / (g[pairs] @ g[pairs])) for g in graphs]
    errors = [np.sum((weights[pairs] - c * g[pairs]) ** 2) for c, g in zip(scales, graphs, strict=True)]
    best = int(np.argmin(errors))
    return np.asarray(scales[best] * graphs[best])


def pointwise(twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, points: Floats) -> Floats:
    """Return the log likelihood (draw, stage × freq) of each frequency of each stage, over channels.

    As in the fit, channels that say the same thing count as one.
    """
    flat = constrained(twin, points)
    rows = [STAGES.index(stage) for stage in spectra.stages]
    found = []
    for part in np.array_split(np.arange(len(points)), -(-len(points) // 200)):
        error = spectra.log_psd - modelled(twin, spectra, graph, points[part])
        spread = flat["residual_sd"][part][:, rows, None, None] ** 2 + spectra.variance
        each = -0.5 * np.log(spread) - 0.5 * (twin.nu + 1) * np.log1p(error**2 / (twin.nu * spread))
        each += gammaln((twin.nu + 1) / 2) - gammaln(twin.nu / 2) - 0.5 * np.log(twin.nu * np.pi)
        found.append(np.sum(spectra.weight() * each, axis=2).reshape(len(part), -1))
    used = spectra.used.any(axis=1).ravel()
    every = np.concatenate(found)[:, used]
    if spectra.coherency is None or graph.mixing is None:
        return every
    return np.concatenate([every, _of_coherency(twin, spectra, graph, flat, rows)], axis=1)


def _of_coherency(
    twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, flat: dict[str, Floats], rows: list[int]
) -> Floats:
    """Return the log density of each block of coherency (draw, stage × block) that was seen."""
    together, mixing = spectra.coherency, graph.mixing
    assert together is not None
    assert mixing is not None
    alpha, beta = dendrites(flat)
    wide: dict[str, Any] = {"X": flat["X"], "Y": flat["Y"], "Z": flat["Z"], "alpha": alpha, "beta": beta}
    power = transfer_power(
        twin.freq,
        coupling=flat["kappa"][:, None, None, None] * graph.eigenvalues[:, None],
        t0=flat["t0"][:, None, None, None],
        **{name: value[:, rows, None, None] for name, value in wide.items()},
    )
    muscle = emg_shape(twin.freq, float(twin.freq[0]), float(twin.freq[-1]))
    model = model_coherency(
        power, flat["emg_fraction"][:, rows], band_weights(twin.freq), muscle, mixing, together.place,
        flat["coherency_loss"][:, None],
    )  # fmt: skip
    found = block_density(together, model, flat["coherency_share"])
    return found.reshape(len(found), -1)[:, together.windows.ravel() > 0]


@dataclass(frozen=True)
class Effort:
    """How long each rival is sampled, and on how many draws scores rest."""

    chains: int = 2
    tune: int = 200
    draws: int = 150


def compare(
    twin: CompiledTwin,
    spectra: PersonSpectra,
    graph: Graph,
    points: Floats,
    rivals: Mapping[str, Graph],
    seed: int,
    effort: Effort,
) -> xr.Dataset:
    """Score the person's graph and its rivals on frequencies left out, and what each makes of κ.

    Parameters
    ----------
    points : (draw, dim) array
        Draws under the person's own graph, in the unconstrained space, chain after chain.
    rivals : mapping of str to Graph
        As `rival_graphs` gives them; empty gives a Dataset without any graph.

    Returns
    -------
    Dataset
        As contracts.spectral.SPECTRAL_GRAPHS.
    """
    if not rivals:
        return tabulated([], [], np.zeros((0, 0)), [])
    thin = points[:: max(1, len(points) // (effort.chains * effort.draws))]
    drawn = {OWN: thin}
    own = twin.model.density(padded_data(twin, spectra, graph))
    begin = points[np.argmax([own(point)[0] for point in points[::10]]) * 10]
    shape = laplace(own, begin)[1]
    for name, rival in rivals.items():
        data = padded_data(twin, spectra, rival)
        density = twin.model.density(data)
        optimum = multistart(density, begin[None], covariance=shape).points[0]
        found = sample_about(
            twin, data, optimum, seed=derive_seed(seed, "rival-graph", name), chains=effort.chains, tune=effort.tune,
            draws=effort.draws,
        )  # fmt: skip
        drawn[name] = flat_points(twin, found.posterior)
    scores, shapes = [], []
    for name, mine in drawn.items():
        score, shape = leave_one_out(pointwise(twin, spectra, graph if name == OWN else rivals[name], mine))
        scores.append(score)
        shapes.append(float(np.mean(shape > TOO_HEAVY)))
    kappa = [constrained(twin, mine)["kappa"] for mine in drawn.values()]
    return tabulated(list(drawn), kappa, np.array(scores), shapes)


def tabulated(names: list[str], kappa: list[Floats], scores: Floats, heavy: list[float]) -> xr.Dataset:
    """Return the scores (graph, point) as they are stored: sums, and how far the first graph leads each."""
    lead = scores[:1] - scores
    block = np.arange(lead.shape[1]) // BLOCK_BINS
    sums = np.array([np.bincount(block, row) for row in lead]) if lead.size else np.zeros((0, 0))
    error = np.sqrt(sums.shape[1] * sums.var(axis=1, ddof=1)) if lead.size else np.zeros(0)
    return xr.Dataset(
        {
            "elpd": ("graph", scores.sum(axis=1)),
            "lead": ("graph", lead.sum(axis=1)),
            "lead_se": ("graph", error),
            "heavy_tails": ("graph", np.array(heavy, dtype=float)),
            "kappa_mean": ("graph", np.array([values.mean() for values in kappa], dtype=float)),
            "kappa_sd": ("graph", np.array([values.std() for values in kappa], dtype=float)),
        },
        {"graph": np.array(names, dtype=str)},
    )


def verdict(compared: xr.Dataset) -> str:
    """Return ``earned``, ``not earned`` or ``unclear``; empty where there was nothing to compare.

    A graph has earned its place where it leads every rival by more than two standard errors; it has not where some
    rival is as good. Where importance weights were too uneven to tell, nothing is claimed.
    """
    if compared.sizes.get("graph", 0) < 2:
        return ""
    if float(compared["heavy_tails"].max()) > TRUSTED:
        return "unclear"
    others = compared.isel(graph=slice(1, None))
    return "earned" if bool((others["lead"] > 2 * others["lead_se"]).all()) else "not earned"


_RIVALS = {REWIRED: "the same weights rewired", DISTANCE: "distance alone", NONE: "no graph at all"}


def words(compared: xr.Dataset) -> str:
    """Return the sentence about the connectome that a page prints; empty where there was nothing to compare."""
    found = verdict(compared)
    if not found:
        return ""
    leads = "; ".join(
        f"{_RIVALS[str(one['graph'].values)]} {float(one['lead']):+.0f} ± {float(one['lead_se']):.0f}"
        for one in (compared.isel(graph=i) for i in range(1, compared.sizes["graph"]))
    )
    opening = {
        "earned": "The connectome earned its place in the spectra",
        "not earned": "The connectome did not earn its place in the spectra",
        "unclear": "Whether the connectome earned its place in the spectra cannot be told (uneven weights)",
    }[found]
    return f"{opening}: lead over rivals on frequencies left out, nat: {leads}."
