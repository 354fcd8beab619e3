"""What operators do to the contrasts of a simulated trial, as a surface: thousands of draws for a few dozen arms."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.treatment.closed_form import hazard_shifts
from braintwin.treatment.operators import Operators
from braintwin.treatment.simulated_contrasts import measured
from braintwin.treatment.trial import Trial

Floats = npt.NDArray[np.float64]

DESIGN_STEP = 0.35
"""Distance of the simulated arms from no effect along each direction, log hazard."""


def lightening() -> Floats:
    """Return the shift, (group,), of a unit of lighter sleep between N1 and N2."""
    light = np.zeros(len(GROUPS))
    light[GROUPS.index("n1_n2")], light[GROUPS.index("n2_n1")] = -1.0, 1.0
    return light


def _directions() -> Floats:
    """Return what predictions move, (direction, group): onset, waking, return to sleep, depth, REM, lightening."""
    return np.vstack([
        hazard_shifts(onset=1.0),
        hazard_shifts(wake_odds=1.0, wake_entry_share=1.0),
        -hazard_shifts(wake_odds=1.0, wake_entry_share=0.0),
        hazard_shifts(n3_odds=2.0),
        hazard_shifts(rem_odds=2.0),
        lightening()[None],
    ])  # fmt: skip


def _terms(at: Floats) -> Floats:
    size = at.shape[1]
    squares = [at[:, i] * at[:, j] for i in range(size) for j in range(i + 1)]
    return np.column_stack([np.ones(len(at)), at, *squares])


class Responses:
    """Contrasts of a trial as a quadratic surface through simulated arms, which share their noise.

    Parameters
    ----------
    trial : Trial
    placebo : Operators
        What the control arm has, one row; the treated arms have it too.
    """

    def __init__(self, trial: Trial, placebo: Operators) -> None:
        control = trial.arm(placebo)
        self.rows = _directions()
        size = len(self.rows)
        unit = DESIGN_STEP * np.eye(size)
        pairs = [(i, j) for i in range(size) for j in range(i)]
        points = np.vstack([np.zeros((1, size)), unit, -unit, *(unit[None, i] + unit[j] for i, j in pairs)])
        arms = [replace(placebo, shift=placebo.shift + point @ self.rows) for point in points]
        found = [measured(trial.arm(arm), control, trial.baseline.latency) for arm in arms]
        self.outcomes = [*found[0]]
        values = np.array([[one[name] for name in self.outcomes] for one in found])
        self.coefficients = np.linalg.solve(_terms(points), values)

    def __call__(self, shifts: Floats, outcome: str) -> Floats:
        """Return the contrast (draw,) of draws of shifts (draw, group)."""
        at = shifts @ np.linalg.pinv(self.rows)
        return np.asarray(_terms(at) @ self.coefficients[:, self.outcomes.index(outcome)])
