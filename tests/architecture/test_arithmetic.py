"""What is sampled or climbed is compiled in strict arithmetic: its bits hang on nothing but the code (decision 035)."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "braintwin"
COMPILED = [
    path
    for part in ("inference", "models", "treatment")
    for path in sorted((SOURCE / part).glob("**/*.py"))
    if "njit" in path.read_text(encoding="utf-8")
]


def named(tree):
    """Return the words of a tree by which somebody may let the compiler reorder sums."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_there_is_something_compiled():
    assert {"lanes.py", "field_passes.py", "spectral_passes.py", "spectral_density.py", "night_kernels.py"} <= {
        path.name for path in COMPILED
    }


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_the_compiler_may_not_reorder(path):
    words = set(named(ast.parse(path.read_text(encoding="utf-8"))))
    assert not words & {"fastmath", "reassoc", "contract", "parallel"}
