"""The graph of one person's channels, how well it is known, and how much its channels say the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.signals.graphs import clip_negative, laplacian_modes
from braintwin.signals.region_modes import seen_modes

Floats = npt.NDArray[np.float64]


REGION_MODES = 8
"""Modes that those of 68 regions are merged into: as many as the compiled model of eight channels takes."""


@dataclass(frozen=True)
class Graph:
    """Laplacian modes of the channels' graph.

    Attributes
    ----------
    modes : (channel, mode) array
        W_jk, squared weight of mode k in channel j.
    eigenvalues : (mode,) array
        λ_k in [0, 2].
    source : str
        Where it came from: ``functional``, ``structural`` or ``none``.
    note : str
        What a reader should know of it.
    weights, standard_error : (channel, channel) array, optional
        The estimated weights, before negative ones are set to 0, and their standard errors, where the graph is an
        estimate.
    mixing : (channel, mode) array, optional
        B = A U, whose squares are `modes`; what the coherency of the channels is made of.
    operator : (channel, channel) array, optional
        The mixing operator A, from the nodes at the electrodes to the channels; the identity where not given.
    """

    modes: Floats
    eigenvalues: Floats
    source: str
    note: str = ""
    weights: Floats | None = None
    standard_error: Floats | None = None
    mixing: Floats | None = None
    operator: Floats | None = None

    def redraw(self, rng: np.random.Generator) -> "Graph":
        """Return the graph with other weights that the data might have given, by their standard errors."""
        if self.weights is None or self.standard_error is None:
            return self
        noise = np.triu(rng.standard_normal(self.weights.shape), 1)
        return graph_of(self.weights + self.standard_error * (noise + noise.T), self.source, operator=self.operator)


def no_graph(n_channels: int, note: str) -> Graph:
    """Return the graph without edges between anything: every channel shows the uniform mode."""
    return Graph(np.ones((n_channels, 1)), np.zeros(1), "none", note)


def apart(n_channels: int, operator: Floats | None = None) -> Graph:
    """Return nodes that have nothing to do with each other, each like all others: what is coherent is the mixing."""
    mixing = np.eye(n_channels) if operator is None else operator
    return Graph(mixing**2, np.zeros(mixing.shape[1]), "none", "a rival without edges", mixing=mixing)


def graph_of(
    weights: Floats, source: str, standard_error: Floats | None = None, operator: Floats | None = None
) -> Graph:
    """Return the Laplacian modes of the channels' own graph (an effective sensor graph unless an operator is given).

    Parameters
    ----------
    weights : (channel, channel) array
        Symmetric; negative and missing weights are set to 0.
    standard_error : (channel, channel) array, optional
        Of the weights.
    operator : (channel, channel) array, optional
        Mixing operator A; the identity where not given.
    """
    filled = np.nan_to_num(np.asarray(weights, dtype=float))
    filled = (filled + filled.T) / 2
    clipped, negative = clip_negative(filled)
    if not clipped.any():
        return no_graph(len(weights), "the graph had no positive weight")
    eigenvalues, vectors = laplacian_modes(clipped)
    note = f"{negative} negative weights set to 0" if negative else ""
    error = None if standard_error is None else np.nan_to_num(standard_error)
    mixing = vectors if operator is None else operator @ vectors
    return Graph(mixing**2, np.clip(eigenvalues, 0.0, 2.0), source, note, filled, error, mixing, operator)


def structural_graph(
    nights: Sequence[xr.Dataset], channels: Sequence[str], groups: dict[str, list[int]], kept: Sequence[str]
) -> Graph | None:
    """Return the modes of the person's structural connectome as the channels see them; None where none was given.

    The graph is one of regions, taken as known; a channel sees the regions near it. Parameters are as in
    `functional_graph`.
    """
    given = next((night for night in nights if "structural" in night and "region_view" in night), None)
    if given is None:
        return None
    view = given["region_view"].reindex(node=list(channels)).transpose("node", "region").values.astype(float)
    blind = [name for name in kept if not np.isfinite(view[groups[name]]).all(axis=1).any()]
    if blind:
        return None
    modes, eigenvalues = seen_modes(given["structural"].values, view[_placed(view)], REGION_MODES)
    every = np.full((len(view), eigenvalues.size), np.nan)
    every[_placed(view)] = modes
    mean = np.stack([np.nanmean(every[groups[name]], axis=0) for name in kept])
    return Graph(mean, eigenvalues, "structural", str(given.attrs.get("structural", "")))


def _placed(view: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isfinite(view).all(axis=1))


def functional_graph(
    nights: Sequence[xr.Dataset], channels: Sequence[str], groups: dict[str, list[int]], kept: Sequence[str],
    *, measure: str, bands: Sequence[str] | None, stages: Sequence[str], operator: Floats | None = None,
) -> Graph:  # fmt: skip
    """Return the graph of a person's own coupling, averaged over nights, stages and bands.

    One band of one stage knows a weight to 10 to 30 %; their mean knows it better.

    Parameters
    ----------
    nights : sequence of Dataset
        As contracts.connect.CONNECTOME says.
    channels : sequence of str
        Names that `groups` indexes.
    groups : dict
        Channels averaged into one, as `person_spectra.channel_groups` returns.
    kept : sequence of str
        Groups that are fitted, in order.
    bands : sequence of str, optional
        Bands to average over; all where not given.
    operator : (channel, channel) array, optional
        Mixing operator A; the identity where not given.
    """
    values, errors = [], []  # each (stage, band, channel, channel)
    for night in nights:
        if measure not in night["measure"].values:
            continue
        chosen = night.sel(measure=measure)
        chosen = chosen.sel(stage=[s for s in stages if s in night["stage"].values])
        if bands is not None:
            chosen = chosen.sel(band=[b for b in bands if b in night["band"].values])
        chosen = chosen.reindex(node=list(channels), node_to=list(channels))
        order = ("stage", "band", "node", "node_to")
        values.append(chosen["connectivity"].transpose(*order).values)
        errors.append(chosen["standard_error"].transpose(*order).values)
    if not values or not np.isfinite(stacked := np.concatenate(values)).any():
        where = f"{', '.join(bands) if bands is not None else 'any band'} of {', '.join(stages)}"
        return no_graph(len(kept), f"no {measure} in {where}: too few clean epochs, or not estimated")
    mean, error = _mean(stacked, np.concatenate(errors))
    weights, spread = (np.full((len(kept), len(kept)), np.nan) for _ in range(2))
    for i, a in enumerate(kept):
        for j, b in enumerate(kept):
            block = np.ix_(groups[a], groups[b])
            if i != j and np.isfinite(mean[block]).any():
                weights[i, j] = np.nanmean(mean[block])
                known = np.isfinite(error[block])
                spread[i, j] = np.sqrt(np.sum(error[block][known] ** 2)) / max(known.sum(), 1)
    return graph_of(weights, "functional", spread, operator)


def _mean(values: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return the mean over what was estimated (stage of a night, band, node, node) and its standard error.

    Bands of one stage come from the same epochs, whose envelopes rise and fall together in all bands: their errors are
    taken as one and the same, those of different stages and nights as independent. Cells differ for real as well: the
    error is at least what their scatter about the mean says.
    """
    known = np.isfinite(values)
    cells = (0, 1)
    number = known.sum(axis=cells)
    safe = np.maximum(number, 1)
    mean = np.where(number > 0, np.where(known, values, 0.0).sum(axis=cells) / safe, np.nan)
    of_stages = np.where(known, np.nan_to_num(errors), 0.0).sum(axis=1)
    within = np.sum(of_stages**2, axis=0) / safe**2
    scatter = np.sum(np.where(known, values - mean, 0.0) ** 2, axis=cells) / np.maximum(number - 1, 1) / safe
    error = np.sqrt(np.maximum(within, scatter))
    np.fill_diagonal(mean, np.nan)
    return mean, error


