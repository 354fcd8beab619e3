"""The digest of the code, the seeds and the stamp."""

import sys

import pytest

from braintwin import provenance
from braintwin.provenance import code_digest, derive_seed, stamp

A = '''"""Doc."""
from braintwin.zz_b import double


def f(x):
    """Doc."""
    return double(x)  # comment
'''
B = "def double(x):\n    return 2 * x\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Put two modules of the package, one importing the other, where they can be found."""
    import braintwin

    monkeypatch.setattr(braintwin, "__path__", [*braintwin.__path__, str(tmp_path)])

    def write(a=A, b=B):
        (tmp_path / "zz_a.py").write_text(a, encoding="utf-8")
        (tmp_path / "zz_b.py").write_text(b, encoding="utf-8")
        for cached in (provenance._module, provenance._source, provenance.code_digest):
            cached.cache_clear()
        for name in ("braintwin.zz_a", "braintwin.zz_b"):
            sys.modules.pop(name, None)
        return code_digest("braintwin.zz_a")

    return write


def test_wording_does_not_change_the_digest(package):
    before = package()
    assert package(a=A.replace("# comment", "# another").replace('"""Doc."""', '"""Other words."""')) == before


def test_code_changes_the_digest(package):
    before = package()
    assert package(a=A.replace("double(x)", "double(x) + 1")) != before


def test_code_of_an_imported_module_changes_the_digest(package):
    before = package()
    assert package(b=B.replace("2 * x", "3 * x")) != before


def test_a_comment_in_an_imported_module_does_not(package):
    before = package()
    assert package(b="# why\n" + B) == before


def test_an_unknown_module_is_no_silent_digest():
    with pytest.raises(ModuleNotFoundError):
        code_digest("braintwin.no_such_module")


def test_seeds_depend_on_each_of_their_parts_and_on_nothing_else():
    seeds = {derive_seed(s, step, who) for s in (1, 2) for step in ("fit", "rank") for who in ("a", "b")}
    assert len(seeds) == 8
    assert derive_seed(1, "fit", "a") == derive_seed(1, "fit", "a")
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_stamp_names_inputs_by_their_checksum_and_no_place_on_this_machine(tmp_path):
    folder = tmp_path / "people" / "p-1"
    folder.mkdir(parents=True)
    (folder / "night.nc").write_bytes(b"x")
    made = stamp(
        version="1", step="rank", module="braintwin.paths", options={"a": 1}, inputs=[folder / "night.nc"], seed=3
    )
    assert "p-1/night.nc" in made["inputs"]
    assert str(tmp_path) not in str(made)
    assert made["seed"] == "3"
