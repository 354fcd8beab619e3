"""What the spectral twin is fitted to: one person's log spectra over their nights."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.stages import STAGES
from braintwin.errors import NightExcluded, NothingToDo
from braintwin.inference.coherency import Coherency, coherency_of

Floats = npt.NDArray[np.float64]

MIN_BINS = 20
"""Fewest usable frequencies of a channel in a stage; below, it is left out."""

_REGION = {"Fp": "F", "AF": "F", "F": "F", "FC": "C", "C": "C", "CP": "C", "FT": "T", "T": "T", "TP": "T"} | {
    "P": "P", "PO": "P", "O": "P",
}  # fmt: skip
_SITE = re.compile(r"^(Fp|AF|FC|FT|F|CP|C|TP|T|PO|P|O)(\d+|z)(?![A-Za-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class PersonSpectra:
    """Log spectra of one person.

    Attributes
    ----------
    stages, channels : tuple of str
        Only those that have usable frequencies.
    freq : (freq,) array
        Hz.
    log_psd, variance : (stage, channel, freq) array
        Mean log spectrum, ln(µV²/Hz), and the variance of that mean; 0 and 1 where not used.
    used : (stage, channel, freq) bool array
        Which bins enter the likelihood.
    shared : (stage, freq) array, optional
        How many channels say the same thing (1 to the number of channels), see `person_graph.shared_information`;
        1 where it is not given.
    repeats : (stage,) array, optional
        How many neighbouring frequencies say the same thing, see `neighbours`; 1 where it is not given.
    coherency : Coherency, optional
        Of the same stages and channels; without it the auto-spectra stand alone.
    """

    stages: tuple[str, ...]
    channels: tuple[str, ...]
    freq: Floats
    log_psd: Floats
    variance: Floats
    used: npt.NDArray[np.bool_]
    shared: Floats | None = None
    repeats: Floats | None = None
    coherency: Coherency | None = None

    def weight(self) -> Floats:
        """Return the weight of each bin in the log likelihood (stage, channel, freq): 0 where it is not used."""
        shared = np.ones((len(self.stages), self.freq.size)) if self.shared is None else self.shared
        repeats = np.ones(len(self.stages)) if self.repeats is None else self.repeats
        return np.asarray(self.used / shared[:, None, :] / repeats[:, None, None])

    def level(self) -> Floats:
        """Return the log of the power in the band (stage, channel), ln µV²; unused bins are interpolated."""
        level = np.zeros(self.log_psd.shape[:2])
        for place in np.ndindex(level.shape):
            used = self.used[place]
            if used.any():
                curve = np.interp(self.freq, self.freq[used], self.log_psd[place][used])
                level[place] = np.log(np.trapezoid(np.exp(curve), self.freq))
        return level


def average_nights(nights: Sequence[xr.Dataset]) -> PersonSpectra:
    """Average the log spectra of a person's nights, weighted by epochs.

    Parameters
    ----------
    nights : sequence of Dataset
        As contracts.features.FEATURES says. Channels are matched by name; one that a night lacks rests on the others.

    Raises
    ------
    NothingToDo
        If no channel has a usable spectrum in any stage.
    NightExcluded
        If the nights have different frequencies.
    """
    freq = np.asarray(nights[0]["freq"].values, dtype=float)
    if any(not np.array_equal(freq, n["freq"].values) for n in nights):
        message = (
            "fit-spectral: a person's nights have different frequencies; make their features with one set of options"
        )
        raise NightExcluded(message)
    channels = list(dict.fromkeys(str(c) for n in nights for c in n["channel"].values))
    aligned = [n.reindex(stage=list(STAGES), channel=channels) for n in nights]
    value = np.stack([n["log_psd"].values for n in aligned])
    variance = np.stack([n["log_psd_var"].values for n in aligned])
    epochs = np.nan_to_num(np.stack([n["n_epochs"].values for n in aligned]).astype(float))
    masked = np.stack([np.nan_to_num(n["masked"].values.astype(float), nan=1.0) for n in aligned]) > 0
    good = np.isfinite(value) & np.isfinite(variance) & (epochs > 0)[..., None] & ~masked[:, None]
    weight = np.where(good, epochs[..., None], 0.0)
    total = weight.sum(axis=0)
    used = total > 0
    share = weight / np.where(used, total, 1.0)
    mean = np.sum(share * np.where(good, value, 0.0), axis=0)
    within = np.sum(share**2 * np.where(good, variance, 0.0), axis=0)
    spread = np.maximum(within, _between(value, mean, share, good))
    used &= used.sum(axis=-1, keepdims=True) >= MIN_BINS
    return _compact(STAGES, channels, freq, mean, spread, used)


def average_coherency(
    nights: Sequence[xr.Dataset], channels: Sequence[str], stages: Sequence[str], freq: Floats, hop_hz: float = 2.0
) -> Coherency | None:
    """Return a person's coherency in blocks of `hop_hz` up to 30 Hz, averaged over nights by their windows.

    None where no night has that of all the channels.
    """
    total = np.zeros((len(stages), freq.size, len(channels), len(channels)), dtype=np.complex128)
    windows = np.zeros(len(stages))
    for night in nights:
        if "coherency_re" not in night or not set(channels) <= set(night["channel"].values.tolist()):
            continue
        one = night.sel(stage=list(stages), channel=list(channels)).sel(channel_to=list(channels))
        weight = np.where(np.isfinite(one["coherency_re"].values).all(axis=(1, 2, 3)), one["coherency_windows"], 0.0)
        value = np.nan_to_num(one["coherency_re"].values) + 1j * np.nan_to_num(one["coherency_im"].values)
        total += weight[:, None, None, None] * np.moveaxis(value, -1, 1)
        windows += weight
    if not windows.any():
        return None
    mean = np.where(windows[:, None, None, None] > 0, total, np.eye(len(channels)))
    return coherency_of(mean, windows, coherency_blocks(freq, hop_hz))


def coherency_blocks(freq: Floats, hop_hz: float = 2.0) -> npt.NDArray[np.int64]:
    """Return the frequencies of blocks of `hop_hz` up to 30 Hz, as indices (block, bin)."""
    width = max(1, round(hop_hz / float(np.diff(freq).min())))
    blocks = int(np.sum(freq <= 30.0)) // width
    return np.arange(blocks * width, dtype=np.int64).reshape(blocks, width)


def _between(value: Floats, mean: Floats, share: Floats, good: npt.NDArray[np.bool_]) -> Floats:
    """Return the variance of the mean that the spread of the nights asks for, pooled over frequency.

    A night's gain shifts its whole log spectrum; that is taken out first, because the model has a free scale.
    """
    effective = 1 / np.maximum(np.sum(share**2, axis=0), 1e-12)
    distance = np.where(good, value - mean, np.nan)
    distance = np.nan_to_num(distance - _nanmean(distance))
    several = effective > 1 + 1e-9
    variance = np.where(several, np.sum(share * distance**2, axis=0) / np.where(several, effective - 1, 1.0), np.nan)
    return np.nan_to_num(np.broadcast_to(_nanmean(variance), mean.shape))


def _nanmean(values: Floats) -> Floats:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is."""
    count = np.isfinite(values).sum(axis=-1, keepdims=True)
    return np.where(count > 0, np.nansum(values, axis=-1, keepdims=True) / np.maximum(count, 1), np.nan)


