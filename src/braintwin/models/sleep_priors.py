"""Priors of the spectral twin, refitted on the real EEG at hand (thirteen patients of UCDDB).

Wake and N3 were heard in thirteen and eleven people. One person had N1, N2 and REM sleep: there the published prior
hardly moves, and stays as wide. Rule: `inference.stage_priors`; the numbers: `python benchmarks/stage_priors.py`.
"""

from types import MappingProxyType

import numpy as np

from braintwin.models.parameters import StagePrior

STAGE_PRIORS = MappingProxyType(
    {
        "W": StagePrior((0.627, 0.148), (0.139, 0.109), (0.113, 0.051), (1.20, 20.0), "wake"),
        "N1": StagePrior((0.797, 0.122), (-0.012, 0.063), (0.226, 0.102), (1.29, 50.6), "sleep"),
        "N2": StagePrior((0.845, 0.105), (-0.036, 0.072), (0.306, 0.220), (1.00, 40.0), "sleep"),
        "N3": StagePrior((0.912, 0.047), (-0.012, 0.032), (0.063, 0.048), (1.00, 40.0), "sleep"),
        "R": StagePrior((0.796, 0.134), (-0.033, 0.073), (0.185, 0.102), (1.00, 40.0), "sleep"),
    }
)
"""Prior of each stage of contracts.stages."""

T0_MEAN, T0_SD = 0.0829, 0.0133
"""Prior of the delay, s."""

LOG_ALPHA_MEAN = MappingProxyType({"wake": float(np.log(90.0)), "sleep": float(np.log(73.0))})
LOG_ALPHA_SD = MappingProxyType({"wake": 0.24, "sleep": 0.42})
"""Prior of ln α, 1/s, awake and asleep."""
