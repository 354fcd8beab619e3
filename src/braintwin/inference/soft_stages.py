"""Hypnograms that an automatic scoring leaves possible.

An automatic scoring says of every epoch how probable each stage is. Epochs drawn one by one from that would change
stage far too often, and the most probable stages are no more certain than the others of a doubtful night. So
hypnograms are drawn whole, from a hidden Markov chain: the published chain of stages, seen through the scoring's
probabilities. The scoring has looked at neighbouring epochs itself, and so has the chain; the probabilities enter with
the power at which drawn hypnograms agree with the scoring as much as the scoring says of itself.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import MISSING, STAGES
from braintwin.inference.nights import Night
from braintwin.models.population import BASE_COUNTS

Floats = npt.NDArray[np.float64]

LEAST_POWER, MOST_POWER, HALVINGS = 0.02, 4.0, 20


def chain() -> tuple[Floats, Floats]:
    """Return the published chain of stages, (from, to), and how common each stage is in it, (stage,)."""
    counts = np.array(BASE_COUNTS, dtype=float)
    return counts / counts.sum(axis=1, keepdims=True), counts.sum(axis=1) / counts.sum()


def evidence(probability: Floats, power: float) -> Floats:
    """Return what the scoring says of each epoch beyond how common its stages are, (epoch, stage); 1 where nothing."""
    known = np.isfinite(probability).all(axis=1) & (probability.sum(axis=1) > 0)
    ratio = np.where(known[:, None], probability, 1.0) / np.where(known[:, None], chain()[1], 1.0)
    seen = ratio**power
    return np.asarray(seen / seen.max(axis=1, keepdims=True))


def forward(seen: Floats) -> Floats:
    """Return the chance of each stage given the epochs up to this one, (epoch, stage)."""
    step, common = chain()
    out, now = np.empty_like(seen), common
    for t, row in enumerate(seen):
        now = row * (now if t == 0 else now @ step)
        now = now / now.sum()
        out[t] = now
    return out


def marginals(seen: Floats) -> Floats:
    """Return the chance of each stage given all epochs, (epoch, stage)."""
    step, _ = chain()
    before = forward(seen)
    out, after = np.empty_like(seen), np.ones(len(STAGES))
    for t in range(len(seen) - 1, -1, -1):
        both = before[t] * after
        out[t] = both / both.sum()
        after = step @ (seen[t] * after)
        after = after / after.sum()
    return out


def power_of(probability: Floats) -> float:
    """Return the power at which hypnograms agree with the scoring as much as it says of itself: Σ p² an epoch."""
    known = np.isfinite(probability).all(axis=1) & (probability.sum(axis=1) > 0)
    if not known.any():
        return 1.0
    said = float(np.square(probability[known]).sum(axis=1).mean())
    low, high = LEAST_POWER, MOST_POWER
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        agreed = float((marginals(evidence(probability, middle))[known] * probability[known]).sum(axis=1).mean())
        low, high = (middle, high) if agreed < said else (low, middle)
    return float(np.sqrt(low * high))


def draw_hypnograms(probability: Floats, draws: int, rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """Return hypnograms drawn from a scoring's probabilities.

    Parameters
    ----------
    probability : (epoch, stage) float
        In the order of STAGES; a row of NaN or of zeros says nothing.

    Returns
    -------
    (draw, epoch) int8
    """
    probability = np.asarray(probability, dtype=np.float64)
    step, _ = chain()
    before = forward(evidence(probability, power_of(probability)))
    out = np.empty((draws, len(probability)), dtype=np.int8)
    uniforms = rng.random(out.shape)
    for t in range(len(probability) - 1, -1, -1):
        weight = before[t] if t == len(probability) - 1 else before[t] * step[:, out[:, t + 1]].T
        edges = np.cumsum(np.broadcast_to(weight, (draws, len(STAGES))), axis=1)
        out[:, t] = (uniforms[:, t, None] * edges[:, -1:] >= edges).sum(axis=1)
    return out


def soften(night: Night, probability: Floats, draws: int, rng: np.random.Generator) -> Night:
    """Return a night with the hypnograms that its automatic scoring leaves possible; the first is taken as its own.

    Epochs that the scoring left out stay missing. Where lights off is unknown a night begins with its last epoch
    awake, which stays so.

    Parameters
    ----------
    night : Night
        With the most probable stages.
    probability : (epoch, stage) float
        Of the whole recording.
    """
    own = probability[night.begin : night.begin + len(night.stages)]
    drawn = draw_hypnograms(own, draws, rng)
    drawn[:, night.stages == MISSING] = MISSING
    if not night.lights_off_known:
        drawn[:, 0] = night.stages[0]
    return replace(night, stages=drawn[0], versions=drawn)
