"""EEG of a nonlinear corticothalamic field: sigmoid firing, delays and noise, where the twin has a linear field.

Cortex, reticular and relay nuclei on the nodes of a graph; the pulse rate of the cortex spreads as a damped wave
(Robinson et al. 2002, doi:10.1103/PhysRevE.65.041924; NFTsim, doi:10.1371/journal.pcbi.1006387). Nothing is
linearised: with strong noise firing rates bend, and the spectrum is no longer the closed form of the steady state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from braintwin.models.corticothalamic import GAMMA
from braintwin.models.gains import QMAX, SIGMA, LoopGains, loop_gains
from braintwin.signals.graphs import laplacian
from braintwin.synthetic.sampling import sampled

Floats = npt.NDArray[np.float64]

THETA = 12.92
"""Mean firing threshold, mV."""

STEP_S, FINE_S = 1e-4, 1e-3
"""Step of the integration, and of the trace that is low-passed and decimated."""

SETTLE_S = 2.0


@dataclass(frozen=True)
class Field:
    """One brain state: synaptic strengths, dendritic rates, delay, and the mean drive from outside.

    Attributes
    ----------
    strengths : mapping
        ν_ab (``ee``, ``ei``, ``es``, ``se``, ``sr``, ``re``, ``rs``), mV s.
    alpha, beta : float
        Dendritic rates, 1/s.
    t0 : float
        Full loop delay between cortex and thalamus, s.
    drive : float
        Mean of ν_sn φ_n, mV.
    """

    strengths: Mapping[str, float]
    alpha: float
    beta: float
    t0: float
    drive: float

    def changed(self, **factors: float) -> "Field":
        """Return the field with some strengths multiplied, as a drug would: the steady state moves with them."""
        return replace(self, strengths={ab: nu * factors.get(ab, 1.0) for ab, nu in self.strengths.items()})


_WAKE = {"ee": 1.525, "ei": -3.023, "es": 0.5675, "se": 3.447, "sr": -1.465, "re": 0.1696, "rs": 0.0507}
_SPINDLES = {"ee": 3.062, "ei": -3.241, "es": 0.9211, "se": 4.726, "sr": -1.950, "re": 0.2597, "rs": 2.876}

WAKE = Field(_WAKE, 83.3, 769.0, 0.085, 3.593)
"""Eyes closed (NFTsim, ``eirs-corticothalamic``); ν_sn in mV s times a mean input of 1/s."""

N2 = Field(_SPINDLES, 45.0, 185.0, 0.085, 2.699)
"""Spindle sleep (doi:10.1016/j.jtbi.2014.03.021)."""


def firing(potential: Any) -> Any:
    """Return the firing rate of a potential, 1/s."""
    return QMAX / (1 + np.exp(-(potential - THETA) / SIGMA))


def steady_rates(field: Field) -> dict[str, float]:
    """Return the lowest steady firing rates of cortex (e), reticular (r) and relay nucleus (s), 1/s."""
    nu = field.strengths

    def relay(phi: float) -> float:
        potential = -SIGMA * np.log(QMAX / phi - 1) + THETA
        return float((potential - (nu["ee"] + nu["ei"]) * phi) / nu["es"])

    def excess(phi: float) -> float:
        phi_s = relay(phi)
        v_r = nu["re"] * phi + nu["rs"] * phi_s
        return float(firing(nu["se"] * phi + nu["sr"] * firing(v_r) + field.drive) - phi_s)

    grid = np.geomspace(1e-3, 100.0, 4000)
    values = np.array([excess(phi) for phi in grid])
    at = int(np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))[0])
    phi = float(brentq(excess, grid[at], grid[at + 1]))
    phi_s = relay(phi)
    return {"e": phi, "r": float(firing(nu["re"] * phi + nu["rs"] * phi_s)), "s": phi_s}


def gains(field: Field) -> LoopGains:
    """Return the loop gains of the field linearised about its steady state: what a small signal obeys."""
    return loop_gains(steady_rates(field), dict(field.strengths))


def activity(
    field: Field, weights: Floats, coupling: float, noise: float, seconds: float, sfreq: float, rng: np.random.Generator
) -> Floats:
    """Return the cortical pulse rate of every node (sample, node), 1/s.

    Parameters
    ----------
    weights : (node, node) array
        Graph along which the field spreads.
    coupling : float
        κ on its Laplacian.
    noise : float
        Amplitude of white noise on the drive, mV per square root of s.
    sfreq : float
        Sampling rate, Hz; it must divide 1 kHz.
    """
    fine, nodes = round(FINE_S / STEP_S), len(weights)
    rates, nu = steady_rates(field), field.strengths
    back = max(1, round(field.t0 / 2 / STEP_S))
    state = np.zeros((8, nodes))
    v_e = -SIGMA * np.log(QMAX / rates["e"] - 1) + THETA
    state[0], state[2], state[4], state[6] = v_e, nu["re"] * rates["e"] + nu["rs"] * rates["s"], 0.0, rates["e"]
    state[4] = -SIGMA * np.log(QMAX / rates["s"] - 1) + THETA
    past = np.zeros((2, back, nodes))
    past[0], past[1] = rates["e"], rates["s"]
    values = np.array([nu[ab] for ab in ("ee", "ei", "es", "se", "sr", "re", "rs")])
    run, pieces = _compiled(), []
    for second in range(int(np.ceil(SETTLE_S + seconds))):
        steps = round(1 / STEP_S)
        kicks = field.drive + noise / np.sqrt(STEP_S) * rng.standard_normal((steps, nodes))
        traced = run(state, past, second * steps, values, field.alpha, field.beta, coupling * laplacian(weights), kicks)
        if second >= SETTLE_S:
            pieces.append(traced.reshape(-1, fine, nodes).mean(axis=1))
    return sampled(np.concatenate(pieces), 1 / FINE_S, sfreq)[: round(seconds * sfreq)]


def _advance(state: Any, past: Any, begin: int, nu: Any, alpha: float, beta: float, spread: Any, kicks: Any) -> Any:
    """Advance the field by a step for every row of `kicks`, in place; return the pulse rate of each step and node.

    State: potential and its rate of change of cortex, reticular and relay nucleus, then pulse rate and its change.
    """
    steps, nodes = kicks.shape
    trace, back = np.empty((steps, nodes)), past.shape[1]
    for t in range(steps):
        slot = (begin + t) % back
        for n in range(nodes):
            q_e = QMAX / (1 + np.exp(-(state[0, n] - THETA) / SIGMA))
            q_r = QMAX / (1 + np.exp(-(state[2, n] - THETA) / SIGMA))
            q_s = QMAX / (1 + np.exp(-(state[4, n] - THETA) / SIGMA))
            far_e, far_s = past[0, slot, n], past[1, slot, n]
            drive_e = nu[0] * state[6, n] + nu[1] * q_e + nu[2] * far_s
            drive_r = nu[5] * far_e + nu[6] * q_s
            drive_s = nu[3] * far_e + nu[4] * q_r + kicks[t, n]
            pull = 0.0
            for m in range(nodes):
                pull += spread[n, m] * state[6, m]
            trace[t, n] = q_e
            past[1, slot, n] = q_s
            for a, drive in ((0, drive_e), (2, drive_r), (4, drive_s)):
                speed = state[a + 1, n]
                state[a + 1, n] += STEP_S * (alpha * beta * (drive - state[a, n]) - (alpha + beta) * speed)
                state[a, n] += STEP_S * speed
            speed = state[7, n]
            state[7, n] += STEP_S * (GAMMA * GAMMA * (q_e - state[6, n] - pull) - 2 * GAMMA * speed)
        for n in range(nodes):
            past[0, slot, n] = state[6, n]
            state[6, n] += STEP_S * state[7, n]
            trace[t, n] = state[6, n]
    return trace


@cache
def _compiled() -> Any:
    import numba

    return numba.njit(_advance, error_model="numpy")
