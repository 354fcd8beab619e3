"""Priors of the spectral twin, and the coordinates in which it is fitted.

A sampler walks in an unconstrained vector in which every variable but the delay is standard normal under the prior;
:func:`constrained` turns it into the parameters that are reported, :func:`unconstrained` back.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, log_ndtr, ndtr, ndtri_exp

from braintwin.contracts.stages import STAGES
from braintwin.inference.coherency import LOG_LOSS_MEAN, LOG_LOSS_SD, LOG_SHARE_MEAN, LOG_SHARE_SD
from braintwin.inference.spectral_kernel import KNEE
from braintwin.models import parameters as p
from braintwin.models import sleep_priors as fitted
from braintwin.models.corticothalamic import is_stable

if TYPE_CHECKING:
    from braintwin.inference.spectral import CompiledTwin

Floats = npt.NDArray[np.float64]

OFFSET_SD = 1.0
"""Prior sd of the log scale around the observed log power, nat."""


_REGIME = [fitted.STAGE_PRIORS[stage].regime for stage in STAGES]
RATIO = np.array([p.BETA_OVER_ALPHA[regime] for regime in _REGIME])
_UNBOUNDED = [fitted.STAGE_PRIORS[stage].unbounded() for stage in STAGES]
_LOCATION, _SPREAD = ({name: np.array([u[name][i] for u in _UNBOUNDED]) for name in _UNBOUNDED[0]} for i in (0, 1))
_EMG = np.array([fitted.STAGE_PRIORS[stage].emg for stage in STAGES]).T

SHARED = ("t0", "kappa")
BY_STAGE = ("X", "Y", "Z", "emg_fraction", "residual_sd", "alpha")

UNCONSTRAINED_BY_STAGE = ("X_raw", "Y_raw", "Z_root", "emg_score", "residual_score", "alpha_raw")
UNCONSTRAINED = (*UNCONSTRAINED_BY_STAGE, "t0_raw_interval__", "kappa_raw", "offset_raw")
"""Variables of the unconstrained vector; :func:`constrained` turns them into parameters."""


def unconstrained_layout(n_channels: int, *, coherent: bool = False) -> dict[str, tuple[slice, tuple[int, ...]]]:
    """Return place and shape of each variable in the unconstrained vector."""
    shapes: dict[str, tuple[int, ...]] = {name: () for name in UNCONSTRAINED}
    shapes |= {name: (len(STAGES),) for name in UNCONSTRAINED_BY_STAGE}
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
    by_stage = np.array([*_LOCATION.values(), *_SPREAD.values(), *_EMG, RATIO])
    low, high = (p.T0_LOW - fitted.T0_MEAN) / fitted.T0_SD, (p.T0_HIGH - fitted.T0_MEAN) / fitted.T0_SD
    t0 = np.log(high - low) - np.log(ndtr(high) - ndtr(low)) - 0.5 * np.log(2 * np.pi)
    constant = t0 - np.sum(betaln(*_EMG) + np.log(_EMG[1]))
    delay = (p.T0_LOW, p.T0_HIGH, fitted.T0_MEAN, fitted.T0_SD)
    rest = (p.LOG_KAPPA_MEAN, p.LOG_KAPPA_SD, p.RESIDUAL_SD_MEAN, OFFSET_SD, p.Z_MAX, nu)
    return by_stage, np.array([*delay, *rest, constant])


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


def unconstrained(twin: "CompiledTwin", draws: dict[str, Floats]) -> Floats:
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


def constrained(twin: "CompiledTwin", points: Floats) -> dict[str, Floats]:
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


def field(part: dict[str, Any]) -> tuple[Any, ...]:
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
    return draws["alpha"], RATIO * draws["alpha"]


def stability(draws: dict[str, Floats]) -> npt.NDArray[np.bool_]:
    """Tell for every draw and stage (..., stage) whether it is a stable brain."""
    alpha, beta = dendrites(draws)
    return np.asarray(is_stable(draws["X"], draws["Y"], draws["Z"], draws["t0"][..., None], alpha, beta))
