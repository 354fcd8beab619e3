"""Parameter cards of the corticothalamic twin, and the published priors of each stage.

A card says what a parameter is; the reports print it beside the posterior. The stage priors are weak: they were
set from published parameter sets and typical band powers, not from a cohort fit. Synthetic people are drawn from
them; a fit takes those of `sleep_priors`, which were refitted on real EEG.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

_FIELD = "doi:10.1103/PhysRevE.65.041924"
_TRACKING = "doi:10.1016/j.jneumeth.2015.06.001"
_GRAPH = "doi:10.1371/journal.pcbi.1008310"


@dataclass(frozen=True)
class Card:
    """One parameter: symbol, default, range, unit, meaning and source."""

    name: str
    symbol: str
    default: float
    low: float
    high: float
    unit: str
    meaning: str
    reference: str


_CARDS = (
    Card("X", "X", 0.8, 0.0, 1.0, "", "cortical loop gain; X + Y reaches 1 at the edge of stability", _FIELD),
    Card("Y", "Y", 0.0, -1.0, 1.0, "", "corticothalamic loop gain; the alpha rhythm grows with it", _FIELD),
    Card("Z", "Z", 0.2, 0.0, 1.2, "", "intrathalamic loop gain; spindles grow with it", _FIELD),
    Card("t0", "t₀", 0.085, 0.045, 0.140, "s", "delay of the loop between cortex and thalamus", _TRACKING),
    Card("alpha", "α", 60.0, 10.0, 250.0, "1/s", "decay rate of dendrites; slower asleep", _TRACKING),
    Card("kappa", "κ", 2.6, 0.0, np.inf, "", "coupling of the field along the graph", _GRAPH),
    Card("emg_fraction", "A", 0.03, 0.0, 1.0, "", "share of muscle in the power of the fitted band", _TRACKING),
    Card("log_scale", "ln s²", 0.0, -np.inf, np.inf, "ln(µV²/Hz)", "log power of the input", _FIELD),
    Card("residual_sd", "σ", 0.15, 0.0, np.inf, "nat", "scale of what the model leaves of the log spectrum", ""),
)

CARDS = MappingProxyType({card.name: card for card in _CARDS})
"""Every parameter of the spectral twin by name."""

BETA_OVER_ALPHA = MappingProxyType({"wake": 9.2, "sleep": 4.1})
"""Rise over decay rate of dendrites: fixed, because a spectrum hardly informs it."""

T0_MEAN, T0_SD, T0_LOW, T0_HIGH = 0.085, 0.015, 0.045, 0.140
"""Prior of the delay, s: the published 85 ms, and about the published range."""

LOG_KAPPA_MEAN, LOG_KAPPA_SD = float(np.log(2.6)), 0.7
"""Prior of κ: the first mode of a cortex-sized torus has r²k² = 1.17, the template's λ₂ is about 0.44."""

RESIDUAL_SD_MEAN = 0.25
"""Mean of the exponential prior of each stage's residual of the log spectrum, nat (doi:10.1214/16-STS576)."""

Z_MAX = 1.2
"""Upper end of Z in its logit."""


@dataclass(frozen=True)
class StagePrior:
    """Prior of one stage.

    Mean and sd of X, Y, Z on their own scale; median of α, 1/s, with the sd of its log; the Beta of the EMG fraction.
    """

    X: tuple[float, float]
    Y: tuple[float, float]
    Z: tuple[float, float]
    alpha: tuple[float, float]
    emg: tuple[float, float]
    regime: str

    def unbounded(self) -> dict[str, tuple[float, float]]:
        """Return mean and sd of logit X, Y, logit(Z / 1.2), by the delta method, and of ln α."""
        (x, sx), (z, sz) = self.X, self.Z
        share = z / Z_MAX
        return {
            "X": (float(np.log(x / (1 - x))), sx / (x * (1 - x))),
            "Y": self.Y,
            "Z": (float(np.log(share / (1 - share))), sz / Z_MAX / (share * (1 - share))),
            "alpha": (float(np.log(self.alpha[0])), self.alpha[1]),
        }


_AWAKE, _ASLEEP = (1.2, 20.0), (1.0, 40.0)

STAGE_PRIORS = MappingProxyType(
    {
        # eyes open (.75, .08, .12) and closed (.48, .30, .08) in equal parts: a night's wake holds both
        "W": StagePrior((0.615, 0.20), (0.19, 0.18), (0.10, 0.06), (80, 0.35), _AWAKE, "wake"),
        "N1": StagePrior((0.80, 0.12), (-0.02, 0.06), (0.22, 0.10), (60, 0.35), _ASLEEP, "sleep"),
        "N2": StagePrior((0.85, 0.10), (-0.04, 0.07), (0.35, 0.22), (50, 0.35), _ASLEEP, "sleep"),
        "N3": StagePrior((0.91, 0.07), (-0.02, 0.04), (0.06, 0.06), (55, 0.35), _ASLEEP, "sleep"),
        "R": StagePrior((0.80, 0.13), (-0.04, 0.07), (0.18, 0.10), (60, 0.35), _ASLEEP, "sleep"),
    }
)
"""Prior of each stage of contracts.stages."""
