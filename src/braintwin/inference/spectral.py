"""The spectral twin: corticothalamic spectra of five stages, fitted jointly to one person's log spectra.

Shapes are padded (five stages, a fixed number of channels and modes), so that one compiled model serves many people;
what a person lacks is masked out of the likelihood and left at its prior. The residual of the log spectrum is
Student-t with scale sqrt(σ² + v), v the sampling variance: robust to peaks that the model does not have. Each stage has
its own σ: one for all would take from a stage that the model fits what it says, for the sake of one that it misses.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.stages import STAGES
from braintwin.inference.coherency import LOG_LOSS_MEAN, LOG_LOSS_SD, LOG_SHARE_MEAN, LOG_SHARE_SD, coherency_op
from braintwin.inference.person_graph import Graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.sample import CompiledModel, compile_model
from braintwin.inference.spectral_coordinates import (
    RATIO,
    dendrites,
    field,
    prior_numbers,
    unconstrained_layout,
)
from braintwin.inference.spectral_kernel import posterior_op
from braintwin.models.corticothalamic import emg_shape, transfer_power

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CompiledTwin:
    """A compiled spectral twin for one set of frequencies and one padded number of channels.

    With `place`, the middles of blocks of frequencies, it takes coherency too (:mod:`braintwin.inference.coherency`).
    """

    model: CompiledModel
    freq: Floats
    n_channels: int
    nu: float
    place: npt.NDArray[np.int64] | None = None


def padded_channels(n: int) -> int:
    """Return the number of channels that `n` are padded to: it depends on the person alone, never on the batch."""
    return 1 << max(0, n - 1).bit_length()


def band_weights(freq: Floats) -> Floats:
    """Return the trapezoid weights of the band, Hz."""
    step = np.diff(freq)
    return np.concatenate([step[:1], step[:-1] + step[1:], step[-1:]]) / 2


def compile_twin(freq: Floats, n_channels: int, nu: float, place: npt.NDArray[np.int64] | None = None) -> CompiledTwin:
    """Compile the model for `n_channels` padded channels and as many modes, with coherency where `place` is given."""
    freq = np.asarray(freq, dtype=np.float64)
    model = spectral_model(freq, n_channels, nu, place)
    layout = unconstrained_layout(n_channels, coherent=place is not None)
    return CompiledTwin(compile_model(model, ("point",), layout), freq, n_channels, nu, place)


def spectral_model(freq: Floats, n_channels: int, nu: float, place: npt.NDArray[np.int64] | None = None) -> Any:
    """Return the PyMC model with all data masked."""
    import pymc as pm

    shape = (len(STAGES), n_channels, len(freq))
    with pm.Model() as model:
        seen = pm.Data("log_psd", np.zeros(shape))
        variance = pm.Data("variance", np.ones(shape))
        used = pm.Data("used", np.zeros(shape))
        level = pm.Data("level", np.zeros(shape[:2]))
        modes = pm.Data("modes", np.zeros((n_channels, n_channels)))
        eigenvalues = pm.Data("eigenvalues", np.zeros(n_channels))

        # the sampler may walk in coordinates in which the hill is round: unconstrained = centre + root @ white
        layout = unconstrained_layout(n_channels, coherent=place is not None)
        n_dim = max(where.stop for where, _ in layout.values())
        centre, root = pm.Data("centre", np.zeros(n_dim)), pm.Data("root", np.eye(n_dim))
        white = pm.Flat("white", shape=n_dim)
        point = pm.Deterministic("point", centre + (root * white).sum(axis=1))
        by_stage, shared = prior_numbers(nu)
        # every variable but the delay is normal
        shared[-1] -= 0.5 * np.log(2 * np.pi) * (n_dim - 1)
        muscle = emg_shape(freq, float(freq[0]), float(freq[-1]))
        band = np.array([freq, band_weights(freq), muscle])
        fit = posterior_op()(
            white, centre, root, by_stage, shared, band, level, seen, variance, used, modes, eigenvalues
        )
        pm.Potential("fit", fit[0])
        if place is not None:
            together = {name: pm.Data(name, value) for name, value in _no_coherency(len(place), n_channels).items()}
            part = {name: point[where].reshape(size) for name, (where, size) in layout.items()}
            log_share = LOG_SHARE_MEAN + LOG_SHARE_SD * part["share_raw"]
            log_loss = LOG_LOSS_MEAN + LOG_LOSS_SD * part["loss_raw"]
            blocks = place.astype(np.float64)
            cross = coherency_op()(*field(part), log_share, log_loss, RATIO, *band, blocks,
                                   *(together[name] for name in _CROSS[:4]),
                                   eigenvalues, together["n_channels"])  # fmt: skip
            pm.Potential("coherency", pm.Data("coherency_weight", np.array(1.0)) * cross[0])
    return model


_CROSS = ("coherency_real", "coherency_log_det", "coherency_windows", "mixing", "n_channels")


def _no_coherency(blocks: int, n_channels: int) -> dict[str, Floats]:
    """Return the data of coherency where there is none."""
    shape = (len(STAGES), blocks)
    square = np.broadcast_to(np.eye(n_channels), (*shape, n_channels, n_channels)).copy()
    values = (square, np.zeros(shape), np.zeros(shape), np.eye(n_channels), np.array(float(n_channels)))
    return dict(zip(_CROSS, values, strict=True))


def padded_data(twin: CompiledTwin, spectra: PersonSpectra, graph: Graph) -> dict[str, Floats]:
    """Return one person's data in the padded shapes of `twin`."""
    shape = (len(STAGES), twin.n_channels, len(twin.freq))
    rows = [STAGES.index(stage) for stage in spectra.stages]
    here = np.ix_(rows, range(len(spectra.channels)))
    data = {
        "log_psd": np.zeros(shape),
        "variance": np.ones(shape),
        "used": np.zeros(shape),
        "level": np.zeros(shape[:2]),
        "modes": np.zeros((twin.n_channels, twin.n_channels)),
        "eigenvalues": np.zeros(twin.n_channels),
    }
    for name, values in (
        ("log_psd", spectra.log_psd), ("variance", spectra.variance), ("used", spectra.weight()),
        ("level", spectra.level()),
    ):  # fmt: skip
        data[name][here] = values
    data["modes"][: graph.modes.shape[0], : graph.modes.shape[1]] = graph.modes
    data["eigenvalues"][: graph.eigenvalues.size] = graph.eigenvalues
    if twin.place is not None:
        data |= _padded_coherency(twin, spectra, graph, rows)
    return data


