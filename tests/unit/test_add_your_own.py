"""The how-to on measures, features and models of one's own: its code runs as it stands."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from braintwin.errors import BrainTwinError
from braintwin.models import spectral_models
from braintwin.signals import coupling, epoch_features

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "add-your-own.md"


@pytest.fixture
def registries():
    """Return the registries, and take out afterwards what a test adds."""
    every = [module.REGISTRY for module in (coupling, epoch_features, spectral_models)]
    before = [dict(registry) for registry in every]
    yield every
    for registry, names in zip(every, before, strict=True):
        registry.clear()
        registry.update(names)


def test_the_code_of_the_howto_runs_and_registers_one_of_each(registries, tmp_path, monkeypatch):
    mine, *blocks = re.findall(r"```python\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "mine.py").write_text(mine, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    before = [set(registry) for registry in registries]
    names = {}
    for block in blocks:
        exec(compile(block, str(HOWTO), "exec"), names)
    added = [set(registry) - known for registry, known in zip(registries, before, strict=True)]
    monkeypatch.delitem(sys.modules, "mine")
    assert added == [{"real_coherence"}, {"median_frequency"}, {"knee"}]


def test_a_feature_that_is_not_there_or_has_the_wrong_shape_is_refused(registries):
    psd, freqs = np.ones((4, 2, 5)), np.arange(5.0)
    rest = psd, freqs, np.array(["N2"] * 4), np.ones((4, 2), bool)
    with pytest.raises(BrainTwinError, match=r"'absent' is not registered"):
        epoch_features.mean_by_stage("absent", *rest)
    epoch_features.feature("whole", unit="", meaning="")(lambda psd, freqs: psd)
    with pytest.raises(BrainTwinError, match=r"shape \(4, 2, 5\); expected \(4, 2\)"):
        epoch_features.mean_by_stage("whole", *rest)


def test_epochs_that_are_not_clean_do_not_count(registries):
    epoch_features.feature("first", unit="", meaning="")(lambda psd, freqs: psd[..., 0])
    psd = np.arange(4.0)[:, None, None] * np.ones((4, 2, 3))
    clean = np.array([[True, True], [True, False], [True, False], [False, False]])
    stages = np.array(["N2", "N2", "N3", "N3"])
    found = epoch_features.mean_by_stage("first", psd, np.arange(3.0), stages, clean)
    assert found == pytest.approx(np.array([[0.5, 0.0], [2.0, np.nan]]), nan_ok=True)
