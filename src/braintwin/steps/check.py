"""check: may a person's twins be used. A sampler that disagrees with itself has failed, whatever its divergences."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

import braintwin
from braintwin.contracts.check import ParameterRow, PersonCheck, TwinCheck, Verdict
from braintwin.inference.diagnose import Floats, contraction, ebfmi, ess, inside_band, mcse, rhat, share
from braintwin.inference.explained import differences, moving
from braintwin.inference.night_checks import check_profiles, seen, stored, worst
from braintwin.inference.rival_graphs import verdict as connectome_verdict
from braintwin.inference.starts import agreement
from braintwin.io.posterior import read_groups
from braintwin.io.records import read_status, write_json, write_status
from braintwin.models.night_profile import Profile
from braintwin.options.check import CheckOptions
from braintwin.paths import owner
from braintwin.provenance import stamp

STEP = "check"

_ORDER: dict[Verdict, int] = {"absent": 0, "pass": 1, "warn": 2, "fail": 3}
_SPECTRAL = ("X", "Y", "Z", "emg_fraction", "alpha", "t0", "kappa", "residual_sd", "log_scale")
_LOG_NORMAL = ("kappa", "alpha")
_NIGHT = ("person_effect", "night_sd", "night_effect")

Groups = Mapping[str, xr.Dataset]


class Findings:
    """Collects gates and reasons of one twin; the worst one is its verdict."""

    def __init__(self) -> None:
        self.verdict: Verdict = "pass"
        self.reasons: list[str] = []
        self.gates: dict[str, float | int | bool | str | None] = {}

    def say(self, verdict: Verdict, reason: str) -> None:
        """Keep a reason; the verdict can only get worse."""
        self.reasons.append(reason)
        if _ORDER[verdict] > _ORDER[self.verdict]:
            self.verdict = verdict

    def twin(self) -> TwinCheck:
        """Return the record."""
        return TwinCheck(verdict=self.verdict, reasons=self.reasons, gates=self.gates)


def run(*, spectral: Sequence[Path], night: Sequence[Path], check: Sequence[Path], options: CheckOptions) -> None:
    """Judge the fits of every person and write `check.json` with its status.

    Parameters
    ----------
    spectral, night : sequence of Path
        Fits, in any order; a person may lack one of them.
    check : sequence of Path
        Records to write, one a person.
    """
    spectra = {owner(path): path for path in spectral}
    nights = {owner(path): path for path in night}
    for path in sorted(check):
        person = owner(path)
        found = judge(person, spectra.get(person), nights.get(person), options)
        write_json(path, found)
        state = {"fail": "failed", "absent": "absent"}.get(found.verdict, "ok")
        write_status(path, STEP, state, "" if state == "ok" else " ".join(found.reasons))


def judge(person: str, spectral: Path | None, night: Path | None, options: CheckOptions) -> PersonCheck:
    """Return the verdict on one person.

    The ranking of treatments rests on the hypnogram twin: without it, or if it failed, nothing is ranked. A spectral
    twin that failed is a warning for the person.
    """
    parameters: list[ParameterRow] = []
    first = _twin(spectral, "spectral", options, parameters)
    second = _twin(night, "night", options, parameters)
    verdict: Verdict = second.verdict
    reasons = [f"Hypnogram twin: {reason}" for reason in second.reasons]
    reasons += [f"Spectral twin: {reason}" for reason in first.reasons]
    if first.verdict in ("warn", "fail") and verdict == "pass":
        verdict = "warn"
    if first.verdict == "fail":
        reasons.append("The spectral twin is not used; the ranking rests on the hypnogram twin.")
    inputs = [path for path in (spectral, night) if path is not None]
    made = stamp(
        version=braintwin.__version__,
        step=STEP,
        module=__name__,
        options=options.model_dump(),
        inputs=inputs,
        seed=None,
    )
    return PersonCheck(
        person=person,
        verdict=verdict,
        reasons=reasons,
        spectral=first,
        night=second,
        parameters=parameters,
        predictive={"spectral": _predictive(first), "night": _predictive(second)},
        stamp=dict(made),
    )


def _predictive(twin: TwinCheck) -> float | None:
    """Return the share of observations inside the 90 % predictive band."""
    value = twin.gates.get("predictive_share")
    return float(value) if isinstance(value, float) else None


def _twin(path: Path | None, twin: str, options: CheckOptions, parameters: list[ParameterRow]) -> TwinCheck:
    if path is None:
        return TwinCheck(verdict="absent", reasons=["There is no fit."], gates={})
    status = read_status(path)
    if status.state != "ok":
        verdict: Verdict = "fail" if status.state == "failed" else "absent"
        return TwinCheck(verdict=verdict, reasons=[status.reason], gates={})
    groups = read_groups(path)
    found = Findings()
    rows = list(parameter_rows(groups, "spectral" if twin == "spectral" else "night"))
    parameters.extend(rows)
    sampler_gates(found, rows, groups["sample_stats"], options)
    (spectral_gates if twin == "spectral" else night_gates)(found, groups, options)
    return found.twin()


def parameter_rows(groups: Groups, twin: str) -> Iterator[ParameterRow]:
    """Yield a row for every scalar parameter of a fit."""
    posterior, prior = groups["posterior"], groups.get("prior", xr.Dataset())
    # convergence is the sampler's, before the draws were moved to carry what is not known of the graph
    sampled = groups.get("sampled", posterior)
    for name in _SPECTRAL if twin == "spectral" else _NIGHT:
        if name not in posterior:
            continue
        draws = posterior[name].transpose("chain", "draw", ...)
        labels = [[str(v) for v in draws[d].values] if d in draws.coords else None for d in draws.dims[2:]]
        for index in np.ndindex(draws.shape[2:]):
            parts = [str(i) if names is None else names[i] for i, names in zip(index, labels, strict=True)]
            values = np.asarray(draws.values[(..., *index)], dtype=float)
            same = name in prior and prior[name].dims[2:] == draws.dims[2:]
            before = np.asarray(prior[name].values[(..., *index)], dtype=float) if same else None
            judged = sampled[name].transpose(*draws.dims)
            chains = np.asarray(judged.values[(..., *index)], dtype=float)
            yield _row(twin, name + (f"[{', '.join(parts)}]" if parts else ""), values, before, chains)


def _row(twin: str, name: str, values: Floats, prior: Floats | None, chains: Floats) -> ParameterRow:
    low, high = np.quantile(values, [0.05, 0.95])
    varies = bool(np.ptp(chains) > 0)
    return ParameterRow.model_validate(
        {
            "twin": twin,
            "name": name,
            "mean": float(values.mean()),
            "sd": float(values.std(ddof=1)),
            "q05": float(low),
            "q95": float(high),
            "prior_mean": None if prior is None else float(prior.mean()),
            "prior_sd": None if prior is None else float(prior.std(ddof=1)),
            "contraction": None if prior is None else _finite(_contraction(name, values, prior)),
            "rhat": _finite(rhat(chains)) if varies else None,
            "ess_bulk": _finite(ess(chains)) if varies else None,
            "ess_tail": _finite(ess(chains, "tail")) if varies else None,
            "mcse": _finite(mcse(chains)) if varies else None,
        }
    )


def _contraction(name: str, values: Floats, prior: Floats) -> float:
    """Return the contraction of one parameter, of its logarithm where that is what the prior is normal in.

    The variance of a log-normal hangs on a few draws: on its own scale a coupling that is the prior looks wider or
    narrower by a half.
    """
    return contraction(np.log(values), np.log(prior)) if name in _LOG_NORMAL else contraction(values, prior)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def sampler_gates(found: Findings, rows: Sequence[ParameterRow], stats: xr.Dataset, options: CheckOptions) -> None:
    """Judge convergence: R-hat, effective sample size, divergences, energy."""
    ranked = [(row.rhat, row.name) for row in rows if row.rhat is not None]
    sizes = [(min(row.ess_bulk, row.ess_tail), row.name) for row in rows if row.ess_bulk and row.ess_tail]
    if not ranked or not sizes:
        found.say("fail", "No parameter moved: the sampler did not explore.")
        return
    (worst, where), (size, thin) = max(ranked), min(sizes)
    found.gates |= {"rhat": worst, "rhat_of": where, "ess": size, "ess_of": thin}
    if worst > options.fail_rhat:
        found.say("fail", f"The chains disagree: R-hat is {worst:.2f} for {where} (limit {options.fail_rhat}).")
    elif worst > options.max_rhat:
        found.say("warn", f"The chains agree only roughly: R-hat is {worst:.3f} for {where}.")
    if size < options.fail_ess:
        found.say("fail", f"Only {size:.0f} effective draws of {thin} (limit {options.fail_ess:.0f}); sample longer.")
    elif size < options.min_ess:
        found.say("warn", f"{size:.0f} effective draws of {thin}, fewer than {options.min_ess:.0f}.")
    diverging = float(stats["diverging"].mean())
    found.gates["divergences"] = diverging
    if diverging > options.max_divergences:
        found.say("fail", f"{100 * diverging:.1f} % of the draws diverged (limit {100 * options.max_divergences:g} %).")
    elif diverging > 0:
        found.say("warn", f"{int(stats['diverging'].sum())} draws diverged.")
    energy = float(ebfmi(stats["energy"].transpose("chain", "draw").values).min())
    found.gates["ebfmi"] = _finite(energy)
    if not energy >= options.min_ebfmi:
        found.say("warn", f"The sampler moves slowly between energies: E-BFMI is {energy:.2f}.")


def spectral_gates(found: Findings, groups: Groups, options: CheckOptions) -> None:
    """Judge the corticothalamic twin: stable brains, residual, agreement of starts, replicated spectra."""
    posterior, stats = groups["posterior"], groups["sample_stats"]
    stable = (1 - float(stats.attrs.get("unstable", 0.0))) * float(stats["stable"].all("stage").mean())
    residuals = posterior["residual_sd"].mean(("chain", "draw"))
    residual, missed = float(residuals.max()), str(residuals.idxmax("stage").values)
    n_best, gap = agreement(groups["starts"]["log_posterior"].values)
    seen, replicas = groups["observed_data"]["log_psd"].values, groups["posterior_predictive"]["log_psd"].values
    covered = share(inside_band(seen, replicas))
    found.gates |= {
        "stable": stable,
        "residual_sd": residual,
        "residual_stage": missed,
        "best_starts": n_best,
        "starts": int(groups["starts"].sizes["start"]),
        "second_mode_nats": _finite(gap),
        "predictive_share": covered,
        "kappa_source": str(posterior.attrs.get("kappa_source", "")),
    }
    if found.gates["kappa_source"] == "coherency":
        found.gates["coherency_share"] = counts = float(posterior.attrs.get("coherency_share", 0.0))
        if not counts >= options.min_coherency_share:
            found.say(
                "fail",
                f"The model misses the coherency: {100 * counts:.1f} % of its windows count (limit "
                f"{100 * options.min_coherency_share:g} %), and what it misses is not in the intervals. Fit the twin "
                "without (fit_spectral.cross_spectra).",
            )
    if stable < options.min_stable:
        found.say("fail", f"Only {100 * stable:.0f} % of the draws are stable brains.")
    if residual > options.max_residual:
        found.say(
            "fail",
            f"The model misses the spectrum of {missed}: residual {residual:.2f} nat (limit {options.max_residual}).",
        )
    if n_best < options.min_best_starts:
        found.say("fail", f"{n_best} start(s) reached the best optimum, fewer than {options.min_best_starts}.")
    if covered is not None and covered < options.min_predictive:
        found.say("warn", f"{100 * covered:.0f} % of the spectrum lies in the 90 % predictive band.")
    if "discrepancy" in groups["posterior_predictive"]:
        found.gates["discrepancy"] = float(np.sqrt(np.mean(groups["posterior_predictive"]["discrepancy"].values ** 2)))
    if "graphs" in groups:
        found.gates["connectome"] = connectome_verdict(groups["graphs"])
    explanation_gates(found, groups, options)


def explanation_gates(found: Findings, groups: Groups, options: CheckOptions) -> None:
    """Judge if the spectra have one explanation; several are named with where they differ, never averaged."""
    if "explanations" not in groups:
        return  # results of an earlier version know of one mode
    told, others = groups["explanations"], groups["others"]
    weight = told["weight"].values
    found.gates |= {"explanations": int(weight.size), "explanation_weight": float(weight[0])}
    if "smc_shift" in told:
        shift = float(told["smc_shift"])
        found.gates |= {"smc_shift": shift, "smc_log_evidence": float(told["smc_log_evidence"])}
        if not shift <= options.max_smc_shift:
            found.say("fail", f"Tempered SMC disagrees with the chains: a mean differs by {shift:.2f} posterior sds.")
    if weight.size < 2:
        return
    count = {2: "Two", 3: "Three"}.get(weight.size, str(weight.size))
    shares = " and ".join(f"{100 * value:.0f} %" for value in weight)
    found.say(
        "warn",
        f"{count} explanations fit these spectra (they hold {shares} of the posterior): "
        f"{'; '.join(differences(told, groups['posterior'], others))}. "
        "What is shown is the first; they are not averaged.",
    )
    for number in range(others.sizes["explanation"]):
        worst = max(rhat(chains) for chains in moving(others.isel(explanation=number)))
        found.gates[f"rhat_of_explanation_{number + 2}"] = _finite(worst)
        if worst > options.fail_rhat:
            found.say("warn", f"The chains of explanation {number + 2} disagree: R-hat is {worst:.2f}.")


def night_gates(found: Findings, groups: Groups, options: CheckOptions) -> None:
    """Judge the hypnogram twin: are the nights that were seen among those it predicts."""
    fitted, replicas = groups["observed_data"], groups["posterior_predictive"]
    outcomes = [str(name) for name in replicas["outcome"].values]
    observed = fitted["outcome_value"].reindex(outcome=outcomes).transpose("night", "outcome").values
    drawn = replicas["outcome_value"].transpose("sample", "outcome").values
    known = np.isfinite(drawn).all(axis=0)
    covered = share(inside_band(observed[:, known], drawn[:, None, :][:, :, known])) if known.any() else None
    found.gates["predictive_share"] = covered
    found.gates["nights"] = int(fitted.sizes["night"])
    course, made = seen(fitted), stored(replicas)
    if course is not None and made is not None:
        course_gates(found, course, made, options)
    stated = groups["posterior"].attrs
    for name in ("personal_verdict", "personal_gain", "own_weight"):
        if stated.get(name, "") != "":
            found.gates[name] = stated[name] if isinstance(stated[name], str) else float(stated[name])
    if covered is not None and covered < options.min_night_predictive:
        found.say("warn", f"{100 * covered:.0f} % of the outcomes seen lie in the 90 % predictive interval.")


_COURSE = {
    "stages": "Stages are spread over the night",
    "changes": "Changes of stage are spread over the night",
    "bouts": "Bouts of a stage last",
}


def course_gates(found: Findings, course: Profile, made: Profile, options: CheckOptions) -> None:
    """Judge the course of the fitted nights: stages and changes by tenth of the night, and how long bouts last."""
    checks = check_profiles(course, made)
    found.gates |= {f"{name}_inside": block.inside for name, block in checks.items()}
    p_value, block = worst(checks)
    found.gates |= {"course_p": p_value, "course_block": block}
    if p_value < options.min_course_p:
        found.say(
            "warn",
            f"{_COURSE[block]} as hardly any night of this twin: {100 * checks[block].inside:.0f} % of the statistics "
            f"lie in their 95 % bands, {100 * checks[block].expected:.0f} % expected (p = {p_value:.3f}).",
        )
