"""The reference page of the calibration, written from the library: each trial against its simulated double."""

from collections.abc import Iterator

from braintwin.treatment.calibration_record import (
    Calibration,
    ContrastRecord,
    EntryRecord,
    held_out_shares,
    inside_by_vote,
)
from braintwin.treatment.library import Library

HEAD = """\
# Calibration of treatments

Written from `config/treatments.yaml` by `make config`; do not edit. The numbers are those of `braintwin calibrate`,
which keeps them at the end of that file. *Research use only.*

For every treatment a trial is simulated: people of the population model, shifted until their mean latency and wake
after sleep onset are those of the trial's baseline, one night each, without and with the treatment, the same noise in
both arms. A trial against placebo has a placebo arm; a diary exaggerates latency and wake by a factor that is fitted
too, from its prior in the library. The operators (log hazards of the hypnogram twin's groups, and time in bed) are
fitted to the trial's contrasts with weak normal priors. What follows is the simulated trial with the fitted operators.

*distance* is simulated minus measured, in standard errors of the trial. *counts*: latency, wake, sleep time and
efficiency that were read or derived; a treatment with none of them, or none of them given back within one standard
error, is **not calibrated**: it is simulated, and never ranked first. The sd is how uncertain the operators leave the
simulated contrast.
"""

HELD_OUT = """\
## Contrasts held out

No operator was fitted to these (`heldout_validation_pairs`; those already used in an entry, and those without an
error, are left out). The rule was written before any prediction was computed: another trial with the operators of the
same dose; another dose of the entry's own trial, or a dose that the library lacks, from the nearest dose it has
(Emax, half-maximal dose unknown by a factor of e); sleep time of a drug that the library lacks (filorexant, an orexin
antagonist) from its nearest other dose, and its stages from its sleep time alone. The 95 % interval holds the
operators' error, the doubt about the dose, a prior of 0.15 on what sleep time does not tell of stages, for diaries a
factor of lognormal sd 0.65, and the trial's own error. A contrast of another trial than the operators' also differs by
what trials of one treatment differ by beyond their errors: I² of 40 % (95 % 15 to 73 %), as 5,132 meta-analyses of
continuous outcomes have it (doi:10.1002/jrsm.1193). This last part was added after a first look, and both counts are
given (`docs/decisions/023`). Trials whose untreated night was not read are simulated at that of the entry.
"""


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 0.95 or value == 0 else f"{value:.2f}"


def _why(record: ContrastRecord) -> str:
    if record.within:
        return f"not fitted: {record.left_out}" if record.left_out else ""
    if record.left_out:
        return f"not fitted: {record.left_out}"
    return "the trial's other contrasts do not allow it"


def _contrast(record: ContrastRecord) -> str:
    cells = (
        f"`{record.name}`",
        record.prov,
        "yes" if record.counts else "",
        f"{_number(record.mean)} ± {_number(record.se)}",
        f"{_number(record.simulated)} ± {_number(record.sd)}",
        f"{record.distance:+.1f}",
        "within" if record.within else "**outside**",
        _why(record),
    )
    return "| " + " | ".join(cells) + " |"


def _section(key: str, label: str, entry: EntryRecord, shortcoming: str) -> Iterator[str]:
    verdict = f"**not calibrated**: {shortcoming}" if shortcoming else "calibrated"
    yield f"\n## {label}\n\n`{key}` · {verdict}\n"
    night = ", ".join(f"{name} {value:.0f}" for name, value in entry.baseline.items())
    yield f"- Simulated untreated night: {night}"
    for name, value in entry.bridge.items():
        yield f"- Laboratory over diary, {name}: {value:.2f}"
    if entry.operators is not None:
        means, cov = entry.operators.mean, entry.operators.covariance
        listed = ", ".join(f"`{name}` {x:+.2f} ± {cov[i][i] ** 0.5:.2f}" for i, (name, x) in enumerate(means.items()))
        yield f"- Operators: {listed}"
        if {"w_deep", "n23_w"} <= {*means}:
            leaving, entering = abs(means["w_deep"]), abs(means["n23_w"])
            share = 100 * leaving / (leaving + entering)
            yield f"- Wake operator: {share:.0f} % on falling asleep again, {100 - share:.0f} % on waking up"
    for note in entry.notes:
        yield f"- Coherence: {note}"
    if entry.contrasts:
        yield "\n| contrast | origin | counts | trial ± SE | simulated ± sd | distance | ± 1 SE | |"
        yield "|---|---|---|---|---|---|---|---|"
        yield from (_contrast(record) for record in entry.contrasts)


