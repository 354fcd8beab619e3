"""From electrodes to regions: a spherical head, and eLORETA to the centroids of an atlas.

Head, electrodes and regions are templates: the sphere is fitted to the electrodes, no anatomy of the person enters.
What comes out is a template-informed estimate with the resolution that the number of electrodes allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Singles = NDArray[np.float32]
Index = NDArray[np.intp]

FEWEST_ELECTRODES = 19
"""Electrodes of the 10-20 system; with fewer, regions cannot be told apart and the report keeps to sensors."""

SNR = 3.0
"""Amplitude signal-to-noise ratio that sets the regularisation, as usual for averages of EEG."""


def fit_sphere(points: Floats) -> tuple[Floats, float]:
    """Return centre (3,) and radius of the sphere nearest to `points` (point, 3), by algebraic least squares."""
    design = np.column_stack([2 * points, np.ones(len(points))])
    found = np.linalg.lstsq(design, np.sum(points**2, axis=1), rcond=None)[0]
    centre = found[:3]
    return centre, float(np.sqrt(found[3] + centre @ centre))


def lead_field(electrodes: Floats, regions: Floats, head: Floats) -> Floats:
    """Return the potential at each electrode of a unit dipole in each region, against the average reference.

    Parameters
    ----------
    electrodes : (channel, 3) float
        Positions, m, in the frame of `regions`.
    regions : (region, 3) float
        Centroids, m.
    head : (point, 3) float
        Positions of a whole cap in the same frame, to which the sphere is fitted.

    Returns
    -------
    (channel, region, 3) float, V per A m

    References
    ----------
    Four shells of Berg & Scherg 1994, doi:10.1016/0013-4694(94)90113-9, as mne computes them.
    """
    leads = _forward(electrodes, regions, head)["sol"]["data"].reshape(len(electrodes), len(regions), 3)
    return np.asarray(leads - leads.mean(axis=0))


def _info(electrodes: Floats) -> Any:
    import mne

    names = [f"E{index}" for index in range(len(electrodes))]
    info = mne.create_info(names, 100.0, "eeg", verbose="error")
    places = dict(zip(names, electrodes, strict=True))
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="error")
    return info


def _forward(electrodes: Floats, regions: Floats, head: Floats) -> Any:
    import mne

    centre, radius = fit_sphere(head)
    sphere = mne.make_sphere_model(r0=centre, head_radius=radius, verbose="error")
    normals = np.tile([0.0, 0.0, 1.0], (len(regions), 1))
    space = mne.setup_volume_source_space(
        pos={"rr": regions, "nn": normals}, sphere=sphere, sphere_units="m", mindist=0, verbose="error"
    )
    if space[0]["nuse"] != len(regions):
        message = (
            f"{len(regions) - space[0]['nuse']} of {len(regions)} regions lie outside the sphere of {radius:.3f} m"
        )
        raise ValueError(message)
    return mne.make_forward_solution(
        _info(electrodes), trans=None, src=space, bem=sphere, meg=False, eeg=True, mindist=0, verbose="error"
    )


def eloreta_kernel(electrodes: Floats, regions: Floats, head: Floats) -> Floats:
    """Return the eLORETA inverse (region, 3, channel) of potentials against any common reference.

    References
    ----------
    Pascual-Marqui 2007, arXiv:0710.3341; eLORETA places a single source without error.
    """
    import mne

    forward = _forward(electrodes, regions, head)
    evoked = mne.EvokedArray(np.eye(len(electrodes)), _info(electrodes), verbose="error")
    evoked.set_eeg_reference(projection=True, verbose="error")
    inverse = mne.minimum_norm.make_inverse_operator(
        evoked.info, forward, mne.make_ad_hoc_cov(evoked.info, verbose="error"), loose=1.0, depth=None, verbose="error"
    )
    found = mne.minimum_norm.apply_inverse(
        evoked, inverse, lambda2=1 / SNR**2, method="eLORETA", pick_ori="vector", verbose="error"
    )
    # A constant over the electrodes is the reference, and no source makes it.
    kernel: Floats = found.data - found.data.mean(axis=-1, keepdims=True)
    return kernel


def principal_weights(kernel: Floats, covariance: Floats) -> Floats:
    """Return (region, channel) weights along each region's direction of most power.

    Parameters
    ----------
    kernel : (region, 3, channel) float
        As `eloreta_kernel` returns it.
    covariance : (channel, channel) float
        Of the signals.
    """
    power = np.einsum("rac,cd,rbd->rab", kernel, covariance, kernel, optimize=True)
    directions = np.linalg.eigh(power)[1][:, :, -1]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    weights: Floats = np.einsum("ra,rac->rc", directions * np.sign(largest), kernel)
    return weights


@dataclass(frozen=True)
class ToRegions:
    """Signals of regions instead of electrodes (a `portions.Change`).

    An epoch counts where all of the electrodes used are clean.

    Attributes
    ----------
    weights : (region, electrode) float
        As `principal_weights` returns them.
    electrodes : sequence of int
        Channels that they belong to.
    """

    weights: Floats
    electrodes: Sequence[int]

    @property
    def nodes(self) -> int:
        """Regions."""
        return len(self.weights)

    def __call__(self, data: Singles, valid: Bools, _: Index, /) -> tuple[Singles, Bools]:
        """Return (epoch, region, time) float32 and its validity for (epoch, channel, time)."""
        # Scaled to the size of its largest weight, so that single precision is far from its limits.
        weights = (self.weights / np.abs(self.weights).max()).astype(np.float32)
        chosen = list(self.electrodes)
        usable: Bools = np.asarray(valid[:, chosen].all(axis=1))
        out = np.stack([weights @ epoch[chosen] for epoch in data])
        out[~usable] = 0
        return out, np.repeat(usable[:, None], self.nodes, axis=1)
