"""fit-spectral: the corticothalamic twin of each person of a batch, with one compilation."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

import braintwin
from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.features import FEATURES
from braintwin.contracts.spectral import GROUP_CONTRACTS
from braintwin.contracts.tables import PersonRow
from braintwin.errors import NightExcluded, NothingToDo
from braintwin.inference.coherency import mixing_operator
from braintwin.inference.person_graph import Graph, functional_graph, no_graph, shared_information, structural_graph
from braintwin.inference.person_spectra import (
    PersonSpectra,
    average_coherency,
    average_nights,
    channel_groups,
    coherency_blocks,
    group_channels,
)
from braintwin.inference.rival_graphs import rival_graphs
from braintwin.inference.spectral import CompiledTwin, compile_twin, padded_channels
from braintwin.inference.spectral_fit import fit_person
from braintwin.inference.spectral_smc import sample_by_smc, second_opinion
from braintwin.io.arrays import read_dataset
from braintwin.io.channels import positions
from braintwin.io.posterior import write_groups
from braintwin.io.records import guarded, require_ok
from braintwin.options.fit_spectral import FitSpectralOptions
from braintwin.paths import owner
from braintwin.provenance import derive_seed, stamp

Floats = npt.NDArray[np.float64]

STEP = "fit-spectral"
GRAPH_CHANNELS = 4
"""Fewest channels that make a graph of their own."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Nights:
    """The artefacts of all nights of the batch, by the person they belong to."""

    features: dict[str, list[tuple[Path, xr.Dataset]]]
    connect: dict[str, list[tuple[Path, xr.Dataset]]]
    refused: dict[str, list[str]]


def run(
    *,
    people: Sequence[PersonRow],
    features: Sequence[Path],
    connect: Sequence[Path],
    spectral: Sequence[Path],
    seed: int,
    threads: int,
    options: FitSpectralOptions,
) -> None:
    """Fit every person; one whose data or fit is refused gets a valid, empty artefact and a status with the reason.

    Parameters
    ----------
    people : sequence of PersonRow
        The batch.
    features, connect : sequence of Path
        Artefacts of all their nights, in any order.
    spectral : sequence of Path
        Where to write, one a person.
    seed : int
        Seed of the study; each person's is derived from it.
    threads : int
        Chains at a time.
    """
    wanted = {row.person for row in people}
    nights = _read(features, connect)
    twins: dict[tuple[bytes, int, bool], CompiledTwin] = {}
    outputs = [path for path in sorted(spectral) if owner(path) in wanted]
    for number, path in enumerate(outputs, 1):
        person = owner(path)
        with guarded(path, STEP, lambda path=path: _write_empty(path, options)):  # type: ignore[misc]
            _fit(path, person, nights, twins, seed, threads, options)
        log.info("%s %d/%d %s", STEP, number, len(outputs), person)


def _read(features: Sequence[Path], connect: Sequence[Path]) -> _Nights:
    found = _Nights({}, {}, {})
    for paths, contract, into in ((features, FEATURES, found.features), (connect, CONNECTOME, found.connect)):
        for path in sorted(paths):
            try:
                require_ok(path)
            except NightExcluded as refusal:
                if contract is FEATURES:
                    found.refused.setdefault(_person(path), []).append(str(refusal))
                continue
            night = read_dataset(path, contract)
            into.setdefault(str(night.attrs["person"]), []).append((path, night))
    return found


def _person(path: Path) -> str:
    """Return the person of a refused night: its artefact is empty but keeps its attributes."""
    return str(read_dataset(path, FEATURES).attrs.get("person", ""))


