"""The log posterior of a person's counts as one PyTensor operation with its own gradient.

The sampler moves in coordinates in which the posterior is nearly a standard normal: effects = mode + root · z. The
gathers and sums of a few hundred cells cost PyTensor ten times more than one compiled loop. Import this module only
where a model is built: it loads PyTensor.
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

from braintwin.models.hypnogram import GROUP_OF

Floats = npt.NDArray[np.float64]

N_DATA = 8


def _density(
    cells: Any, left: Any, total: Any, offset: Any, mean: Any, precision: Any, mode: Any, root: Any, z: Any, groups: Any
) -> Any:
    """Return the log posterior of the effects at ``mode + root @ z`` and its gradient by z; compiled by numba.

    Parameters
    ----------
    cells : (cell, 2) float
        Row and night.
    left : (cell, way) float
        Changes by each way out.
    total : (cell,) float
        Epochs in the cell.
    offset : (cell, way) float
        Log odds but for the effects.
    mean : (night × group,) float
    precision, root : (night × group, night × group) float
    mode, z : (night × group,) float
    """
    effect = mode + root @ z
    gap = effect - mean
    pull = precision @ gap
    value = -0.5 * np.sum(gap * pull)
    slope = -pull
    size = groups.max() + 1
    odds = np.empty(4)
    for c in range(cells.shape[0]):
        row, start = int(cells[c, 0]), int(cells[c, 1]) * size
        out = 1.0
        for j in range(4):
            eta = offset[c, j] + effect[start + groups[row, j]]
            value += left[c, j] * eta
            odds[j] = np.exp(eta)
            out += odds[j]
        value -= total[c] * np.log(out)
        share = total[c] / out
        for j in range(4):
            slope[start + groups[row, j]] += left[c, j] - share * odds[j]
    return np.array(value), root.T @ slope


def evaluate(*inputs: Floats) -> tuple[Floats, Floats]:
    """Return log posterior and gradient without compiling anything; see :func:`_density`."""
    cells, left, total, offset, mean, precision, mode, root, z = inputs
    found: tuple[Floats, Floats] = _density(
        cells, left, total, offset, mean, precision, mode, root, z, GROUP_OF.astype(np.int64)
    )
    return found


class TransitionCounts(Op):  # type: ignore[misc]
    """Log posterior of the counts; its second output is the gradient by z.

    Inputs are those of the compiled loop: cells, left, total, offset, mean, precision, mode, root, z.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Return the node, with one scalar and one gradient vector as outputs."""
        variables = [pt.as_tensor_variable(i) for i in inputs]
        return Apply(self, variables, [pt.dscalar(), variables[N_DATA].type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:  # noqa: ARG002
        """Evaluate without numba."""
        for store, value in zip(output_storage, evaluate(*inputs), strict=True):
            store[0] = value

    def connection_pattern(self, node: Apply) -> list[list[bool]]:  # noqa: ARG002
        """Tell that all but z are data."""
        return [[i >= N_DATA] * 2 for i in range(N_DATA + 1)]

    def grad(self, inputs: Any, output_gradients: Any) -> list[Any]:
        """Return the gradient of the value; the gradient output itself is not differentiated."""
        _, slope = self(*inputs)
        return [DisconnectedType()() for _ in range(N_DATA)] + [output_gradients[0] * slope]


@register_funcify_and_cache_key(TransitionCounts)  # type: ignore[untyped-decorator]
def _numba_transition_counts(*_: Any, **__: Any) -> tuple[Any, str]:
    groups = GROUP_OF.astype(np.int64)
    compiled = numba_njit(_density)

    @numba_njit
    def transition_counts(cells, left, total, offset, mean, precision, mode, root, z):  # type: ignore[no-untyped-def]
        return compiled(cells, left, total, offset, mean, precision, mode, root, z, groups)

    return transition_counts, hashlib.sha256(inspect.getsource(_density).encode() + groups.tobytes()).hexdigest()
