"""The header of an EDF or BDF file: what each signal's unit, rate and hardware filter are.

Signals are read with mne; it brings all channels of a file to one rate, takes an unknown unit for volt and keeps one
filter for all, so the header itself is asked for these. Kemp et al. 1992, doi:10.1016/0013-4694(92)90009-7.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from braintwin.errors import NightExcluded

VOLTS = {"nv": 1e-9, "uv": 1e-6, "µv": 1e-6, "μv": 1e-6, "mv": 1e-3, "v": 1.0}
"""Volts in one unit, by the unit's name in lower case (micro sign and Greek mu)."""

MOST_SIGNALS = 4096
"""Signals of a file that are believed."""


@dataclass(frozen=True)
class Signal:
    """One signal of a file.

    Parameters
    ----------
    label : str
        As stored, stripped.
    unit : str
        Physical dimension as stored; may be empty or wrong.
    sfreq : float
        Samples per second.
    highpass, lowpass : float or None
        Edges of the recorder's filter, Hz, where the header tells them.
    """

    label: str
    unit: str
    sfreq: float
    highpass: float | None = None
    lowpass: float | None = None


def _edge(prefilter: str, kind: str) -> float | None:
    found = re.search(rf"{kind}\s*:?\s*([0-9]+(?:[.,][0-9]+)?)\s*Hz", prefilter, re.IGNORECASE)
    return float(found.group(1).replace(",", ".")) if found else None


def read_header(path: Path) -> list[Signal]:
    """Return the signals of an EDF(+) or BDF(+) file, annotations left out.

    Raises
    ------
    NightExcluded
        If the file is not EDF or BDF, or its header is cut short or inconsistent.
    """
    with path.open("rb") as stream:
        fixed = stream.read(256)
        if not (fixed.startswith(b"0       ") or fixed.startswith(b"\xffBIOSEMI")):
            message = (
                f"prepare: {path.name} is not EDF: it starts with {fixed[:8]!r}, expected b'0       '; "
                "replace the file, or drop the night"
            )
            raise NightExcluded(message)
        try:
            count = int(fixed[252:256])
            record_s = float(fixed[244:252])
            rest = stream.read(256 * count)
            if not 1 <= count <= MOST_SIGNALS or len(rest) < 256 * count or not 0 <= record_s < 1e6:
                raise ValueError
            found = _signals(rest, count, record_s)
            if not all(np.isfinite(signal.sfreq) and signal.sfreq > 0 for signal in found):
                raise ValueError
            return found
        except ValueError:
            message = f"prepare: the EDF header of {path.name} is cut short or inconsistent; fetch the file again"
            raise NightExcluded(message) from None


def _signals(header: bytes, count: int, record_s: float) -> list[Signal]:
    text = header.decode("latin-1")

    def column(start: int, width: int) -> list[str]:
        return [text[start * count + i * width : start * count + (i + 1) * width].strip() for i in range(count)]

    labels, units, prefilters, samples = column(0, 16), column(96, 8), column(136, 80), column(216, 8)
    return [
        Signal(label, unit, int(n) / (record_s or 1.0), _edge(filtered, "HP"), _edge(filtered, "LP"))
        for label, unit, filtered, n in zip(labels, units, prefilters, samples)
        if label not in ("EDF Annotations", "BDF Annotations")
    ]
