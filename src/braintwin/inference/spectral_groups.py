"""The groups of one spectral fit, made from its draws: only the stages and channels that the person has."""

from functools import cache

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.stages import STAGES
from braintwin.inference.discrepancy import learn
from braintwin.inference.person_graph import Graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.sample import Draws
from braintwin.inference.spectral import CompiledTwin, log_power, model_spectrum
from braintwin.inference.spectral_coordinates import BY_STAGE, SHARED, constrained, prior_draws
from braintwin.inference.starts import Optima
from braintwin.models import parameters as p

Floats = npt.NDArray[np.float64]

PRIOR_SEED = 2026
"""Seed of the draws of the prior that contraction is measured by; they are no person's."""


def tabulate(spectra: PersonSpectra, drawn: Draws, flat: dict[str, Floats], log_input: Floats | None) -> xr.Dataset:
    """Return draws (chain × draw, ...) by chain, for the stages and channels that the person has.

    The log scale is that of the input (ln s²) where `log_input` is given, and of the power in the band otherwise.
    """
    rows = [STAGES.index(stage) for stage in spectra.stages]
    chains, draws = drawn.posterior.sizes["chain"], drawn.posterior.sizes["draw"]
    every = {name: value.reshape(chains, draws, *value.shape[1:]) for name, value in flat.items()}
    scale = log_power(spectra, flat)
    if log_input is not None:
        scale = scale + log_input
    return xr.Dataset(
        {
            **{n: (("chain", "draw", "stage"), every[n][..., rows]) for n in BY_STAGE},
            **{n: (("chain", "draw"), every[n]) for n in SHARED},
            "log_scale": (("chain", "draw", "stage", "channel"), scale.reshape(chains, draws, *scale.shape[1:])),
        },
        {
            "stage": list(spectra.stages),
            "channel": list(spectra.channels),
            "chain": np.arange(chains),
            "draw": np.arange(draws),
        },
    )


def replicate(
    twin: CompiledTwin,
    spectra: PersonSpectra,
    graphs: list[Graph],
    draws: dict[str, Floats],
    scale: Floats,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Return replicated log spectra: what another estimate from the same brain would look like."""
    rows = [STAGES.index(stage) for stage in spectra.stages]
    one = [{name: value[i : i + 1] for name, value in draws.items()} for i in range(len(graphs))]
    shape = np.concatenate([model_spectrum(twin.freq, d, graph)[0] for d, graph in zip(one, graphs, strict=True)])[
        :, rows
    ]
    mean = scale[..., None] + shape
    spread = np.sqrt(draws["residual_sd"][:, rows, None, None] ** 2 + spectra.variance)
    noisy = mean + spread * rng.standard_t(twin.nu, size=mean.shape)
    dims = ("sample", "stage", "channel", "freq")
    found = xr.Dataset({"log_psd": (dims, noisy), "log_psd_model": (dims, mean)}, _coords(spectra))
    return found.assign(left_out(twin, spectra, mean.mean(axis=0)))


def left_out(twin: CompiledTwin, spectra: PersonSpectra, modelled: Floats) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """Return what the model (stage, channel, freq) leaves out that is smooth in frequency, and how well it is known."""
    shape, n = modelled.shape, twin.freq.size
    residual = np.where(spectra.used, spectra.log_psd - modelled, 0.0)
    variance, used = spectra.variance.reshape(-1, n), spectra.used.reshape(-1, n)
    mean, sd = learn(twin.freq, residual.reshape(-1, n), variance, used, twin.nu).average()
    dims = ("stage", "channel", "freq")
    return {"discrepancy": (dims, mean.reshape(shape)), "discrepancy_sd": (dims, sd.reshape(shape))}


def observed(spectra: PersonSpectra) -> xr.Dataset:
    """Return what was fitted; NaN where a bin was not used."""
    dims = ("stage", "channel", "freq")
    return xr.Dataset(
        {
            "log_psd": (dims, np.where(spectra.used, spectra.log_psd, np.nan)),
            "log_psd_var": (dims, np.where(spectra.used, spectra.variance, np.nan)),
            "used": (dims, spectra.used.astype(np.int8)),
            "repeats": ("stage", np.ones(len(spectra.stages)) if spectra.repeats is None else spectra.repeats),
        },
        _coords(spectra),
    )


def describe(twin: CompiledTwin, optima: Optima, rows: list[int], stages: tuple[str, ...]) -> xr.Dataset:
    """Return what each start reached, with X, Y, Z there: a second explanation can be read off."""
    found = constrained(twin, optima.points)
    return xr.Dataset(
        {
            "log_posterior": ("start", optima.log_posterior),
            **{name: (("start", "stage"), found[name][:, rows]) for name in "XYZ"},
        },
        {"stage": list(stages)},
    )


def _coords(spectra: PersonSpectra) -> dict[str, list[str] | Floats]:
    return {"stage": list(spectra.stages), "channel": list(spectra.channels), "freq": spectra.freq}


@cache
def _shared_prior(n: int) -> dict[str, Floats]:
    """Return draws of the prior, which is everybody's: the same ones for all.

    What is independent of all else is drawn evenly from its quantiles: κ is skewed, and the variance of a thousand free
    draws of it, which contraction is measured by, is known to a tenth only.
    """
    from scipy.stats import norm

    rng = np.random.default_rng(PRIOR_SEED)
    draws = prior_draws(rng, n)
    share = (np.arange(n) + 0.5) / n
    draws["kappa"] = np.exp(p.LOG_KAPPA_MEAN + p.LOG_KAPPA_SD * norm.ppf(rng.permutation(share)))
    draws["residual_sd"] = -p.RESIDUAL_SD_MEAN * np.log1p(-np.stack([rng.permutation(share) for _ in STAGES], axis=1))
    return draws


def prior_dataset(n: int, stages: tuple[str, ...]) -> xr.Dataset:
    """Return prior draws of the stages that a person has, dims (chain, draw, ...)."""
    draws = _shared_prior(n)
    rows = [STAGES.index(stage) for stage in stages]
    by_stage = {name: (("chain", "draw", "stage"), draws[name][None][:, :, rows]) for name in BY_STAGE}
    shared = {name: (("chain", "draw"), draws[name][None]) for name in SHARED}
    return xr.Dataset({**by_stage, **shared}, {"stage": list(stages), "chain": [0], "draw": np.arange(n)})
