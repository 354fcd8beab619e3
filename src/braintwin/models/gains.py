"""Loop gains of the corticothalamic model from its synaptic strengths and firing rates, and the full spectrum.

The model of three gains of :mod:`braintwin.models.corticothalamic` is what is fitted; the full one is the reference
that published parameter sets are written in (doi:10.1016/j.jneumeth.2015.06.001, doi:10.1016/j.jtbi.2014.03.021). A
cortex without dendrites of its own is the form that others fit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.models.corticothalamic import GAMMA, INHIBITION

QMAX = 340.0
"""Maximum firing rate, 1/s."""

SIGMA = 3.8
"""Spread of firing thresholds, mV."""

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class LoopGains:
    """Gains of the three loops: cortical (ee, ei), corticothalamic (ese, esre), intrathalamic (srs)."""

    ee: float
    ei: float
    ese: float
    esre: float
    srs: float

    def reduced(self, alpha: float, beta: float) -> tuple[float, float, float]:
        """Return (X, Y, Z) for dendritic rates in 1/s."""
        x = self.ee / (1 - self.ei)
        y = (self.ese + self.esre) / ((1 - self.srs) * (1 - self.ei))
        return x, y, -self.srs * alpha * beta / (alpha + beta) ** 2

    def at_fixed_inhibition(self, alpha: float, beta: float) -> tuple[float, float, float]:
        """Return (X, Y, Z) as a model sees them that has the cortical inhibition of the twin, whatever is true.

        Spectra tell X and g apart by no more than how the cortex answers to the slowest frequencies: to first order it
        shows X - g/(1 + g). A drug that lowers g raises what the twin calls X, at the same X.
        """
        x, y, z = self.reduced(alpha, beta)
        return x + INHIBITION / (1 + INHIBITION) + self.ei / (1 - self.ei), y, z


def loop_gains(rates: dict[str, float], strengths: dict[str, float]) -> LoopGains:
    """Return the loop gains of a steady state.

    Parameters
    ----------
    rates : dict
        Firing rates of populations ``e``, ``r``, ``s``, 1/s.
    strengths : dict
        Synaptic strengths ν_ab (``ee``, ``ei``, ``es``, ``se``, ``sr``, ``re``, ``rs``), mV s.
    """
    slope = {a: rate / SIGMA * (1 - rate / QMAX) for a, rate in rates.items()}
    g = {ab: slope[ab[0]] * nu for ab, nu in strengths.items()}
    return LoopGains(
        ee=g["ee"], ei=g["ei"], ese=g["es"] * g["se"], esre=g["es"] * g["sr"] * g["re"], srs=g["sr"] * g["rs"]
    )


def full_transfer_power(freq: Floats, gains: LoopGains, t0: float, alpha: float, beta: float, k2r2: float) -> Floats:
    """Return |T(k, ω)|² of the full five-gain model up to a constant.

    Parameters
    ----------
    freq : (freq,) array
        Frequency, Hz.
    k2r2 : float
        Squared wave number times squared axonal range.
    """
    w = 2 * np.pi * np.asarray(freq)
    low = 1 / ((1 - 1j * w / alpha) * (1 - 1j * w / beta))
    cortex, thalamus = 1 - gains.ei * low, 1 - gains.srs * low**2
    loop = (gains.ese * low**2 + gains.esre * low**3) * np.exp(1j * w * t0) / thalamus
    q2r2 = (1 - 1j * w / GAMMA) ** 2 - (low * gains.ee + loop) / cortex
    return np.asarray(np.abs(low**2 / (thalamus * cortex * (k2r2 + q2r2))) ** 2)


def instant_transfer_power(
    freq: Floats, *, X: float, Y: float, Z: float, t0: float, alpha: float, beta: float, coupling: float = 0.0
) -> Floats:
    """Return |H(ω)|² of three gains where dendrites delay the corticothalamic loop, but nothing within the cortex.

    The often used "reduced" form; its delay is some 2 (1/α + 1/β) shorter than that of the full model.

    Parameters
    ----------
    freq : (freq,) array
        Frequency, Hz.
    """
    w = 2 * np.pi * np.asarray(freq)
    low = 1 / ((1 - 1j * w / alpha) * (1 - 1j * w / beta))
    z = Z * (alpha + beta) ** 2 / (alpha * beta)
    cortex = (1 - 1j * w / GAMMA) ** 2 + coupling - X
    return np.asarray(np.abs(1 / ((low**-2 + z) * cortex - Y * (1 + z) * np.exp(1j * w * t0))) ** 2)


def cortical_waves(r_e: float = 0.086, size: float = 0.5, k0: float = 10.0, order: int = 4) -> tuple[Floats, Floats]:
    """Return (k²r_e², volume-conduction weight) of the modes of a square cortex with periodic edges.

    Parameters
    ----------
    r_e : float
        Axonal range, m.
    size : float
        Edge of the cortex, m.
    k0 : float
        Low-pass of volume conduction, 1/m.
    order : int
        Modes run from -order to order in both directions.
    """
    m = np.arange(-order, order + 1) * 2 * np.pi / size
    k2 = (m[:, None] ** 2 + m[None, :] ** 2).ravel()
    return k2 * r_e**2, np.exp(-k2 / k0**2)
