"""The spectral twin with coherency, fitted: it finds the coupling, and says what told of it."""

from dataclasses import replace

import numpy as np
import pytest

from braintwin.inference.spectral import padded_data
from braintwin.inference.spectral_coordinates import unconstrained
from braintwin.inference.spectral_fit import fit_person
from braintwin.options.check import CheckOptions
from braintwin.steps.check import Findings, spectral_gates
from coherent_people import person, twin

pytestmark = [pytest.mark.slow]

EFFORT = {"seed": 0, "chains": 2, "tune": 300, "draws": 300, "starts": 6, "predictive_samples": 20}


@pytest.fixture(scope="module")
def fits():
    """Return the true coupling, and fits with and without coherency."""
    truth, spectra, graph = person(3)
    given = spectra, replace(spectra, coherency=None)
    return float(truth["kappa"][0]), *(fit_person(twin(), one, graph, **EFFORT) for one in given)


def test_coherency_narrows_the_coupling_about_the_truth(fits):
    true, told, alone = fits
    with_coherency, without = (np.log(fit.posterior["kappa"]) for fit in (told, alone))
    assert abs(float(with_coherency.mean()) - np.log(true)) < 4 * float(with_coherency.std())
    assert float(with_coherency.std()) < 0.5 * float(without.std())


def test_tempering_begins_without_coherency():
    truth, spectra, graph = person(3)
    point = unconstrained(twin(), truth)[0]
    data, without = (padded_data(twin(), one, graph) for one in (spectra, replace(spectra, coherency=None)))
    begun = twin().model.density(data | {"coherency_weight": np.array(0.0)})(point)
    alone = twin().model.density(without)(point)
    assert begun[0] == pytest.approx(alone[0])
    assert begun[1] == pytest.approx(alone[1])
    assert twin().model.density(data)(point)[0] != pytest.approx(alone[0], abs=10)


def gates(posterior, fit):
    found = Findings()
    spectral_gates(found, fit.groups() | {"posterior": posterior}, CheckOptions())
    return found


def test_what_told_of_the_coupling_is_said_and_judged(fits):
    _, told, alone = fits
    assert told.posterior.attrs["kappa_source"] == "coherency"
    assert alone.posterior.attrs["kappa_source"] == "data"
    good, without = gates(told.posterior, told), gates(alone.posterior, alone)
    assert good.gates["coherency_share"] == pytest.approx(1, abs=0.4)  # all windows are independent here
    assert "coherency_share" not in without.gates
    assert not any("coherency" in reason for reason in good.reasons + without.reasons)
    missed = gates(told.posterior.assign_attrs(coherency_share=0.01), told)
    assert any("misses the coherency: 1.0 % of its windows" in reason for reason in missed.reasons)
