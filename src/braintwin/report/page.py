"""The page of one person: the question first, then the evidence."""

from typing import Any

import numpy as np
import xarray as xr

from braintwin.inference.rival_graphs import words as connectome_words
from braintwin.options.pages import PagesOptions
from braintwin.report import (
    connectivity,
    course,
    evidence,
    figures_night,
    figures_rank,
    figures_simulated,
    parameter_table,
)
from braintwin.report.answer import answer, best_row
from braintwin.report.change import what_would_change
from braintwin.report.explorer import explorer
from braintwin.report.limits import READING, limits
from braintwin.report.material import AUTOMATIC, PersonMaterial, attribute, is_ranked
from braintwin.report.names import readable
from braintwin.report.render import page
from braintwin.report.treatment_table import treatment_lines
from braintwin.report.utility import stamped, weights_line
from braintwin.treatment.library import NO_CHANGE

_SIMULATED_SHOWN = 4
"""Treatments in the fans of simulated nights, besides no change and placebo."""


def person_page(material: PersonMaterial, options: PagesOptions) -> str:
    """Return the page of one person as one self-contained HTML document."""
    ranking = material.ranking
    twin = material.night.get("posterior", xr.Dataset()).attrs if material.night else {}
    found = answer(ranking, {str(key): value for key, value in twin.items()}) if ranking is not None else None
    if found is None:
        ranking = None
    failed = material.check is not None and material.check.night.verdict == "fail"
    scenario = None
    if ranking is not None and material.simulated is not None:
        scenario = explorer(ranking, material.simulated, material.library)
    return page(
        "person.html.j2",
        script="explorer.js" if scenario else "",
        title=f"{material.person.person}: what might help?",
        person=material.person,
        covariates=", ".join(f"{k} {_plain(v)}" for k, v in sorted(material.person.covariates.items())),
        answer=found,
        refusal=None if ranking is not None else readable(_refusal(material)),
        treatments=_treatments(material, ranking, options),
        changes=None if ranking is None else what_would_change(ranking, material.simulated, material.library),
        explorer=scenario,
        simulated=_simulated(material, ranking),
        limits=_limits(material),
        nights=evidence.nights(material),
        spread=None if failed else evidence.spread(material),
        course=None if failed else course.of_person(material),
        spectra=evidence.spectra(material),
        connectome=connectivity.connectome(material),
        twins=evidence.twins(material),
        reading=READING,
        weak=parameter_table.WEAK,
        links=material.links,
        provenance=evidence.provenance(material),
    )


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _refusal(material: PersonMaterial) -> str:
    """Return why there is no ranking, in one sentence."""
    ranking, check = material.ranking, material.check
    reasons = [
        str(ranking.attrs.get("reason", "")) if ranking is not None else "",
        " ".join((check.reasons or check.night.reasons)[:3]) if check is not None and check.verdict == "fail" else "",
        material.reasons.get("rank", ""),
        material.reasons.get("simulate", ""),
        material.reasons.get("night", ""),
    ]
    return next((reason for reason in reasons if reason), "nothing was simulated for this person")


def _treatments(material: PersonMaterial, ranking: xr.Dataset | None, options: PagesOptions) -> dict[str, Any] | None:
    if ranking is None:
        return None
    rows = figures_rank.shown_treatments(ranking, options.show_treatments)
    mcid, ranked = stamped(ranking.attrs, "mcid"), is_ranked(ranking)
    return {
        "ranked": ranked,
        "lines": treatment_lines(ranking, material.simulated, material.library, material.person),
        "outcomes": figures_night.OUTCOMES_SHOWN,
        "forest": figures_rank.forest(ranking, rows, mcid, ranked=ranked),
        "ranks": figures_rank.rank_matrix(ranking, rows) if ranked and ranking.sizes["rank"] else None,
        "shown": len(rows),
        "mcid": mcid,
        "population": ranking.attrs.get("verdict") == "population",
        "weights": weights_line(ranking.attrs),
        "prior_onset": attribute(material.night, "posterior", "onset_source") == "prior",
    }


def _simulated(material: PersonMaterial, ranking: xr.Dataset | None) -> dict[str, Any] | None:
    """Return the simulated nights under no change, placebo and the first treatments of the ranking."""
    simulated = material.simulated
    if simulated is None or ranking is None or NO_CHANGE not in simulated["treatment"].values:
        return None
    there = [str(key) for key in simulated["treatment"].values]
    labels = dict(zip(there, (str(label) for label in simulated["label"].values)))
    row = best_row(ranking)
    best = str(ranking["treatment"].values[row]) if row is not None else NO_CHANGE
    pair = [NO_CHANGE] + ([best] if best != NO_CHANGE and best in there else [])
    ordered = [str(ranking["treatment"].values[i]) for i in figures_rank.shown_treatments(ranking, len(there))]
    candidates = set(ranking["treatment"].values[ranking["candidate"].values.astype(bool)])
    chosen = [key for key in ordered if key in candidates and key in there and key != NO_CHANGE][:_SIMULATED_SHOWN]
    fan = [NO_CHANGE, *chosen, *(key for key in ("placebo", "caffeine") if key in there and key not in chosen)]
    outcome = simulated["outcome_value"]
    return {
        "image": figures_simulated.stage_probability(simulated, pair, labels),
        "fans": figures_simulated.fans(outcome, fan, labels) if np.isfinite(outcome.values).all() else None,
        "clock": figures_simulated.sleep_so_far(simulated, pair, labels),
        "examples": figures_simulated.examples(simulated, pair, labels) if simulated.sizes["example"] else None,
        "labels": [labels[name] for name in pair],
        "draws": simulated.sizes["draw"],
        "replicates": simulated.attrs.get("replicates", ""),
        "kept": simulated.sizes["example"],
        "fewest": figures_simulated.FEWEST_NIGHTS,
    }


def _limits(material: PersonMaterial) -> list[str]:
    used = [n.prepared for n in material.nights if n.prepared is not None and n.prepared.sizes["epoch"]]
    check, spectral = material.check, material.spectral
    weak = []
    for twin, name in (("night", "hypnogram"), ("spectral", "spectral")):
        if check is not None:
            weak.append((name, *parameter_table.weakly_informed(check, twin)))
    channels = 0 if spectral is None else spectral.get("observed_data", xr.Dataset()).sizes.get("channel", 0)
    return limits(
        check=check,
        nights=len(used),
        eeg=sum(p.sizes["channel"] > 0 for p in used),
        staged=sum(str(p.attrs.get("stages_source")) == AUTOMATIC for p in used),
        channels=channels,
        onset_source=attribute(material.night, "posterior", "onset_source"),
        kappa_source=attribute(spectral, "posterior", "kappa_source") if channels else "",
        graph=attribute(spectral, "posterior", "graph") if channels else "",
        connectome="" if spectral is None else connectome_words(spectral.get("graphs", xr.Dataset())),
        weak=weak,
        condition=str(material.person.covariates.get("diagnosis", "")),
    )
