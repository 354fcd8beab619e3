"""Who may import whom (DESIGN): imports point down only, and science touches neither files nor config."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from braintwin.provenance import imports

SOURCE = Path(__file__).parents[2] / "src" / "braintwin"

LAYERS = [
    {"__main__", "notebook"},
    {"cli"},
    {"review"},
    {"config"},
    {"steps"},
    {"synthetic"},
    {"report", "io"},
    {"treatment"},
    {"inference"},
    {"models"},
    {"signals"},
    {"contracts", "paths", "provenance", "options"},
    {"digest"},
    {"errors"},
]
SCIENCE = ("signals", "models", "inference", "treatment")
# `config` stands above the steps: it composes their options, and no step may read it.
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# An artefact's shape is written with these, inside or beside science; they are data, not a layer.
MODULES = sorted(SOURCE.rglob("*.py"))


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "braintwin"


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down_only(path):
    here = part_of(name_of(path))
    if here == "braintwin":
        return
    for target in imports(ast.parse(path.read_text(encoding="utf-8"))):
        there = part_of(target)
        if there in (here, "__version__"):
            continue
        assert LEVEL[there] > LEVEL[here], f"{name_of(path)} imports {target}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_has_a_place(path):
    here = part_of(name_of(path))
    assert here == "braintwin" or here in LEVEL, f"{name_of(path)} belongs to no layer"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_imports_snakemake(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [n for n in names if n.split(".")[0] == "snakemake"]


@pytest.mark.parametrize("path", [p for p in MODULES if part_of(name_of(p)) in SCIENCE], ids=name_of)
def test_science_opens_no_file_and_prints_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            assert name not in {"open", "print", "read_text", "write_text", "read_bytes", "write_bytes", "to_netcdf"}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            assert node.attr in {"default_rng", "Generator", "SeedSequence", "Philox", "PCG64"}, "global random state"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_stay_readable(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{name_of(path)} has {lines} lines; split it by ideas"


HEAVY = (
    "pymc",
    "pytensor",
    "arviz",
    "nutpie",
    "yasa",
    "mne",
    "numba",
    "xarray",
    "pandas",
    "scipy",
    "matplotlib",
    "dask",
)


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        ("braintwin.config, braintwin.paths, braintwin.provenance, braintwin.contracts.tables", ()),
        ("braintwin.cli.main, braintwin.cli.step, braintwin.cli.people, braintwin.cli.run", ()),
        ("braintwin.steps.index, braintwin.steps.retrieve", ("xarray", "pandas")),
        ("braintwin.steps.prepare", ("xarray", "pandas", "scipy", "numba", "mne", "dask")),
        ("braintwin.steps.rank", ("xarray", "pandas", "scipy", "numba", "dask")),
    ],
)
def test_light_commands_import_nothing_heavy(modules, allowed):
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= set(allowed)
