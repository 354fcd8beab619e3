"""CPU seconds of the connectome against mne-connectivity: same data, same run.

``python benchmarks/connect.py --channels 64 --epochs 900`` is the full size. The peer computes four of the phase
measures (coherence, imaginary coherence, wPLI, PLV together) from the same Hann windows, and the same envelope
correlation; ours always gives all seven measures with their standard errors. Prints one JSON line.
"""

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from braintwin.contracts.connect import MEASURES
from braintwin.options.connect import ConnectOptions
from braintwin.signals import envelopes
from braintwin.signals.connectome import Settings, stage_connectome


def cpu(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the value of `function`, its CPU seconds and its wall seconds."""
    cpu_start, wall_start = time.process_time(), time.perf_counter()
    value = function()
    return value, time.process_time() - cpu_start, time.perf_counter() - wall_start


def signals(channels: int, epochs: int, times: int, seed: int = 0) -> np.ndarray:
    """Return 1/f signals (epoch, channel, time) with a lagged shared source, float32."""
    rng = np.random.default_rng(seed)
    out = np.empty((epochs, channels, times), dtype=np.float32)
    scale = np.r_[0, np.arange(1, times // 2 + 1) ** -0.5]
    for epoch in out:
        pink = np.fft.irfft(np.fft.rfft(rng.standard_normal((channels + 1, times))) * scale, times)
        epoch[:] = 500 * (pink[:-1] + 0.5 * np.stack([np.roll(pink[-1], 2 * k) for k in range(channels)]))
    return out


def peer_phase(data: np.ndarray, window: int, bands: dict[str, tuple[float, float]], sfreq: float) -> list[np.ndarray]:
    from mne_connectivity import spectral_connectivity_epochs

    cut = np.lib.stride_tricks.sliding_window_view(data, window, axis=-1)[:, :, :: window // 2]
    windows = cut.transpose(0, 2, 1, 3).reshape(-1, data.shape[1], window)
    found = spectral_connectivity_epochs(
        windows, method=["coh", "imcoh", "plv", "wpli"], indices=np.triu_indices(data.shape[1], 1), sfreq=sfreq,
        mode="fourier", faverage=True, verbose="error",
        fmin=[low for low, _ in bands.values()], fmax=[high - 1e-6 for _, high in bands.values()],
    )  # fmt: skip
    return [one.get_data() for one in found]


def peer_envelope(data: np.ndarray, gain: np.ndarray, sfreq: float) -> np.ndarray:
    from mne_connectivity import envelope_correlation

    filtered = (next(envelopes.analytic(epoch, gain[None], sfreq)) for epoch in data)
    return np.mean(envelope_correlation(filtered, orthogonalize="pairwise", absolute=False).get_data("dense"), axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--sfreq", type=float, default=100.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer-epochs", type=int, default=60, help="epochs the peer gets; its time is scaled up")
    given = parser.parse_args()

    options = ConnectOptions()
    settings = Settings(
        sfreq=given.sfreq, window_s=options.window_s, bands=options.bands, threads=given.threads, min_epochs=2
    )
    data = signals(given.channels, given.epochs, int(30 * given.sfreq))
    valid = np.ones(data.shape[:2], dtype=bool)
    stage_connectome(data[:4, :3], valid[:4, :3], settings)  # compile
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, ours_cpu, ours_wall = cpu(lambda: stage_connectome(data, valid, settings))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    few = data[: given.peer_epochs]
    scale = len(data) / len(few)
    ours_few = stage_connectome(few, valid[: len(few)], settings)
    gains = envelopes.band_gains(settings.bands, given.sfreq, data.shape[-1])
    peer_phase(few[:2, :3], settings.window, settings.bands, given.sfreq)  # imports
    phase, phase_cpu, _ = cpu(lambda: peer_phase(few, settings.window, settings.bands, given.sfreq))
    correlations, envelope_cpu, _ = cpu(lambda: [peer_envelope(few, gain, given.sfreq) for gain in gains])
    pairs = np.triu_indices(given.channels, 1)
    names = ("coherence", "imaginary_coherence", "plv", "wpli")
    gaps = [
        np.abs(ours_few.value[:, MEASURES.index(name)][:, *pairs].T - peer).max()
        for name, peer in zip(names, phase, strict=True)
    ]
    gaps.append(np.abs(ours_few.value[:, -1][:, *pairs] - [c[..., 0].T[pairs] for c in correlations]).max())
    row = {
        "what": f"connectome, {given.channels} channels x {given.epochs} epochs x 30 s at {given.sfreq:g} Hz, 5 bands",
        "ours_cpu_s": round(ours_cpu, 2),
        "ours_wall_s": round(ours_wall, 2),
        "ours_peak_mib_beyond_input": round(memory / 1024),
        "peer_phase_cpu_s": round(phase_cpu * scale, 2),
        "peer_envelope_cpu_s": round(envelope_cpu * scale, 2),
        "peer_epochs_run": len(few),
        "ratio": round((phase_cpu + envelope_cpu) * scale / ours_cpu, 1),
        "largest_difference": dict(zip((*names, "aec_orth"), (float(f"{gap:.2g}") for gap in gaps), strict=True)),
        "threads": given.threads,
        "machine": f"{platform.machine()}, python {platform.python_version()}",
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
