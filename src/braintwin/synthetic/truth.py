"""What a synthetic cohort was made from, kept beside the dataset and never read by the workflow.

The truth of ``<folder>`` is the sibling file ``<folder name>-truth.json``: outside the BIDS tree, so that no step
that is given the dataset can come upon it.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from braintwin.errors import BrainTwinError
from braintwin.options.synthesize import SynthesizeOptions

Diagnosis = Literal["healthy", "insomnia", "osa"]


class _Truth(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageTruth(_Truth):
    """The corticothalamic loop of one stage.

    ``log_scale`` is ln s² of each channel, ln(µV²/Hz): the cross-spectrum is
    ``s_i s_j Σ_k U_ik U_jk |H_k|²`` and, on the diagonal, muscle of share `emg_fraction` of the power in the fitted
    band.
    """

    X: float
    Y: float
    Z: float
    emg_fraction: float
    log_scale: list[float]


class GraphTruth(_Truth):
    """The channel graph: symmetric weights and the eigenvalues of its normalised Laplacian."""

    channels: list[str]
    weights: list[list[float]]
    eigenvalues: list[float]


class SpectralTruth(_Truth):
    """The spectral twin of one person; a night differs only by its noise."""

    t0: float
    alpha_wake: float
    alpha_sleep: float
    kappa: float
    stages: dict[str, StageTruth]
    graph: GraphTruth


class ArtefactTruth(_Truth):
    """One artefact: where it is and how long, s after lights off."""

    kind: Literal["movement", "loose_electrode", "muscle"]
    channels: list[str]
    onset: float
    duration: float


class BreathingTruth(_Truth):
    """One respiratory event, s after lights off."""

    kind: Literal["Obstructive apnea", "Hypopnea"]
    onset: float
    duration: float


class LineTruth(_Truth):
    """An interference line: a sinusoid in every EEG channel."""

    freq: float
    amplitude_uv: float


class NightTruth(_Truth):
    """One night: its own shift of the hazard groups, what came of it, and what disturbed the recording."""

    session: str
    night_effect: dict[str, float]
    hypnogram: list[int]
    artefacts: list[ArtefactTruth]
    breathing: list[BreathingTruth]
    line: LineTruth | None


class PersonTruth(_Truth):
    """One person: who they are, lasting shift of the hazard groups, spectral twin, nights."""

    label: str
    diagnosis: Diagnosis
    age: int
    sex: Literal["F", "M"]
    ahi: float
    person_effect: dict[str, float]
    spectral: SpectralTruth
    nights: list[NightTruth]


class CohortTruth(_Truth):
    """A whole synthetic cohort."""

    version: str
    seed: int
    options: SynthesizeOptions
    population: str
    people: list[PersonTruth]

    def person(self, label: str) -> PersonTruth:
        """Return a person by label (``01``, not ``sub-01``)."""
        return next(p for p in self.people if p.label == label)


def truth_path(folder: Path | str) -> Path:
    """Return where the truth of the dataset in `folder` is kept."""
    folder = Path(folder)
    return folder.with_name(f"{folder.name}-truth.json")


def read_truth(folder: Path | str) -> CohortTruth:
    """Return the truth of the synthetic dataset in `folder`.

    Raises
    ------
    BrainTwinError
        If it is absent or not a truth file.
    """
    path = truth_path(folder)
    try:
        return CohortTruth.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"synthesize: {path.name} is not beside {path.parent.name}; only a synthetic dataset has a truth"
        raise BrainTwinError(message) from None
    except ValidationError as cause:
        message = f"synthesize: {path.name} is not a truth file ({cause.error_count()} faults); write the cohort again"
        raise BrainTwinError(message) from None
