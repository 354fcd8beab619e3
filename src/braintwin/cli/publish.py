"""``braintwin publish``: a finished study as one archive; ``braintwin methods``: its methods paragraph."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from braintwin.cli.workflow import workflow_root
from braintwin.config import Config, load_config
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import write_text
from braintwin.paths import StudyPaths
from braintwin.review import manifest as manifests
from braintwin.review.archive import Fault, pack
from braintwin.review.crate import write_crate
from braintwin.review.freeze import Choices, freeze
from braintwin.review.methods import methods
from braintwin.review.privacy import DATED, leaks

README = """# BrainTwin study {study}

Published {date} with BrainTwin {version}. Research use only.

Verify it: `braintwin verify {archive}` says of each published number whether it is identical, within its Monte-Carlo
tolerance or different (exit code 0 or 1). Without BrainTwin: `CHAIN.tsv` lists the SHA-256 of every file.

| | |
|---|---|
| `config.yaml` | every option of the study |
| `manifest.json` | every artefact of the run with its inputs, options, code and seed, sealed by a hash chain |
| `methods.md` | the methods paragraph, written from the manifest |
| `cohort/`, `tables/`, `report/` | the published tables and pages |
| `people/<person>/` | posterior draws, checks, simulated nights, rankings |
| `publication.json` | what was left out (recordings and scorings are) and what was withheld |
| `ro-crate-metadata.json` | the same for machines: Workflow Run RO-Crate |
"""


def sources(config: Config) -> dict[str, Path]:
    """Return the treatment library and the population prior that a study uses: its own, or the packaged ones."""
    found = {}
    for name in ("treatments", "population"):
        path = Path(getattr(config, name))
        found[name] = path if path.is_file() else workflow_root() / path
    if not found["population"].is_file():
        found["population"] = Path(__file__).parents[1] / "data" / "population.nc"
    return found


def write_manifest(config: Config, study: StudyPaths) -> dict[str, Any]:
    """Write the manifest of a finished run and return it."""
    return manifests.write(study, config, sources(config))


def publish(config_path: Path | None, output: Path | None, choices: Choices) -> int:
    """Freeze a finished study into one archive, check it for what must not leave the house, and say its seal."""
    config = load_config(config_path) if config_path else Config()
    study = StudyPaths(Path("results") / config.study)
    if not study.summary.is_file():
        message = f"publish: study {config.study!r} has not been run to its end; run `braintwin run` first"
        raise BrainTwinError(message)
    target = output or Path(f"{config.study}.braintwin.zip")
    manifest = write_manifest(config, study)
    with TemporaryDirectory(prefix="braintwin-publish-") as place:
        folder = Path(place)
        said = freeze(study, config, manifest, sources(config), folder, choices)
        _workflow(folder)
        write_text(folder / "methods.md", methods(manifest))
        about = README.format(
            study=config.study, date=choices.date, version=manifest["version"], archive=target.name
        )  # fmt: skip
        write_text(folder / "README.md", about)
        write_crate(folder)
        told = private(folder)
        if told:
            shown = "; ".join(f"{fault.path}: {fault.what}" for fault in told[:5])
            message = f"publish: {len(told)} thing(s) that must not be published: {shown}"
            raise BrainTwinError(message)
        seal = pack(folder, target)
    size = target.stat().st_size / 2**20
    sys.stdout.write(f"{target}: {size:.1f} MiB\nseal {seal}\n")
    if said.withheld:
        sys.stdout.write(f"withheld: {', '.join(said.withheld)} (small groups)\n")
    return 0


def _workflow(folder: Path) -> None:
    root = workflow_root()
    (folder / "workflow").mkdir()
    shutil.copyfile(root / "Snakefile", folder / "workflow" / "Snakefile")
    for path in sorted((root / "workflow" / "rules").glob("*.smk")):
        target = folder / "workflow" / "workflow" / "rules" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def private(folder: Path) -> list[Fault]:
    """Return what in a frozen study could tell who or where, as `braintwin privacy-check` finds it.

    The day of publication and the dates of the literature are no dates of a person.
    """
    from braintwin.io.privacy import check_tree

    found = [
        Fault(leak.path, f"holds what reads as {leak.kind} ({leak.found})")
        for leak in check_tree(folder, results=True)
        if not (leak.kind == "date" and Path(leak.path).name in DATED)
    ]
    return [*found, *leaks(folder)]


def print_methods(target: Path) -> int:
    """Print the methods paragraph of a results folder, a manifest or an archive."""
    import zipfile

    if target.is_dir():
        manifest = manifests.read(target / "manifest.json")
    elif zipfile.is_zipfile(target):
        with TemporaryDirectory() as place, zipfile.ZipFile(target) as archive:
            if "manifest.json" not in archive.namelist():
                message = f"methods: {target.name} holds no manifest.json; `braintwin publish` makes such archives"
                raise BrainTwinError(message)
            manifest = manifests.read(Path(archive.extract("manifest.json", place)))
    else:
        manifest = manifests.read(target)
    sys.stdout.write(methods(manifest))
    return 0
