"""The hierarchy of the hypnogram twin in PyMC: every night of every person and all that people share, at once.

What empirical Bayes puts in as numbers is sampled here: the levels of the groups, the regression on age and sex, the
first-night effect, both covariances in full, and person and night effects of everybody. The curves of the population
(time of night, time in stage, Process S, REM cycle, recent wake) stay as they were learned from the same nights:
some 900 coefficients about which 150,000 epochs leave little doubt. Priors are those of empirical Bayes.

A person's effects are integrated out: after an orthogonal rotation of the nights of a person, the first row has
covariance Σ_night + n Σ_person, the others Σ_night.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from scipy.linalg import helmert

from braintwin.inference.night_counts import cell_offsets
from braintwin.inference.population_cohort import Cohort
from braintwin.inference.population_fit import COV_SD, COV_WEIGHT, COVARIATE_SD, Expected, expect
from braintwin.models.hypnogram import GROUP_OF
from braintwin.models.population import Population

ASLEEP = slice(1, 12)
"""Groups that are sampled: all but `onset`, of which recordings without lights off say nothing."""
SIZE = 11
COVARIATES = ("level", "age", "male")
LEVEL_SD = 10.0


def _value(row: Any, owner: Any, left: Any, total: Any, offset: Any, effect: Any, groups: Any) -> Any:
    """Return the log likelihood of all nights and its gradient by their effects (night, group); for numba."""
    slope = np.zeros_like(effect)
    value = 0.0
    odds = np.empty(4)
    for c in range(row.shape[0]):
        k, i = row[c], owner[c]
        out = 1.0
        for j in range(4):
            eta = offset[c, j] + effect[i, groups[k, j]]
            value += left[c, j] * eta
            odds[j] = np.exp(eta)
            out += odds[j]
        value -= total[c] * np.log(out)
        share = total[c] / out
        for j in range(4):
            slope[i, groups[k, j]] += left[c, j] - share * odds[j]
    return np.array(value), slope


_GROUPS = np.maximum(GROUP_OF - 1, 0)


class Nights(Op):
    """Log likelihood of all nights, and its gradient by their effects; data first, effects last."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Return the node."""
        variables = [pt.as_tensor_variable(i) for i in inputs]
        return Apply(self, variables, [pt.dscalar(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Evaluate without numba."""
        for store, value in zip(output_storage, _value(*inputs, _GROUPS), strict=True):
            store[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Tell that all but the effects are data."""
        return [[False] * 2] * 5 + [[True] * 2]

    def grad(self, inputs: Any, output_gradients: Any) -> list[Any]:
        """Return the gradient of the value by the effects."""
        from pytensor.gradient import DisconnectedType

        return [DisconnectedType()() for _ in range(5)] + [output_gradients[0] * self(*inputs)[1]]


@register_funcify_and_cache_key(Nights)
def _numba_nights(*_: Any, **__: Any) -> tuple[Any, None]:
    groups, compiled = _GROUPS, numba_njit(_value)

    @numba_njit
    def nights(row, owner, left, total, offset, effect):  # type: ignore[no-untyped-def]
        return compiled(row, owner, left, total, offset, effect, groups)

    return nights, None


@dataclass(frozen=True)
class Fixed:
    """What the hierarchy is conditional on, and where empirical Bayes is."""

    cohort: Cohort
    population: Population
    expected: Expected
    mode: np.ndarray
    root: np.ndarray


def fixed(cohort: Cohort, population: Population) -> Fixed:
    """Return the modes and curvatures of all nights under the population of empirical Bayes."""
    at = np.zeros((len(cohort.counts), 12))
    expected = expect(cohort, population, at, np.random.default_rng(0), iterations=30)
    mirror = (expected.effect + expected.mirrored) / 2  # the mode
    mode = mirror[:, ASLEEP]
    spread = population.site_person_cov[0] + population.site_night_cov[0]
    precision = np.linalg.inv(spread)[ASLEEP, ASLEEP]
    offset = cell_offsets(population, cohort.counts, cohort.arousal)
    roots = np.empty((len(cohort.counts), SIZE, SIZE))
    from braintwin.inference import night_laplace

    gradient, hessian = np.zeros(12), np.zeros((12, 12))
    bounds = cohort.counts.bounds
    for i in range(len(cohort.counts)):
        night_laplace.night_slopes(
            bounds[i], bounds[i + 1], offset, *cohort.counts.arrays, GROUP_OF, mirror[i], gradient, hessian
        )
        curvature = hessian[ASLEEP, ASLEEP] + precision
        roots[i] = np.linalg.inv(np.linalg.cholesky(curvature)).T
    return Fixed(cohort, population, expected, mode, roots)


def design(cohort: Cohort) -> np.ndarray:
    """Return level, age and sex of each person, (person, covariate)."""
    return np.array([[1.0, *who.covariates()[:2]] for who in cohort.who])


def rotation(cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation of the nights, (row, night), and how many nights each row's person effect counts for."""
    n = len(cohort.counts)
    turned, weight = np.zeros((n, n)), np.zeros(n, dtype=int)
    for a, b in zip(cohort.starts[:-1], cohort.starts[1:], strict=True):
        turned[a:b, a:b] = helmert(b - a, full=True)
        weight[a] = b - a
    return turned, weight


def _lower(name: str, start: np.ndarray) -> tuple[Any, Any]:
    """Return a Cholesky factor and the log density of the covariance by what is sampled.

    The prior is inverse Wishart with w + p + 1 degrees of freedom and mean sd² I: empirical Bayes' update is the mean
    of Σ under it, given everybody's effects. (Taken for the mode, the update has a prior of w - p - 1 degrees of
    freedom, which is improper, and under which eleven-dimensional covariances lie far above their mode.)
    """
    places = np.tril_indices(SIZE, -1)
    begin = np.linalg.cholesky(start)
    logs = pm.Flat(f"{name}_log", shape=SIZE, initval=np.log(np.diag(begin)))
    below = pm.Flat(f"{name}_below", shape=len(places[0]), initval=begin[places])
    factor = pt.set_subtensor(pt.diag(pt.exp(logs))[places], below)
    inverse = pt.linalg.solve_triangular(factor, pt.eye(SIZE), lower=True)
    jacobian = ((SIZE + 1 - np.arange(SIZE)) * logs).sum()  # of Σ by the factor, and of its diagonal by the logs
    freedom = COV_WEIGHT + SIZE + 1
    prior = -(freedom + SIZE + 1) * logs.sum() - 0.5 * COV_WEIGHT * COV_SD**2 * pt.square(inverse).sum()
    return factor, prior + jacobian


def model(given: Fixed) -> pm.Model:
    """Return the PyMC model; `cov_person`, `cov_night`, `beta`, `first` and the effects of nights are its draws."""
    cohort, population = given.cohort, given.population
    counts = cohort.counts
    kept = counts.row < 5
    offset = cell_offsets(population, counts, cohort.arousal)[kept]
    x, (turn, weight) = design(cohort)[cohort.person_of], rotation(cohort)
    first = cohort.first.astype(float)
    sd = np.array([LEVEL_SD, COVARIATE_SD, COVARIATE_SD])[:, None] * np.ones(SIZE)
    start = np.vstack([np.zeros(SIZE), population.covariate_effect[:2, ASLEEP]])
    # Arrays go in as data: constants would be compiled into the program, which takes minutes.
    arrays = {
        "row": counts.row[kept], "owner": counts.owner[kept], "left": counts.left[kept], "total": counts.total[kept],
        "offset": offset, "modes": given.mode, "roots": given.root, "design": x, "turn": turn, "at_first": first,
    }  # fmt: skip
    with pm.Model() as made:
        data = {name: pm.Data(name, values) for name, values in arrays.items()}
        z = pm.Flat("z", shape=(len(counts), SIZE), initval=np.zeros((len(counts), SIZE)))
        effect = pm.Deterministic("effect", data["modes"] + (data["roots"] * z[:, None, :]).sum(axis=2))
        beta = pm.Normal("beta", 0.0, sd, shape=(3, SIZE), initval=start)
        again = pm.Normal("first", 0.0, COVARIATE_SD, shape=SIZE, initval=population.first_night[ASLEEP])
        person, one = _lower("person", population.site_person_cov[0][ASLEEP, ASLEEP])
        night, two = _lower("night", population.site_night_cov[0][ASLEEP, ASLEEP])
        cov_person = pm.Deterministic("cov_person", person @ person.T)
        cov_night = pm.Deterministic("cov_night", night @ night.T)
        gap = data["turn"] @ (effect - data["design"] @ beta - data["at_first"][:, None] * again)
        value = one + two
        for n in np.unique(weight):
            rows = np.flatnonzero(weight == n)
            root = pt.linalg.cholesky(cov_night + float(n) * cov_person)
            scaled = pt.linalg.solve_triangular(root, gap[rows].T, lower=True)
            value = value - 0.5 * pt.square(scaled).sum() - len(rows) * pt.log(pt.diagonal(root)).sum()
        pm.Potential("hierarchy", value)
        likelihood, _ = Nights()(*(data[name] for name in ("row", "owner", "left", "total", "offset")), effect)
        pm.Potential("nights", likelihood)
    return made


def person_means(given: Fixed, effect: np.ndarray, beta: np.ndarray, again: np.ndarray, person: np.ndarray,
                 night: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return mean and covariance of the lasting effects given one draw of all else, (person, group), (…, group)."""
    cohort = given.cohort
    mean = design(cohort) @ beta
    gaps = effect - mean[cohort.person_of] - cohort.first[:, None] * again
    found, spread = np.empty_like(mean), np.empty((len(mean), SIZE, SIZE))
    for p, (a, b) in enumerate(zip(cohort.starts[:-1], cohort.starts[1:], strict=True)):
        n = b - a
        gain = person @ np.linalg.inv(person + night / n)
        found[p] = mean[p] + gain @ gaps[a:b].mean(axis=0)
        spread[p] = person - gain @ person
    return found, spread
