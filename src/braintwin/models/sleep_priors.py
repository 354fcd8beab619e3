"""Priors of the spectral twin, refitted on the real EEG at hand (thirteen patients of UCDDB).

Wake and N3 were heard in thirteen and eleven people. One person had N1, N2 and REM sleep: there the published prior
hardly moves, and stays as wide. Rule: `inference.stage_priors`; the numbers: `python benchmarks/stage_priors.py`.
"""

from types import MappingProxyType

import numpy as np

from braintwin.models.parameters import StagePrior

STAGE_PRIORS = MappingProxyType(
    {
        "W": StagePrior((0.528, 0.169), (0.176, 0.109), (0.163, 0.089), (1.20, 20.0), "wake"),
        "N1": StagePrior((0.764, 0.159), (-0.003, 0.071), (0.226, 0.102), (1.33, 51.2), "sleep"),
        "N2": StagePrior((0.812, 0.151), (0.017, 0.145), (0.289, 0.229), (1.00, 40.0), "sleep"),
        "N3": StagePrior((0.888, 0.060), (0.010, 0.041), (0.056, 0.042), (1.00, 40.0), "sleep"),
        "R": StagePrior((0.775, 0.151), (-0.033, 0.073), (0.188, 0.103), (1.00, 40.0), "sleep"),
    }
)
"""Prior of each stage of contracts.stages."""

T0_MEAN, T0_SD = 0.0682, 0.0172
"""Prior of the effective delay, s."""

LOG_ALPHA_MEAN = MappingProxyType({"wake": float(np.log(94.0)), "sleep": float(np.log(105.0))})
LOG_ALPHA_SD = MappingProxyType({"wake": 0.26, "sleep": 0.56})
"""Prior of ln α, 1/s, awake and asleep."""
