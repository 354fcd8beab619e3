"""The spectral twin: corticothalamic spectra of five stages, fitted jointly to one person's log spectra.

Shapes are padded (five stages, a fixed number of channels and modes), so that one compiled model serves many people;
what a person lacks is masked out of the likelihood and left at its prior. The residual of the log spectrum is
Student-t with scale sqrt(σ² + v), v the sampling variance: robust to peaks that the model does not have. Each stage has
its own σ: one for all would take from a stage that the model fits what it says, for the sake of one that it misses.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import betaln, log_ndtr, ndtr, ndtri_exp

from braintwin.contracts.stages import STAGES
from braintwin.inference.coherency import LOG_LOSS_MEAN, LOG_LOSS_SD, LOG_SHARE_MEAN, LOG_SHARE_SD, coherency_op
from braintwin.inference.person_graph import Graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.sample import CompiledModel, compile_model
from braintwin.inference.spectral_kernel import KNEE, posterior_op
from braintwin.models import parameters as p
from braintwin.models import sleep_priors as fitted
from braintwin.models.corticothalamic import emg_shape, is_stable, transfer_power

Floats = npt.NDArray[np.float64]

OFFSET_SD = 1.0
"""Prior sd of the log scale around the observed log power, nat."""


_REGIME = [fitted.STAGE_PRIORS[stage].regime for stage in STAGES]
_RATIO = np.array([p.BETA_OVER_ALPHA[regime] for regime in _REGIME])
_UNBOUNDED = [fitted.STAGE_PRIORS[stage].unbounded() for stage in STAGES]
_LOCATION, _SPREAD = ({name: np.array([u[name][i] for u in _UNBOUNDED]) for name in _UNBOUNDED[0]} for i in (0, 1))
_EMG = np.array([fitted.STAGE_PRIORS[stage].emg for stage in STAGES]).T

SHARED = ("t0", "kappa")
BY_STAGE = ("X", "Y", "Z", "emg_fraction", "residual_sd", "alpha")

UNCONSTRAINED = (
    "X_raw", "Y_raw", "Z_root", "emg_score", "residual_score", "alpha_raw", "t0_raw_interval__", "kappa_raw",
    "offset_raw",
)  # fmt: skip
"""Variables of the unconstrained vector; :func:`constrained` turns them into parameters."""


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


def unconstrained_layout(n_channels: int, *, coherent: bool = False) -> dict[str, tuple[slice, tuple[int, ...]]]:
    """Return place and shape of each variable in the unconstrained vector."""
    shapes: dict[str, tuple[int, ...]] = {name: () for name in UNCONSTRAINED}
    shapes |= {name: (len(STAGES),) for name in UNCONSTRAINED[: len(BY_STAGE)]}
    shapes["offset_raw"] = (len(STAGES), n_channels)
    if coherent:
        shapes |= {"share_raw": (), "loss_raw": (n_channels * (n_channels - 1) // 2,)}
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    return {
        name: (slice(int(end) - math.prod(shape), int(end)), shape)
        for end, (name, shape) in zip(ends, shapes.items(), strict=True)
    }


def prior_numbers(nu: float) -> tuple[Floats, Floats]:
    """Return what the priors hold by stage (11, stage) and of the shared parameters (11,), for `log_posterior`."""
    by_stage = np.array([*_LOCATION.values(), *_SPREAD.values(), *_EMG, _RATIO])
    low, high = (p.T0_LOW - fitted.T0_MEAN) / fitted.T0_SD, (p.T0_HIGH - fitted.T0_MEAN) / fitted.T0_SD
    t0 = np.log(high - low) - np.log(ndtr(high) - ndtr(low)) - 0.5 * np.log(2 * np.pi)
    constant = t0 - np.sum(betaln(*_EMG) + np.log(_EMG[1]))
    delay = (p.T0_LOW, p.T0_HIGH, fitted.T0_MEAN, fitted.T0_SD)
    rest = (p.LOG_KAPPA_MEAN, p.LOG_KAPPA_SD, p.RESIDUAL_SD_MEAN, OFFSET_SD, p.Z_MAX, nu)
    return by_stage, np.array([*delay, *rest, constant])


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
            cross = coherency_op()(*_field(part), log_share, log_loss, _RATIO, *band, blocks,
                                   *(together[name] for name in _CROSS[:4]),
                                   eigenvalues, together["n_channels"])  # fmt: skip
            pm.Potential("coherency", pm.Data("coherency_weight", np.array(1.0)) * cross[0])
    return model


def _field(part: dict[str, Any]) -> tuple[Any, ...]:
    """Return X, Y, Z, α, t₀, κ and the EMG fraction of symbolic unconstrained variables."""
    import pytensor.tensor as pt

    line = {name: _LOCATION[name] + _SPREAD[name] * part[f"{name}_raw"] for name in ("X", "Y", "alpha")}
    line["Z"] = 2 * pt.log(KNEE * pt.softplus(_bent(part["Z_root"])))
    return (
        pt.sigmoid(line["X"]),
        line["Y"],
        np.float64(p.Z_MAX) * pt.sigmoid(line["Z"]),
        pt.exp(line["alpha"]),
        np.float64(p.T0_LOW) + np.float64(p.T0_HIGH - p.T0_LOW) * pt.sigmoid(part["t0_raw_interval__"]),
        pt.exp(np.float64(p.LOG_KAPPA_MEAN) + np.float64(p.LOG_KAPPA_SD) * part["kappa_raw"]),
        -pt.expm1(pt.log(0.5 * pt.erfc(part["emg_score"] / math.sqrt(2.0))) / _EMG[1]),
    )


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


def prior_draws(rng: np.random.Generator, n: int, *, stable: bool = True) -> dict[str, Floats]:
    """Return `n` draws of every parameter but the scales, by default of stable brains only.

    Returns
    -------
    dict
        X, Y, Z, alpha, emg_fraction, residual_sd (n, stage); t0, kappa (n,).
    """
    parts: list[dict[str, Floats]] = []
    have = 0
    while have < n:
        part = _unconditional(rng, 2 * n + 50)
        if stable:
            # a vector is kept only if all five stages are stable
            keep = stability(part).all(axis=1)
            part = {name: values[keep] for name, values in part.items()}
        parts.append(part)
        have += len(part["t0"])
    return {name: np.concatenate([part[name] for part in parts])[:n] for name in parts[0]}


def _unconditional(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    from scipy.stats import truncnorm

    line = {name: _LOCATION[name] + _SPREAD[name] * rng.standard_normal((n, len(STAGES))) for name in _LOCATION}
    low, high = (p.T0_LOW - fitted.T0_MEAN) / fitted.T0_SD, (p.T0_HIGH - fitted.T0_MEAN) / fitted.T0_SD
    return {
        "X": 1 / (1 + np.exp(-line["X"])),
        "Y": line["Y"],
        "Z": p.Z_MAX / (1 + np.exp(-line["Z"])),
        "alpha": np.exp(line["alpha"]),
        "emg_fraction": rng.beta(_EMG[0], _EMG[1], size=(n, len(STAGES))),
        "t0": fitted.T0_MEAN + fitted.T0_SD * truncnorm.ppf(rng.uniform(size=n), low, high),
        "kappa": np.exp(p.LOG_KAPPA_MEAN + p.LOG_KAPPA_SD * rng.standard_normal(n)),
        "residual_sd": rng.exponential(p.RESIDUAL_SD_MEAN, size=(n, len(STAGES))),
    }


def unconstrained(twin: CompiledTwin, draws: dict[str, Floats]) -> Floats:
    """Return parameters (as :func:`prior_draws` gives them) as unconstrained vectors (n, dim), offsets at 0."""

    def logit(share: Floats) -> Floats:
        share = np.clip(share, 1e-6, 1 - 1e-6)
        return np.asarray(np.log(share / (1 - share)))

    values = {
        "X_raw": (logit(draws["X"]) - _LOCATION["X"]) / _SPREAD["X"],
        "Y_raw": (draws["Y"] - _LOCATION["Y"]) / _SPREAD["Y"],
        "Z_root": _root_of(logit(draws["Z"] / p.Z_MAX)),
        "alpha_raw": (np.log(draws["alpha"]) - _LOCATION["alpha"]) / _SPREAD["alpha"],
        "emg_score": -ndtri_exp(_EMG[1] * np.log1p(-draws["emg_fraction"])),
        "t0_raw_interval__": logit((draws["t0"] - p.T0_LOW) / (p.T0_HIGH - p.T0_LOW)),
        "kappa_raw": (np.log(draws["kappa"]) - p.LOG_KAPPA_MEAN) / p.LOG_KAPPA_SD,
        "residual_score": -ndtri_exp(-draws["residual_sd"] / p.RESIDUAL_SD_MEAN),
        "offset_raw": np.zeros((len(draws["t0"]), len(STAGES), twin.n_channels)),
    }
    n = len(draws["t0"])
    values["share_raw"], values["loss_raw"] = np.zeros(n), np.zeros((n, twin.n_channels * (twin.n_channels - 1) // 2))
    points = np.empty((n, twin.model.n_dim))
    for name, (place, _) in twin.model.layout.items():
        points[:, place] = values[name].reshape(n, -1)
    return points


def _bent(root: Any) -> Any:
    """Return where the coordinate of Z (..., stage) lies on the line that softplus bends."""
    middle = np.exp(_LOCATION["Z"] / 2)
    return (middle + 0.5 * middle * _SPREAD["Z"] * root) / KNEE


def _root_of(odds: Floats) -> Floats:
    """Return the coordinate of Z from its log odds (..., stage)."""
    middle, root = np.exp(_LOCATION["Z"] / 2), np.exp(odds / 2) / KNEE
    # softplus the other way round; log1p(-exp(-root)) is what it bends
    line = KNEE * (root + np.log(-np.expm1(-root)))
    return np.asarray((line - middle) / (0.5 * middle * _SPREAD["Z"]))


def flat_points(twin: CompiledTwin, posterior: xr.Dataset) -> Floats:
    """Return the draws as unconstrained vectors (chain × draw, dim)."""
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    points = np.empty((n, twin.model.n_dim))
    for name, (place, _) in twin.model.layout.items():
        points[:, place] = posterior[name].values.reshape(n, -1)
    return points


def constrained(twin: CompiledTwin, points: Floats) -> dict[str, Floats]:
    """Return the parameters of unconstrained vectors (n, dim): the inverse of :func:`unconstrained`."""
    raw = {n: points[:, place].reshape(len(points), *shape) for n, (place, shape) in twin.model.layout.items()}

    def sigmoid(value: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-value)))

    return {
        "X": sigmoid(_LOCATION["X"] + _SPREAD["X"] * raw["X_raw"]),
        "Y": _LOCATION["Y"] + _SPREAD["Y"] * raw["Y_raw"],
        "Z": p.Z_MAX * sigmoid(2 * np.log(KNEE * np.logaddexp(0, _bent(raw["Z_root"])))),
        "emg_fraction": -np.expm1(log_ndtr(-raw["emg_score"]) / _EMG[1]),
        "t0": p.T0_LOW + (p.T0_HIGH - p.T0_LOW) * sigmoid(raw["t0_raw_interval__"]),
        "alpha": np.exp(_LOCATION["alpha"] + _SPREAD["alpha"] * raw["alpha_raw"]),
        "kappa": np.exp(p.LOG_KAPPA_MEAN + p.LOG_KAPPA_SD * raw["kappa_raw"]),
        "residual_sd": -p.RESIDUAL_SD_MEAN * log_ndtr(-raw["residual_score"]),
        "offset": OFFSET_SD * raw["offset_raw"],
        **_of_coherency(raw),
    }


def _of_coherency(raw: dict[str, Floats]) -> dict[str, Floats]:
    """Return the share of the windows that counts (n,) and the loss of each pair (n, pair), where coherency enters."""
    if "share_raw" not in raw:
        return {}
    return {
        "coherency_share": np.exp(LOG_SHARE_MEAN + LOG_SHARE_SD * raw["share_raw"]),
        "coherency_loss": np.exp(LOG_LOSS_MEAN + LOG_LOSS_SD * raw["loss_raw"]),
    }


def dendrites(draws: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return α and β of every stage, (..., stage), 1/s."""
    return draws["alpha"], _RATIO * draws["alpha"]


def stability(draws: dict[str, Floats]) -> npt.NDArray[np.bool_]:
    """Tell for every draw and stage (..., stage) whether it is a stable brain."""
    alpha, beta = dendrites(draws)
    return np.asarray(is_stable(draws["X"], draws["Y"], draws["Z"], draws["t0"][..., None], alpha, beta))


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
