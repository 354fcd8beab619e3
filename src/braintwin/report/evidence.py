"""The evidence behind an answer: nights, spectra, twins and provenance, as the sections of a page."""

import json
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.report import figures_night, figures_spectral, numbers, parameter_table
from braintwin.report.material import AUTOMATIC, PersonMaterial, attribute
from braintwin.report.names import readable

_CHANNELS_DRAWN = 3


def nights(material: PersonMaterial) -> list[dict[str, Any]]:
    """Return each night: its hypnogram and facts, or why it was not used."""
    shown = []
    left_out = json.loads(attribute(material.night, "posterior", "left_out") or "{}")
    for night in material.nights:
        prepared = night.prepared
        entry: dict[str, Any] = {"night": night.night, "reason": night.reasons.get("prepare", ""), "image": None}
        if prepared is not None and prepared.sizes["epoch"]:
            swa, channel = _swa(night.features)
            stage = prepared["stage"].values.astype(int)
            trace = figures_night.NightTrace(stage, float(prepared.attrs["epoch_s"]), swa, channel)
            if swa is not None and swa.size != stage.size:
                trace = figures_night.NightTrace(stage, trace.epoch_s)
            entry |= {
                "image": figures_night.hypnogram(trace),
                "channel": trace.swa_channel,
                "facts": "; ".join([_night_facts(prepared), *_not_fitted(left_out.get(night.night, ""))]),
                "events": _events(night.features),
            }
        shown.append(entry)
    return shown


def _not_fitted(reason: str) -> list[str]:
    return [f"not in the hypnogram twin: {reason}"] if reason else []


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


def spread(material: PersonMaterial) -> Markup | None:
    """Return the drawing of recorded nights against further ones; None without a hypnogram twin."""
    groups = material.night
    if groups is None or "posterior_predictive" not in groups:
        return None
    return figures_night.night_spread(groups.get("observed_data", xr.Dataset()), groups["posterior_predictive"])


def spectra(material: PersonMaterial) -> dict[str, Any]:
    """Return the spectra with predictive bands; without a twin as observed; without EEG the reason."""
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
        "image": figures_spectral.spectra(observed, predictive, channels[:1]),
        "more": figures_spectral.spectra(observed, predictive, channels[1:]) if channels[1:] else None,
        "channel": channels[0],
        "others": channels[1:],
        "twin": predictive is not None,
        "failed": predictive is not None and material.check is not None and material.check.spectral.verdict == "fail",
        "reason": "" if predictive is not None else readable(material.reasons.get("spectral", "")),
        "coverage": None if share is None else round(100 * share),
    }


def twins(material: PersonMaterial) -> list[dict[str, Any]]:
    """Return both twins: verdict, reasons, parameters, gates; none where nothing was checked."""
    check = material.check
    if check is None:
        return []
    shown = []
    twin_words = {"night": "hypnogram twin", "spectral": "spectral twin"}
    predictive = [
        (f"{twin_words.get(key, key)}: observations inside the 90 % band", f"{100 * value:.0f} %")
        for key, value in check.predictive.items()
        if value is not None
    ]
    for key, name in (("night", "hypnogram"), ("spectral", "spectral")):
        part = check.night if key == "night" else check.spectral
        lines = parameter_table.parameter_lines([row for row in check.parameters if row.twin == key])
        shown.append(
            {
                "name": name,
                "verdict": part.verdict,
                "reasons": [
                    readable(reason)
                    for reason in part.reasons or ([material.reasons[key]] if material.reasons.get(key) else [])
                ],
                "gates": parameter_table.gate_lines(part),
                "lines": [line for line in lines if not line.many],
                "many": [line for line in lines if line.many],
                "predictive": predictive if key == "night" else [],
            }
        )
    return shown


def provenance(material: PersonMaterial) -> list[tuple[str, str]]:
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
