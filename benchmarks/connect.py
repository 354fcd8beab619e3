"""The connectome engine against mne-connectivity: same data on disk, same run, CPU seconds and peak memory.

``python benchmarks/connect.py`` takes a minute; ``--full`` is 64 channels x 900 epochs x 30 s at 100 Hz (the peer gets
40 epochs, and what it takes for each is scaled up; ``--peer-epochs 900`` gives it all of them). Each measurement has a
process of its own; memory is its peak beyond what the interpreter, the imports and the compiled code took. Prints one
JSON line per row. ``--scaling`` shows how time grows with channels and epochs, ``--threads`` what a second thread
gains while nobody else uses the machine, ``--night`` a whole night of 256 channels at 250 Hz.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np

EPOCH_S = 30
PHASE = ("plv", "imaginary_coherence", "wpli")


def write_signals(path: Path, channels: int, epochs: int, sfreq: float, seed: int = 0) -> None:
    """Write 1/f signals (epoch, channel, time) with a lagged shared source to Zarr, a chunk at a time."""
    import zarr

    times, rng = int(EPOCH_S * sfreq), np.random.default_rng(seed)
    held = max(1, min(30, 32 * 2**20 // (4 * channels * times)))
    store = zarr.create_array(path, shape=(epochs, channels, times), chunks=(held, channels, times), dtype="f4")
    scale = np.r_[0, np.arange(1, times // 2 + 1) ** -0.5].astype(np.float32)
    for start in range(0, epochs, held):
        part = np.empty((min(held, epochs - start), channels, times), dtype=np.float32)
        for epoch in part:
            noise = rng.standard_normal((channels + 1, times), dtype=np.float32)
            pink = np.fft.irfft(np.fft.rfft(noise) * scale, times)
            epoch[:] = 500 * (pink[:-1] + 0.5 * np.stack([np.roll(pink[-1], 2 * k) for k in range(channels)]))
        store[start : start + len(part)] = part


def spent() -> float:
    return time.process_time()


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def busy_s() -> float:
    """Return the CPU seconds that all processors of this machine have spent so far (Linux)."""
    with Path("/proc/stat").open(encoding="ascii") as stream:
        ticks = [int(part) for part in stream.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # neither idle nor waiting for a disk


def opened(path: Path, given: dict[str, Any]) -> tuple[Any, Any]:
    """Return the signals and the settings of a job, with imports and compilation behind us."""
    import dask.array as da

    from braintwin.options.connect import ConnectOptions
    from braintwin.signals.connectome import Settings, stage_connectome

    eeg = da.from_zarr(path)
    settings = Settings(
        sfreq=given["sfreq"], window_s=given["window_s"], bands=ConnectOptions().bands, min_epochs=2,
        method=given["method"], measures=tuple(given["measures"]), blocks=given["blocks"],
        threads=given.get("threads", 1), memory_mib=given.get("memory_mib", 512),
    )  # fmt: skip
    small = np.random.default_rng(0).standard_normal((2, 3, eeg.shape[2])).astype(np.float32)
    stage_connectome(da.from_array(small), np.ones((2, 3), bool), settings)
    eeg[0, 0].compute(scheduler="synchronous")
    return eeg, settings


def ours(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    from braintwin.signals.connectome import stage_connectome

    eeg, settings = opened(path, given)
    base, begun, wall = peak_mib(), spent(), time.perf_counter()
    found = stage_connectome(eeg, np.ones(eeg.shape[:2], bool), settings)
    row = {"cpu_s": spent() - begun, "wall_s": time.perf_counter() - wall, "peak_mib": peak_mib() - base}
    row["resident_mib"] = peak_mib()
    if few := given.get("few"):
        pairs = np.triu_indices(eeg.shape[1], 1)
        found = stage_connectome(eeg[:few], np.ones((few, eeg.shape[1]), bool), settings)
        np.save(path.parent / "ours.npy", found.value[:, :, *pairs])
    return row


def one_and_two_threads(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return wall times of one and of two threads, one after the other, whenever nobody else uses the machine."""
    from braintwin.signals.connectome import stage_connectome

    eeg, settings = opened(path, given)
    stage_connectome(eeg, np.ones(eeg.shape[:2], bool), replace(settings, threads=2))  # its threads are there
    until, tries = time.monotonic() + given["patience_s"], []
    while len(tries) < given["tries"] and time.monotonic() < until:
        busy = busy_s()
        time.sleep(0.5)
        if busy_s() - busy > 0.05:
            continue
        pair: dict[str, list[float]] = {"wall_s": [], "cores_of_others": []}
        for threads in (1, 2):
            busy, begun, wall = busy_s(), spent(), time.perf_counter()
            stage_connectome(eeg, np.ones(eeg.shape[:2], bool), replace(settings, threads=threads))
            taken = time.perf_counter() - wall
            pair["wall_s"].append(round(taken, 3))
            pair["cores_of_others"].append(round(max(0.0, (busy_s() - busy - spent() + begun) / taken), 2))
        tries.append(pair)
    return {"tries": tries}


