"""The synthetic cohort with known truth: people in turn healthy, with insomnia and with OSA, as a BIDS dataset."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from braintwin import __version__
from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import EPOCH_S
from braintwin.errors import DatasetError
from braintwin.io.arrays import write_text
from braintwin.io.population import packaged_population, read_population
from braintwin.models.population import Population
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.provenance import derive_seed
from braintwin.synthetic.bids import is_synthetic, montage, write_dataset_files, write_night
from braintwin.synthetic.eeg import Signal, night_eeg
from braintwin.synthetic.people import DIAGNOSES, Someone, draw_breathing, draw_night, draw_someone, draw_spectral
from braintwin.synthetic.recording import add_artefacts, add_line, chin_channel, draw_artefacts, eye_channels, line_in
from braintwin.synthetic.truth import CohortTruth, NightTruth, PersonTruth, SpectralTruth, truth_path

EEG_CHANNELS = ("F3", "F4", "C3", "C4", "O1", "O2")
"""EEG of the recordings, in the order of the files."""

NOISY_PERSON = 1
"""Position of the person whose recordings have the interference line."""


def _rng(seed: int, what: str, owner: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, f"synthesize/{what}", owner))


def _effects(values: np.ndarray) -> dict[str, float]:
    return {group: float(value) for group, value in zip(GROUPS, values, strict=True)}


def draw_cohort(options: SynthesizeOptions, seed: int, population: Population | None = None) -> CohortTruth:
    """Return everything about a cohort but its signals' noise.

    A person depends on the seed and their number alone: a larger cohort begins with the people of a smaller one.

    Parameters
    ----------
    options : SynthesizeOptions
        Size of the cohort.
    seed : int
        Seed of the study.
    population : Population, optional
        What people are drawn about; the packaged one where unset.
    """
    population = read_population(packaged_population()) if population is None else population
    width = max(2, len(str(options.people)))
    people = []
    for number in range(options.people):
        owner = str(number + 1)
        someone = draw_someone(DIAGNOSES[number % 3], population, _rng(seed, "person", owner))
        spectral = draw_spectral(EEG_CHANNELS, _rng(seed, "spectral", owner))
        noisy = options.line_hz is not None and number == NOISY_PERSON
        nights = [
            _draw_night(
                someone, spectral, population, options, noisy, str(n + 1), _rng(seed, "night", f"{owner}/{n + 1}")
            )
            for n in range(options.nights)
        ]
        people.append(
            PersonTruth(
                label=owner.zfill(width),
                diagnosis=someone.diagnosis,
                age=someone.age,
                sex=someone.sex,
                ahi=someone.ahi,
                person_effect=_effects(someone.effect),
                spectral=spectral,
                nights=nights,
            )
        )
    name = population.attrs.get("name", "unnamed")
    return CohortTruth(version=__version__, seed=seed, options=options, population=name, people=people)


def _draw_night(
    someone: Someone,
    spectral: SpectralTruth,
    population: Population,
    options: SynthesizeOptions,
    noisy: bool,
    session: str,
    rng: np.random.Generator,
) -> NightTruth:
    epochs = round(options.hours * 3600 / EPOCH_S)
    effect, stages = draw_night(someone, population, epochs, rng)
    artefacts = draw_artefacts(epochs, list(EEG_CHANNELS), rng) if options.artefacts else []
    return NightTruth(
        session=session,
        night_effect=_effects(effect),
        hypnogram=stages.tolist(),
        artefacts=artefacts,
        breathing=draw_breathing(stages, someone.ahi, rng),
        line=line_in(spectral, options.line_hz) if noisy and options.line_hz is not None else None,
    )


def night_signal(person: PersonTruth, night: NightTruth, options: SynthesizeOptions, seed: int) -> Signal:
    """Return the whole recording of a night, (channel, sample) float32, µV, in the order of `bids.montage`."""
    rng = _rng(seed, "signal", f"{int(person.label)}/{night.session}")
    stages = np.array(night.hypnogram, dtype=np.int8)
    eeg = night_eeg(person.spectral, stages, options.sfreq, options.envelope_sd, rng)
    names = list(EEG_CHANNELS)
    if night.line is not None:
        add_line(eeg, night.line, options.sfreq, rng.random())
    eyes = eye_channels(eeg, names, stages, options.sfreq, rng)
    signal = np.concatenate([eeg, eyes, chin_channel(stages, options.sfreq, rng)[None]])
    add_artefacts(signal, [c.name for c in montage(names)], night.artefacts, options.sfreq, rng)
    return signal


def _signals(
    truth: CohortTruth, options: SynthesizeOptions, seed: int
) -> Iterator[tuple[PersonTruth, NightTruth, Signal]]:
    """Yield every night with its recording; the next one is made while the caller writes this one."""
    nights = [(person, night) for person in truth.people for night in person.nights]

    def recording(number: int) -> Signal:
        return night_signal(*nights[number], options, seed)

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(recording, 0)
        for following, (person, night) in enumerate(nights, start=1):
            signal = coming.result()
            if following < len(nights):
                coming = ahead.submit(recording, following)
            yield person, night, signal


def write_cohort(folder: Path, options: SynthesizeOptions, seed: int, *, population: Population | None = None) -> None:
    """Write a synthetic BIDS dataset into `folder` and its truth beside it.

    The same seed and options give the same bytes. The dataset appears as a whole or not at all; an older synthetic
    cohort of that name is replaced.

    Parameters
    ----------
    folder : Path
        Root of the dataset.
    options : SynthesizeOptions
        Size and kind of the cohort.
    seed : int
        Seed of the study.
    population : Population, optional
        What people's hazards are drawn about; the published base rates where unset.

    Raises
    ------
    DatasetError
        If `folder` holds something that is not a synthetic cohort.
    """
    folder = Path(folder)
    if folder.exists() and not is_synthetic(folder):
        message = (
            f"synthesize: {folder.name} is not empty and holds no synthetic cohort; name another folder or empty it"
        )
        raise DatasetError(message)
    truth = draw_cohort(options, seed, population)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # mne-bids 0.20 reads ".dat" anywhere in a recording's path as a Persyst file: keep the user's names out of it
    with (
        TemporaryDirectory(prefix="braintwin-") as staging,
        TemporaryDirectory(prefix=".cohort-", suffix=".part", dir=folder.parent) as scratch,
    ):
        root = Path(scratch) / "dataset"
        root.mkdir(mode=0o755)
        for person, night, signal in _signals(truth, options, seed):
            write_night(root, Path(staging), person.label, night, signal, EEG_CHANNELS, options.sfreq)
        write_dataset_files(root, truth)
        if folder.exists():
            folder.rename(Path(scratch) / "replaced")
        write_text(truth_path(folder), truth.model_dump_json(indent=1) + "\n")
        root.rename(folder)
