"""Which recording of a night would be used, whether its content is here, and what its channels are."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from braintwin.errors import NightExcluded
from braintwin.io.channels import Role, role, select_eeg
from braintwin.io.edf import read_header
from braintwin.io.events import entities, shown
from braintwin.io.finding import Finding
from braintwin.io.listing import Listing
from braintwin.io.nights import choose_recording
from braintwin.io.sidecars import channel_table
from braintwin.options.dataset import DatasetOptions

LOOKED_AT = 20
"""Recordings whose channels are looked at."""


def survey_signal(root: Path, listing: Listing, dataset: DatasetOptions) -> list[Finding]:
    """Return the findings on recordings and channels."""
    chosen = [(c, *choose_recording(root, c, listing.sizes, dataset.acquisition)) for c in listing.candidates]
    here = [signal for _, signal, there in chosen if there]
    absent = sum(bool(signal or c.described) and not there for c, signal, there in chosen)
    foreign = Counter(Path(c.foreign[0].path).suffix for c, signal, _ in chosen if c.foreign and not signal)
    used = f"{len(here)} recording(s) here, {absent} absent (pointer, broken link or sidecar only)"
    if foreign:
        used += f", {foreign.total()} in a format that is not read ({shown(sorted(foreign))})"
    several: Counter[str] = Counter()
    for candidate, *_ in chosen:
        devices = {entities(entry.name).get("acq", "") for entry in candidate.recordings}
        several.update(devices if len(devices) > 1 else ())
    found = [Finding("signal", used)]
    if several and dataset.acquisition is None:
        acq = Counter(entities(Path(s).name).get("acq", "") for _, s, _ in chosen if s).most_common(1)[0][0]
        why = (
            f"nights have several recordings (acq- {shown(sorted(several))}); {acq or 'the one without'} would be used"
        )
        found = [Finding("signal", used, why, {"acquisition": acq} if acq else {})]
    signals = here or [signal or _described(root, c.folder) for c, signal, _ in chosen if signal or c.described]
    return [*found, _channels(root, signals[:: max(1, len(signals) // LOOKED_AT)])]


def _described(root: Path, folder: str) -> str:
    """Return the path that a recording would have of which only channels.tsv is here."""
    tables = sorted((root / folder).glob("*_channels.tsv"))
    return f"{folder}/{tables[0].name.replace('_channels.tsv', '_eeg.edf')}" if tables else ""


def _channels(root: Path, signals: list[str]) -> Finding:
    layouts: Counter[tuple[tuple[str, Role], ...]] = Counter()
    broken: Counter[str] = Counter()
    for signal in filter(None, signals):
        path = root / signal
        declared = {row.get("name", ""): row for row in channel_table(path)}
        try:
            names = _names(path) or list(declared)
        except (NightExcluded, OSError) as refusal:
            broken[str(refusal).removeprefix("prepare: ") if isinstance(refusal, NightExcluded) else "unreadable"] += 1
            continue
        layouts[tuple((name, role(name, declared.get(name, {}).get("type", ""))) for name in names)] += 1
    if not layouts:
        why = f"{broken.total()} recording(s) cannot be opened: {broken.most_common(1)[0][0]}" if broken else ""
        return Finding("channels", "not known: no recording or channels.tsv to look at", why)
    layout, times = layouts.most_common(1)[0]
    used = _by_role(dict(layout))
    if len(layouts) > 1:
        used += f" (in {times} of {layouts.total()} recordings looked at; {len(layouts)} layouts in all)"
    if layout and not select_eeg(dict(layout)):
        why = "no channel is EEG by name or type; type it EEG in channels.tsv, or the night is refused"
        return Finding("channels", used, why)
    return Finding("channels", used)


def _names(path: Path) -> list[str]:
    """Return the channels of a recording from its header; none where only its sidecar can tell."""
    if path.suffix.lower() not in (".edf", ".bdf") or not path.is_file() or path.stat().st_size < 512:
        return []
    return list(dict.fromkeys(signal.label for signal in read_header(path)))


def _by_role(layout: Mapping[str, Role]) -> str:
    parts = []
    for kind in dict.fromkeys(layout.values()):
        names = select_eeg(layout) if kind == "eeg" else [name for name, own in layout.items() if own == kind]
        parts.append(f"{kind}: {shown(names, 8)}")
    return "; ".join(sorted(parts, key=lambda text: not text.startswith("eeg"))) or "none"
