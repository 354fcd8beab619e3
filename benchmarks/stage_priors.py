"""Priors of the spectral twin refitted on the real EEG at hand: one whole night and twelve partial ones (UCDDB).

    python benchmarks/stage_priors.py [data folder]

Every patient is fitted under the priors of `braintwin.models.sleep_priors`; those are divided out again, and what is
left is put together with the published ones (`braintwin.inference.stage_priors`). What is printed is the text of
`sleep_priors`; run it again after pasting until nothing moves.
"""

import os
import runpy
import sys
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from braintwin.contracts.stages import STAGES
from braintwin.inference.person_graph import no_graph
from braintwin.inference.spectral import compile_twin
from braintwin.inference.spectral_fit import fit_person
from braintwin.inference.stage_priors import Normal, refit, refit_share
from braintwin.models import parameters as published
from braintwin.models import sleep_priors as used

RIVALS = runpy.run_path(str(Path(__file__).with_name("spectral_rivals.py")))
LINES = {
    "X": (logit, lambda m, s: (expit(m), s * expit(m) * expit(-m))),
    "Y": (np.asarray, lambda m, s: (m, s)),
    "Z": (
        lambda z: logit(z / published.Z_MAX),
        lambda m, s: (published.Z_MAX * expit(m), s * published.Z_MAX * expit(m) * expit(-m)),
    ),
    "alpha": (np.log, lambda m, s: (np.exp(m), s)),
}


def posteriors(data, twin=None):
    """Return the draws (draw, stage) and stages of every patient with EEG, fitted under the present priors."""
    twin = twin or compile_twin(RIVALS["FREQ"], 1, RIVALS["NU"])
    found = []
    people = {"ucddb018": RIVALS["whole_night"](data), **RIVALS["partial_nights"](data)}
    for logs in filter(None, people.values()):
        mean = np.array([log.mean(axis=0) for log in logs.values()])
        variance = np.array([log.var(axis=0, ddof=1) / len(log) for log in logs.values()])
        spectra = RIVALS["one_channel"](logs, mean, variance)
        fit = fit_person(twin, spectra, no_graph(1, "one channel"), seed=1, chains=2, draws=1000)
        found.append((list(logs), {name: _flat(fit.posterior[name]) for name in fit.posterior}))
    return found


def _flat(draws):
    return draws.values.reshape(-1, *draws.shape[2:])


def refitted(found):
    """Return the new priors: {(parameter, stage): Normal} on unbounded scales, t0, ln α, and the shares of EMG."""
    new = {}
    for stage in STAGES:
        mine = [(draws, stages.index(stage)) for stages, draws in found if stage in stages]
        old, now = (module.STAGE_PRIORS[stage].unbounded() for module in (published, used))
        for name, (line, _) in LINES.items():
            values = [line(draws[name][:, i]) for draws, i in mine]
            new[name, stage] = _refit(Normal(*old[name]), Normal(*now[name]), values)
        shares = [draws["emg_fraction"][:, i] for draws, i in mine]
        new["emg", stage] = refit_share(published.STAGE_PRIORS[stage].emg, *_moments(shares))
    old_t0, now_t0 = (Normal(module.T0_MEAN, module.T0_SD) for module in (published, used))
    new["t0"] = _refit(old_t0, now_t0, [draws["t0"] for _, draws in found])
    return new


def _moments(values):
    return np.array([v.mean() for v in values]), np.array([v.std() for v in values])


def _refit(old, now, values):
    return refit(old, now, *_moments(values)) if values else old


def main():
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["BRAINTWIN_DATA"])
    new = refitted(posteriors(data))
    for stage in STAGES:
        parts = [LINES[name][1](new[name, stage].mean, new[name, stage].sd) for name in LINES]
        text = ", ".join(f"({mean:.3f}, {sd:.3f})" if mean < 10 else f"({mean:.0f}, {sd:.2f})" for mean, sd in parts)
        a, b = new["emg", stage]
        people = new["X", stage].people
        print(f'"{stage}": StagePrior({text}, ({a:.2f}, {b:.1f}), "..."),  # {people} people')
    print(f"T0_MEAN, T0_SD = {new['t0'].mean:.4f}, {new['t0'].sd:.4f}  # {new['t0'].people} people")


if __name__ == "__main__":
    main()
