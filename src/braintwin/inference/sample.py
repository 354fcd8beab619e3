"""NUTS for many people with one compilation.

A PyMC model is compiled once (nutpie, numba); each person's data are then put in place of the first's, so that
compilation, which costs as much as sampling, is paid once a batch. Chains start where the caller says.

Examples
--------
>>> with pm.Model() as model:                                                     # doctest: +SKIP
...     y = pm.Data("y", np.zeros(8))
...     mu = pm.Normal("mu", 0.0, 10.0)
...     pm.Normal("seen", mu, 1.0, observed=y)
>>> compiled = compile_model(model)                                               # once
>>> for person, y in people.items():                                              # many people
...     seed = derive_seed(study_seed, "fit-nights", person)
...     drawn = draw(compiled, {"y": y}, seed=seed, chains=4, tune=500, draws=500, start={"mu": 0.0}, cores=2)
...     drawn.posterior["mu"], drawn.stats["diverging"]                           # dims (chain, draw)

`start` names variables in the *unconstrained* space, as ``compiled.layout`` does: ``"mu"``, ``"sd_log__"``.
"""

import ctypes
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

Floats = npt.NDArray[np.float64]
Start = Mapping[str, npt.ArrayLike] | npt.NDArray[np.floating]
Layout = Mapping[str, tuple[slice, tuple[int, ...]]]

_STATS = {"diverging": "diverging", "energy": "energy", "logp": "lp", "n_steps": "n_steps", "depth": "tree_depth"}


@dataclass(frozen=True)
class CompiledModel:
    """A compiled log density with gradient; it holds no person's data for good.

    Attributes
    ----------
    layout : dict of str to (slice, shape)
        Place and shape of each variable in the unconstrained vector.
    variables : tuple of str
        Variables of a draw, on their own scale.
    """

    inner: Any
    layout: Layout
    variables: tuple[str, ...]

    @property
    def n_dim(self) -> int:
        """Return the length of the unconstrained vector."""
        return int(self.inner.n_dim)

    def default_point(self) -> Floats:
        """Return the model's own initial point, unconstrained."""
        return np.asarray(self.inner.initial_point_func(0), dtype=np.float64)

    def pack(self, values: Mapping[str, npt.ArrayLike]) -> Floats:
        """Return the unconstrained vector with `values` in it; variables not named keep their initial value."""
        unknown = set(values) - set(self.layout)
        if unknown:
            message = f"no unconstrained variable {sorted(unknown)[0]!r}; there are {', '.join(self.layout)}"
            raise KeyError(message)
        point = self.default_point()
        for name, value in values.items():
            place, shape = self.layout[name]
            point[place] = np.broadcast_to(np.asarray(value, dtype=np.float64), shape).ravel()
        return point

    def unpack(self, point: Floats) -> dict[str, Floats]:
        """Return the variables of an unconstrained vector."""
        return {name: point[place].reshape(shape) for name, (place, shape) in self.layout.items()}

    def density(self, data: Mapping[str, npt.ArrayLike]) -> Callable[[Floats], tuple[float, Floats]]:
        """Return the function unconstrained vector -> (log posterior density, gradient) for one person's data.

        Where the density or its gradient is not finite it returns (-inf, zeros).
        """
        bound = self.inner.with_data(**data)
        call, pointer = bound.compiled_logp_func.ctypes, ctypes.POINTER(ctypes.c_double)
        gradient, value = np.zeros(self.n_dim), np.zeros(1)

        def evaluate(point: Floats) -> tuple[float, Floats]:
            x = np.ascontiguousarray(point, dtype=np.float64)
            places = (x.ctypes.data_as(pointer), gradient.ctypes.data_as(pointer), value.ctypes.data_as(pointer))
            code = call(self.n_dim, *places, bound.user_data.ctypes.data)
            if code != 0:
                return -np.inf, np.zeros(self.n_dim)
            return float(value[0]), gradient.copy()

        return evaluate


@dataclass(frozen=True)
class Draws:
    """Posterior draws and what the sampler said of them, both with dims (chain, draw, ...)."""

    posterior: xr.Dataset
    stats: xr.Dataset