def _padded_coherency(twin: CompiledTwin, spectra: PersonSpectra, graph: Graph, rows: list[int]) -> dict[str, Floats]:
    """Return coherency in the padded shapes; without it, or without a graph, none of it counts."""
    assert twin.place is not None
    data = _no_coherency(len(twin.place), twin.n_channels)
    found, n = spectra.coherency, len(spectra.channels)
    if found is None or graph.mixing is None:
        return data
    data["coherency_real"][np.ix_(rows, range(len(twin.place)), range(n), range(n))] = found.real
    data["coherency_log_det"][rows], data["coherency_windows"][rows] = found.log_det, found.windows
    data["mixing"][:] = 0.0
    data["mixing"][:n, : graph.mixing.shape[1]] = graph.mixing
    data["n_channels"] = np.array(float(n))
    return data


def flat_points(twin: CompiledTwin, posterior: xr.Dataset) -> Floats:
    """Return the draws as unconstrained vectors (chain × draw, dim)."""
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    points = np.empty((n, twin.model.n_dim))
    for name, (place, _) in twin.model.layout.items():
        points[:, place] = posterior[name].values.reshape(n, -1)
    return points


def log_power(spectra: PersonSpectra, draws: dict[str, Floats]) -> Floats:
    """Return the log of the power in the band of draws (draw, stage, channel), ln µV², of what the person has."""
    rows = [STAGES.index(stage) for stage in spectra.stages]
    return np.asarray(spectra.level() + draws["offset"][:, rows, : len(spectra.channels)])


def model_spectrum(freq: Floats, draws: dict[str, Floats], graph: Graph) -> tuple[Floats, Floats]:
    """Return the log of the unit-area spectrum of draws, and the log of the input power that has unit area.

    Parameters
    ----------
    freq : (freq,) array
        Hz.
    draws : dict
        X, Y, Z, alpha, emg_fraction (draw, stage); t0, kappa (draw,).

    Returns
    -------
    log_shape : (draw, stage, channel, freq) array
        ln(1/Hz).
    log_input : (draw, stage, channel) array
        Log of s² for a band power of 1.
    """
    alpha, beta = dendrites(draws)
    wide = {"X": draws["X"], "Y": draws["Y"], "Z": draws["Z"], "alpha": alpha, "beta": beta}
    block: dict[str, Any] = {name: value[..., None, None] for name, value in wide.items()}
    coupling = draws["kappa"][:, None, None, None] * graph.eigenvalues[:, None]
    power = transfer_power(freq, coupling=coupling, t0=draws["t0"][:, None, None, None], **block)
    power = graph.modes @ power
    area = np.sum(power * band_weights(freq), axis=-1, keepdims=True)
    share = draws["emg_fraction"][..., None, None]
    muscle = emg_shape(freq, float(freq[0]), float(freq[-1]))
    shape = np.log((1 - share) * power / area + share * muscle)
    return shape, np.log1p(-draws["emg_fraction"])[..., None] - np.log(area[..., 0])
