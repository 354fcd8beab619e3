"""Which channels of a recording are used, under what names, and against what reference."""

from dataclasses import dataclass

from braintwin.errors import NightExcluded, did_you_mean
from braintwin.io.channels import MASTOIDS, derivation, select_eeg
from braintwin.io.eeg import Recording
from braintwin.options.prepare import PrepareOptions


@dataclass(frozen=True)
class Montage:
    """The channels of the artefact and what they are measured against.

    Parameters
    ----------
    stored : list of str
        Names in the file.
    names : list of str
        Names in the artefact.
    subtract : list of str
        Channels of the file whose mean is subtracted; empty where the reference stays as recorded.
    reference : str
        What the channels are measured against, in words.
    """

    stored: list[str]
    names: list[str]
    subtract: list[str]
    reference: str


def kept_channels(night: str, recording: Recording, options: PrepareOptions) -> list[str]:
    """Return the EEG channels of `recording` that the options keep.

    Raises
    ------
    NightExcluded
        If none of the channels that were asked for is there.
    """
    names = select_eeg(recording.roles, options.channels)[: options.max_channels]
    if not names:
        eeg = select_eeg(recording.roles)
        asked = ", ".join(options.channels or [])
        hint = did_you_mean((options.channels or [""])[0], eeg)
        message = f"prepare: {night} has none of the channels {asked}{hint}; found EEG {', '.join(eeg[:12])}"
        raise NightExcluded(message)
    return names


def choose_montage(night: str, recording: Recording, options: PrepareOptions) -> Montage:
    """Return the montage after `options.reference`.

    Raises
    ------
    NightExcluded
        If the reference cannot be had: derivations against different electrodes have no common average.
    """
    stored = kept_channels(night, recording, options)
    wires = [derivation(name) for name in stored]
    references = sorted({w.reference for w in wires if w.reference})
    recorded = ", ".join(references) or recording.reference
    labels = [f"{w.active}-{w.reference}" if w.reference else w.active for w in wires]
    names = labels if len(set(labels)) == len(labels) else stored
    if options.reference == "as_recorded":
        return Montage(stored, names, [], f"as recorded ({recorded})" if recorded else "as recorded")
    if options.reference == "mastoids" and references and {r.upper() for r in references} <= MASTOIDS:
        return Montage(stored, names, [], f"mastoids, as recorded ({recorded})")
    mixed = len(references) > 1 or (references and any(not w.reference for w in wires))
    mastoids = [name for name, kind in recording.roles.items() if kind == "mastoid"]
    wanted = stored if options.reference == "average" else mastoids
    least = 2 if options.reference == "average" else 1
    if mixed or len(wanted) < least:
        why = f"its derivations have references {recorded}" if mixed else f"it has {len(wanted)} such channel(s)"
        message = (
            f"prepare: {night} cannot have reference {options.reference}: {why}; use prepare.reference: as_recorded"
        )
        raise NightExcluded(message)
    return Montage(stored, [w.active for w in wires] if not references else names, wanted, options.reference)
