"""Priors of the spectral twin, refitted on the real EEG at hand (thirteen patients of UCDDB).

Wake and N3 were heard in thirteen and eleven people. One person had N1, N2 and REM sleep: there the published prior
hardly moves, and stays as wide. Rule: `inference.stage_priors`; the numbers: `python benchmarks/stage_priors.py`.
"""

from types import MappingProxyType

from braintwin.models.parameters import StagePrior

STAGE_PRIORS = MappingProxyType(
    {
        "W": StagePrior((0.640, 0.155), (0.139, 0.109), (0.115, 0.053), (89, 0.23), (1.20, 20.0), "wake"),
        "N1": StagePrior((0.785, 0.130), (-0.011, 0.063), (0.215, 0.098), (64, 0.38), (1.21, 49.2), "sleep"),
        "N2": StagePrior((0.858, 0.100), (-0.039, 0.070), (0.333, 0.213), (52, 0.35), (1.00, 40.0), "sleep"),
        "N3": StagePrior((0.930, 0.044), (-0.009, 0.035), (0.068, 0.055), (73, 0.40), (1.00, 40.0), "sleep"),
        "R": StagePrior((0.792, 0.135), (-0.030, 0.074), (0.178, 0.098), (64, 0.37), (1.00, 40.0), "sleep"),
    }
)
"""Prior of each stage of contracts.stages."""

T0_MEAN, T0_SD = 0.0828, 0.0137
"""Prior of the delay, s."""
