"""The digest of the code, the seeds and the stamp."""

import ast
import json
import sys

import numpy
import pytest

from braintwin import provenance
from braintwin.digest import lasting_digest
from braintwin.provenance import code_digest, derive_seed, imports, shorten, stamp

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


def test_command_and_machine_are_no_part_of_the_digest(tmp_path):
    """Two machines that find the same values carry the same checksums, down the whole chain of inputs."""
    import xarray as xr

    values = xr.Dataset({"a": ("x", [1.0, 2.0])})
    here, there, other = (tmp_path / name / "night.nc" for name in ("here", "there", "other"))
    for path, attrs, data in (
        (here, {"command": "one", "environment": "OpenBLAS on Zen"}, values),
        (there, {"command": "two", "environment": "MKL on Skylake"}, values),
        (other, {"command": "one", "environment": "OpenBLAS on Zen"}, values + 1e-15),
    ):
        path.parent.mkdir()
        data.assign_attrs(attrs).to_netcdf(path, engine="h5netcdf")
    assert here.read_bytes() != there.read_bytes()
    assert lasting_digest(here) == lasting_digest(there) != lasting_digest(other)


def test_a_stamp_holds_what_numbers_may_depend_on():
    made = stamp(version="1", step="rank", module="braintwin.paths", options={}, inputs=[], seed=None)
    found = json.loads(made["environment"])
    assert found["packages"]["numpy"] == numpy.__version__
    assert [pool["internal_api"] for pool in found["blas"]], "numpy has loaded a BLAS"


def test_a_command_is_stamped_without_places_and_people():
    said = shorten(
        ["braintwin", "step", "rank", "--people", '[{"person": "a-1"}]', "--treatments", "/home/me/t.yaml", "--rank",
         *(f"results/x/people/p{i}/rank.nc" for i in range(9)), "--seed", "1", "--options", '{"mcid": 5}']
    )  # fmt: skip
    assert (
        said
        == "braintwin step rank --people <people> --treatments t.yaml --rank <9 values> --seed 1 --options <options>"
    )


def test_an_import_is_found_in_every_kind_of_block():
    blocks = (
        "def f():\n    from braintwin.a import x",
        "class C:\n    def f(self):\n        import braintwin.b",
        "try:\n    import braintwin.c\nexcept ImportError:\n    import braintwin.d\nelse:\n    import braintwin.e\n"
        "finally:\n    import braintwin.f",
        "if 1:\n    pass\nelif 2:\n    import braintwin.g\nelse:\n    import braintwin.h",
        "for _ in ():\n    with open('x'):\n        import braintwin.i",
        "match 1:\n    case 1:\n        import braintwin.j",
        "while 0:\n    async def g():\n        import braintwin.k",
    )
    names = {name for block in blocks for name in imports(ast.parse(block))}
    assert names == {"braintwin.a", "braintwin.a.x", *(f"braintwin.{letter}" for letter in "bcdefghijk")}
