"""Rows of the tables of parameters and gates, as text that is ready to print."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from braintwin.contracts.check import ParameterRow, PersonCheck, TwinCheck
from braintwin.report import numbers
from braintwin.report.names import name_of

_MANY = ("log_scale", "time_effect", "dwell_effect", "pressure_effect", "night_effect")
"""Parameters that are one per channel, night or transition: shown only on demand."""

WEAK = 0.1
"""Contraction below which a parameter is, in practice, its prior."""

_GATES = {
    "rhat": "largest R-hat",
    "ess": "smallest effective sample size",
    "divergences": "share of divergent draws",
    "ebfmi": "smallest E-BFMI",
    "stable": "share of draws that are stable brains",
    "residual_sd": "residual of the log spectrum in the stage that is missed most, nat",
    "residual_stage": "stage that is missed most",
    "best_starts": "starts that reached the best optimum",
    "starts": "starts of the search",
    "second_mode_nats": "distance to a second optimum, nat",
    "explanations": "explanations of the spectra",
    "smc_shift": "largest difference of a mean from tempered SMC, posterior sds",
    "smc_log_evidence": "log evidence by tempered SMC, nat",
    "explanation_weight": "share of the posterior that the shown explanation holds",
    "predictive_share": "observations inside the 90 % predictive band",
    "discrepancy": "smooth part that the spectral model leaves out, rms nat",
    "connectome": "connectome against rival graphs (rewired, distance alone, none)",
    "kappa_source": "coupling on the graph (κ) comes from",
    "nights": "nights that were fitted",
    "stages_inside": "stage shares by tenth of the night inside their 95 % bands",
    "changes_inside": "transition frequencies by tenth of the night inside their 95 % bands",
    "bouts_inside": "survival of bouts inside its 95 % bands",
    "course_p": "course of the nights: least p-value, adjusted for three",
    "course_block": "course of the nights: farthest out",
}
_SHARES = (
    "divergences", "stable", "predictive_share", "explanation_weight", "stages_inside", "changes_inside",
    "bouts_inside",
)  # fmt: skip


@dataclass(frozen=True)
class ParameterLine:
    """One row of the table; `strip` is the 90 % range of prior and posterior, per cent of what both span."""

    words: str
    symbol: str
    unit: str
    prior: str
    posterior: str
    interval: str
    contraction: float | None
    rhat: str
    ess: str
    many: bool
    strip: tuple[float, float, float, float] | None = None


def parameter_lines(rows: Sequence[ParameterRow]) -> list[ParameterLine]:
    """Return the parameters of one twin: prior, posterior, contraction and diagnostics in print."""
    return [_line(row) for row in rows]


def _line(row: ParameterRow) -> ParameterLine:
    name = name_of(row.name)
    contraction = row.contraction if row.contraction is not None and np.isfinite(row.contraction) else None
    sizes = [size for size in (row.ess_bulk, row.ess_tail) if size is not None]
    low, high = (_supported(value, row, name.factor, numbers.END_ERROR) for value in (row.q05, row.q95))
    return ParameterLine(
        words=name.words,
        symbol=name.symbol,
        unit=name.unit,
        prior=_prior(row, name.factor),
        posterior=_supported(row.mean, row, name.factor),
        interval=f"{low} to {high}",
        contraction=None if contraction is None else float(np.clip(contraction, 0, 1)),
        rhat=numbers.fixed(row.rhat, 3),
        ess=numbers.fixed(min(sizes) if len(sizes) == 2 else None, 0),
        many=row.name.split("[")[0] in _MANY,
        strip=_strip(row),
    )


def _strip(row: ParameterRow) -> tuple[float, float, float, float] | None:
    if row.prior_mean is None or row.prior_sd is None or not row.prior_sd > 0:
        return None
    before = (row.prior_mean - 1.645 * row.prior_sd, row.prior_mean + 1.645 * row.prior_sd)
    low, high = min(before[0], row.q05), max(before[1], row.q95)
    a, b, c, d = (100 * (value - low) / (high - low) for value in (*before, row.q05, row.q95))
    return a, b, c, d


def _prior(row: ParameterRow, factor: float) -> str:
    """Return prior mean ± standard deviation in print."""
    if row.prior_mean is None or row.prior_sd is None:
        return numbers.NOTHING
    places = _places(factor * row.prior_sd)
    return f"{numbers.fixed(factor * row.prior_mean, places)} ± {numbers.fixed(factor * row.prior_sd, places)}"


def _places(spread: float | None) -> int:
    """Return the decimals of the second leading digit of a spread."""
    if spread is None or not np.isfinite(spread) or spread <= 0:
        return 3
    return int(np.clip(1 - np.floor(np.log10(spread)), 0, 6))


def _supported(value: float, row: ParameterRow, factor: float, worse: float = 1.0) -> str:
    """Return a posterior summary: two digits of its spread, and none below its Monte-Carlo standard error."""
    if row.mcse is None or not np.isfinite(row.mcse) or row.mcse <= 0:
        return numbers.by_size(factor * value)
    places = min(numbers.digits_for(worse * factor * row.mcse, 6), _places(factor * row.sd))
    return numbers.fixed(factor * value, places)


def weakly_informed(check: PersonCheck, twin: str) -> tuple[list[str], int, int]:
    """Return what the data hardly moved in a twin.

    Returns
    -------
    words : list of str
        Those parameters, the night-to-night standard deviations as one.
    total, weak : int
        How many parameters have a contraction at all, and of how many it is below WEAK.
    """
    rows = [
        row
        for row in check.parameters
        if row.twin == twin and row.contraction is not None and row.name.split("[")[0] not in _MANY
    ]
    weak = [row.name for row in rows if row.contraction is not None and row.contraction < WEAK]
    nightly = [name for name in weak if name.startswith("night_sd")]
    words = [name_of(name).words for name in weak if name not in nightly]
    if nightly:
        words.append(f"how much {numbers.count(len(nightly), 'transition rate')} vary from night to night")
    return words, len(rows), len(weak)


def gate_lines(check: TwinCheck) -> list[tuple[str, str]]:
    """Return the gates of a twin in words, with what was found."""
    lines = []
    for name, value in check.gates.items():
        base = name.removesuffix("_of")
        words = _GATES.get(name) or _GATES.get(base) or name.replace("_", " ")
        if name.endswith("_of"):
            lines.append((f"{words}: of which parameter", name_of(str(value)).short))
        elif isinstance(value, bool):
            lines.append((words, "yes" if value else "no"))
        elif isinstance(value, float) and name in _SHARES:
            lines.append((words, f"{100 * value:.3g} %"))
        elif isinstance(value, float):
            lines.append((words, numbers.fixed(value, 0) if name == "ess" else numbers.by_size(value, 4)))
        else:
            lines.append((words, numbers.NOTHING if value is None else str(value)))
    return lines
