"""The methods paragraph of a study, written from its manifest alone: what a paper can paste."""

from collections.abc import Mapping
from typing import Any

from braintwin.errors import BrainTwinError

_LIBRARIES = {
    "numpy": "NumPy", "scipy": "SciPy", "mne": "MNE-Python", "yasa": "YASA", "pymc": "PyMC", "nutpie": "nutpie",
    "snakemake": "Snakemake",
}  # fmt: skip


def number(value: Any) -> str:
    """Return a setting as a paper prints it."""
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def count(value: int, noun: str, plural: str = "") -> str:
    """Return ``1 night``, ``2 nights``."""
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def listing(words: list[str]) -> str:
    """Return words as a sentence lists them."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def methods(manifest: Mapping[str, Any]) -> str:
    """Return the paragraph, as Markdown.

    Raises
    ------
    BrainTwinError
        If the manifest lacks what the paragraph tells.
    """
    try:
        parts = [_data(manifest), _signals(manifest), _models(manifest), _ranking(manifest), _made_with(manifest)]
    except (KeyError, TypeError) as cause:
        message = f"methods: the manifest does not tell {cause}; it is of another version of BrainTwin"
        raise BrainTwinError(message) from None
    return "\n\n".join(parts) + "\n"


def _data(manifest: Mapping[str, Any]) -> str:
    counts, groups = manifest["counts"], manifest["counts"]["groups"]
    sets = [_dataset(record) for record in manifest["datasets"]]
    whom = listing([f"{number(n)} {name}" for name, n in groups.items()])
    text = [
        f"We analysed {count(counts['nights_used'], 'night')} of "
        f"{count(counts['people_with_nights'], 'person', 'people')} ({whom}) "
        f"from {count(len(sets), 'dataset')}: {'; '.join(sets)}.",
        f"Of {count(counts['nights_found'], 'night')} found, {number(counts['nights_excluded'])} were excluded"
        + (f" ({listing(_excluded(manifest))})." if counts["nights_excluded"] else "."),
        f"EEG was available for {count(counts['nights_with_eeg'], 'night')}, a scoring for "
        f"{number(counts['nights_with_scoring'])}.",
    ]
    return " ".join(text)


def _dataset(record: Mapping[str, Any]) -> str:
    kept = [record["version"] and f"version {record['version']}", record["licence"], record["citation"]]
    about = ", ".join(text for text in kept if text)
    return str(record["title"] or record["name"]) + (f" ({about})" if about else "")


def _excluded(manifest: Mapping[str, Any]) -> list[str]:
    return [f"{number(row['count'])} by {row['step']}" for row in manifest["exclusions"] if row["what"] == "night"]


def _signals(manifest: Mapping[str, Any]) -> str:
    config = manifest["config"]
    prepare, features, connect = config["prepare"], config["features"], config["connect"]
    missing = "staged with YASA" if prepare["stage_missing"] == "yasa" else "refused"
    edges = [(name, tuple(band)) for name, band in connect["bands"].items()]
    bands = listing(
        [f"{name} {number(low)}–{number(high)} Hz" for name, (low, high) in sorted(edges, key=lambda band: band[1])]
    )
    return (
        f"EEG was resampled to {number(prepare['sfreq'])} Hz and filtered at {number(prepare['highpass'])}–"
        f"{number(prepare['lowpass'])} Hz; epochs of 30 s above {number(prepare['amplitude_uv'])} µV, or whose log "
        f"variance lay {number(prepare['amplitude_z'])} robust sd from their stage's, were artefacts. Nights without a "
        f"scoring were {missing}; those with less than {number(prepare['min_scored_min'])} min scored were refused. "
        f"Spectra of each stage ({number(features['fmin'])}–{number(features['fmax'])} Hz, Hann windows of "
        f"{number(features['window_s'])} s) came from even clean epochs, connectomes ({bands}) from "
        f"{connect['epochs']} ones, each stage with at least {number(features['min_epochs'])} and "
        f"{number(connect['min_epochs'])} clean epochs."
    )


def _models(manifest: Mapping[str, Any]) -> str:
    config, counts = manifest["config"], manifest["counts"]
    spectral, nights, check = config["fit_spectral"], config["fit_nights"], config["check"]
    verdicts = listing([f"{number(n)} {name}" for name, n in counts["verdicts"].items()])
    prior = manifest["sources"]["population"]
    return (
        f"Each person's corticothalamic twin was fitted with {number(spectral['chains'])} chains of "
        f"{number(spectral['draws'])} draws after {number(spectral['tune'])} of warm-up, from the best of "
        f"{number(spectral['starts'])} optimisations, and again with four times as many, every fourth of them kept, "
        f"where less than a fifteenth were effective or chains differed; the hypnogram twin with "
        f"{number(nights['chains'])} chains of {number(nights['draws'])} draws after {number(nights['tune'])}, "
        f"on the population prior {prior['file']} (digest {prior['digest'][:12]}). A fit passed with "
        f"R-hat ≤ {number(check['max_rhat'])}, effective sample sizes ≥ {number(check['min_ess'])} and no divergence; "
        f"it failed above R-hat {number(check['fail_rhat'])}, below {number(check['fail_ess'])} effective draws or "
        f"above {number(100 * check['max_divergences'])} % divergences, and was then not ranked. "
        f"Verdicts: {verdicts}."
    )


def _ranking(manifest: Mapping[str, Any]) -> str:
    config, counts = manifest["config"], manifest["counts"]
    simulate, rank = config["simulate"], config["rank"]
    which = "all treatments" if simulate["treatments"] is None else count(len(simulate["treatments"]), "treatment")
    library = manifest["sources"]["treatments"]
    said = listing([f"{number(n)} {name}" for name, n in counts["rankings"].items()])
    return (
        f"For {which} of the library {library['file']} (digest {library['digest'][:12]}), "
        f"{number(simulate['replicates'])} nights were simulated for each of {number(simulate['draws'])} posterior "
        f"draws with common random numbers. Treatments were ranked by expected utility; the smallest difference that "
        f"matters was {number(rank['mcid'])}, and a ranking counted as personal where its index exceeded the null of "
        f"{number(rank['null_permutations'])} permuted people. Rankings: {said}."
    )


def _made_with(manifest: Mapping[str, Any]) -> str:
    environments = manifest["volatile"]["environments"]
    packages: dict[str, set[str]] = {}
    for environment in environments:
        for name, version in environment["packages"].items():
            packages.setdefault(name, set()).add(version)
    shown = [f"{title} {'/'.join(sorted(packages[n]))}" for n, title in _LIBRARIES.items() if n in packages]
    pythons = sorted({environment["python"] for environment in environments})
    return (
        f"BrainTwin {manifest['version']} (seed {manifest['seed']}) ran on Python {listing(pythons)} with "
        f"{listing(shown)}. The manifest of {count(len(manifest['entries']), 'artefact')} has the seal "
        f"{manifest['seal'][:16]}. For research use only."
    )