def peer_phase(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    import zarr
    from mne_connectivity import spectral_connectivity_epochs

    from braintwin.options.connect import ConnectOptions

    bands, stored = ConnectOptions().bands, zarr.open_array(path, mode="r")
    pairs = np.triu_indices(stored.shape[1], 1)

    def run(epochs: int) -> list[np.ndarray]:
        found = spectral_connectivity_epochs(
            np.asarray(stored[:epochs], dtype=np.float64), method=["plv", "imcoh", "wpli"], indices=pairs,
            sfreq=given["sfreq"], mode="multitaper", faverage=True, verbose="error",
            fmin=[low for low, _ in bands.values()], fmax=[high - 1e-6 for _, high in bands.values()],
        )  # fmt: skip
        return [one.get_data().T for one in found]

    row, values = timed_peer(run, stored.shape[0], given["few"])
    np.save(path.parent / "peer.npy", np.stack(values, axis=1))
    return row


def peer_envelope(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    import zarr
    from mne_connectivity import envelope_correlation

    from braintwin.options.connect import ConnectOptions
    from braintwin.signals import envelopes

    stored = zarr.open_array(path, mode="r")
    gains = envelopes.band_gains(ConnectOptions().bands, given["sfreq"], stored.shape[2])
    pairs = np.triu_indices(stored.shape[1], 1)

    def run(epochs: int) -> list[np.ndarray]:
        values = []
        for gain in gains:  # the filter is the same for both, and its time counts for both
            signals = (next(envelopes.analytic(epoch, gain[None], given["sfreq"])) for epoch in stored[:epochs])
            found = envelope_correlation(signals, orthogonalize="pairwise", absolute=False).get_data("dense")
            values.append(found[..., 0].mean(axis=0).T[pairs])
        return values

    row, values = timed_peer(run, stored.shape[0], given["few"])
    np.save(path.parent / "peer.npy", np.stack(values)[:, None])
    return row


def timed_peer(run: Any, epochs: int, few: int) -> tuple[dict[str, Any], Any]:
    """Return the peer's time for all epochs, from what some of them take beyond what a quarter of them takes."""
    run(1)
    base, begun = peak_mib(), spent()
    quarter = max(1, few // 4)
    if few < epochs:
        run(quarter)
    middle = spent()
    values = run(few)
    taken = spent() - middle
    each = (taken - (middle - begun)) / (few - quarter) if few < epochs else 0.0
    row = {"cpu_s": taken + each * (epochs - few), "epochs_run": few, "peak_mib": peak_mib() - base}
    return row, values


JOBS = {"ours": ours, "threads": one_and_two_threads, "peer_phase": peer_phase, "peer_envelope": peer_envelope}


def child(job: str, path: Path, **given: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--job", job, "--path", str(path), "--given", json.dumps(given)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(what: str, **numbers: Any) -> None:
    numbers = {key: round(value, 1) if isinstance(value, float) else value for key, value in numbers.items()}
    print(json.dumps({"what": what, **numbers}), flush=True)


def against_peers(folder: Path, channels: int, epochs: int, sfreq: float, few: int) -> dict[str, float]:
    """Show both sides' time and memory, and return by how much the peer takes longer."""
    path, ratios = folder / "eeg.zarr", {}
    write_signals(path, channels, epochs, sfreq)
    size = f"{channels} channels x {epochs} epochs x {EPOCH_S} s at {sfreq:g} Hz, 5 bands"
    common = {"sfreq": sfreq, "few": few}
    for what, measures, peer in (
        ("PLV, imaginary coherence and wPLI, 7 tapers", PHASE, "peer_phase"),
        ("orthogonalised AEC", ("aec_orth",), "peer_envelope"),
    ):
        window = {"method": "multitaper", "window_s": EPOCH_S} if peer == "peer_phase" else {
            "method": "hann", "window_s": 4.0}  # fmt: skip
        mine = child("ours", path, measures=measures, blocks=0, **window, **common)
        theirs = child(peer, path, **common)
        gap = np.abs(np.load(folder / "ours.npy") - np.load(folder / "peer.npy")).max()
        ratios[what] = theirs["cpu_s"] / mine["cpu_s"]
        show(
            f"{what}: {size}", ours_cpu_s=mine["cpu_s"], peer_cpu_s=theirs["cpu_s"],
            ratio=ratios[what], ours_peak_mib=mine["peak_mib"], peer_peak_mib=theirs["peak_mib"],
            peer_epochs_run=theirs["epochs_run"], largest_difference=f"{gap:.1e}",
        )  # fmt: skip
    from braintwin.contracts.connect import MEASURES

    for method, window_s in (("multitaper", EPOCH_S), ("hann", 4.0)):
        mine = child(
            "ours", path, measures=MEASURES, blocks=20, method=method, window_s=window_s, sfreq=sfreq
        )  # fmt: skip
        show(f"all {len(MEASURES)} measures with errors, {method}: {size}", ours_cpu_s=mine["cpu_s"],
             ours_peak_mib=mine["peak_mib"])  # fmt: skip
    return ratios


def scaling(folder: Path, plot: Path | None) -> None:
    common = {"measures": PHASE, "blocks": 0, "method": "multitaper", "window_s": EPOCH_S, "sfreq": 100.0}
    rows = []
    for channels, epochs in ((32, 60), (64, 60), (128, 60), (192, 60), (64, 120), (64, 240), (64, 480)):
        path = folder / f"{channels}-{epochs}.zarr"
        write_signals(path, channels, epochs, 100.0)
        mine = min((child("ours", path, **common) for _ in range(2)), key=lambda row: float(row["cpu_s"]))
        show("scaling", channels=channels, epochs=epochs, cpu_s=round(mine["cpu_s"], 2), peak_mib=mine["peak_mib"])
        rows.append((channels, epochs, mine["cpu_s"]))
    if plot is not None:
        draw(rows, plot)


def draw(rows: list[tuple[int, int, float]], plot: Path) -> None:
    """Draw CPU seconds over channels and over epochs, with lines of slope 2 and 1 through the last point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, column, fixed, slope, label in ((axes[0], 0, 1, 2, "channels"), (axes[1], 1, 0, 1, "epochs")):
        value = {1: 60, 0: 64}[fixed]
        points = sorted((row[column], row[2]) for row in rows if row[fixed] == value)
        size, taken = zip(*points, strict=True)
        axis.loglog(size, taken, "o", label="measured")
        axis.loglog(size, [taken[-1] * (n / size[-1]) ** slope for n in size], "--", label=f"slope {slope}")
        axis.set(xlabel=f"{label} ({value} {'epochs' if fixed else 'channels'})", ylabel="CPU s", xticks=size)
        axis.set_xticklabels([str(n) for n in size])
        marks = [mark for mark in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if min(taken) / 3 < mark < 2 * max(taken)]
        axis.set_yticks(marks, [f"{mark:g}" for mark in marks])
        axis.minorticks_off()
        axis.legend(frameon=False)
    figure.savefig(plot, metadata={"Date": None} if plot.suffix == ".svg" else None)


def second_thread(folder: Path, channels: int, epochs: int, patience_s: float) -> None:
    """Show what a second thread gains in the pair of runs beside which others used the machine least."""
    path = folder / "threads.zarr"
    write_signals(path, channels, epochs, 100.0)
    found = child("threads", path, measures=(*PHASE, "aec_orth"), blocks=0, method="multitaper", window_s=EPOCH_S,
                  sfreq=100.0, tries=8, patience_s=patience_s)["tries"]  # fmt: skip
    for pair in found:
        show("one and two threads", **pair)
    if not found:
        show("second thread", gain=f"unknown: others used this machine for {patience_s:g} s")
        return
    quiet = min(found, key=lambda pair: sum(pair["cores_of_others"]))
    show("second thread", gain=f"{quiet['wall_s'][0] / quiet['wall_s'][1]:.2f}", **quiet)


def night(folder: Path, channels: int, epochs: int, sfreq: float) -> None:
    from braintwin.contracts.connect import MEASURES

    path = folder / "night.zarr"
    write_signals(path, channels, epochs, sfreq)
    mine = child("ours", path, measures=MEASURES, blocks=20, method="hann", window_s=4.0, sfreq=sfreq, threads=2)
    show(f"night: {channels} channels x {epochs} epochs x {EPOCH_S} s at {sfreq:g} Hz, all measures with errors",
         cpu_s=mine["cpu_s"], wall_s=mine["wall_s"], peak_mib=mine["peak_mib"],
         resident_mib=mine["resident_mib"])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="64 channels, 900 epochs")
    parser.add_argument("--peer-epochs", type=int, default=40, help="epochs the peer gets; its time is scaled up")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--plot", type=Path, help="where --scaling draws its figure")
    parser.add_argument("--threads", action="store_true")
    parser.add_argument("--night", action="store_true")
    parser.add_argument("--channels", type=int, default=256, help="of --night")
    parser.add_argument("--epochs", type=int, default=None, help="of --night (960) and --threads (40)")
    parser.add_argument(
        "--patience", type=float, default=60, help="of --threads: wait so long for a machine at rest, s"
    )
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--given", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        print(json.dumps(JOBS[given.job](given.path, given.given)))
        return
    print(json.dumps({"machine": platform.machine(), "python": platform.python_version()}))
    with TemporaryDirectory() as name:
        folder = Path(name)
        if given.scaling:
            scaling(folder, given.plot)
        elif given.threads:
            second_thread(folder, 64, given.epochs or 40, given.patience)
        elif given.night:
            night(folder, given.channels, given.epochs or 960, 250.0)
        elif given.full:
            against_peers(folder, 64, 900, 100.0, given.peer_epochs)
        else:
            against_peers(folder, 20, 120, 100.0, min(40, given.peer_epochs))


if __name__ == "__main__":
    main()
