"""The page of one person: the question first, then the evidence."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import PersonRow
from braintwin.options.pages import PagesOptions
from braintwin.report import figures_night, figures_rank, figures_spectral, numbers, tables
from braintwin.report.answer import READING, answer, best_row, limits
from braintwin.report.render import page
from braintwin.treatment.library import Library

Groups = dict[str, xr.Dataset]

_CHANNELS_DRAWN = 3

AUTOMATIC = "yasa"
"""Value of ``stages_source`` of a night that no person scored."""


@dataclass(frozen=True)
class NightMaterial:
    """What there is of one night; None where a step had nothing, with its reason."""

    night: str
    prepared: xr.Dataset | None
    features: xr.Dataset | None = None
    connect: xr.Dataset | None = None
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonMaterial:
    """What there is of one person; `reasons` tells by artefact why something is missing."""

    person: PersonRow
    nights: list[NightMaterial]
    spectral: Groups | None
    night: Groups | None
    check: PersonCheck | None
    simulated: xr.Dataset | None
    ranking: xr.Dataset | None
    library: Library
    reasons: dict[str, str] = field(default_factory=dict)


def person_page(material: PersonMaterial, options: PagesOptions) -> str:
    """Return the page of one person as one self-contained HTML document."""
    ranking = material.ranking
    found = answer(ranking) if ranking is not None else None
    if found is None:
        ranking = None
    return page(
        "person.html.j2",
        title=f"{material.person.person}: what might help?",
        person=material.person,
        covariates=", ".join(f"{k} {v}" for k, v in sorted(material.person.covariates.items())),
        answer=found,
        refusal=None if ranking is not None else _refusal(material),
        treatments=_treatments(material, ranking, options),
        nights=_nights(material),
        spread=_spread(material),
        spectra=_spectra(material),
        connectome=_connectome(material),
        twins=_twins(material),
        simulated=_simulated(material, ranking),
        limits=_limits(material),
        reading=READING,
        weak=tables.WEAK,
        provenance=_provenance(material),
    )


def _refusal(material: PersonMaterial) -> str:
    """Return why there is no ranking, in one sentence."""
    ranking, check = material.ranking, material.check
    reasons = [
        str(ranking.attrs.get("reason", "")) if ranking is not None else "",
        "; ".join([*check.reasons, *check.night.reasons][:3]) if check is not None and check.verdict == "fail" else "",
        material.reasons.get("rank", ""),
        material.reasons.get("simulate", ""),
        material.reasons.get("night", ""),
    ]
    return next((reason for reason in reasons if reason), "nothing was simulated for this person")


def _treatments(material: PersonMaterial, ranking: xr.Dataset | None, options: PagesOptions) -> dict[str, Any] | None:
    if ranking is None:
        return None
    rows = figures_rank.shown_treatments(ranking, options.show_treatments)
    mcid = tables.mcid(ranking.attrs)
    return {
        "lines": tables.treatment_lines(ranking, material.simulated, material.library, material.person),
        "outcomes": figures_night.OUTCOMES_SHOWN,
        "forest": figures_rank.forest(ranking, rows, mcid, "forest"),
        "ranks": figures_rank.rank_matrix(ranking, rows, "ranks") if ranking.sizes["rank"] else None,
        "shown": len(rows),
        "mcid": mcid,
        "weights": tables.weights_line(ranking.attrs),
        "prior_onset": material.night is not None and _attr(material.night, "posterior", "onset_source") == "prior",
    }


def _nights(material: PersonMaterial) -> list[dict[str, Any]]:
    shown = []
    for i, night in enumerate(material.nights):
        prepared = night.prepared
        entry: dict[str, Any] = {"night": night.night, "reason": night.reasons.get("prepare", ""), "image": None}
        if prepared is not None and prepared.sizes["epoch"]:
            swa, channel = _swa(night.features)
            stage = prepared["stage"].values.astype(int)
            trace = figures_night.NightTrace(stage, float(prepared.attrs["epoch_s"]), swa, channel)
            if swa is not None and swa.size != stage.size:
                trace = figures_night.NightTrace(stage, trace.epoch_s)
            entry |= {
                "image": figures_night.hypnogram(trace, f"night{i}"),
                "channel": trace.swa_channel,
                "facts": _night_facts(prepared),
                "events": _events(night.features),
            }
        shown.append(entry)
    return shown


def _night_facts(prepared: xr.Dataset) -> str:
    attrs = prepared.attrs
    parts = []
    if attrs.get("condition"):
        parts.append(f"condition {attrs['condition']}")
    source = {"scored": "stages as delivered", AUTOMATIC: "staged by YASA", "none": "not staged"}
    parts.append(source.get(str(attrs.get("stages_source")), str(attrs.get("stages_source"))))
    parts.append("lights off unknown" if str(attrs.get("lights_off")) == "unknown" else "lights off known")
    channels = prepared.sizes["channel"]
    if channels:
        clean = 100 * float((prepared["artefact"].values == 0).mean())
        parts.append(f"{numbers.count(channels, 'EEG channel')}, {clean:.0f} % of epochs clean")
        lines = sorted({round(float(f), 1) for f in prepared["line_frequency"].values})
        if lines:
            parts.append("interference at " + numbers.listing([f"{f:g}" for f in lines]) + " Hz masked")
    else:
        parts.append("no EEG")
    if (prepared["stage"].values < 0).any():
        parts.append("grey where not scored")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def _swa(features: xr.Dataset | None) -> tuple[np.ndarray | None, str]:
    if features is None or not features.sizes["epoch"] or not features.sizes["channel"]:
        return None, ""
    channel = figures_spectral.main_channels([str(c) for c in features["channel"].values], 1)[0]
    return features["swa"].sel(channel=channel).values, channel


def _events(features: xr.Dataset | None) -> str:
    """Return spindle and slow-wave densities in N2 and N3 of the main channel, in words."""
    channel = _swa(features)[1]
    if features is None or not channel:
        return ""
    parts = []
    for name, word in (("spindle_density", "spindles"), ("slow_wave_density", "slow waves")):
        for stage in ("N2", "N3"):
            if stage in features["stage"].values:
                value = float(features[name].sel(stage=stage, channel=channel))
                if np.isfinite(value):
                    parts.append(f"{word} {value:.1f}/min in {stage}")
    return f"{channel}: " + ", ".join(parts) if parts else ""


def _spread(material: PersonMaterial) -> Markup | None:
    groups = material.night
    if groups is None or "posterior_predictive" not in groups:
        return None
    return figures_night.night_spread(
        groups.get("observed_data", xr.Dataset()), groups["posterior_predictive"], "spread"
    )


def _spectra(material: PersonMaterial) -> dict[str, Any]:
    groups = material.spectral
    observed, predictive = None, None
    if groups is not None and groups.get("observed_data", xr.Dataset()).sizes.get("channel", 0):
        observed = groups["observed_data"]
        found = groups.get("posterior_predictive", xr.Dataset())
        predictive = found if found.sizes.get("sample", 0) else None
    else:
        features = next((n.features for n in material.nights if _swa(n.features)[1]), None)
        if features is not None:
            mask = 1 - features["masked"]
            observed = xr.Dataset(
                {
                    "log_psd": features["log_psd"],
                    "used": mask.broadcast_like(features["log_psd"]).transpose(*features["log_psd"].dims),
                }
            )
    if observed is None:
        reasons = [n.reasons.get("features", "") or n.reasons.get("prepare", "") for n in material.nights]
        why = next((reason for reason in reasons if reason), "the nights hold no EEG")
        return {"image": None, "reason": why}
    # A twin of many channels is drawn by a few, central ones first; every page stays light.
    channels = figures_spectral.main_channels([str(c) for c in observed["channel"].values], _CHANNELS_DRAWN)
    share = figures_spectral.coverage(observed, predictive, channels)
    return {
        "image": figures_spectral.spectra(observed, predictive, channels[:1], "spectra"),
        "more": figures_spectral.spectra(observed, predictive, channels[1:], "spectra-more") if channels[1:] else None,
        "channel": channels[0],
        "others": channels[1:],
        "twin": predictive is not None,
        "reason": "" if predictive is not None else material.reasons.get("spectral", ""),
        "coverage": None if share is None else round(100 * share),
    }


def _connectome(material: PersonMaterial) -> dict[str, Any]:
    nights = [n.connect for n in material.nights if n.connect is not None and n.connect.sizes["node"] > 1]
    if not nights:
        said = [n.reasons.get("connect", "") or n.reasons.get("prepare", "") for n in material.nights]
        return {"image": None, "reason": next((why for why in said if why), "the nights hold no EEG")}
    first = nights[0]
    measure = "aec_orth" if "aec_orth" in first["measure"].values else str(first["measure"].values[0])
    band = "sigma" if "sigma" in first["band"].values else str(first["band"].values[0])
    same = [n for n in nights if np.array_equal(n["node"].values, first["node"].values)]
    chosen = [n["connectivity"].sel(measure=measure, band=band) for n in same]
    matrices = xr.concat(chosen, "night", join="outer").mean("night", skipna=True)
    off = ~np.eye(matrices.sizes["node"], dtype=bool)
    told = dict(zip((str(s) for s in first["stage"].values), (str(r) for r in first["reason"].values)))
    reasons = {
        str(stage): ""
        if np.isfinite(matrices.sel(stage=stage).values[off]).any()
        else told.get(str(stage)) or "no value"
        for stage in matrices["stage"].values
    }
    matrices = matrices.sel(stage=[s for s in STAGES if s in matrices["stage"].values])
    low, high = float(first["band_low"].sel(band=band)), float(first["band_high"].sel(band=band))
    return {
        "image": figures_spectral.connectome(matrices, reasons, measure, f"{band} {low:g}–{high:g} Hz", "connectome"),
        "measure": measure,
        "band": f"{band}, {low:g}–{high:g} Hz",
        "nights": len(same),
        "missing": {stage: why for stage, why in reasons.items() if why},
        "error": _relative_error(same[0], measure, band),
        "reliability": _reliability(chosen),
    }


def _relative_error(connect: xr.Dataset, measure: str, band: str) -> str:
    """Return the median jackknife standard error over the spread of edges, in words; empty where unknown."""
    error = connect["standard_error"].sel(measure=measure, band=band).values
    error = error[np.isfinite(error) & (error > 0)]
    return numbers.by_size(float(np.median(error)), 2) if error.size else ""


def _reliability(nights: list[xr.DataArray]) -> str:
    """Return the correlation of the edges of the first two nights, over the stages that both have."""
    if len(nights) < 2:
        return ""
    a, b = xr.align(nights[0], nights[1], join="inner")
    upper = np.triu_indices(a.sizes["node"], 1)
    x, y = a.values[:, upper[0], upper[1]].ravel(), b.values[:, upper[0], upper[1]].ravel()
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 6 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return ""
    return numbers.fixed(float(np.corrcoef(x[both], y[both])[0, 1]), 2)


def _twins(material: PersonMaterial) -> list[dict[str, Any]]:
    check = material.check
    if check is None:
        return []
    shown = []
    predictive = [(k.replace("_", " "), numbers.by_size(v)) for k, v in check.predictive.items()]
    for key, name in (("night", "hypnogram"), ("spectral", "spectral")):
        part = check.night if key == "night" else check.spectral
        lines = tables.parameter_lines([row for row in check.parameters if row.twin == key])
        shown.append(
            {
                "name": name,
                "verdict": part.verdict,
                "reasons": part.reasons or ([material.reasons[key]] if material.reasons.get(key) else []),
                "gates": tables.gate_lines(part),
                "lines": [line for line in lines if not line.many],
                "many": [line for line in lines if line.many],
                "predictive": predictive if key == "night" else [],
            }
        )
    return shown


def _simulated(material: PersonMaterial, ranking: xr.Dataset | None) -> dict[str, Any] | None:
    simulated = material.simulated
    if simulated is None or ranking is None or "none" not in simulated["treatment"].values:
        return None
    row = best_row(ranking)
    best = str(ranking["treatment"].values[row]) if row is not None else "none"
    shown = ["none"] + ([best] if best != "none" and best in simulated["treatment"].values else [])
    labels = {str(k): str(v) for k, v in zip(simulated["treatment"].values, simulated["label"].values)}
    return {
        "image": figures_night.stage_probability(simulated, shown, labels, "simulated"),
        "labels": [labels[name] for name in shown],
        "draws": simulated.sizes["draw"],
        "replicates": simulated.attrs.get("replicates", ""),
    }


def _attr(groups: Groups | None, group: str, name: str) -> str:
    return "" if groups is None or group not in groups else str(groups[group].attrs.get(name, ""))


def _limits(material: PersonMaterial) -> list[str]:
    used = [n.prepared for n in material.nights if n.prepared is not None and n.prepared.sizes["epoch"]]
    check = material.check
    weak = []
    for twin, name in (("night", "hypnogram"), ("spectral", "spectral")):
        if check is not None:
            weak.append((name, *tables.weakly_informed(check, twin)))
    spectral = material.spectral
    channels = 0 if spectral is None else spectral.get("observed_data", xr.Dataset()).sizes.get("channel", 0)
    return limits(
        check=check,
        nights=len(used),
        eeg=sum(p.sizes["channel"] > 0 for p in used),
        staged=sum(str(p.attrs.get("stages_source")) == AUTOMATIC for p in used),
        channels=channels,
        onset_source=_attr(material.night, "posterior", "onset_source"),
        kappa_source=_attr(spectral, "posterior", "kappa_source") if channels else "",
        weak=weak,
        condition=str(material.person.covariates.get("diagnosis", "")),
    )


def _provenance(material: PersonMaterial) -> list[tuple[str, str]]:
    """Return version, code and seed of each step that went in."""
    stamps: list[tuple[str, dict[str, Any]]] = [
        *((f"prepare {n.night}", dict(n.prepared.attrs)) for n in material.nights if n.prepared is not None),
        ("fit-spectral", dict(material.spectral["/"].attrs) if material.spectral and "/" in material.spectral else {}),
        ("fit-nights", dict(material.night["/"].attrs) if material.night and "/" in material.night else {}),
        ("check", dict(material.check.stamp) if material.check else {}),
        ("simulate", dict(material.simulated.attrs) if material.simulated is not None else {}),
        ("rank", dict(material.ranking.attrs) if material.ranking is not None else {}),
    ]
    lines = []
    for step, attrs in stamps:
        parts = [
            f"{word} {attrs[name]}"
            for name, word in (("braintwin_version", "BrainTwin"), ("code", "code"), ("seed", "seed"))
            if attrs.get(name)
        ]
        inputs = attrs.get("inputs")
        if inputs:
            parts.append(numbers.count(len(json.loads(str(inputs))), "input") + " by checksum")
        if parts:
            lines.append((step, ", ".join(parts)))
    return lines