def _fit(
    path: Path,
    person: str,
    nights: _Nights,
    twins: dict[tuple[bytes, int, bool], CompiledTwin],
    seed: int,
    threads: int,
    options: FitSpectralOptions,
) -> None:
    mine = nights.features.get(person, [])
    if not mine:
        reasons = sorted(set(nights.refused.get(person, [])) - {""})
        message = f"{STEP}: {person} has no night with EEG" + (f" ({'; '.join(reasons)})" if reasons else "")
        raise NothingToDo(message)
    spectra, graph, places = prepare([n for _, n in mine], [n for _, n in nights.connect.get(person, [])], options)
    width = padded_channels(max(len(spectra.channels), graph.eigenvalues.size))
    key = (spectra.freq.tobytes(), width, spectra.coherency is not None)
    if key not in twins:
        log.info("%s compiling for %d channels", STEP, key[1])
        place = coherency_blocks(spectra.freq) if key[2] else None
        twins[key] = compile_twin(spectra.freq, key[1], options.student_nu, place)
    own = derive_seed(seed, STEP, person)
    dealer = np.random.default_rng(derive_seed(own, "rival-graphs", "rewired"))
    fit = fit_person(
        twins[key],
        spectra,
        graph,
        seed=own,
        chains=options.chains,
        tune=options.tune,
        draws=options.draws,
        starts=options.starts,
        mode_nats=options.mode_nats,
        predictive_samples=options.predictive_samples,
        redraws=options.graph.redraws,
        rivals=rival_graphs(graph, places, dealer) if options.graph.rivals else {},
        cores=threads,
    )
    groups = fit.groups()
    if options.smc_particles:
        rng = np.random.default_rng(derive_seed(own, "smc", person))
        spectra = replace(spectra, repeats=fit.observed_data["repeats"].values)
        particles = sample_by_smc(twins[key], spectra, graph, rng, particles=options.smc_particles)
        every = [fit.sampled, *(fit.others.isel(explanation=i) for i in range(fit.others.sizes["explanation"]))]
        groups["explanations"] = second_opinion(twins[key], spectra, particles, fit.explanations, every)
    groups["posterior"] = groups["posterior"].assign_attrs(person=person)
    inputs = [p for p, _ in mine] + [p for p, _ in nights.connect.get(person, [])]
    write_groups(path, groups, GROUP_CONTRACTS, _stamp(options, inputs, own))


def prepare(
    features: Sequence[xr.Dataset], connect: Sequence[xr.Dataset], options: FitSpectralOptions
) -> tuple[PersonSpectra, Graph, Floats | None]:
    """Return one person's spectra with at most `max_channels` channels, the graph of those channels, and their places.

    Places are (channel, 3), mm; None where one of them is not known.
    """
    every = average_nights(features)
    groups = channel_groups(every.channels, options.max_channels)
    spectra = group_channels(every, groups)
    places = _places(every.channels, [groups[name] for name in spectra.channels])
    if options.graph.source == "none":
        return spectra, no_graph(len(spectra.channels), "no graph was asked for"), places
    if len(spectra.channels) < GRAPH_CHANNELS:
        note = f"{len(spectra.channels)} channel(s) make no graph; {GRAPH_CHANNELS} are needed"
        return spectra, no_graph(len(spectra.channels), note), places
    operator = None
    if options.cross_spectra and len(spectra.channels) == len(every.channels):
        spectra = replace(
            spectra, coherency=average_coherency(features, spectra.channels, spectra.stages, spectra.freq)
        )
        operator = _operator(features, len(spectra.channels), places, options)
    shared = shared_information(connect, every.channels, groups, spectra.channels, spectra.stages, spectra.freq)
    graph = None
    if options.graph.source in ("auto", "structural"):
        graph = structural_graph(connect, every.channels, groups, spectra.channels)
    if graph is None and options.graph.source == "structural":
        graph = no_graph(len(spectra.channels), "no structural connectome was given for these channels")
    if graph is None:
        graph = functional_graph(
            connect,
            every.channels,
            groups,
            spectra.channels,
            measure=options.graph.measure,
            bands=options.graph.bands,
            stages=options.graph.stages,
            operator=operator,
        )
    if graph.mixing is None:  # modes of regions are known in power only
        spectra = replace(spectra, coherency=None)
    return replace(spectra, shared=shared), graph, places


def _places(channels: Sequence[str], groups: Sequence[Sequence[int]]) -> Floats | None:
    """Return the middle of the known places of each group of channels, (group, 3), mm; None where one has none."""
    every = positions(channels)
    known = [[i for i in group if np.isfinite(every[i]).all()] for group in groups]
    return 1000 * np.array([every[group].mean(axis=0) for group in known]) if all(known) else None


def _operator(
    features: Sequence[xr.Dataset], channels: int, places: Floats | None, options: FitSpectralOptions
) -> Floats | None:
    """Return the mixing operator A of the channels, or None where it is the identity."""
    averaged = all("average" in str(night.attrs.get("reference", "")) for night in features)
    blur = options.graph.blur_mm if places is not None else 0.0
    if not averaged and blur == 0:
        return None
    return mixing_operator(channels, "average" if averaged else "none", places=places, blur_mm=blur)


def _stamp(options: FitSpectralOptions, inputs: Sequence[Path], seed: int | None) -> dict[str, str]:
    return stamp(
        version=braintwin.__version__,
        step=STEP,
        module=__name__,
        options=options.model_dump(),
        inputs=inputs,
        seed=seed,
    )


def _write_empty(path: Path, options: FitSpectralOptions) -> None:
    groups = {name: contract.empty() for name, contract in GROUP_CONTRACTS.items()}
    groups["posterior"] = groups["posterior"].assign_attrs(person=owner(path))
    write_groups(path, groups, GROUP_CONTRACTS, _stamp(options, [], None))
