"""The spectral twin's density with its gradient, as an Op of PyTensor.

One evaluation (:mod:`~braintwin.inference.spectral_density`) gives the value and its derivative in every coordinate. As
a PyTensor graph the same costs several times more and most of a minute to compile.
"""

from functools import cache
from typing import Any

import numpy as np

EDGE, EDGE_WIDTH, EDGE_HEIGHT = 0.0, 0.005, 20.0
"""Soft wall at the edge of stability: -20 softplus(-distance / 0.005), .4 nat at .02 and 14 at the edge itself.

Published brains with eyes closed and in N3 are .05 to .09 from the edge: a wall that reaches so far moves their gains
(decision 040).
"""

KNEE = 0.03
"""Where the coordinate of Z turns from the root of the odds of Z / 1.2 to their log.

Spectra see Z through what it adds to a filter: where Z is small the ridge of X and Z is bent and skewed in the logit
of Z, and straight and even in its root. The root is KNEE softplus(t / KNEE), so that all of the line is used; the
coordinate is t from the prior's median, in its sds.
"""


@cache
def posterior_op() -> Any:
    """Return the log posterior as a PyTensor Op whose outputs are the value and its gradient."""
    import numba

    from braintwin.inference.spectral_density import log_posterior

    @numba.njit
    def evaluate(  # type: ignore[no-untyped-def]
        white, centre, root, by_stage, shared, band, level, seen, variance, used, modes, eigenvalues
    ):
        value, slope = log_posterior(
            white, centre, root, by_stage, shared, band, level, seen, variance, used, modes, eigenvalues
        )
        return np.asarray(value), slope

    return gradient_op(log_posterior, evaluate, 1)


def gradient_op(kernel: Any, evaluate: Any, free: int) -> Any:
    """Return a PyTensor Op of a kernel that returns a value and its gradient in its first `free` arguments.

    The gradient of the value is read off the other outputs, so one evaluation serves both.

    Parameters
    ----------
    kernel : callable
        On floats and arrays, for PyTensor's own evaluation.
    evaluate : callable
        The same on arrays alone, compiled by numba, for nutpie.
    """
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_type
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op
    from pytensor.link.numba.dispatch import numba_funcify

    class ValueAndGradient(Op):  # type: ignore[misc]
        """A log likelihood and its gradient."""

        __props__ = ()

        def make_node(self, *inputs: Any) -> Any:
            given = [pt.as_tensor(value, dtype="float64") for value in inputs]
            return Apply(self, given, [pt.dscalar(), *(value.type() for value in given[:free])])

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:  # noqa: ARG002
            for place, result in zip(outputs, kernel(*(v[()] for v in inputs)), strict=True):
                place[0] = np.asarray(result)

        def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> Any:
            fixed = [disconnected_type() for _ in inputs[free:]]
            return [*(gradients[0] * partial for partial in outputs[1:]), *fixed]

        L_op = pullback  # its name before PyTensor 3

        def connection_pattern(self, node: Any) -> Any:
            return [[i < free, *([False] * free)] for i in range(len(node.inputs))]

    @numba_funcify.register(ValueAndGradient)  # type: ignore[untyped-decorator]
    def in_numba(op: Any, **keywords: Any) -> Any:  # noqa: ARG001
        return evaluate

    return ValueAndGradient()
