"""Operators that give a trial's contrasts back, fitted on the trial's own simulated population.

What is fitted, by Gauss-Newton on simulated arms with common random numbers: sleep onset; a wake operator along the
class's split between waking up and falling asleep again, and across it; depth of sleep and REM sleep where a change of
theirs was read; time in bed where the entry implies one; and for diaries how much they exaggerate latency and wake.
Priors are normal. Several contrasts of one trial are not as many independent facts (sleep time is what latency and
wake leave over): their errors are widened until they count as many as there are operators to be learned from them.
"""

from dataclasses import dataclass

import numpy as np

from braintwin.treatment.calibration_parameters import as_posterior, parameters_of
from braintwin.treatment.contrasts import Contrast, contrasts_of
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.gauss_newton import fit
from braintwin.treatment.library import Meta
from braintwin.treatment.posterior import TIME_IN_BED, OperatorPosterior
from braintwin.treatment.simulated_contrasts import TrialModel
from braintwin.treatment.trial import Trial


@dataclass(frozen=True)
class Reproduced:
    """One contrast of a trial against the simulated one.

    Attributes
    ----------
    contrast : Contrast
    simulated, sd : float
        Mean of the simulated trial, and how uncertain the operators leave it.
    """

    contrast: Contrast
    simulated: float
    sd: float

    @property
    def distance(self) -> float:
        """Return the difference in standard errors of the trial."""
        return (self.simulated - self.contrast.mean) / self.contrast.se

    @property
    def within(self) -> bool:
        """Whether the simulated contrast is within one standard error."""
        return abs(self.distance) <= 1.0


@dataclass(frozen=True)
class Calibrated:
    """What calibration found of one treatment.

    Attributes
    ----------
    operators : OperatorPosterior or None
        None where there is nothing to fit (devices that act on breathing alone).
    reproduced : tuple of Reproduced
    notes : tuple of str
        Coherence of the entry's numbers.
    bridge : dict of str to float
        Laboratory over diary, as fitted.
    """

    operators: OperatorPosterior | None
    reproduced: tuple[Reproduced, ...]
    notes: tuple[str, ...]
    bridge: dict[str, float]


def calibrate(treatment: Treatment, meta: Meta, trial: Trial, *, population: str, seed: int) -> Calibrated:
    """Fit the operators of an entry to its contrasts on its trial's population, and simulate the trial with them.

    Parameters
    ----------
    treatment : Treatment
        The entry; a posterior that it carries is not looked at.
    meta : Meta
    trial : Trial
        The trial's population (:func:`braintwin.treatment.trial.enrol`).
    population : str
        Name of the population model, for the record.
    seed : int
        Of what people differ by in their response.
    """
    contrasts, notes = contrasts_of(treatment, meta)
    if contrasts and all(c.prov == "assumed" for c in contrasts if not c.left_out):
        return Calibrated(None, (), ("all of it is assumed: nothing is fitted, and the closed form stands",), {})
    parameters = parameters_of(treatment, meta, contrasts)
    model = TrialModel(treatment, meta, trial, parameters, seed)
    names = [c.outcome for c in contrasts]
    at = np.array([p.mean for p in parameters])
    operators, spread = None, np.zeros(len(contrasts))
    if any(p.row.any() for p in parameters):
        used = np.array([not c.left_out for c in contrasts])
        informed = 2 + sum(p.name in ("n3", "rem", TIME_IN_BED) for p in parameters)
        at, cov, slope, found = fit(
            lambda values: model.predict(values, names), parameters, np.array([c.mean for c in contrasts]),
            np.array([c.se for c in contrasts]), used * min(informed / used.sum(), 1.0),
        )  # fmt: skip
        operators = as_posterior(parameters, at, cov, source=f"contrasts of {treatment.label}", population=population)
        spread = np.sqrt(np.einsum("ij,jk,ik->i", slope, cov, slope))
    else:
        found = model.predict(at, names)
    reproduced = tuple(Reproduced(c, float(x), float(sd)) for c, x, sd in zip(contrasts, found, spread, strict=True))
    bridge = {p.name.removeprefix("bridge_"): float(v) for p, v in zip(parameters, at) if "bridge" in p.name}
    return Calibrated(operators, reproduced, tuple(notes), bridge)
