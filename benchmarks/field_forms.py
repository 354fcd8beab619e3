"""The form of the field: dendrites and inhibition within the cortex, against a cortex that answers at once.

    python benchmarks/field_forms.py [data folder]

First, spectra of the full model of five gains at published states, and under a drug, whose X, Y and Z are known: each
form fits them by least squares under the stage's published prior. Then the real spectra of thirteen patients (UCDDB),
under the same priors: half of the sum of squares, prior and all, with Student-t residuals.
"""

import os
import runpy
import sys
from functools import partial
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from braintwin.models import corticothalamic
from braintwin.models import parameters as p
from braintwin.models.corticothalamic import emg_shape
from braintwin.models.gains import full_transfer_power, instant_transfer_power
from braintwin.synthetic import people
from braintwin.synthetic.neural_field import N2, WAKE, gains

FREQ = np.arange(1.0, 40.1, 0.5)
STARTS, RESIDUAL_SD, ALIKE, NU = 12, 0.08, 3.5, 4.0
"""Climbs of each fit; residual of a log spectrum, nat, of which so many neighbouring frequencies count as one."""
DRUGS = ({}, {"ei": 1.1}, {"sr": 1.1})
INSTANT_T0 = 0.070
"""Prior mean of the delay where the cortex answers at once, s."""


def with_constants(inhibition, reticular):
    """Return the form of the product with another inhibition within the cortex and another reticular share."""

    def power(freq, **loop):
        kept = corticothalamic.INHIBITION, corticothalamic.RETICULAR
        corticothalamic.INHIBITION, corticothalamic.RETICULAR = inhibition, reticular
        try:
            return corticothalamic.transfer_power(freq, **loop)
        finally:
            corticothalamic.INHIBITION, corticothalamic.RETICULAR = kept

    return power


CONSTANTS = ((4.0, 0.3), (5.0, 0.0), (5.0, 0.3), (5.0, 0.6), (7.0, 0.3))
FORMS = {"at once": instant_transfer_power, **{f"g {g:.0f}, m {m}": with_constants(g, m) for g, m in CONSTANTS}}


def unit_area(power):
    return power / np.trapezoid(power, FREQ)


def parameters(point, stage):
    """Return the parameters of an unconstrained point: logit X, Y, logit Z / 1.2, t0, ln α, logit of EMG, shift."""
    alpha = np.exp(point[4])
    return {
        "X": 1 / (1 + np.exp(-point[0])), "Y": point[1], "Z": p.Z_MAX / (1 + np.exp(-point[2])), "t0": point[3],
        "alpha": alpha, "beta": alpha * p.BETA_OVER_ALPHA[p.STAGE_PRIORS[stage].regime],
    }  # fmt: skip


def log_spectrum(form, point, stage):
    share = 0.5 / (1 + np.exp(-point[5]))
    brain = unit_area(form(FREQ, **parameters(point, stage)))
    return np.log((1 - share) * brain + share * emg_shape(FREQ, 1.0, 40.0)) + point[6]


def fit(name, log, stage, *, student):
    """Return the best point of a form, half of its sum of squares, and the rms of what it misses."""
    prior, form = p.STAGE_PRIORS[stage], FORMS[name]
    unbounded = prior.unbounded()
    delay = INSTANT_T0 if name == "at once" else p.T0_MEAN
    rate = (people.LOG_ALPHA_MEAN[prior.regime], people.LOG_ALPHA_SD)
    centre, sd = np.array(
        [*(unbounded[n] for n in "XYZ"), (delay, p.T0_SD), rate, (-3.5, 1.0), (0.0, 0.5 if student else 1e-3)]
    ).T

    def misses(point):
        far = (log_spectrum(form, point, stage) - log) / RESIDUAL_SD
        far = np.sqrt((NU + 1) * np.log1p(far**2 / NU)) if student else far
        return np.concatenate([far / np.sqrt(ALIKE), (point - centre) / sd])

    rng = np.random.default_rng(0)
    begin = [centre + sd * (k > 0) * rng.standard_normal(centre.size) for k in range(STARTS)]
    best = min((least_squares(misses, point) for point in begin), key=lambda found: found.cost)
    rms = np.sqrt(np.mean((log_spectrum(form, best.x, stage) - log) ** 2))
    return parameters(best.x, stage), best.cost, rms


def published():
    print("full model at published states | form: X, Y, Z, t0 (ms), 1/α (ms), what is missed (nat)")
    for stage, state in (("W", WAKE), ("N2", N2)):
        for drug in DRUGS:
            field = state.changed(**drug)
            loop = gains(field)
            power = full_transfer_power(FREQ, loop, field.t0, field.alpha, field.beta, 0.0)
            x, y, z = loop.reduced(field.alpha, field.beta)
            print(f"{stage} {drug or ''} true: {x:.3f} {y:.3f} {z:.3f} {1e3 * field.t0:.0f} {1e3 / field.alpha:.1f}")
            for name in FORMS:
                found, _, rms = fit(name, np.log(unit_area(power)), stage, student=False)
                text = " ".join(f"{found[n]:.3f}" for n in "XYZ")
                print(f"    {name:10s} {text} {1e3 * found['t0']:.0f} {1e3 / found['alpha']:.1f}  {rms:.3f}")


def real(data):
    rivals = runpy.run_path(str(Path(__file__).with_name("spectral_rivals.py")))
    people = {"ucddb018": rivals["whole_night"](data), **rivals["partial_nights"](data)}
    spectra = [(stage, logs.mean(axis=0)) for stages in people.values() for stage, logs in stages.items()]
    spectra = [(stage, log - np.log(np.trapezoid(np.exp(log), FREQ))) for stage, log in spectra]
    print(f"{len(spectra)} real spectra | half of the sum of squares by stage and in all, mean rms (nat)")
    for name in FORMS:
        judge = partial(fit, name, student=True)
        found = [(stage, *judge(log, stage)[1:]) for stage, log in spectra]
        by_stage = {s: sum(cost for stage, cost, _ in found if stage == s) for s in p.STAGE_PRIORS}
        text = "  ".join(f"{stage} {cost:.1f}" for stage, cost in by_stage.items())
        print(f"    {name:10s} {text}  all {sum(by_stage.values()):.1f}  rms {np.mean([r for *_, r in found]):.3f}")


if __name__ == "__main__":
    published()
    real(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["BRAINTWIN_DATA"]))
