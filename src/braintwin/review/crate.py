"""The RO-Crate of a published study: Workflow Run RO-Crate, with an action for each step.

Profiles Process, Workflow and Provenance Run Crate 0.5 (doi:10.1371/journal.pone.0309210). The crate is made from the
manifest alone, so that `verify` can make it again; nobody is named in it.
"""

import json
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from braintwin.review.archive import Fault, members

METADATA = "ro-crate-metadata.json"
PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate"),
)
WORKFLOW = "workflow/Snakefile"
_LICENCES = {
    "CC0": "https://spdx.org/licenses/CC0-1.0", "CC0-1.0": "https://spdx.org/licenses/CC0-1.0",
    "BSD-3-Clause": "https://spdx.org/licenses/BSD-3-Clause", "CC-BY-4.0": "https://spdx.org/licenses/CC-BY-4.0",
    "CC BY 4.0": "https://spdx.org/licenses/CC-BY-4.0", "ODbL v1.0": "https://spdx.org/licenses/ODbL-1.0",
    "ODC-By 1.0": "https://spdx.org/licenses/ODC-By-1.0", "ODC-By": "https://spdx.org/licenses/ODC-By-1.0",
}  # fmt: skip
_MEANING = {
    "config.yaml": "Every option of the study", "manifest.json": "Every artefact with what it was made from, sealed",
    "methods.md": "Methods paragraph, written from the manifest", "publication.json": "What was left out or withheld",
    "cohort/summary.tsv": "One row a person: verdict, ranking, outcomes", "report/index.html": "Page of the cohort",
    "cohort/quarantine.tsv": "What was refused, by which step and why", "treatments.yaml": "Treatment library",
    "tables/ranking.tsv": "Every number of the rankings", "tables/outcomes.tsv": "Change of each outcome",
    "tables/parameters.tsv": "Posterior summaries", "population.nc": "Population prior of the hypnogram twin",
    "cohort/connectome.nc": "What the connectomes share, and how individual each is",
    "README.md": "What this is and how to verify it",
}  # fmt: skip
_MEDIA = {".nc": "application/x-netcdf", ".tsv": "text/tab-separated-values", ".yaml": "application/yaml",
          ".md": "text/markdown", ".smk": "text/plain"}  # fmt: skip
Graph = list[dict[str, Any]]


def crate_metadata(folder: Path) -> dict[str, Any]:
    """Return the JSON-LD of the crate over everything in `folder`, written by the ro-crate library."""
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    publication = json.loads((folder / "publication.json").read_text(encoding="utf-8"))
    names = [name for name in members(folder) if name != METADATA]
    crate = ROCrate(version="1.1")  # what the profiles build on
    crate.name = f"BrainTwin study {manifest['study']}"
    crate.description = (
        "Digital twins of the sleeping brain and rankings of treatments, with what is needed to make the published "
        "numbers again. For research use only."
    )
    crate.datePublished = publication["date"]
    crate.root_dataset["license"] = {"@id": _LICENCES["CC0"]}
    for name in names:
        if name != WORKFLOW:
            crate.add_file(folder / name, name, properties=_file(name))
    crate.add_workflow(
        folder / WORKFLOW, WORKFLOW, main=True, lang="snakemake",
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"], "name": "BrainTwin workflow",
            "version": manifest["version"], "encodingFormat": "text/plain",
        },
    )  # fmt: skip
    for entity in _context(manifest, set(names), publication["date"]):
        identifier = entity.pop("@id")
        crate.add(ContextEntity(crate, identifier, properties=entity))
    crate.root_dataset["conformsTo"] = [{"@id": identifier} for identifier, _ in PROFILES]
    steps = [step for step in manifest["code"] if step]
    actions = ["#run", "#engine", *(f"#do-{step}" for step in steps), *(f"#control-{step}" for step in steps)]
    crate.root_dataset["mentions"] = [{"@id": action} for action in actions]
    crate.root_dataset["isBasedOn"] = _one([{"@id": f"#dataset-{record['name']}"} for record in manifest["datasets"]])
    crate.mainEntity["step"] = [{"@id": f"{WORKFLOW}#{step}"} for step in steps]
    crate.mainEntity["hasPart"] = [{"@id": f"#braintwin-{step}"} for step in steps]
    crate.mainEntity["license"] = {"@id": "https://spdx.org/licenses/BSD-3-Clause"}
    with TemporaryDirectory() as place:
        crate.metadata.write(place)
        made: dict[str, Any] = json.loads((Path(place) / METADATA).read_text(encoding="utf-8"))
    made["@graph"] = sorted(made["@graph"], key=lambda entity: (entity["@id"] not in (METADATA, "./"), entity["@id"]))
    return made


