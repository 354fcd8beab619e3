"""Parameters under the names of the field: words, symbol and unit instead of the names in the code."""

import re
from dataclasses import dataclass

from braintwin.report.palette import STAGE_WORDS

HAZARDS = {
    "onset": "falling asleep",
    "w_n1": "Wake → N1",
    "w_deep": "Wake → N2, N3 or REM",
    "n1_w": "waking from N1",
    "n23_w": "waking from N2 or N3",
    "r_w": "waking from REM",
    "n1_n2": "deepening from N1",
    "n2_n3": "deepening N2 → N3",
    "n3_n2": "lightening from N3",
    "n2_n1": "lightening N2 → N1",
    "nrem_r": "entering REM",
    "r_nrem": "REM → NREM",
}
"""Hazard groups in words."""


@dataclass(frozen=True)
class Name:
    """What a parameter is called, its symbol, its unit, and by what its value is multiplied to be in that unit."""

    words: str
    symbol: str
    unit: str = ""
    factor: float = 1.0

    @property
    def short(self) -> str:
        """Words with the symbol behind them."""
        return f"{self.words} ({self.symbol})" if self.symbol else self.words


_SPECTRAL = {
    "X": Name("cortical loop gain", "X"),
    "Y": Name("corticothalamic loop gain", "Y"),
    "Z": Name("intrathalamic loop gain", "Z"),
    "emg_fraction": Name("muscle (EMG) share of the power", "ε", "%", 100.0),
    "log_scale": Name("log of the input power", "ln σ²", "ln(µV²/Hz)"),
    "t0": Name("corticothalamic loop delay", "t₀", "ms", 1000.0),
    "alpha": Name("dendritic decay rate", "α", "s⁻¹"),
    "kappa": Name("coupling on the graph", "κ"),
    "residual_sd": Name("residual of the log spectrum, sd", "σ residual", "nat"),
}
_NIGHT = {
    "person_effect": ("{}", "η", "ln hazard ratio"),
    "night_sd": ("{}, sd from night to night", "σ night", "ln hazard ratio"),
    "night_effect": ("{}, that night", "ζ", "ln hazard ratio"),
    "time_effect": ("change with time of night", "f", "ln hazard ratio"),
    "dwell_effect": ("change with time in stage", "h", "ln hazard ratio"),
    "pressure_effect": ("change with Process S", "θ", "ln hazard ratio"),
}
_CODE = re.compile(
    r"\b(X|Y|Z|emg_fraction|log_scale|t0|alpha(?=\[)|kappa|residual_sd|person_effect|night_sd|night_effect|"
    r"time_effect|dwell_effect|pressure_effect)(?:\[([^\]]*)\]|(?<=[a-z0-9]{2})\b)"
)


def name_of(code: str) -> Name:
    """Return the name of a parameter such as ``X[N2]``, ``person_effect[w_n1]`` or ``log_scale[N2, C3]``.

    A parameter that is not known keeps the name it has.
    """
    base, _, rest = code.partition("[")
    parts = [part.strip() for part in rest.rstrip("]").split(",") if part.strip()]
    if base in _SPECTRAL:
        found = _SPECTRAL[base]
        places = ", ".join(STAGE_WORDS.get(part, part) for part in parts)
        words = f"{found.words}, {places}" if places else found.words
        return Name(words, found.symbol, found.unit, found.factor)
    if base in _NIGHT:
        pattern, symbol, unit = _NIGHT[base]
        known = [HAZARDS[part] for part in parts if part in HAZARDS]
        others = [part for part in parts if part not in HAZARDS]
        words = pattern.format(known[0] if known else ", ".join(parts))
        if "{}" not in pattern:
            words = ", ".join([words, *parts])
        elif known and others:
            words += f" ({', '.join(others)})"
        return Name(words, symbol, unit)
    return Name(code, "")


def readable(text: str) -> str:
    """Return a sentence with the parameters in it under their own names."""
    return _CODE.sub(lambda found: f"“{name_of(found[0]).words}”", text)


def in_words(reason: str) -> str:
    """Return the reason of a library with its populations in words: healthy ageing, OSA."""
    return re.sub(r"\bosa\b", "OSA", reason.replace("_", " "))
