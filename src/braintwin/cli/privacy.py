"""``braintwin privacy-check``: what in a dataset or in results should not be shared, and a copy without it."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from braintwin.errors import BrainTwinError
from braintwin.io.privacy import check_tree
from braintwin.io.privacy_rules import Leak

SHOWN = 5
"""Findings of one kind that are listed; --json has all."""


def run(folder: Path, *, names: Path | None, anonymise_to: Path | None, as_json: bool) -> tuple[str, bool]:
    """Return the page of ``braintwin privacy-check``, and whether nothing was found (in the copy, where one is made).

    Parameters
    ----------
    folder : path
        A dataset, its derivatives, or the results of a study.
    names : path, optional
        A text file with one name a line that must not occur anywhere.
    anonymise_to : path, optional
        Folder of an anonymous copy to make.
    as_json : bool
        Print JSON.
    """
    terms = _terms(names)
    text = ""
    if anonymise_to is not None:
        from braintwin.io.anonymise import anonymise

        count = len(anonymise(folder, anonymise_to))
        text = f"{anonymise_to}: {count} participant(s) under new labels; the copy was checked:\n"
        folder = anonymise_to
    found = check_tree(folder, terms=terms)
    if as_json:
        return json.dumps([asdict(leak) for leak in found], indent=2, ensure_ascii=False) + "\n", not found
    return text + _page(folder, found), not found


def _terms(names: Path | None) -> list[str]:
    if names is None:
        return []
    try:
        return [line.strip() for line in names.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        message = f"privacy-check: {names.name} cannot be read; it must be a text file with one name a line"
        raise BrainTwinError(message) from None


def _page(folder: Path, found: list[Leak]) -> str:
    if not found:
        return f"{folder}: nothing found. Samples, pictures and free speech are not looked into.\n"
    lines = []
    for kind, times in Counter(leak.kind for leak in found).most_common():
        lines.append(f"{kind}: {times}")
        of_kind = [leak for leak in found if leak.kind == kind]
        lines += [f"  {leak.path}: {leak.found}" for leak in of_kind[:SHOWN]]
        lines += [f"  ... and {times - SHOWN} more"] if times > SHOWN else []
    lines.append("`braintwin privacy-check FOLDER --anonymise-to NEW` makes a copy of a dataset without them.")
    return "\n".join(lines) + "\n"