def _file(name: str) -> dict[str, Any]:
    media = _MEDIA.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    found: dict[str, Any] = {"encodingFormat": media, "name": name}
    if name in _MEANING:
        found["description"] = _MEANING[name]
    return found


def _context(manifest: Mapping[str, Any], present: set[str], date: str) -> Iterator[dict[str, Any]]:
    for identifier, title in PROFILES:
        yield {"@id": identifier, "@type": "CreativeWork", "name": title, "version": identifier.rpartition("/")[2]}
    used = {_licence(record["licence"]) for record in manifest["datasets"]} - {""}
    for licence in sorted({*used, _LICENCES["CC0"], _LICENCES["BSD-3-Clause"]}):
        yield {
            "@id": licence, "@type": "CreativeWork", "name": licence.rpartition("/")[2],
            "description": f"Licence {licence.rpartition('/')[2]}",
        }  # fmt: skip
    yield from (_dataset(record) for record in manifest["datasets"])
    yield from _software(manifest)
    yield from _actions(manifest, present, date)


def _licence(text: str) -> str:
    return _LICENCES.get(text.strip(), text if text.startswith("http") else f"#licence-{text}" if text else "")


def _dataset(record: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "@id": f"#dataset-{record['name']}", "@type": "Dataset", "name": record["title"] or record["name"],
        "description": f"Source {record['source']}; not part of this crate.", "version": record["version"] or "unknown",
        "identifier": record["fingerprint"] or record["checksum"] or record["name"],
    }  # fmt: skip
    if record["licence"]:
        found["license"] = {"@id": _licence(record["licence"])}
    if record["citation"]:
        found["creditText"] = record["citation"]
    return found