def _compact(
    stages: Sequence[str],
    channels: Sequence[str],
    freq: Floats,
    mean: Floats,
    variance: Floats,
    used: npt.NDArray[np.bool_],
) -> PersonSpectra:
    """Drop stages and channels without usable frequencies."""
    s, c = np.flatnonzero(used.any(axis=(1, 2))), np.flatnonzero(used.any(axis=(0, 2)))
    if not s.size:
        message = f"fit-spectral: no channel has a spectrum of {MIN_BINS} or more usable frequencies in any stage"
        raise NothingToDo(message)
    used = used[np.ix_(s, c)]
    return PersonSpectra(
        stages=tuple(stages[int(i)] for i in s),
        channels=tuple(channels[int(i)] for i in c),
        freq=freq,
        log_psd=np.where(used, mean[np.ix_(s, c)], 0.0),
        variance=np.where(used, variance[np.ix_(s, c)], 1.0),
        used=used,
    )


def channel_groups(channels: Sequence[str], most: int) -> dict[str, list[int]]:
    """Return which channels are averaged into one, so that at most `most` remain.

    Up to `most` channels stay as they are. More are averaged over frontal, central, temporal and posterior sites of
    each side (midline left out); where names are no 10-20 sites, or regions are still too many, evenly spaced ones
    are taken in the order of the recording.
    """
    if len(channels) <= most:
        return {name: [i] for i, name in enumerate(channels)}
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(channels):
        site = _SITE.match(name)
        if site and site[2].lower() != "z":
            region = {k.lower(): v for k, v in _REGION.items()}[site[1].lower()]
            groups.setdefault(region + ("-left" if int(site[2]) % 2 else "-right"), []).append(i)
    if len(groups) < min(most, 2):
        groups = {name: [i] for i, name in enumerate(channels)}
    names = sorted(groups, key=lambda name: groups[name][0])
    kept = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int))
    return {names[i]: groups[names[i]] for i in kept}


def group_channels(spectra: PersonSpectra, groups: dict[str, list[int]]) -> PersonSpectra:
    """Average the log spectra of each group of channels over those that have the bin.

    Neighbours share their noise, so the variance of the average is the mean variance, not a smaller one.
    """
    shape = (len(spectra.stages), len(groups), len(spectra.freq))
    mean, variance, used = np.zeros(shape), np.ones(shape), np.zeros(shape, bool)
    for g, members in enumerate(groups.values()):
        have = spectra.used[:, members]
        count = np.maximum(have.sum(axis=1), 1)
        mean[:, g] = np.sum(np.where(have, spectra.log_psd[:, members], 0.0), axis=1) / count
        variance[:, g] = np.sum(np.where(have, spectra.variance[:, members], 0.0), axis=1) / count
        used[:, g] = have.any(axis=1)
    return _compact(spectra.stages, list(groups), spectra.freq, mean, variance, used)
