"""Every entry of a library calibrated on its own trial's population, and the held-out contrasts predicted."""

import hashlib
from collections.abc import Callable

import numpy as np

from braintwin.models.population import Population
from braintwin.treatment.calibration import Calibrated, calibrate
from braintwin.treatment.calibration_record import Calibration, ContrastRecord, EntryRecord
from braintwin.treatment.contrasts import baseline_of
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.heldout import predict_held_out
from braintwin.treatment.library import Library
from braintwin.treatment.trial import Trial, enrol

ANALOGUE = "suvorexant_20"
"""Entry whose class and trials stand for drugs of its class that are not in the library."""

BASELINE_SHOWN = ("SOL", "LPS", "WASO", "TST", "SE")


class Enrolment:
    """The simulated populations of trials: one for each baseline."""

    def __init__(self, library: Library, population: Population, people: int, seed: int) -> None:
        self.library, self.population, self.people, self.seed = library, population, people, seed
        self.trials: dict[tuple[object, ...], Trial] = {}

    def __call__(self, treatment: Treatment) -> Trial:
        """Return the population of an entry's trials."""
        baseline = baseline_of(treatment, self.library.meta)
        key = (baseline.SOL, baseline.WASO, baseline.TIB, baseline.latency, baseline.AHI)
        if key not in self.trials:
            rng = np.random.default_rng(self.seed)
            self.trials[key] = enrol(self.population, baseline, people=self.people, rng=rng)
        return self.trials[key]


def digest_of(population: Population) -> str:
    """Return a digest of the numbers of a population."""
    return hashlib.sha256(population.packed().tobytes()).hexdigest()[:16]


def calibrate_library(
    library: Library,
    population: Population,
    *,
    people: int,
    seed: int,
    said: Callable[[str], object] = len,
    held_out: bool = True,
) -> Calibration:
    """Return the calibration of all entries; those whose evidence did not change keep what they have.

    Parameters
    ----------
    library : Library
        With the calibration that it has, if any.
    population : Population
    people : int
        People of every simulated trial.
    seed : int
    said : function
        Told what was done, a line for each entry.
    held_out : bool
        Whether the held-out contrasts are predicted where an entry was fitted.
    """
    before = library.calibration
    population_digest = digest_of(population)
    ours = (population_digest, people, seed)
    if before is not None and (before.population_digest, before.people, before.seed) != ours:
        before = None
    name = population.attrs.get("name", "")
    enrolment = Enrolment(library, population, people, seed)
    entries: dict[str, EntryRecord] = {}
    for key, treatment in library.treatments.items():
        evidence = library.evidence(treatment)
        kept = before.treatments.get(key) if before else None
        if kept is not None and kept.evidence == evidence:
            entries[key] = kept
            said(f"{key}: unchanged")
            continue
        trial = enrolment(treatment)
        found = calibrate(treatment, library.meta, trial, population=name, seed=seed)
        night = trial.night()
        entries[key] = _entry(found, evidence, {o: night[o] for o in BASELINE_SHOWN})
        said(f"{key}: {entries[key].shortcoming or 'calibrated'}")
    fresh = any(before is None or entry is not before.treatments.get(key) for key, entry in entries.items())
    fitted = {key: entry.operators for key, entry in entries.items() if entry.operators is not None}
    heldout = list(before.heldout) if before else []
    if held_out and (fresh or not heldout):
        heldout = predict_held_out(library, fitted, enrolment, ANALOGUE, seed)
    return Calibration(
        population=name, population_digest=population_digest, people=people, seed=seed, treatments=entries,
        heldout=heldout,
    )  # fmt: skip


def _entry(found: Calibrated, evidence: str, baseline: dict[str, float]) -> EntryRecord:
    contrasts = [
        ContrastRecord(
            name=r.contrast.name, prov=r.contrast.prov, mean=r.contrast.mean, se=r.contrast.se, simulated=r.simulated,
            sd=r.sd, counts=r.contrast.sound, left_out=r.contrast.left_out,
        )
        for r in found.reproduced
    ]  # fmt: skip
    return EntryRecord(
        evidence=evidence, operators=found.operators, baseline=baseline, contrasts=contrasts, notes=list(found.notes),
        bridge=found.bridge,
    )  # fmt: skip