def _software(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    environments = manifest["volatile"]["environments"]
    packages = sorted({f"{n} {v}" for env in environments for n, v in env["packages"].items()})
    blas = sorted({f"{b.get('internal_api')} {b.get('version')}" for env in environments for b in env.get("blas", [])})
    yield {
        "@id": "#braintwin", "@type": "SoftwareApplication", "name": "BrainTwin", "version": manifest["version"],
        "softwareRequirements": packages + blas, "license": {"@id": _LICENCES["BSD-3-Clause"]},
    }  # fmt: skip
    snakemake = sorted({env["packages"].get("snakemake", "") for env in environments} - {""})
    yield {
        "@id": "#snakemake", "@type": "SoftwareApplication", "name": "Snakemake", "version": "/".join(snakemake) or "?",
    }  # fmt: skip
    for position, (step, code) in enumerate(manifest["code"].items()):
        if step:
            yield {
                "@id": f"#braintwin-{step}", "@type": "SoftwareApplication", "name": f"braintwin step {step}",
                "version": manifest["version"], "identifier": ", ".join(code),
            }  # fmt: skip
            yield {
                "@id": f"{WORKFLOW}#{step}", "@type": "HowToStep", "name": step, "position": str(position),
                "workExample": {"@id": f"#braintwin-{step}"},
            }  # fmt: skip


def _actions(manifest: Mapping[str, Any], present: set[str], date: str) -> Iterator[dict[str, Any]]:
    """Yield the run, its engine, and for each step one action with inputs, outputs, options and seeds."""
    steps = [step for step in manifest["code"] if step]
    inputs: tuple[str, ...] = ("config.yaml", "treatments.yaml", "population.nc")
    given = [{"@id": name} for name in inputs if name in present]
    given += [{"@id": f"#dataset-{record['name']}"} for record in manifest["datasets"]]
    results = [{"@id": name} for name in ("cohort/summary.tsv", "report/index.html") if name in present]
    yield {
        "@id": "#operator", "@type": "Person", "name": "Not named",
        "description": "Whoever ran the study; archives of BrainTwin name nobody.",
    }  # fmt: skip
    done = {"actionStatus": "http://schema.org/CompletedActionStatus", "endTime": date, "agent": {"@id": "#operator"}}
    yield {
        "@id": "#run", "@type": "CreateAction", "name": f"Run of study {manifest['study']}",
        "description": f"Seal of the manifest: {manifest['seal']}", "instrument": {"@id": WORKFLOW},
        "object": given, "result": results, **done,
    }  # fmt: skip
    yield {
        "@id": "#engine", "@type": "OrganizeAction", "name": "Snakemake orders the steps",
        "instrument": {"@id": "#snakemake"}, "result": {"@id": "#run"},
        "object": [{"@id": f"#control-{step}"} for step in steps], **done,
    }  # fmt: skip
    for step in steps:
        yield {
            "@id": f"#control-{step}", "@type": "ControlAction", "name": f"{step} is carried out",
            "instrument": {"@id": f"{WORKFLOW}#{step}"}, "object": {"@id": f"#do-{step}"}, **done,
        }  # fmt: skip
        yield {**_step_action(manifest, step, present), **done}


def _step_action(manifest: Mapping[str, Any], step: str, present: set[str]) -> dict[str, Any]:
    entries = [entry for entry in manifest["entries"] if entry["step"] == step]
    by_name = {"/".join(entry["path"].split("/")[-2:]): entry["path"] for entry in manifest["entries"]}
    by_name |= {"config/treatments.yaml": "treatments.yaml", "data/population.nc": "population.nc"}
    taken = sorted({by_name.get(name, "") for entry in entries for name in entry["inputs"]} & present)
    datasets = [{"@id": f"#dataset-{record['name']}"} for record in manifest["datasets"]]
    made = sorted({entry["path"] for entry in entries} & present)
    seeds = len({entry["seed"] for entry in entries} - {""})
    options = sorted({entry["options"] for entry in entries})
    return {
        "@id": f"#do-{step}", "@type": "CreateAction", "name": f"braintwin step {step}",
        "description": f"{len(entries)} artefacts; options {', '.join(options)} in manifest.json; {seeds} seeds",
        "instrument": {"@id": f"#braintwin-{step}"},
        "object": _one([{"@id": name} for name in taken] or datasets),
        **({"result": _one([{"@id": name} for name in made])} if made else {}),
    }  # fmt: skip


def _one(values: Graph) -> Any:
    """Return a list of one as its value, as RO-Crate 1.1 writes it."""
    return values[0] if len(values) == 1 else values


def write_crate(folder: Path) -> None:
    """Write ``ro-crate-metadata.json`` over everything in `folder`."""
    text = json.dumps(crate_metadata(folder), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")


def crate_faults(folder: Path) -> list[Fault]:
    """Return what in the crate is not what the manifest gives; empty where it is the same."""
    try:
        published = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        again = crate_metadata(folder)
    except (OSError, ValueError, KeyError) as cause:
        return [Fault(METADATA, f"cannot be read or made again ({type(cause).__name__})")]
    theirs, ours = ({entity["@id"]: entity for entity in made["@graph"]} for made in (published, again))
    wrong = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    return [Fault(METADATA, f"its entity {name} is not what the manifest gives") for name in sorted(wrong)[:3]]
