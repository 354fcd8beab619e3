"""What is drawn has the spectrum, the graph and the disturbances that its truth says."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.signal import butter, csd, hilbert, sosfiltfilt, welch

from braintwin.contracts.stages import STAGES
from braintwin.models.corticothalamic import network_power
from braintwin.models.parameters import BETA_OVER_ALPHA
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.signals.graphs import laplacian_modes
from braintwin.synthetic.cohort import EEG_CHANNELS, draw_cohort, night_signal
from braintwin.synthetic.eeg import coloured_blocks, join, night_eeg, pressure_gain, slow_envelopes
from braintwin.synthetic.people import STAGE_RMS_UV, draw_spectral
from braintwin.synthetic.recording import add_artefacts, chin_channel, epochs_touched, eye_movements
from braintwin.synthetic.spectrum import BAND, cross_spectrum, highpass_power
from braintwin.synthetic.truth import ArtefactTruth, CohortTruth, SpectralTruth

SFREQ = 100.0
OPTIONS = SynthesizeOptions(people=3, nights=1, hours=4.0)


@cache
def brain(seed: int = 3) -> SpectralTruth:
    return draw_spectral(EEG_CHANNELS, np.random.default_rng(seed))


@cache
def cohort() -> CohortTruth:
    return draw_cohort(OPTIONS, 11)


@cache
def signal(person: int) -> np.ndarray:
    someone = cohort().people[person]
    return night_signal(someone, someone.nights[0], OPTIONS, 11)


def seen_by_welch(truth: SpectralTruth, stage: str, segment: int, fine: int = 16) -> np.ndarray:
    """Return what a Hann periodogram of `segment` samples expects: the density smoothed by the window's kernel."""
    n = segment * fine
    freq = np.abs(np.fft.fftfreq(n, 1 / SFREQ))
    window = np.fft.fft(np.hanning(segment + 1)[:-1], n)
    kernel = np.abs(window) ** 2 / (np.abs(window) ** 2).sum()
    density = np.fft.fft(cross_spectrum(truth, stage, freq), axis=0)
    smooth = np.fft.ifft(density * np.fft.fft(kernel)[:, None, None], axis=0).real
    return np.asarray(smooth[: n // 2 + 1 : fine])


@pytest.mark.parametrize("stage", STAGES)
def test_spectrum_is_the_models_within_sampling_error(stage: str) -> None:
    """Welch estimates over 300 epochs scatter about the model as chi-square says: no bias, no excess."""
    truth, epochs, segment = brain(), 300, 400
    stages = np.full(epochs, STAGES.index(stage), dtype=np.int8)
    eeg = night_eeg(truth, stages, SFREQ, 0.0, np.random.default_rng(5)).reshape(6, epochs, -1)
    eeg = eeg / pressure_gain(stages).astype(np.float32)[:, None]
    freq, psd = welch(eeg, SFREQ, nperseg=segment)
    band = (freq >= 1) & (freq <= 45)
    model = seen_by_welch(truth, stage, segment)[band]
    k = 0.947 * epochs * (3000 / (segment / 2) - 1)  # Welch, Hann, half overlap
    z = (psd.mean(1)[:, band] / np.einsum("fii->if", model) - 1) * np.sqrt(k)
    assert np.abs(z).max() < 5
    assert 0.8 < z.std() < 1.25
    assert abs(z.mean()) < 1.5  # bins and channels are dependent

    _, cross = csd(eeg[0], eeg[3], SFREQ, nperseg=segment)
    error = np.sqrt(model[:, 0, 0] * model[:, 3, 3] / k)
    mean = cross.mean(0)[band]
    assert np.abs((mean.real - model[:, 0, 3]) / error).max() < 5
    assert np.abs(mean.imag / error).max() < 4  # no phase lag


def test_cross_spectrum_is_the_published_form() -> None:
    """The diagonal without muscle and filter is `network_power`; muscle has its share of 1-40 Hz."""
    truth = brain()
    freq = np.arange(1.0, 40.001, 0.1)
    values, vectors = laplacian_modes(truth.graph.weights)
    for stage, loop in truth.stages.items():
        rate, ratio = (truth.alpha_wake, BETA_OVER_ALPHA["wake"]) if stage == "W" else (
            truth.alpha_sleep, BETA_OVER_ALPHA["sleep"]
        )  # fmt: skip
        field = (
            network_power(
                freq,
                vectors**2,
                values,
                truth.kappa,
                X=loop.X,
                Y=loop.Y,
                Z=loop.Z,
                t0=truth.t0,
                alpha=rate,
                beta=rate * ratio,
            )
            * np.exp(loop.log_scale)[:, None]
        )
        whole = np.einsum("fii->if", cross_spectrum(truth, stage, freq)) / highpass_power(freq)
        area, all_area = np.trapezoid(field, freq), np.trapezoid(whole, freq)
        assert_allclose((all_area - area) / all_area, loop.emg_fraction, rtol=1e-3)
        assert (whole >= field).all()
    assert BAND == (1.0, 40.0)


def test_amplitudes_are_those_of_real_eeg() -> None:
    for seed in range(6):
        truth = brain(seed)
        for stage, typical in STAGE_RMS_UV.items():
            grid = np.linspace(0.5, 40, 791)
            rms = np.sqrt(np.trapezoid(np.einsum("fii->if", cross_spectrum(truth, stage, grid)), grid))
            assert ((rms > 0.55 * typical) & (rms < 1.8 * typical)).all()
    for person in range(3):
        stages = np.array(cohort().people[person].nights[0].hypnogram)
        clean = ~epochs_touched(cohort().people[person].nights[0].artefacts, len(stages))
        eeg = signal(person)[:6].reshape(6, len(stages), -1)[:, clean]
        assert 15 < eeg.std() < 80
        assert np.abs(eeg).max() < 500


@pytest.mark.parametrize("sfreq", [64.0, 100.0, 101.0])
def test_power_is_constant_across_the_edges_of_epochs(sfreq: float) -> None:
    epochs, samples, fade = 4000, 64, 16
    freq = np.fft.rfftfreq(samples + fade, 1 / sfreq)
    density = np.tile(np.eye(2), (len(freq), 1, 1))
    blocks = coloured_blocks(density, epochs, samples + fade, sfreq, np.random.default_rng(0))
    out = np.zeros((2, epochs, samples), dtype=np.float32)
    join(blocks, np.arange(epochs), fade, out)
    power = (out[:, 1:] ** 2).mean(axis=(0, 1))
    expected = (sfreq / 2) * (1 - 2 / (samples + fade))  # less the mean and the Nyquist bin
    assert np.abs(power / expected - 1).max() < 5 * np.sqrt(2 / (2 * epochs))


def test_nrem_power_falls_with_pressure_and_keeps_its_mean() -> None:
    stages = np.tile(np.repeat(np.array([0, 2, 3, 4], dtype=np.int8), 40), 5)
    power = pressure_gain(stages) ** 2
    for code in (2, 3):
        mine = power[stages == code]
        assert_allclose(mine.mean(), 1.0)
        assert mine[0] > 1.2 * mine[-1]
    assert (power[(stages == 0) | (stages == 4)] == 1).all()


def test_envelopes_keep_power_and_follow_the_graph() -> None:
    truth, sd = brain(), 0.3
    slow = slow_envelopes(truth, 20000, sd, np.random.default_rng(1))
    assert_allclose((slow**2).mean(axis=1), 1.0, atol=0.02)
    log = np.log(slow)
    assert_allclose(log.std(axis=1), sd, rtol=0.03)
    c = np.asarray(truth.graph.weights)
    strongest = max(-np.linalg.eigvalsh(c)[0], c.max())
    assert_allclose(np.corrcoef(log), np.eye(6) + 0.9 * c / strongest, atol=0.03)


@pytest.mark.slow
def test_orthogonalised_envelope_correlation_finds_the_graph() -> None:
    """Zero-lag mixing is removed by the orthogonalisation; what is left is the graph, its spectrum included."""
    from mne_connectivity import envelope_correlation

    truth, epochs = brain(), 400
    eeg = night_eeg(truth, np.full(epochs, 2, dtype=np.int8), SFREQ, 0.3, np.random.default_rng(2))
    sigma = hilbert(sosfiltfilt(butter(3, (11, 16), "bandpass", fs=SFREQ, output="sos"), eeg))
    sigma = sigma.reshape(6, epochs, -1).transpose(1, 0, 2)
    found = envelope_correlation(sigma, orthogonalize="pairwise", absolute=False).combine().get_data("dense")[..., 0]
    found = (found + found.T) / 2
    above = np.triu_indices(6, 1)
    assert np.corrcoef(found[above], np.array(truth.graph.weights)[above])[0, 1] > 0.85
    np.fill_diagonal(found, 0)
    values = laplacian_modes(np.clip(found, 0, None))[0]
    assert np.abs(values - truth.graph.eigenvalues).max() < 0.35


def test_line_stands_in_one_person_only() -> None:
    for person in range(3):
        line = cohort().people[person].nights[0].line
        assert (line is not None) == (person == 1)
        eeg = signal(person)[:6].reshape(6, -1, 3000)
        _, psd = welch(eeg, SFREQ, nperseg=400)
        psd = np.median(psd, axis=1)
        height = 10 * np.log10(psd[:, 88] / np.median(psd[:, [83, 84, 85, 91, 92, 93]], axis=1))
        assert (height.min() > 6) if line else (np.abs(height).max() < 2)


def test_artefacts_are_where_the_truth_says() -> None:
    for person in range(3):
        for artefact in cohort().people[person].nights[0].artefacts:
            first = round(artefact.onset * SFREQ)
            rows = [EEG_CHANNELS.index(c) for c in artefact.channels]
            part = signal(person)[rows, first : first + round(artefact.duration * SFREQ)]
            if artefact.kind == "movement":
                assert np.abs(part).max() > 500
            elif artefact.kind == "loose_electrode":
                quiet = np.median(np.abs(part))
                assert quiet < 0.1
            else:
                freq, psd = welch(part, SFREQ, nperseg=200)
                assert psd[:, (freq > 25) & (freq < 45)].mean() > 5


def test_artefacts_change_nothing_else() -> None:
    rng = np.random.default_rng(0)
    names = [*EEG_CHANNELS, "E1", "E2", "CHIN"]
    before = rng.standard_normal((9, 6000)).astype(np.float32)
    after = before.copy()
    artefact = ArtefactTruth(kind="muscle", channels=["C3"], onset=10.0, duration=5.0)
    add_artefacts(after, names, [artefact], SFREQ, rng)
    changed = np.argwhere(after != before)
    assert set(changed[:, 0]) == {2, 8}
    assert changed[:, 1].min() >= 1000
    assert changed[:, 1].max() < 1500
    assert epochs_touched([artefact], 2).tolist() == [True, False]


def test_eyes_turn_together_in_rem_and_the_chin_is_slack() -> None:
    stages = np.repeat(np.array([0, 1, 2, 3, 4], dtype=np.int8), 80)
    eyes = eye_movements(stages, SFREQ, np.random.default_rng(0)).reshape(2, 400, -1)
    assert np.corrcoef(eyes[:, 320:].reshape(2, -1))[0, 1] == pytest.approx(-1, abs=1e-3)
    assert (eyes[:, 161:320] == 0).all()
    chin = chin_channel(stages, SFREQ, np.random.default_rng(0)).reshape(400, -1)
    tone = {s: chin[i * 80 + 1 : (i + 1) * 80].std() for i, s in enumerate(STAGES)}
    assert tone["W"] > tone["N1"] > tone["N2"] > tone["N3"] > 2 * tone["R"]
