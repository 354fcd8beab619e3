"""EEG of a thalamocortical column with slow waves and spindles: a generator that the spectral twin does not contain.

Cortex with pyramidal and inhibitory cells and a sodium-gated potassium current, thalamus with relay and reticular cells
and T-type and h currents (Schellenberger Costa et al. 2016, doi:10.1371/journal.pcbi.1005022). It is nonlinear: slow
waves are excursions to a silent state, spindles come in waxing and waning bursts. Time is in ms, potentials in mV.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.synthetic.sampling import sampled

Floats = npt.NDArray[np.float64]

STEP_MS, FINE_MS = 0.1, 1.0
"""Step of the Euler-Maruyama scheme, and of the trace that is low-passed and decimated."""

SETTLE_S = 10.0
"""What is thrown away at the beginning."""


@dataclass(frozen=True)
class Column:
    """What differs between stages: slope of pyramidal firing, adaptation, potassium leak, h conductance, noise.

    Attributes
    ----------
    sigma_p : float
        Spread of firing thresholds of pyramidal cells, mV.
    g_kna, g_lk, g_h : float
        Conductance of the sodium-gated potassium current, the thalamic potassium leak and the h current.
    noise : float
        Standard deviation of the noise on cortical input.
    inhibition : float
        Factor on the firing of cortical inhibitory cells: a drug that strengthens it has more than 1.
    """

    sigma_p: float
    g_kna: float
    g_lk: float
    g_h: float = 0.049
    noise: float = 2.0
    inhibition: float = 1.0


N2 = Column(sigma_p=4.7, g_kna=1.33, g_lk=0.030)
N3 = Column(sigma_p=6.0, g_kna=2.0, g_lk=0.026)


def potential(column: Column, seconds: float, sfreq: float, rng: np.random.Generator) -> Floats:
    """Return the pyramidal potential, what the EEG is proportional to, (sample,), mV.

    Parameters
    ----------
    sfreq : float
        Sampling rate, Hz; it must divide 1 kHz.
    """
    fine = round(FINE_MS / STEP_MS)
    simulate, state = _compiled(), _rest()
    constants = (column.sigma_p, column.g_kna, column.g_lk, column.g_h, column.inhibition)
    pieces = []
    # noise is drawn in pieces of a second: a night at once would not fit into memory
    for second in range(math.ceil(SETTLE_S + seconds)):
        kicks = rng.standard_normal((round(1000 / STEP_MS), 3)) * np.array([column.noise, column.noise, 0.02])
        traced = simulate(state, constants, _RATE, kicks, STEP_MS)
        if second >= SETTLE_S:
            pieces.append(traced.reshape(-1, fine).mean(axis=1))
    return sampled(np.concatenate(pieces), 1000 / FINE_MS, sfreq)[: round(seconds * sfreq)]


def _rest() -> Floats:
    """Return where a column begins: its slow variables first (see `_advance`), all synapses closed."""
    state = np.zeros(30)
    state[:6] = -64.0, -64.0, 9.5, -70.0, -70.0, 2.4e-4
    return state


_RATE = np.array([0.07, 0.0586, 0.07, 0.0586, 0.12, 0.07, 0.07, 0.1, 0.1, 0.12])
"""Rate of each second-order synapse, 1/ms: p from p, p from i, i from p, i from i, flux to the thalamus; relay from p,
reticular from p and relay, relay from reticular, reticular from reticular, flux to the cortex."""


def _advance(state: Any, constants: Any, rate: Any, kicks: Any, dt: float) -> Any:
    """Advance the column by one step for every row of `kicks`, in place; return the pyramidal potential of each.

    State: potentials of p and i, sodium; potentials of relay and reticular, calcium; inactivation of their T currents,
    open and bound h channels; the ten synapses; their rates of change.
    """
    sigma_p, g_kna, g_lk, g_h, inhibition = constants
    c1, root = math.pi / math.sqrt(3.0), math.sqrt(dt)
    pumped = 9.5**3 / (9.5**3 + 3375.0)
    trace, drive, d = np.empty(len(kicks)), np.empty(10), np.empty(10)
    for t in range(len(kicks)):
        vp, vi, na, vt, vr, ca, h_t, h_r, m_h, m_h2 = state[:10]
        s = state[10:20]
        q_p = 0.03 / (1 + math.exp(-c1 * (vp + 58.5) / sigma_p))
        q_i = inhibition * 0.06 / (1 + math.exp(-c1 * (vi + 58.5) / 6.0))
        q_t = 0.4 / (1 + math.exp(-c1 * (vt + 58.5) / 6.0))
        q_r = 0.4 / (1 + math.exp(-c1 * (vr + 58.5) / 6.0))
        adapt = g_kna * 0.37 / (1 + (38.7 / na) ** 3.5) * (vp + 100.0)
        d[0] = -((vp + 64.0) + s[0] * vp + s[1] * (vp + 70.0)) / 30.0 - adapt
        d[1] = -((vi + 64.0) + s[2] * vi + s[3] * (vi + 70.0)) / 30.0
        d[2] = (2.0 * q_p - 0.09 * (na**3 / (na**3 + 3375.0) - pumped)) / 1.7
        open_t = 1 / (1 + math.exp(-(vt + 59.0) / 6.2))
        open_r = 1 / (1 + math.exp(-(vr + 52.0) / 7.4))
        i_t = 3.0 * open_t * open_t * h_t * (vt - 120.0)
        i_r = 2.3 * open_r * open_r * h_r * (vr - 120.0)
        i_h = g_h * (m_h + 2.0 * m_h2) * (vt + 40.0)
        d[3] = -((vt + 70.0) + s[5] * vt + s[7] * (vt + 70.0)) / 20.0 - (g_lk * (vt + 100.0) + i_t + i_h)
        d[4] = -((vr + 70.0) + s[6] * vr + s[8] * (vr + 70.0)) / 20.0 - (g_lk * (vr + 100.0) + i_r)
        d[5] = -51.8e-6 * i_t - (ca - 2.4e-4) / 10.0
        tau_t = (30.8 + (211.4 + math.exp((vt + 115.2) / 5.0)) / (1 + math.exp((vt + 86.0) / 3.2))) / 3.737
        tau_r = (85.0 + 1 / (math.exp((vr + 48.0) / 4.0) + math.exp(-(vr + 407.0) / 50.0))) / 3.737
        d[6] = (1 / (1 + math.exp((vt + 81.0) / 4.0)) - h_t) / tau_t
        d[7] = (1 / (1 + math.exp((vr + 80.0) / 5.0)) - h_r) / tau_r
        tau_m = 20.0 + 1000.0 / (math.exp((vt + 71.5) / 14.2) + math.exp(-(vt + 89.0) / 11.6))
        bound = 2.5e7 * ca**4 / (2.5e7 * ca**4 + 4e-4)
        binds = 0.1 * bound * m_h - 0.001 * m_h2
        d[8] = (1 / (1 + math.exp((vt + 75.0) / 5.5)) * (1 - m_h2) - m_h) / tau_m - binds
        d[9] = binds
        far, relay = s[4], s[9]
        drive[0], drive[1] = 115.0 * q_p + 5.0 * relay, 72.0 * q_i
        drive[2], drive[3], drive[4] = 90.0 * q_p + 10.0 * relay, 90.0 * q_i, q_p
        drive[5], drive[6] = 2.6 * far, 3.0 * q_t + 2.6 * far
        drive[7], drive[8], drive[9] = 5.0 * q_r, 25.0 * q_r, q_t
        for k in range(10):
            g, speed = rate[k], state[20 + k]
            state[20 + k] += dt * (g * g * (drive[k] - s[k]) - 2 * g * speed)
            s[k] += dt * speed
        for k in range(10):
            state[k] += dt * d[k]
        state[20] += rate[0] ** 2 * root * kicks[t, 0]
        state[22] += rate[2] ** 2 * root * kicks[t, 1]
        state[25] += rate[5] ** 2 * root * kicks[t, 2]
        trace[t] = state[0]
    return trace


@cache
def _compiled() -> Any:
    import numba

    return numba.njit(_advance, error_model="numpy")
