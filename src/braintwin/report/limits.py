"""What the data of a person could not say, and what holds for every page."""

from collections.abc import Sequence

from braintwin.contracts.check import PersonCheck
from braintwin.report.names import readable
from braintwin.report.numbers import count, listing


def limits(
    *,
    check: PersonCheck | None,
    nights: int,
    eeg: int,
    staged: int,
    channels: int,
    onset_source: str,
    kappa_source: str,
    graph: str,
    connectome: str,
    weak: Sequence[tuple[str, list[str], int, int]],
    condition: str,
) -> list[str]:
    """Return, as sentences, what the data of this person could not say."""
    found = []
    if nights == 0:
        found.append("No night of this person could be used.")
    elif nights == 1:
        found.append(
            "One night: how much this person varies from night to night is the population's, and a first-night effect "
            "cannot be told from habit (single-night ICC of most sleep outcomes is about 0.5). "
            "A second night would tell them apart."
        )
    if eeg < nights:
        found.append(
            f"{count(nights - eeg, 'night')} of {nights} without EEG: only the hypnogram entered the twin."
            if eeg
            else "No night has EEG: this is a hypnogram twin; nothing is said of spectra, slow waves or connectivity."
        )
    if staged:
        found.append(
            f"{count(staged, 'night')} staged automatically (YASA), not scored by a person; "
            "errors of staging, largest for N1, are not in the intervals."
        )
    if onset_source == "prior":
        found.append(
            "Lights off is unknown: sleep latency is not observed. SOL and its change under treatment are the "
            "population prior's, not this person's."
        )
    if kappa_source == "prior":
        few = f" ({count(channels, 'channel')})" if channels else ""
        found.append(f"κ, the coupling on the graph, is the prior: the spectra{few} do not inform it.")
    if kappa_source == "coherency":
        found.append(
            "Coherency entered the spectral twin. Its intervals are those of a field that channels see with amplitudes "
            "of their own; sources that are not in it, and volume conduction beyond fit_spectral.graph.blur_mm, are "
            "not in them."
        )
    if graph == "structural":
        found.append(
            "The spectral twin runs on the structural connectome that was given, as electrodes see its regions; it is "
            "taken as known, and its errors are not in the intervals."
        )
    if connectome:
        found.append(connectome)
    for twin, names, total, number in weak:
        if names:
            shown = listing(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            verb = "is" if number == 1 else "are"
            found.append(f"{number} of {total} parameters of the {twin} twin {verb}, in practice, the prior: {shown}.")
    if not condition:
        found.append(
            "No diagnosis is recorded: eligibility for treatments could not be judged; effects are those of the trials."
        )
    if check is not None and check.verdict == "warn":
        found.append(
            "The fit passed with warnings: " + readable("; ".join(reason.rstrip(".") for reason in check.reasons)) + "."
        )
    return found


READING = (
    "Sleep here is polysomnographic. Insomnia is a complaint: a treatment may help a person whose recorded minutes do "
    "not change, and the reverse (sleep-state misperception). Effects that trials measured with diaries are shrunk to "
    "the laboratory's by an assumed factor.",
    "Treatment effects come from trials, not from this person. It is assumed that log-hazard ratios carry over to them "
    "and that the effect differs between people only by their untreated nights and a small random spread; one "
    "untreated arm cannot identify an individual effect.",
    "Trials compared with placebo and trials compared with a waiting list are joined by an assumed offset; "
    "comparisons across these classes are not randomised evidence. Horizons differ: a pill's weeks, a course's months.",
    "The probability of being best favours what is uncertain. Read it with regret, SUCRA and the near ties.",
    "Utility is a weighted sum of changes with the weights printed here. Other weights give another order.",
    "The spectral twin describes mean spectra from 1 to 40 Hz, not slow-wave shapes, spindles or K-complexes. "
    "Sensor-space connectivity contains volume conduction and is not anatomy. No receptor mechanism is claimed.",
)
"""What holds for every person, and must be known to read the page."""
