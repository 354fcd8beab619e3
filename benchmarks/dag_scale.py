"""What the head process pays for the number of people: a dry run of every rule, one night with EEG each.

python benchmarks/dag_scale.py [10 100 1000 5000]

Prints CPU seconds, wall seconds and the largest memory of what `braintwin run --dry-run` asks Snakemake, and of reading
the workflow alone, which every job on a cluster pays as well. The files of the datasets are empty: nothing opens them.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from braintwin.cli.progress import Progress
from braintwin.config import Config
from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.io.records import write_json, write_nights, write_people, write_table
from braintwin.paths import StudyPaths

ROOT = Path(__file__).parents[1]
BATCH = Config().index.batch_size


def write_study(folder: Path, people: int, batch: int = BATCH) -> Path:
    """Write the tables of a study of `people`, and the empty files that they name; return the config."""
    paths = StudyPaths(folder / "results" / "large")
    data = folder / "data"
    nights, rows = [], []
    for number in range(people):
        person = f"lab-{number:05d}"
        signal = f"sub-{number:05d}/eeg/sub-{number:05d}_task-sleep_eeg.edf"
        stages = signal.replace("_eeg.edf", "_events.tsv")
        (data / signal).parent.mkdir(parents=True)
        for name in (signal, stages):
            (data / name).touch()
        nights.append(
            NightRow(
                night=person, person=person, dataset="lab", bids_path=f"sub-{number:05d}/eeg", signal=signal,
                stages=stages, has_eeg=True, has_stages=True,
            )
        )  # fmt: skip
        rows.append(PersonRow(person=person, batch=f"labb{number // batch + 1:04d}", dataset="lab"))
    for table in (paths.nights, paths.refused, paths.dataset_record("lab")):
        table.parent.mkdir(parents=True, exist_ok=True)
    write_nights(paths.nights, nights)
    write_people(paths.people, rows)
    write_table(paths.refused, ("night", "person", "step", "state", "reason"), [])
    write_json(paths.dataset_record("lab"), DatasetRecord(name="lab", root="data", kind="local", source="data"))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"study": "large", "datasets": {"lab": {"source": "data"}}}))
    return config


def measure(folder: Path, config: Path, *arguments: str) -> tuple[float, float, float, str]:
    """Return (CPU s, wall s, MB, output) of one Snakemake command."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--configfile", str(config), *arguments],
            cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(text)
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, text


def main() -> None:
    """Measure, and print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="*", type=int, default=[10, 100, 1000, 5000])
    parser.add_argument("--batch", type=int, default=BATCH, help="index.batch_size")
    given = parser.parse_args()
    print(f"{'people':>7} {'jobs':>7} {'read: cpu s':>12} {'dry run: cpu s':>15} {'wall s':>8} {'MB':>6}")
    for people in given.people:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = write_study(folder, people, given.batch)
            read = measure(folder, config, "--list-rules")[0]
            cpu, wall, memory, text = measure(folder, config, "--summary", "--", "all")
            progress = Progress(quiet=True)
            for line in text.splitlines():
                progress.read(line)
            jobs = progress.plan().split()[-1]
            print(f"{people:>7} {jobs:>7} {read:>12.1f} {cpu:>15.1f} {wall:>8.1f} {memory:>6.0f}", flush=True)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {largest:.0f} MB")


if __name__ == "__main__":
    main()
