"""What the workflow costs beside its steps: CPU seconds of a whole run that are not inside `braintwin step`.

python benchmarks/overhead.py [PEOPLE] [--cluster slurm]
python benchmarks/overhead.py --config config/examples/hypnograms.yaml

A study of synthetic people with short nights, or one of yours, from the folder it is run in; it must not have been run.
Imports count as compute. Wall time is printed too, but two programs on one machine change it; CPU time hardly.
On SLURM, what its accounting says of the jobs is counted, so that each job's own reading of the workflow is overhead.
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

from braintwin.cli.cluster import job_prefix
from braintwin.paths import StudyPaths

CHAINS = {"tune": 100, "draws": 100}
CORES = 2


def main() -> None:
    """Run a synthetic study of short nights, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="?", type=int, default=3)
    parser.add_argument("--cluster", choices=("slurm",))
    parser.add_argument("--config", type=Path, help="a study of yours instead")
    given = parser.parse_args()
    where = ["--cluster", given.cluster] if given.cluster else ["--cores", str(CORES)]
    if given.config:
        measure(Path.cwd(), given.config, where)
        return
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
        (Path(name) / "config.yaml").write_text(yaml.safe_dump(study))
        measure(Path(name), Path("config.yaml"), where)


def measure(folder: Path, config: Path, where: list[str]) -> None:
    """Run a study from its beginning, and print one line."""
    results = folder / "results" / yaml.safe_load((folder / config).read_text())["study"]
    if results.exists():
        raise SystemExit(f"{results} is there already; what is left to do would not tell")
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "braintwin", "run", "--config", str(config), "--quiet", *where],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    logs = [path.read_text(encoding="utf-8") for path in results.glob("logs/**/*.log")]
    steps = [
        float(cpu) for text in logs for cpu in re.findall(r"^# done in .*, ([\d.]+) s of CPU$", text, re.MULTILINE)
    ]
    people = len((results / "index" / "people.tsv").read_text(encoding="utf-8").splitlines()) - 1
    everything = used.ru_utime + used.ru_stime
    if "--cluster" in where:  # the jobs are not children of this process
        everything += cpu_of_jobs(job_prefix(StudyPaths(results)), began=time.time() - wall)
    rest = everything - sum(steps)
    share = rest / (rest + sum(steps))
    print(f"{people} people: {len(steps)} steps, {sum(steps):.0f} s of CPU in them, {rest:.1f} s beside them "
          f"({share:.1%}), {wall:.0f} s of wall time")  # fmt: skip


def cpu_of_jobs(prefix: str, *, began: float) -> float:
    """Return the CPU seconds that SLURM counted of the jobs of a study."""
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(began - 60))
    rows = subprocess.run(
        ["sacct", "-n", "-P", "-S", since, "-o", "JobID,JobName%100,TotalCPU"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    parts = [row.split("|") for row in rows]
    ours = {job for job, name, _ in parts if "." not in job and name.startswith(prefix)}
    # of its steps: what is said of a whole job is zero once it has ended
    return sum(seconds(used) for job, _, used in parts if "." in job and job.split(".")[0] in ours)


def seconds(text: str) -> float:
    """Return the seconds of a duration as SLURM writes it: ``[days-][hours:]minutes:seconds``."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + float(part)
    return total + 86400 * int(days or 0)


if __name__ == "__main__":
    main()