def _held_out(calibration: Calibration) -> Iterator[str]:
    yield "\n" + HELD_OUT
    if not calibration.heldout:
        yield "**Not predicted with this calibration yet**; `braintwin calibrate` does it. Nothing is claimed."
        return
    inside, total, share = held_out_shares(calibration.heldout)
    yield f"**{inside} of {total} inside; with one vote for each drug and trial {100 * share:.0f} %** (90 % asked)."
    inside, total, share = held_out_shares(calibration.heldout, alike=True)
    yield f"If trials of a treatment did not differ beyond their errors: {inside} of {total}, {100 * share:.0f} %."
    wide = sum(((r.measured - r.predicted) * 2 * 1.96 / (r.high - r.low)) ** 2 for r in calibration.heldout) / total
    yield f"Root mean square distance, in predictive sd: {wide**0.5:.2f} (1 is exact, less is too wide)."
    yield "\n| drug | trial | inside | of |\n|---|---|---|---|"
    votes = inside_by_vote(calibration.heldout)
    yield from (f"| {drug} | {trial} | {a} | {b} |" for (drug, trial), (a, b) in votes.items())
    for words, missed in (
        ("Missed", [record.id for record in calibration.heldout if not record.inside]),
        ("Missed if trials did not differ", [record.id for record in calibration.heldout if not record.inside_alike]),
    ):
        yield f"\n{words}: {', '.join(f'`{name}`' for name in missed) or 'none'}."
    yield ""
    yield "| contrast | mg | time | outcome | route | measured ± SE | predicted (95 %) | |"
    yield "|---|---|---|---|---|---|---|---|"
    for r in calibration.heldout:
        interval = f"{_number(r.predicted)} ({_number(r.low)} to {_number(r.high)})"
        told = "" if r.inside else "**missed**"
        yield (
            f"| `{r.id}` | {r.dose_mg:g} | {r.time} | {r.outcome} | {r.route} | {_number(r.measured)} ± "
            f"{_number(r.se)} | {interval} | {told} |"
        )


def calibration_page(library: Library) -> str:
    """Return the text of `docs/reference/calibration.md`."""
    found = library.calibration
    if found is None:
        return HEAD + "\nThis library was never calibrated: run `braintwin calibrate`.\n"
    records = [c for entry in found.treatments.values() for c in entry.contrasts if c.counts]
    fitted = [c for c in records if not c.left_out]
    within = sum(c.within for c in fitted)
    short = {key: library.shortcoming(key) for key in found.treatments if key in library.treatments}
    lines = [
        HEAD,
        f"Population model `{found.population}` (`{found.population_digest}`), {found.people} people in each trial,"
        f" seed {found.seed}. {len([s for s in short.values() if not s])} of {len(short)} entries are calibrated. Of"
        f" {len(records)} contrasts that count, {len(records) - len(fitted)} are not coherent with the others of their"
        f" entry; {within} of the other {len(fitted)} are given back within one standard error.",
    ]
    for key, reason in short.items():
        lines.extend(_section(key, library.treatments[key].label, found.treatments[key], reason))
    lines.extend(_held_out(found))
    return "\n".join(lines).rstrip() + "\n"
