"""``braintwin inspect``: what a dataset would be read as, what is ambiguous, and the config lines that settle it."""

import json
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError, DatasetError
from braintwin.io.bids import describe, find_root
from braintwin.io.finding import Finding, merged
from braintwin.io.survey import survey
from braintwin.io.survey_scoring import ASK
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions

HEAD = 2**18
"""Bytes of a large file of an archive that are unpacked; enough for the header of a recording."""


def inspect(source: Path, given: DatasetOptions, name: str) -> dict[str, Any]:
    """Return what a dataset would be read as.

    Parameters
    ----------
    source : path
        A folder, or an archive (.tar.gz, .tar, .zip), whose metadata are looked at in a temporary folder.
    given : DatasetOptions
        Keys of the config that are known already.
    name : str
        Name of the dataset in the config.
    """
    with _folder(source) as folder:
        root = find_root(folder, given.subfolder, "inspect")
        findings = survey(root, given)
        lines = merged([{"source": str(source)}, given.model_dump(exclude_defaults=True), *(f.lines for f in findings)])
        lines["source"] = str(source)
        return {
            "name": name,
            **describe(root),
            "findings": [asdict(finding) for finding in findings],
            "now": _counts(root, name, given),
            "then": _counts(root, name, _options(lines, given)),
            "datasets": {name: lines},
            "to_fill_in": _open(lines),
        }


def _options(lines: Mapping[str, Any], given: DatasetOptions) -> DatasetOptions | None:
    """Return the options that the lines make; None while something must be filled in by hand."""
    return None if _open(lines) else DatasetOptions.model_validate({**lines, "subfolder": given.subfolder})


def _open(lines: Mapping[str, Any]) -> list[str]:
    codes = lines.get("stages", {}).get("codes", {})
    return [f"stages.codes.{code}" for code, stage in codes.items() if stage == ASK]


def _counts(root: Path, name: str, options: DatasetOptions | None) -> dict[str, Any] | None:
    """Return how many nights and people the index has with `options`, and why it refuses others."""
    from braintwin.steps.index import index_datasets

    if options is None:
        return None
    record = DatasetRecord(name=name, root=str(root), kind="local", source="inspect")
    try:
        found = index_datasets([record], {name: options}, IndexOptions())
    except DatasetError as refusal:
        return {"error": str(refusal)}
    reasons = Counter(re.sub(r"(?<![A-Za-z'])\d+(\.\d+)?", "#", row["reason"]) for row in found.refused)
    return {
        "used": len(found.nights),
        "refused": len(found.refused),
        "left_out": found.ignored,
        "people": len(found.people),
        "with_eeg": sum(row.has_eeg for row in found.nights),
        "with_stages": sum(row.has_stages for row in found.nights),
        "conditions": dict(Counter(row.condition or "untreated" for row in found.nights)),
        "reasons": dict(reasons.most_common(5)),
    }


def reading(result: Mapping[str, Any]) -> list[str]:
    """Return what would be read, as lines for a terminal."""
    title = " · ".join(filter(None, [result["title"] or result["name"], result["version"], result["licence"]]))
    findings = [f"{finding['topic']:<11}{finding['used']}" for finding in result["findings"]]
    return [title, "", *findings, "", sentence("as it is", result["now"])]


def page(result: Mapping[str, Any]) -> str:
    """Return the result as text for a terminal."""
    findings = [Finding(**finding) for finding in result["findings"]]
    text = reading(result)
    open_questions = [finding for finding in findings if finding.ambiguous]
    if not open_questions:
        text += ["", "Nothing is ambiguous. Lines of the config:"]
    else:
        text += ["", "Ambiguous:"]
        text += [f"  {i}. {f.topic}: {f.ambiguous}" for i, f in enumerate(open_questions, 1)]
        text += ["", "Lines of the config that settle it:"]
    text += ["", *yaml_lines({"datasets": result["datasets"]})]
    if result["to_fill_in"]:
        text += ["", f"Put W, N1, N2, N3, R or '?' (missing) in place of each {ASK}: integer codes are never guessed."]
    elif open_questions and result["then"] is not None:
        text += ["", sentence("with these lines", result["then"])]
    return "\n".join(text) + "\n"


def sentence(when: str, counts: Mapping[str, Any]) -> str:
    """Return how many nights are used, and why others are refused, in words."""
    if "error" in counts:
        return f"{when}: refused as a whole: {counts['error']}"
    conditions = ", ".join(f"{name} {n}" for name, n in counts["conditions"].items())
    told = (
        f"{when}: {counts['used']} night(s) of {counts['people']} people used ({counts['with_eeg']} with EEG here, "
        f"{counts['with_stages']} with stages; {conditions or 'none'}), {counts['refused']} refused"
    )
    return "\n".join([told, *(f"  {n} x {reason}" for reason, n in counts["reasons"].items())])


def yaml_lines(value: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield YAML with quoted texts, so that no code or label is read as a number or a word of YAML."""
    for key, entry in value.items():
        shown_key = key if re.fullmatch(r"[A-Za-z_]\w*", str(key)) and depth < 4 else json.dumps(str(key))
        if isinstance(entry, Mapping):
            yield f"{'  ' * depth}{shown_key}:"
            yield from yaml_lines(entry, depth + 1)
        else:
            yield f"{'  ' * depth}{shown_key}: {json.dumps(entry, ensure_ascii=False)}"


@contextmanager
def _folder(source: Path) -> Iterator[Path]:
    """Yield the dataset's folder; an archive's metadata in a temporary one."""
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        message = f"inspect: {source.name} is no folder and no archive; name where the dataset lies"
        raise BrainTwinError(message)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            _unpack(source, folder)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as cause:
            message = f"inspect: {source.name} is no whole .tar.gz, .tar or .zip ({type(cause).__name__}); get it again"
            raise BrainTwinError(message) from None
        yield folder


def _unpack(source: Path, folder: Path) -> None:
    """Unpack names and sizes of an archive's files, and the content of small ones; nothing leads outside."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for item in archive.infolist():
                if not item.is_dir():
                    with archive.open(item) as stream:
                        _keep(folder, item.filename, item.file_size, stream)
        return
    with tarfile.open(source, "r|*") as archive:
        for member in archive:
            if member.isfile():
                content = archive.extractfile(member)
                assert content is not None
                _keep(folder, member.name, member.size, content)


def _keep(folder: Path, name: str, size: int, stream: IO[bytes]) -> None:
    target = (folder / name).resolve()
    if folder.resolve() not in target.parents:
        message = "a member leads out of the archive"
        raise ValueError(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        if size <= 2**22 and not name.lower().endswith((".edf", ".bdf", ".eeg", ".fdt", ".fif", ".set")):
            shutil.copyfileobj(stream, out)
        else:
            out.write(stream.read(HEAD))
            out.truncate(size)  # sparse: the size tells that the content is there


def run(source: Path, config: Path | None, name: str | None, as_json: bool) -> str:
    """Return the page (or the JSON) of ``braintwin inspect``."""
    known: Mapping[str, DatasetOptions] = {}
    if config is not None:
        from braintwin.config import load_config

        known = load_config(config).datasets
    name = name or _name(source, known)
    given = known.get(name) or DatasetOptions(source=str(source))
    result = inspect(source, given, name)
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n" if as_json else page(result)


def _name(source: Path, known: Mapping[str, DatasetOptions] | Sequence[str]) -> str:
    """Return a name for the config: letters and digits of the folder's or archive's name."""
    if len(known) == 1:
        return next(iter(known))
    bare = re.sub(r"[^A-Za-z0-9]", "", source.resolve().name.split(".")[0])
    return bare or "dataset"
