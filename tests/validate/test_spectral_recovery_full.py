"""The spectral twin on simulated recordings: are its traps silent, do its intervals cover, why does it fail.

BRAINTWIN_PEOPLE sets the number of people (200 unless set); a smaller campaign is another one and says its number.
"""

import os

import numpy as np
from scipy.stats import binomtest

from spectral_people import JUDGED, recover

PEOPLE = int(os.environ.get("BRAINTWIN_PEOPLE", "200"))
CODE = ["braintwin.inference.spectral_fit", "braintwin.steps.check", "braintwin.signals.lines"]


def holm(p):
    """Return p-values adjusted for their number (Holm)."""
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(np.asarray(p)[order] * np.arange(len(p), 0, -1)))
    return adjusted


def test_recovery_of_people_with_lines_and_artefacts(campaign, tmp_path):
    run = campaign(
        "spectral-recovery",
        claim="No wrong mode of the spectral twin passes as good; its 90 % intervals hold the truth nine times in ten.",
        code=CODE,
        settings={"people": PEOPLE, "epochs": 320, "lines": 0.5, "artefacts": 0.05},
    )
    found = [value for _, value in run.each([str(i) for i in range(PEOPLE)], lambda key: recover(int(key), tmp_path))]
    failed = [one for one in found if one["verdict"] == "fail"]
    good = [one for one in found if one["verdict"] != "fail"]
    silent = sum(one["missed"] for one in good)
    inside = np.array([[0.05 <= rank <= 0.95 for rank in one["ranks"]] for one in good])
    p = [binomtest(int(column.sum()), len(good), 0.9).pvalue for column in inside.T]
    adjusted = holm(p)
    labelled = all(one["reasons"] for one in failed)
    passed = bool(silent == 0 and adjusted.min() > 0.05 and labelled and len(failed) <= 0.02 * PEOPLE)
    lined = [one for one in found if one["line_hz"] is not None]
    numbers = {
        "people": PEOPLE,
        "silent_traps": silent,
        "failures": len(failed),
        "why": sorted(one["reasons"][0] for one in failed),
        "warnings": sum(one["verdict"] == "warn" for one in found),
        "two_explanations": sum(one["explanations"] > 1 for one in found),
        "coverage": dict(zip(JUDGED, inside.mean(axis=0), strict=True)),
        "coverage_of_all": inside.mean(),
        "least_p_holm": adjusted.min(),
        "lines_masked": f"{sum(one['line_masked'] for one in lined)} of {len(lined)}",
        "epochs_spoilt_and_refused": np.sum([one["artefacts"] for one in found], axis=0),
    }
    run.finish(passed=passed, numbers=numbers)
    assert silent == 0
    assert labelled
    assert len(failed) <= 0.02 * PEOPLE, numbers["why"]
    assert adjusted.min() > 0.05, numbers["coverage"]
