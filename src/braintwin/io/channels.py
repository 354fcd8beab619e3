"""What a channel is, from its name and from what the dataset declares; declared types are often wrong.

A name that says EOG, EMG, breathing, temperature or a marker is believed over a declared type of EEG (Sleep-EDF, BOAS
and most exports type everything EEG); a scalp electrode's name is believed over a missing type.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Role = Literal["eeg", "eog", "emg", "ecg", "resp", "event", "mastoid", "other"]

MASTOIDS = frozenset({"M1", "M2", "A1", "A2"})
"""Electrodes on mastoid or ear lobe: references, not brain."""

_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_PREFIX = re.compile(r"^(EEG|PSG|POL)[\s_:]+", re.IGNORECASE)
_REFERENCE = re.compile(r"^(REF|LE|AVG?|AR|CLE|G\d*|GND)$", re.IGNORECASE)

_NOT_EEG: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("other", re.compile(r"imp[ée]d|\(imp\)|\bimp\b|impÃ|volt|battery", re.IGNORECASE)),
    ("eog", re.compile(r"EOG|^(ROC|LOC)\b|^E[12]\b|eye", re.IGNORECASE)),
    ("emg", re.compile(r"EMG|chin|ment|^(L|R)(LEG|AT|TIB)\b|\bleg\b|tibial|jambe|masseter", re.IGNORECASE)),
    ("ecg", re.compile(r"ECG|EKG|heart|\bHR\b|BEAT", re.IGNORECASE)),
    (
        "resp",
        re.compile(
            r"resp|flow|thor|abd|chest|therm?\b|nasal|\bCAN\b|cannula|RIP|snor|effort|inductance|\bpres", re.IGNORECASE
        ),
    ),
    ("event", re.compile(r"marker|event|trig|status|annotation", re.IGNORECASE)),
    (
        "other",
        re.compile(
            r"SpO2|SaO2|oxi|pulse|pleth|satur|PTT|PWA|temp|rectal|light|audio|mic|posit|posangle|elevation|activity|gyro"
            r"|accel|\bIMU\b|_IMU_|\baxis\b|CO2",
            re.IGNORECASE,
        ),
    ),
)


_DECLARED: dict[str, Role] = {
    "EOG": "eog", "HEOG": "eog", "VEOG": "eog", "EMG": "emg", "ECG": "ecg", "RESP": "resp", "TRIG": "event",
    "EVENT": "event",
}  # fmt: skip
"""Types of channels.tsv that are believed where the name tells nothing."""


@dataclass(frozen=True)
class Derivation:
    """An active electrode and the one it is measured against (empty where the name does not say)."""

    active: str
    reference: str = ""


@cache
def electrodes() -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Return the 10-05 electrodes: upper-case name -> (name, position in m on the Colin 27 template)."""
    from mne.channels import make_standard_montage

    positions = make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    found = {name.upper(): (str(name), (float(p[0]), float(p[1]), float(p[2]))) for name, p in positions.items()}
    for old, new in _OLD_NAMES.items():
        found[old] = (old, found[new.upper()][1])
    return found


def derivation(name: str) -> Derivation:
    """Split a channel's name, for example ``EEG C3-A2``, ``C4:A1``, ``PSG_F3``, into its electrodes."""
    bare = _PREFIX.sub("", name.strip())
    parts = [part.strip() for part in re.split(r"\s*[-:/–]\s*", bare) if part.strip()]
    if len(parts) == 2:
        active, reference = (_canonical(part) for part in parts)
        return Derivation(active, "" if _REFERENCE.match(reference) else reference)
    return Derivation(_canonical(bare))


def _canonical(electrode: str) -> str:
    known = electrodes().get(electrode.upper())
    return known[0] if known else electrode


def role(name: str, declared: str = "") -> Role:
    """Return what a channel holds.

    Parameters
    ----------
    name : str
        As the dataset has it.
    declared : str
        Type in channels.tsv, empty where there is none. A file's own default type is no declaration.
    """
    for kind, pattern in _NOT_EEG:
        if pattern.search(_PREFIX.sub("", name.strip())):
            return kind
    wires = derivation(name)
    if wires.active.upper() in MASTOIDS:
        return "mastoid"
    if wires.active.upper() in electrodes():
        return "eeg"
    if declared.upper() == "EEG" or re.match(r"^EEG\b", name.strip(), re.IGNORECASE):
        return "eeg"
    return _DECLARED.get(declared.upper(), "other")


def select_eeg(roles: Mapping[str, Role], keep: Iterable[str] | None = None) -> list[str]:
    """Return the EEG channels, without the raw electrode where its derivation against another is also stored.

    `keep` names channels as stored, or electrodes whose derivations are meant; letter case is ignored.
    """
    eeg = [name for name, kind in roles.items() if kind == "eeg"]
    if keep is not None:
        chosen: set[str] = set()
        for wanted in keep:
            exact = [name for name in roles if name.upper() == wanted.upper()]
            chosen.update(exact or [name for name in eeg if derivation(name).active.upper() == wanted.upper()])
        return [name for name in roles if name in chosen]
    derived = {derivation(name).active for name in eeg if derivation(name).reference}
    return [name for name in eeg if derivation(name).reference or derivation(name).active not in derived]


def positions(names: Iterable[str]) -> npt.NDArray[np.float64]:
    """Return electrode positions of `names`: (channel, 3), m; NaN where a name is no standard electrode.

    A bipolar derivation between two scalp electrodes lies half way; one against a mastoid lies at the active electrode.
    """
    known = electrodes()
    found = []
    for name in names:
        wires = derivation(name)
        ends = [wires.active] + ([wires.reference] if wires.reference.upper() not in {*MASTOIDS, ""} else [])
        points = [known[end.upper()][1] for end in ends if end.upper() in known]
        found.append(np.mean(points, axis=0) if len(points) == len(ends) else np.full(3, np.nan))
    return np.asarray(found, dtype=np.float64).reshape(-1, 3)