def shared_information(
    nights: Sequence[xr.Dataset], channels: Sequence[str], groups: dict[str, list[int]], kept: Sequence[str],
    stages: Sequence[str], freq: Floats,
) -> Floats:  # fmt: skip
    """Return how many channels say the same thing, (stage, freq): 1 if all differ, their number if all are alike.

    The sampling errors of two channels' log spectra correlate by their squared coherence, so the channels' terms of the
    log likelihood are not independent; dividing their sum by the mean over channels of Σ_j coh² gives it the
    information that is there (a composite
    likelihood; Ribatet, Cooley & Davison 2012, Statistica Sinica 22:813). Where coherence was not
    estimated all channels count as one.
    """
    number = len(kept)
    result = np.full((len(stages), freq.size), float(number))
    picked = [groups[name][0] for name in kept]
    for row, stage in enumerate(stages):
        found = []
        for night in nights:
            if stage in night["stage"].values and "coherence" in night["measure"].values:
                chosen = night["connectivity"].sel(stage=stage, measure="coherence")
                matrix = chosen.reindex(node=list(channels), node_to=list(channels)).values[:, picked][:, :, picked]
                squared = np.where(np.isfinite(matrix), matrix, 1.0) ** 2
                squared[:, np.arange(number), np.arange(number)] = 1.0
                found.append((squared.sum(axis=(1, 2)) / number, night))
        if found:
            by_band = np.mean([value for value, _ in found], axis=0)
            centre = (found[0][1]["band_low"].values + found[0][1]["band_high"].values) / 2
            result[row] = np.interp(freq, centre, by_band)
    return np.asarray(np.clip(result, 1.0, max(number, 1)))
