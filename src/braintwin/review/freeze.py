"""Freeze a study: the part of its results from which the published numbers can be made again, without raw data."""

import re
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr
import yaml

import braintwin
from braintwin.config import Config
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError
from braintwin.inference.night_checks import COUNTS, seen
from braintwin.io.arrays import atomic, write_text
from braintwin.io.posterior import read_groups
from braintwin.io.records import read_json, read_nights, read_people, write_json, write_nights, write_people
from braintwin.paths import StudyPaths
from braintwin.review.archive import copy_all
from braintwin.review.entries import results
from braintwin.review.groups import SMALLEST, small_groups, withhold
from braintwin.review.manifest import published_config, published_source
from braintwin.review.tables import write_tables
from braintwin.steps import cohort

FORMAT = "braintwin-archive-1"

LEFT_OUT = (
    "recordings and scorings: EEG epochs, prepared nights, spectra and connectomes of nights",
    "the hypnograms inside night.nc",
    "model spectra without noise inside spectral.nc (the pages draw them)",
    "paths of the dataset's files",
)
"""What an archive never holds."""

_PAGE_LINK = re.compile(r'<a href="people/[^"]*">([^<]*)</a>')


@dataclass(frozen=True)
class Choices:
    """How a study is published."""

    date: str
    pages: bool = False
    coarsen: bool = False
    smallest: int = SMALLEST


@dataclass
class Publication:
    """`publication.json`: what the archive is, and what was left out."""

    date: str
    seal_of_run: str
    withheld: list[str] = field(default_factory=list)
    pages: bool = False
    smallest_group: int = SMALLEST

    def plain(self) -> dict[str, Any]:
        """Return the record as JSON holds it."""
        return {
            "format": FORMAT, "version": braintwin.__version__, "packed_with": zlib.ZLIB_RUNTIME_VERSION,
            "date": self.date, "seal_of_run": self.seal_of_run, "left_out": list(LEFT_OUT),
            "withheld": self.withheld, "pages": self.pages, "smallest_group": self.smallest_group,
        }  # fmt: skip


def freeze(
    study: StudyPaths, config: Config, manifest: Mapping[str, Any], sources: Mapping[str, Path], folder: Path,
    choices: Choices,
) -> Publication:  # fmt: skip
    """Write the frozen study into `folder`: artefacts, tables, pages, config, manifest.

    Raises
    ------
    BrainTwinError
        If results are stale, or people could be told apart by age and sex.
    """
    if manifest["problems"]:
        rest = f" (and {len(manifest['problems']) - 1} more)" if len(manifest["problems"]) > 1 else ""
        message = f"publish: {manifest['problems'][0]}{rest}; run `braintwin run` again, then publish"
        raise BrainTwinError(message)
    said = Publication(choices.date, str(manifest["seal"]), pages=choices.pages, smallest_group=choices.smallest)
    frozen = StudyPaths(folder)
    _tables(study, frozen, manifest, choices, said)
    names = list(results(study))
    copy_all((name for name in names if _copied(name)), study.root, folder)
    for name in names:
        if name.name in ("night.nc", "spectral.nc"):
            freeze_posterior(study.root / name, folder / name)
    for kind, path in sources.items():
        shutil.copyfile(path, folder / f"{kind}{path.suffix}")
    remake_tables(folder, config)
    if choices.pages:
        copy_all((name for name in names if name.parts[:2] == ("report", "people")), study.root, folder)
    else:
        page = frozen.cohort_page.read_text(encoding="utf-8")
        write_text(frozen.cohort_page, _PAGE_LINK.sub(r"\1", page))
    write_text(folder / "config.yaml", yaml.safe_dump(published_config(config), sort_keys=False, allow_unicode=True))
    shutil.copyfile(study.manifest, folder / "manifest.json")
    write_json(folder / "publication.json", said.plain())
    return said


def _copied(name: Path) -> bool:
    """Tell whether a result goes into the archive as it is."""
    return (
        name.parts[0] in ("nights", "people")
        and (name.name.endswith(".status.json") or name.name in ("check.json", "simulate.nc", "rank.nc"))
    ) or name.parts == ("cohort", "connectome.nc")


def _tables(
    study: StudyPaths, frozen: StudyPaths, manifest: Mapping[str, Any], choices: Choices, said: Publication
) -> None:
    """Write who is in the study, without paths, and, where that is asked for, without what tells people apart."""
    people = read_people(study.people)
    made_up = [record["name"] for record in manifest["datasets"] if record["kind"] == "synthetic"]
    small = small_groups(people, made_up, choices.smallest)
    if small and not choices.coarsen:
        shown = "; ".join(str(group) for group in small[:4]) + ("; …" if len(small) > 4 else "")
        message = (
            f"publish: {len(small)} group(s) of the same age band and sex hold fewer than {choices.smallest} people "
            f"({shown}); --coarsen withholds age, sex and numeric covariates"
        )
        raise BrainTwinError(message)
    if small:
        people = withhold(people)
        said.withheld = ["age_band", "sex", "numeric covariates"]
    write_people(frozen.people, people)
    bare = {"bids_path": "", "signal": "", "stages": ""}
    write_nights(frozen.nights, [row.model_copy(update=bare) for row in read_nights(study.nights)])
    copy_all([study.refused.relative_to(study.root)], study.root, frozen.root)
    for record in manifest["datasets"]:
        known = read_json(study.dataset_record(record["name"]), DatasetRecord)
        source = published_source(known.source)
        write_json(frozen.dataset_record(record["name"]), known.model_copy(update={"root": "", "source": source}))


def _without_hypnograms(observed: xr.Dataset) -> xr.Dataset:
    """Return what was observed with the counts of all nights, which `check` needs, instead of their stages."""
    course = seen(observed)
    counts = {} if course is None else dict(zip(COUNTS, course.parts, strict=True))
    return observed.isel(epoch=slice(0, 0)).assign({name: (COUNTS[name], part) for name, part in counts.items()})


def freeze_posterior(source: Path, target: Path) -> None:
    """Copy a fit without the hypnograms that went in, and without what no published number needs."""
    groups = read_groups(source)
    root = groups.pop("/", xr.Dataset())
    if "observed_data" in groups and "stage" in groups["observed_data"] and source.name == "night.nc":
        groups["observed_data"] = _without_hypnograms(groups["observed_data"])
    if "posterior_predictive" in groups:
        groups["posterior_predictive"] = groups["posterior_predictive"].drop_vars("log_psd_model", errors="ignore")
    if "sampled" in groups and "posterior" in groups and groups["sampled"].equals(groups["posterior"]):
        del groups["sampled"]
    tree = xr.DataTree.from_dict({"/": root, **groups})
    packed = {"zlib": True, "complevel": 6, "shuffle": True}
    encoding = {
        f"/{name}": {v: packed for v in group.data_vars if group[v].dtype.kind in "fiu" and group[v].size > 100}
        for name, group in groups.items()
    }
    with atomic(target) as temporary:
        tree.to_netcdf(temporary, engine="h5netcdf", encoding={k: v for k, v in encoding.items() if v})


def remake_tables(folder: Path, config: Config) -> None:
    """Write summary, quarantine, cohort page and the long tables of the study in `folder` from its own artefacts."""
    study = StudyPaths(folder)
    cohort.run(
        nights=study.nights,
        people=study.people,
        refused=study.refused,
        records=[study.dataset_record(name) for name in config.datasets],
        treatments=folder / "treatments.yaml",
        quarantine=study.quarantine,
        page=study.cohort_page,
        summary=study.summary,
        options=config.pages,
    )
    write_tables(folder, folder / "tables")
