"""CPU of the spectral twin, person by person, in one batch, against plain PyMC on the same people.

    python benchmarks/spectral_people.py [people] [--plain 2]

People are simulated recordings (five stages, one channel; tests/support/spectral_people.py). Ours: one compilation,
then search, four chains and replicated spectra of each. Plain: the same model written in PyTensor and given to
`pm.sample`, compiled for each person, four chains from its own start. CPU of all threads; ESS is the least of bulk and
tail over parameters.
"""

import argparse
import resource
import sys
from pathlib import Path

import numpy as np

from braintwin.contracts.stages import STAGES
from braintwin.inference.diagnose import ess, rhat
from braintwin.inference.spectral import band_weights
from braintwin.inference.spectral_fit import fit_person
from braintwin.models import parameters as p
from braintwin.models import sleep_priors as fitted
from braintwin.models.corticothalamic import emg_shape, is_stable, transfer_power

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import spectral_people as made

JUDGED = ("X", "Y", "Z", "emg_fraction", "alpha", "t0", "residual_sd")


def cpu():
    """Return CPU seconds of this process and of those it waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def quality(posterior):
    """Return the largest R-hat and the least ESS over scalar parameters."""
    columns = [
        column
        for name in JUDGED
        for column in posterior[name].values.reshape(*posterior[name].shape[:2], -1).transpose(2, 0, 1)
    ]
    return max(rhat(c) for c in columns), min(min(ess(c), ess(c, "tail")) for c in columns)


def plain_model(spectra):
    """Return the same model without data containers or hand-written gradient, as one would write it for one person."""
    import pymc as pm
    import pytensor.tensor as pt

    freq, seen, spread = made.FREQ, spectra.log_psd[:, 0], spectra.variance[:, 0]
    prior = {s: fitted.STAGE_PRIORS[s].unbounded() for s in STAGES}
    at = {n: np.array([prior[s][n] for s in STAGES]) for n in ("X", "Y", "Z", "alpha")}
    ratio = np.array([p.BETA_OVER_ALPHA[fitted.STAGE_PRIORS[s].regime] for s in STAGES])
    with pm.Model() as model:
        line = {n: pm.Normal(f"{n}_line", at[n][:, 0], at[n][:, 1], shape=len(STAGES)) for n in at}
        x = pm.Deterministic("X", pt.sigmoid(line["X"]))
        y = pm.Deterministic("Y", line["Y"])
        z = pm.Deterministic("Z", p.Z_MAX * pt.sigmoid(line["Z"]))
        emg = pm.Beta("emg_fraction", *np.array([fitted.STAGE_PRIORS[s].emg for s in STAGES]).T, shape=len(STAGES))
        t0 = pm.TruncatedNormal("t0", fitted.T0_MEAN, fitted.T0_SD, lower=p.T0_LOW, upper=p.T0_HIGH)
        alpha = pm.Deterministic("alpha", pt.exp(line["alpha"]))
        level = pm.Normal("level", spectra.level()[:, 0], 1.0, shape=len(STAGES))
        sigma = pm.Exponential("residual_sd", scale=p.RESIDUAL_SD_MEAN, shape=len(STAGES))
        wide = {"X": x, "Y": y, "Z": z, "alpha": alpha, "beta": alpha * ratio}
        power = transfer_power(freq, t0=t0, xp=pt, **{n: v[:, None] for n, v in wide.items()})
        area = (power * band_weights(freq)).sum(axis=1, keepdims=True)
        shape = (1 - emg[:, None]) * power / area + emg[:, None] * emg_shape(freq, freq[0], freq[-1])
        used = np.nonzero(spectra.used[:, 0])
        mean = (level[:, None] + pt.log(shape))[used]
        pm.StudentT("seen", 4.0, mu=mean, sigma=pt.sqrt(sigma[used[0]] ** 2 + spread[used]), observed=seen[used])
    return model


def plain(seed):
    """Return CPU, R-hat, ESS and the share of stable draws of plain PyMC on one person."""
    import pymc as pm

    began = cpu()
    person = made.recorded(seed)
    with plain_model(person.spectra):
        drawn = pm.sample(500, tune=500, chains=4, cores=1, random_seed=seed, progressbar=False).posterior
    ratio = np.array([p.BETA_OVER_ALPHA[fitted.STAGE_PRIORS[s].regime] for s in STAGES])
    alpha = drawn["alpha"].values
    stable = is_stable(*(drawn[n].values for n in "XYZ"), drawn["t0"].values[..., None], alpha, alpha * ratio)
    return (cpu() - began, *quality(drawn), float(stable.mean()))


def ours(seed):
    """Return CPU, R-hat, ESS and the share of stable draws of the product on one person; compilation is not in it."""
    person = made.recorded(seed)
    began = cpu()
    fit = fit_person(made.twin(), person.spectra, made.GRAPH, seed=seed)
    return (cpu() - began, *quality(fit.sampled), float(fit.sample_stats["stable"].mean()))


def main():
    """Print a line a person, and the ratio."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("people", nargs="?", type=int, default=20)
    given.add_argument("--plain", type=int, default=2, help="people that plain PyMC fits too")
    chosen = given.parse_args()
    began = cpu()
    made.twin()
    print(f"compilation: {cpu() - began:.1f} CPU s, once")
    made.recorded(0)
    found, memory = [], []
    for seed in range(chosen.people):
        found.append(ours(seed))
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(
            "ours   {:3d}  CPU {:5.1f} s  R-hat {:.3f}  ESS {:5.0f}  stable {:.3f}".format(seed, *found[-1]), flush=True
        )
    rates = np.array(found)
    print(
        f"ours: {rates[:, 0].mean():.1f} CPU s a person (most {rates[:, 0].max():.1f}), R-hat <= 1.01 for "
        f"{int((rates[:, 1] <= 1.01).sum())} of {len(rates)}, ESS >= 400 for {int((rates[:, 2] >= 400).sum())}; "
        f"peak memory {memory[0]:.0f} MB after the first, {memory[-1]:.0f} MB after the last"
    )
    for seed in range(chosen.plain):
        other = plain(seed)
        print("plain  {:3d}  CPU {:5.1f} s  R-hat {:.3f}  ESS {:5.0f}  stable {:.3f}".format(seed, *other), flush=True)
        print(f"       {other[0] / found[seed][0]:.1f} times the CPU")


if __name__ == "__main__":
    main()
