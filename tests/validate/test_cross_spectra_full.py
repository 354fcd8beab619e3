"""Calibration of the coupling κ from coherency, and a Wishart of ten times its effective size, which must fail.

BRAINTWIN_PEOPLE sets the number of people (300 unless set); a smaller campaign is another one and says its number.
"""

import os
from dataclasses import replace

import numpy as np
from scipy.stats import kstest

from braintwin.inference import spectral
from coherent_people import CHANNELS, FREQ, NU, PLACE, kappa_draws, person, twin

PEOPLE = int(os.environ.get("BRAINTWIN_PEOPLE", "300"))
WRONG = max(PEOPLE // 2, 10)
CODE = ["braintwin.inference.coherency", "braintwin.inference.coherency_kernel", "braintwin.inference.spectral"]


def too_sure(monkeypatch):
    """Return a twin that takes ten times the windows for independent, and does not learn how many are."""
    monkeypatch.setattr(spectral, "LOG_SHARE_MEAN", float(np.log(10)))
    monkeypatch.setattr(spectral, "LOG_SHARE_SD", 0.01)
    return spectral.compile_twin(FREQ, len(CHANNELS), NU, PLACE)


def rank(compiled, seed):
    truth, spectra, graph = person(seed)
    kappa, share = kappa_draws(compiled, spectra, graph, truth, seed)
    return [float((kappa[::6] < truth["kappa"][0]).mean()), float(share.mean())]


def test_coupling_from_coherency_is_calibrated_and_ten_times_the_size_is_not(campaign, monkeypatch):
    run = campaign(
        "cross-spectra-sbc",
        claim="The true coupling ranks uniformly among draws; with ten times the effective sample size it does not.",
        code=CODE,
        settings={"people": PEOPLE, "wrong": WRONG, "channels": len(CHANNELS)},
    )
    people = [str(i) for i in range(PEOPLE)]
    right = np.array([v for _, v in run.each(people, lambda key: rank(twin(), int(key)), spread=True)])
    wrong_twin = too_sure(monkeypatch)
    keys = [f"wrong-{i}" for i in range(WRONG)]
    wrong = np.array([v for _, v in run.each(keys, lambda key: rank(wrong_twin, int(key.removeprefix("wrong-"))))])
    p_right, p_wrong = (float(kstest(found[:, 0], "uniform").pvalue) for found in (right, wrong))
    edge_right, edge_wrong = (float(np.mean((f[:, 0] < 0.05) | (f[:, 0] > 0.95))) for f in (right, wrong))
    passed = bool(p_right > 0.01 > p_wrong and edge_wrong > 0.3)
    numbers = {
        "p_uniform": p_right, "p_ten_times": p_wrong, "outside_90": edge_right, "outside_90_ten_times": edge_wrong,
        "share_learned": float(right[:, 1].mean()),
    }  # fmt: skip
    run.finish(passed=passed, numbers=numbers)
    assert p_right > 0.01 > p_wrong, numbers
    assert edge_wrong > 0.3, numbers


def contrast(seed):
    """Return by what coherency narrows ln κ, the error of its mean in sds, and the share of windows that is learned."""
    truth, spectra, graph = person(seed)
    alone, _ = kappa_draws(twin(), replace(spectra, coherency=None), graph, truth, seed)
    both, share = kappa_draws(twin(), spectra, graph, truth, seed)
    log = np.log(both)
    return {
        "narrower": float(np.log(alone).std() / log.std()),
        "z": float((log.mean() - np.log(truth["kappa"][0])) / log.std()),
        "share": float(share.mean()),
    }


def test_coherency_tells_the_coupling_that_auto_spectra_leave_open(campaign):
    run = campaign(
        "cross-spectra-gain",
        claim="Coherency narrows the coupling, about the truth; how many windows count is learned.",
        code=CODE,
        settings={"people": 3, "channels": len(CHANNELS)},
    )
    found = [value for _, value in run.each(["0", "1", "2"], lambda key: contrast(int(key)), spread=True)]
    narrower, far = min(one["narrower"] for one in found), max(abs(one["z"]) for one in found)
    run.finish(
        passed=bool(narrower > 1.5 and far < 3.5), numbers={"narrower": narrower, "largest_z": far, "people": found}
    )
    assert narrower > 1.5
    assert far < 3.5
    # all windows are independent here
    assert all(0.5 < one["share"] < 1.7 for one in found)
