"""The spectral graph model: the spectrum of linear neural masses on a structural connectome, a rival of the twin.

Excitatory and inhibitory masses with local gains drive a network with conduction delays; a rhythm comes from delays
alone, for there is no thalamus (doi:10.1002/hbm.24991, in the stable form of doi:10.1016/j.neuroimage.2022.118919).
With F_x = 1/(1 + iωτ_x)², the network is

    X(ω) = (H_e + H_i) [iω + F_G L(ω)/τ_G]⁻¹ 1,    L(ω) = I - a C∘exp(-iωD/v) / sqrt(d dᵀ).

The published form sums over the eigenvectors of L; the resolvent is the same and needs no order among them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

BOUNDS = {
    "tau_e": (0.005, 0.030), "tau_i": (0.005, 0.200), "tau_g": (0.005, 0.030), "coupling": (0.1, 1.0),
    "gei": (0.001, 0.7), "gii": (0.001, 2.0),
}  # fmt: skip
"""Range of each parameter: time constants in s, coupling a and local gains without unit; gee is 1."""


@dataclass(frozen=True)
class DelayedNetwork:
    """A connectome with delays at one conduction speed, taken apart once for all other parameters.

    Attributes
    ----------
    freq : (freq,) array
        Hz.
    values : (freq, mode) complex array
        Eigenvalues of the delayed, normalised connectome.
    shares : (freq, mode) complex array
        What each mode of a uniform input contributes to the sensor.
    """

    freq: Floats
    values: Complex
    shares: Complex


def delayed_network(freq: Floats, weights: Floats, lengths_mm: Floats, speed: float, sensor: Floats) -> DelayedNetwork:
    """Return the network seen by one sensor.

    Parameters
    ----------
    freq : (freq,) array
        Hz.
    weights, lengths_mm : (region, region) array
        Structural connectome and lengths of its tracts.
    speed : float
        Conduction speed, m/s.
    sensor : (region,) array
        Row of the mixing operator A: how strongly each region shows in the sensor.
    """
    strength = weights.sum(axis=1)
    normal = weights / np.sqrt(np.outer(strength, strength))
    delay = lengths_mm / 1000 / speed
    delayed = normal * np.exp(-2j * np.pi * freq[:, None, None] * delay)
    values, vectors = np.linalg.eig(delayed)
    uniform = np.linalg.solve(vectors, np.ones((freq.size, len(weights), 1), complex))[..., 0]
    return DelayedNetwork(freq, values, np.einsum("r,frk->fk", sensor, vectors) * uniform)


def spectrum(
    network: DelayedNetwork, tau_e: float, tau_i: float, tau_g: float, coupling: float, gei: float, gii: float
) -> Floats:
    """Return the power spectrum of the sensor (freq,) for white input of unit power; parameters as in `BOUNDS`."""
    iw = 2j * np.pi * network.freq
    excite, inhibit, far = (1 / (1 + iw * tau) ** 2 for tau in (tau_e, tau_i, tau_g))
    feedback = excite * inhibit * gei
    e, i = iw + excite / tau_e, iw + inhibit * gii / tau_i
    local = (1 + feedback / (tau_e * i)) / (e + feedback**2 / (tau_e * tau_i * i))
    local = local + (1 - feedback / (tau_i * e)) / (i + feedback**2 / (tau_e * tau_i * e))
    resolvent = iw[:, None] + (far / tau_g)[:, None] * (1 - coupling * network.values)
    return np.asarray(np.abs(local * np.sum(network.shares / resolvent, axis=1)) ** 2)
