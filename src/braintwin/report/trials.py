"""What the trials say for the treatments of a library: which are calibrated, and what was predicted unseen."""

from braintwin.report import numbers
from braintwin.treatment.calibration_record import held_out_shares
from braintwin.treatment.library import Library


def agreement_with_trials(library: Library) -> list[str]:
    """Return sentences on the calibration of a library, and on the trials' results that no operator was fitted to."""
    found = library.calibration
    if found is None:
        return ["This treatment library was never calibrated to trials: none of its treatments is ranked first."]
    short = [library.shortcoming(key) for key in library.treatments]
    counted = [c for entry in found.treatments.values() for c in entry.contrasts if c.counts and not c.left_out]
    said = [
        f"{sum(not reason for reason in short)} of {len(short)} treatments are calibrated to their trials, the others "
        f"cannot come first; simulated trials give back {sum(c.within for c in counted)} of {len(counted)} coherent "
        "contrasts within one standard error (they were fitted)."
    ]
    if found.heldout:
        inside, total, share = held_out_shares(found.heldout)
        missed = numbers.listing([record.id for record in found.heldout if not record.inside])
        alike = held_out_shares(found.heldout, alike=True)[2]
        said.append(
            f"Of {total} contrasts that nothing was fitted to, {inside} lie in their 95 % predictive interval; with "
            f"one vote for each drug and trial, {100 * share:.0f} % ({100 * alike:.0f} % if trials of a treatment did "
            "not differ)" + (f". Missed: {missed}." if missed else ".")
        )
    return said
