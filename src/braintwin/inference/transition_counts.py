"""The multinomial of transition counts as one PyTensor operation with its own gradient.

The gathers and sums of a few hundred cells cost PyTensor ten times more than one compiled loop, in sampling and in
compilation. Import this module only where a model is built: it loads PyTensor.
"""

import hashlib
import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from braintwin.models.hypnogram import BEFORE_ONSET, GROUP_OF, N_STAGES, pressure_centres, time_basis

Floats = npt.NDArray[np.float64]


def _sum(
    cells: Any, left: Any, total: Any, base: Any, effect: Any, slope: Any, dwell: Any,
    basis: Any, centres: Any, groups: Any,
) -> Any:  # fmt: skip
    """Return the log likelihood of the counts and its gradient by effect, slope and dwell; compiled by numba.

    Parameters
    ----------
    cells : (cell, 5) float
        Row, night, time bin, dwell bin, Process-S bin.
    left : (cell, way) float
        Changes by each way out.
    total : (cell,) float
        Epochs in the cell.
    base : (row, way) float
        Base log odds.
    effect : (night, group) float
    slope : (transition, feature) float
        Coefficients of the time basis, then of Process S.
    dwell : (from_stage, dwell_bin) float
    """
    by_effect, by_slope, by_dwell = np.zeros_like(effect), np.zeros_like(slope), np.zeros_like(dwell)
    value = 0.0
    n_basis, ways, stages = basis.shape[1], base.shape[1], dwell.shape[0]
    odds, residual = np.empty(ways), np.empty(ways)
    for c in range(cells.shape[0]):
        row, night = int(cells[c, 0]), int(cells[c, 1])
        t, d, s = int(cells[c, 2]), int(cells[c, 3]), int(cells[c, 4])
        out = 0.0
        for j in range(ways):
            eta = base[row, j] + effect[night, groups[row, j]]
            if row < stages:
                eta += dwell[row, d] + slope[ways * row + j, n_basis] * centres[s]
                for b in range(n_basis):
                    eta += slope[ways * row + j, b] * basis[t, b]
            value += left[c, j] * eta
            odds[j] = np.exp(eta)
            out += odds[j]
        value -= total[c] * np.log1p(out)
        for j in range(ways):
            residual[j] = left[c, j] - total[c] * odds[j] / (1.0 + out)
            by_effect[night, groups[row, j]] += residual[j]
            if row < stages:
                by_dwell[row, d] += residual[j]
                by_slope[ways * row + j, n_basis] += residual[j] * centres[s]
                for b in range(n_basis):
                    by_slope[ways * row + j, b] += residual[j] * basis[t, b]
    return np.array(value), by_effect, by_slope, by_dwell


def _constants() -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    return time_basis(), pressure_centres(), GROUP_OF.astype(np.int64)


def evaluate(
    cells: Floats, left: Floats, total: Floats, base: Floats, effect: Floats, slope: Floats, dwell: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return log likelihood and gradients without compiling anything; see :func:`_sum`."""
    found: tuple[Floats, Floats, Floats, Floats] = _sum(cells, left, total, base, effect, slope, dwell, *_constants())
    return found


class TransitionCounts(Op):  # type: ignore[misc]
    """Log likelihood of the counts; further outputs are its gradient by effect, slope and dwell.

    Inputs are those of the compiled loop: cells, left, total, base, effect, slope, dwell.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Return the node, with one scalar and three gradient arrays as outputs."""
        variables = [pt.as_tensor_variable(i) for i in inputs]
        return Apply(self, variables, [pt.dscalar(), *(v.type() for v in variables[4:])])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:  # noqa: ARG002
        """Evaluate without numba."""
        for store, value in zip(output_storage, evaluate(*inputs), strict=True):
            store[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:  # noqa: ARG002
        """Tell that the counts are data."""
        return [[i >= 4] * 4 for i in range(7)]

    def grad(self, inputs: Any, output_gradients: Any) -> list[Any]:
        """Return the gradient of the value; the gradient outputs themselves are not differentiated."""
        _, *slopes = self(*inputs)
        return [DisconnectedType()() for _ in range(4)] + [output_gradients[0] * by for by in slopes]


@register_funcify_and_cache_key(TransitionCounts)  # type: ignore[untyped-decorator]
def _numba_transition_counts(*_: Any, **__: Any) -> tuple[Any, str]:
    basis, centres, groups = _constants()
    compiled = numba_njit(_sum)

    @numba_njit
    def transition_counts(cells, left, total, base, effect, slope, dwell):  # type: ignore[no-untyped-def]
        return compiled(cells, left, total, base, effect, slope, dwell, basis, centres, groups)

    content = inspect.getsource(_sum).encode() + basis.tobytes() + centres.tobytes() + groups.tobytes()
    return transition_counts, hashlib.sha256(content).hexdigest()


assert GROUP_OF.shape[0] == BEFORE_ONSET + 1 == N_STAGES + 1
