"""One finished tiny study for all tests of the workflow."""

from types import SimpleNamespace

import pytest

from tiny_study import braintwin, clone_workflow, write_config


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> SimpleNamespace:
    """Return a finished tiny study: its clone of the workflow, its folder, and how the run went."""
    clone = clone_workflow(tmp_path_factory.mktemp("clone"))
    study = tmp_path_factory.mktemp("study")
    write_config(study)
    done = braintwin(clone, study, "run", "--config", "config.yaml", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return SimpleNamespace(clone=clone, study=study, results=study / "results" / "tiny", done=done)
