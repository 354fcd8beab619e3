"""Log likelihood of log spectra under the corticothalamic model, with its gradient written by hand.

One pass gives the value and its derivative in every parameter. As a PyTensor graph the same costs several times more
per evaluation and most of a minute to compile; tests hold it against finite differences of the numpy model.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.models.corticothalamic import GAMMA

Floats = npt.NDArray[np.float64]

EDGE, EDGE_WIDTH, EDGE_HEIGHT = 0.02, 0.01, 50.0
"""Soft wall at the edge of stability: -50 softplus((0.02 - distance) / 0.01)."""


def log_likelihood(
    x: Floats, y: Floats, z: Floats, alpha: Floats, t0: float, kappa: float, emg: Floats, scale: Floats, sigma: float,
    ratio: Floats, freq: Floats, weight: Floats, muscle: Floats, nu: float,
    seen: Floats, variance: Floats, used: Floats, modes: Floats, eigenvalues: Floats,
) -> tuple[float, Floats, Floats, Floats, Floats, float, float, Floats, Floats, float]:  # fmt: skip
    """Return the log likelihood with the wall of stability, and its gradient.

    Parameters
    ----------
    x, y, z, alpha, emg : (stage,) array
        Loop gains, dendritic decay rate (1/s), EMG fraction.
    t0, kappa, sigma : float
        Delay (s), graph coupling, residual scale (nat).
    scale : (stage, channel) array
        Log of the power in the band.
    ratio : (stage,) array
        β over α.
    freq, weight, muscle : (freq,) array
        Hz; quadrature weights of the band, Hz; EMG spectrum of unit area, 1/Hz.
    nu : float
        Degrees of freedom of the residual.
    seen, variance, used : (stage, channel, freq) array
        Observed log spectrum, its sampling variance, 1 where it counts.
    modes : (channel, mode) array
    eigenvalues : (mode,) array
        The first one must be 0: the wall is computed from it.

    Returns
    -------
    value : float
    gradient : in x, y, z, alpha, t0, kappa, emg, scale, sigma
    """
    n_stage, n_channel, n_freq = seen.shape
    n_mode = eigenvalues.shape[0]
    g_x, g_y, g_z, g_alpha = np.zeros(n_stage), np.zeros(n_stage), np.zeros(n_stage), np.zeros(n_stage)
    g_emg, g_scale = np.zeros(n_stage), np.zeros((n_stage, n_channel))
    value, g_t0, g_kappa, g_sigma = 0.0, 0.0, 0.0, 0.0
    re, im, power = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    b_re, q_im, dq_re, dq_im = np.empty(n_freq), np.empty(n_freq), np.empty(n_freq), np.empty(n_freq)
    g_power, at, d_at = np.empty((n_mode, n_freq)), np.empty(n_freq), np.empty(n_freq)
    w = 2 * np.pi * freq
    cos, sin = np.cos(w * t0), np.sin(w * t0)
    d_re, d_im = 1 - (w / GAMMA) ** 2, -2 * w / GAMMA
    for s in range(n_stage):
        r = ratio[s]
        a, spread = alpha[s], (1 + r) ** 2 / r
        zp = z[s] * spread
        loop = y[s] * (1 + zp)
        for f in range(n_freq):
            a1, b1 = 1 - w[f] * w[f] / (r * a * a), -w[f] * (1 + 1 / r) / a
            da1, db1 = 2 * w[f] * w[f] / (r * a * a * a), w[f] * (1 + 1 / r) / (a * a)
            b_re[f], q_im[f] = a1 * a1 - b1 * b1 + zp, 2 * a1 * b1
            dq_re[f], dq_im[f] = 2 * (a1 * da1 - b1 * db1), 2 * (a1 * db1 + b1 * da1)
        for k in range(n_mode):
            lift = kappa * eigenvalues[k] - x[s]
            for f in range(n_freq):
                re[k, f] = b_re[f] * (d_re[f] + lift) - q_im[f] * d_im[f] - loop * cos[f]
                im[k, f] = b_re[f] * d_im[f] + q_im[f] * (d_re[f] + lift) - loop * sin[f]
                power[k, f] = 1 / (re[k, f] * re[k, f] + im[k, f] * im[k, f])
                g_power[k, f] = 0.0
        share = emg[s]
        for j in range(n_channel):
            bins = 0.0
            for f in range(n_freq):
                bins += used[s, j, f]
            if bins == 0.0:
                continue
            at[:] = 0.0
            for k in range(n_mode):
                for f in range(n_freq):
                    at[f] += modes[j, k] * power[k, f]
            area = 0.0
            for f in range(n_freq):
                area += at[f] * weight[f]
            g_area = 0.0
            for f in range(n_freq):
                d_at[f] = 0.0
                if used[s, j, f] > 0:
                    shape = at[f] / area
                    mix = (1 - share) * shape + share * muscle[f]
                    error = seen[s, j, f] - scale[s, j] - math.log(mix)
                    s2 = sigma * sigma + variance[s, j, f]
                    tail = error * error / (nu * s2)
                    value -= used[s, j, f] * (0.5 * (nu + 1) * math.log1p(tail) + 0.5 * math.log(s2))
                    pull = used[s, j, f] * (nu + 1) * error / (nu * s2 * (1 + tail))
                    g_scale[s, j] += pull
                    g_emg[s] += pull * (muscle[f] - shape) / mix
                    g_sigma += used[s, j, f] * sigma / s2 * ((nu + 1) * tail / (1 + tail) - 1)
                    g_shape = pull * (1 - share) / mix
                    d_at[f] = g_shape / area
                    g_area -= g_shape * shape / area
            for k in range(n_mode):
                for f in range(n_freq):
                    g_power[k, f] += modes[j, k] * (d_at[f] + g_area * weight[f])
        # the wall: distance of the uniform mode's dispersion function from 0, at the nearest frequency and at ω = 0
        nearest, lowest = -1, 1 - x[s] - y[s]
        for f in range(n_freq):
            filters = (1 + (w[f] / a) ** 2) * (1 + (w[f] / (r * a)) ** 2)
            distance = math.sqrt(re[0, f] ** 2 + im[0, f] ** 2) / filters
            if distance < lowest:
                nearest, lowest = f, distance
        u = (EDGE - lowest) / EDGE_WIDTH
        value -= EDGE_HEIGHT * (max(u, 0.0) + math.log1p(math.exp(-abs(u))))
        push = EDGE_HEIGHT / EDGE_WIDTH / (1 + math.exp(min(max(-u, -700.0), 700.0)))
        if nearest < 0:
            g_x[s] -= push
            g_y[s] -= push
        else:
            first, second = (w[nearest] / a) ** 2, (w[nearest] / (r * a)) ** 2
            g_alpha[s] += push * lowest * 2 / a * (first / (1 + first) + second / (1 + second))
        for k in range(n_mode):
            lift = kappa * eigenvalues[k] - x[s]
            sum_a, sum_b, sum_q, sum_loop, sum_t0 = 0.0, 0.0, 0.0, 0.0, 0.0
            for f in range(n_freq):
                back = -2 * g_power[k, f] * power[k, f] * power[k, f]
                if k == 0 and f == nearest:
                    filters = (1 + (w[f] / a) ** 2) * (1 + (w[f] / (r * a)) ** 2)
                    back += push / (filters * math.sqrt(re[0, f] ** 2 + im[0, f] ** 2))
                g_re, g_im = back * re[k, f], back * im[k, f]
                sum_a += g_re * b_re[f] + g_im * q_im[f]
                g_b = g_re * (d_re[f] + lift) + g_im * d_im[f]
                g_q = -g_re * d_im[f] + g_im * (d_re[f] + lift)
                sum_b += g_b
                sum_q += g_b * dq_re[f] + g_q * dq_im[f]
                sum_loop -= g_re * cos[f] + g_im * sin[f]
                sum_t0 += w[f] * (g_re * sin[f] - g_im * cos[f])
            g_x[s] -= sum_a
            g_kappa += sum_a * eigenvalues[k]
            g_alpha[s] += sum_q
            g_y[s] += sum_loop * (1 + zp)
            g_z[s] += (sum_b + sum_loop * y[s]) * spread
            g_t0 += loop * sum_t0
    return value, g_x, g_y, g_z, g_alpha, g_t0, g_kappa, g_emg, g_scale, g_sigma


@cache
def compiled_kernel() -> Any:
    """Return the kernel compiled by numba."""
    import numba

    # sums may be reordered, the same way every time; infinities keep their meaning
    return numba.njit(log_likelihood, error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})


@cache
def likelihood_op() -> Any:
    """Return the kernel as a PyTensor Op whose outputs are the value and its gradient."""
    import numba

    kernel = compiled_kernel()

    @numba.njit
    def evaluate(  # type: ignore[no-untyped-def]
        x, y, z, alpha, t0, kappa, emg, scale, sigma,
        ratio, freq, weight, muscle, nu, seen, variance, used, modes, eigenvalues,
    ):  # fmt: skip
        value, g_x, g_y, g_z, g_alpha, g_t0, g_kappa, g_emg, g_scale, g_sigma = kernel(
            x, y, z, alpha, t0.item(), kappa.item(), emg, scale, sigma.item(),
            ratio, freq, weight, muscle, nu.item(), seen, variance, used, modes, eigenvalues,
        )  # fmt: skip
        return (
            np.asarray(value), g_x, g_y, g_z, g_alpha, np.asarray(g_t0), np.asarray(g_kappa), g_emg, g_scale,
            np.asarray(g_sigma),
        )  # fmt: skip

    return gradient_op(kernel, evaluate, 9)


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

        def L_op(self, inputs: Any, outputs: Any, gradients: Any) -> Any:
            fixed = [disconnected_type() for _ in inputs[free:]]
            return [*(gradients[0] * partial for partial in outputs[1:]), *fixed]

        def connection_pattern(self, node: Any) -> Any:
            return [[i < free, *([False] * free)] for i in range(len(node.inputs))]

    @numba_funcify.register(ValueAndGradient)  # type: ignore[untyped-decorator]
    def in_numba(op: Any, **keywords: Any) -> Any:  # noqa: ARG001
        return evaluate

    return ValueAndGradient()
