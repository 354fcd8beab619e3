"""What the workflow costs beside its steps: CPU seconds of a whole run that are not inside `braintwin step`.

python benchmarks/overhead.py [PEOPLE] [--cluster slurm]

Imports count as compute. Wall time is printed too, but two programs on one machine change it; CPU time hardly.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

CHAINS = {"tune": 100, "draws": 100}


def main() -> None:
    """Run a synthetic study of short nights, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="?", type=int, default=3)
    parser.add_argument("--cluster", choices=("slurm",))
    given = parser.parse_args()
    study = {
        "study": "overhead",
        "datasets": {"synthetic": {"source": f"synthetic:{given.people}", "diagnosis": "column:diagnosis"}},
        "synthesize": {"nights": 1, "hours": 2.5},
        "prepare": {"min_scored_min": 30.0},
        "features": {"min_epochs": 4},
        "fit_spectral": CHAINS,
        "fit_nights": CHAINS,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(yaml.safe_dump(study))
        where = ["--cluster", given.cluster] if given.cluster else ["--cores", "2"]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "braintwin", "run", "--config", "config.yaml", "--quiet", *where],
            cwd=folder, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wall = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        logs = [path.read_text(encoding="utf-8") for path in folder.glob("results/overhead/logs/**/*.log")]
    steps = [
        float(cpu) for text in logs for cpu in re.findall(r"^# done in .*, ([\d.]+) s of CPU$", text, re.MULTILINE)
    ]
    # on a cluster the steps are not children of this process
    rest = used.ru_utime + used.ru_stime - (0 if given.cluster else sum(steps))
    share = rest / (rest + sum(steps))
    print(f"{given.people} people: {len(steps)} jobs, {sum(steps):.0f} s of CPU in steps, {rest:.1f} s beside them "
          f"({share:.1%}), {wall:.0f} s of wall time")  # fmt: skip


if __name__ == "__main__":
    main()
