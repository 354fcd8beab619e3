"""Write envs/braintwin.yaml, the conda form of the lock for Python 3.11; never edit that file by hand."""

from pathlib import Path

HERE = Path(__file__).parent
HEAD = """\
# Exported from lock-3.11.txt by envs/export.py; do not edit. For `--sdm conda`; solving it is untested.
# The environment that is tested is the virtual environment that `make install` makes.
# BrainTwin itself goes in from the clone: pip install --no-deps -e .
name: braintwin
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def main() -> None:
    """Write the file."""
    lines = (HERE / "lock-3.11.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split(" \\")[0].split(" ;")[0].strip() for line in lines if "==" in line and not line.startswith(" ")]
    (HERE / "braintwin.yaml").write_text(HEAD + "".join(f"      - {pin}\n" for pin in pins), encoding="utf-8")


if __name__ == "__main__":
    main()