def compile_model(model: Any, variables: Iterable[str] | None = None, layout: Layout | None = None) -> CompiledModel:
    """Compile a PyMC model whose data are `pm.Data`.

    Parameters
    ----------
    model : pymc.Model
    variables : iterable of str, optional
        Variables to keep of each draw; all random and deterministic ones where unset.
    layout : mapping of str to (slice, shape), optional
        For a model whose only random variable is a flat vector and whose `point` = `centre` + `root` @ that vector,
        with data `centre` (0 where compiled) and `root` (the identity): the variables that `point` is made of. Only
        such a model can be sampled with a `covariance`.
    """
    import nutpie

    names = tuple(variables) if variables is not None else tuple(v.name for v in model.free_RVs + model.deterministics)
    inner = nutpie.compile_pymc_model(model, backend="numba", var_names=names)
    if layout is not None:
        return CompiledModel(inner, layout, tuple(layout))
    found, places, shapes = inner.shape_info
    named = {
        name: (place, tuple(int(n) for n in shape))
        for name, place, shape in zip(found, places, shapes, strict=True)
        if place.stop <= inner.n_dim
    }
    return CompiledModel(inner, named, names)


def draw(
    compiled: CompiledModel,
    data: Mapping[str, npt.ArrayLike],
    *,
    seed: int,
    chains: int = 4,
    tune: int = 500,
    draws: int = 500,
    start: Start | None = None,
    jitter: float = 0.01,
    cores: int = 1,
    target_accept: float = 0.8,
    low_rank: bool = False,
    covariance: Floats | None = None,
) -> Draws:
    """Sample one person.

    Parameters
    ----------
    data : mapping of str to array
        The person's `pm.Data`, of the ranks that were compiled; names left out keep the compiled values.
    seed : int
        The draws depend on it and on nothing else: not on `cores`, not on who was sampled before.
    start : mapping or (n_dim,) array, optional
        Where all chains begin, unconstrained; the model's initial point where unset.
    jitter : float
        Sd of the noise added to each chain's start; not 0, for a gradient of exactly 0 is taken for a bad start.
    cores : int
        Chains at a time.
    low_rank : bool
        Adapt to the strongest posterior correlations too, not to the scales alone.
    covariance : (n_dim, n_dim) array, optional
        Rough shape of the posterior about `start`: chains walk in coordinates in which it is round, and begin `jitter`
        of its sds away. Warm-up then takes a quarter of the evaluations.

    Returns
    -------
    Draws
        ``stats`` holds diverging (bool), energy, lp (log density of the unconstrained draw), n_steps, tree_depth.
    """
    import nutpie
    from threadpoolctl import threadpool_limits

    if start is None:
        point = compiled.default_point()
    elif isinstance(start, Mapping):
        point = compiled.pack(start)
    else:
        point = np.asarray(start, dtype=np.float64)

    if covariance is not None:
        data = {**data, "centre": point, "root": np.linalg.cholesky(covariance)}
        point = np.zeros_like(point)

    def begin(chain_seed: int) -> Floats:
        return point + jitter * np.random.default_rng(chain_seed).standard_normal(point.size)

    bound = replace(compiled.inner.with_data(**data), initial_point_func=begin)
    with threadpool_limits(1, "blas"):
        result = nutpie.sample(
            bound,
            seed=seed,
            chains=chains,
            tune=tune,
            draws=draws,
            cores=min(cores, chains),
            target_accept=target_accept,
            progress_bar=False,
            save_warmup=False,
            **(_low_rank() if low_rank else {}),
        )
    posterior, stats = _group(result, "posterior"), _group(result, "sample_stats")
    kept = xr.Dataset({name: stats[theirs] for theirs, name in _STATS.items() if theirs in stats})
    posterior = _split(posterior, compiled.layout) if "point" in posterior else posterior[list(compiled.variables)]
    return Draws(posterior.drop_attrs(deep=False), kept.drop_attrs(deep=False))


def _low_rank() -> dict[str, Any]:
    """Return nutpie's option for it, which changed its name in 0.16.9."""
    import nutpie

    new = "adaptation" in inspect.signature(nutpie.sample).parameters
    return {"adaptation": "low_rank"} if new else {"low_rank_modified_mass_matrix": True}


def _split(posterior: xr.Dataset, layout: Layout) -> xr.Dataset:
    """Return the variables that the draws of `point` are made of."""
    points = posterior["point"].values
    return xr.Dataset(
        {
            name: (
                ("chain", "draw", *(f"{name}_dim_{i}" for i in range(len(shape)))),
                points[..., place].reshape(*points.shape[:2], *shape),
            )
            for name, (place, shape) in layout.items()
        },
        {"chain": posterior["chain"], "draw": posterior["draw"]},
    )


def _group(result: Any, name: str) -> xr.Dataset:
    """Return one group as a Dataset: ArviZ 0 returns InferenceData, ArviZ 1 a DataTree."""
    found = result[name]
    return found.to_dataset() if isinstance(found, xr.DataTree) else xr.Dataset(found.data_vars, found.coords)
