"""The spectral twin with coherency, fitted: it finds the coupling, and says that coherency told of it."""

from dataclasses import replace

import numpy as np
import pytest

from braintwin.inference.spectral_fit import fit_person
from braintwin.options.check import CheckOptions
from braintwin.steps.check import COHERENCY, Findings, spectral_gates
from coherent_people import person, twin

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def fits():
    """Return the true coupling, and fits with and without coherency."""
    truth, spectra, graph = person(3)
    effort = {"seed": 0, "chains": 2, "tune": 300, "draws": 300, "starts": 6, "predictive_samples": 20}
    found = [fit_person(twin(), one, graph, **effort) for one in (spectra, replace(spectra, coherency=None))]
    return float(truth["kappa"][0]), *found


def test_coherency_narrows_the_coupling_about_the_truth(fits):
    true, told, alone = fits
    with_coherency, without = (np.log(fit.posterior["kappa"]) for fit in (told, alone))
    assert abs(float(with_coherency.mean()) - np.log(true)) < 4 * float(with_coherency.std())
    assert float(with_coherency.std()) < 0.5 * float(without.std())


def reasons(fit):
    found = Findings()
    spectral_gates(found, fit.groups(), CheckOptions())
    return found.reasons


def test_what_told_of_the_coupling_is_said_and_judged(fits):
    _, told, alone = fits
    assert told.posterior.attrs["kappa_source"] == "coherency"
    assert alone.posterior.attrs["kappa_source"] == "data"
    assert COHERENCY in reasons(told)
    assert COHERENCY not in reasons(alone)
