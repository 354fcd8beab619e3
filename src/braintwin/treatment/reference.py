"""The reference page of treatments, written from the library: every number with its origin."""

from collections.abc import Iterator, Mapping

from braintwin.treatment.evidence import SIMULATED_EFFECTS, Effect, Source, Treatment
from braintwin.treatment.library import Library

HEAD = """\
# Treatments

Written from `config/treatments.yaml` by `make config`; do not edit. [How to add one](../howto/add-a-treatment.md).
*Research use only*: the library says what trials found, not what anybody should take.

Every number carries how it got here: **read** (seen in print), **recall** (from memory, to be checked), **derived**
(worked out from other numbers of the entry), **assumed**. An effect is treatment minus comparator. Only effects marked
with `*` are simulated; the others are kept as evidence.
"""


def _inline(text: object) -> str:
    """Return text that does not break a table or read as HTML."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def _range(effect: Effect) -> str:
    if effect.ci95 is None:
        return ""
    low, high = effect.ci95
    return f"{low:g} to {high:g}"


def _effect(name: str, effect: Effect) -> str:
    mark = r"\*" if name in SIMULATED_EFFECTS else ""
    error = "" if effect.se is None else f"{effect.se:g}"
    notes = " ".join(part for part in (effect.note, effect.se_note, effect.verify_note) if part)
    cells = (f"`{name}`{mark}", f"{effect.mean:g}", error, _range(effect), effect.prov, _inline(notes))
    return "| " + " | ".join(cells) + " |"


def _table(effects: Mapping[str, Effect]) -> Iterator[str]:
    yield "\n| effect | mean | SE | 95 % interval | origin | notes |\n|---|---|---|---|---|---|"
    yield from (_effect(name, effect) for name, effect in effects.items())


def _source(source: Source) -> str:
    doi = f" doi:{source.doi}." if source.doi else ""
    seen = f" Read in: {source.where_read}." if source.where_read else ""
    return _inline(
        f"{source.citation.rstrip('.')}.{doi} Origin: {source.provenance}; confidence {source.confidence}.{seen}"
    )


def _status(treatment: Treatment, shortcoming: str) -> str:
    if treatment.control:
        return "a control: simulated, never recommended"
    if treatment.exploratory:
        return "exploratory: simulated, never ranked first"
    return f"not calibrated, never ranked first: {shortcoming}" if shortcoming else "calibrated, ranked"


def _section(key: str, treatment: Treatment, shortcoming: str) -> Iterator[str]:
    status = _status(treatment, shortcoming)
    yield f"\n## {_inline(treatment.label)}\n\n`{key}` · {_inline(treatment.cls)} · {status}\n"
    yield f"- Eligible: {', '.join(treatment.eligible)}" + (
        f" ({_inline(treatment.population)})" if treatment.population else ""
    )
    yield f"- Compared with: {_inline(treatment.comparator)} (taken as {treatment.reference})"
    scale = f"{_inline(treatment.scale)}; minutes by {treatment.instrument}"
    yield f"- Scale: {scale}; horizon {treatment.horizon_weeks:g} weeks"
    yield f"- Burden: {treatment.burden.value:g} of 1 ({treatment.burden.prov})"
    if treatment.contraindications:
        yield f"- Contraindications: {_inline('; '.join(treatment.contraindications))}"
    if treatment.cautions:
        yield f"- Cautions: {_inline('; '.join(treatment.cautions))}"
    if treatment.effects:
        yield from _table(treatment.effects)
    for title, effects in (
        ("Sleep architecture", treatment.architecture),
        ("NREM spectrum (log power ratio)", treatment.spectrum_NREM_dlnP),
        ("REM spectrum (log power ratio)", treatment.spectrum_REM_dlnP),
        ("Harms", treatment.harms),
    ):
        if effects:
            yield f"\n{title}:"
            yield from _table(effects)
    if treatment.notes:
        yield "\nNotes: " + _inline(" ".join(treatment.notes))
    yield "\nSources:\n"
    yield from (f"{number}. {_source(source)}" for number, source in enumerate(treatment.sources, 1))


def reference(library: Library) -> str:
    """Return the text of `docs/reference/treatments.md`."""
    counts: dict[str, int] = {}
    for treatment in library.treatments.values():
        for effects in (treatment.effects, treatment.architecture, treatment.harms):
            for effect in effects.values():
                counts[effect.prov] = counts.get(effect.prov, 0) + 1
    summary = ", ".join(f"{number} {origin}" for origin, number in sorted(counts.items(), key=lambda item: -item[1]))
    lines = [HEAD, f"{len(library.treatments)} treatments and controls; {sum(counts.values())} numbers: {summary}."]
    for key, treatment in library.treatments.items():
        lines.extend(_section(key, treatment, library.shortcoming(key)))
    return "\n".join(lines).rstrip() + "\n"
