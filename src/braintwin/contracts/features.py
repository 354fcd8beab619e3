"""Spectra per stage, slow-wave activity and spindles of one night (`features.nc`)."""

from braintwin.contracts.base import Contract, Var

FEATURES = Contract(
    name="features.nc",
    meaning="Spectra of the even clean epochs of each stage (odd ones belong to the connectome), SWA, spindles.",
    variables={
        "psd": Var(("stage", "channel", "freq"), "f", "µV²/Hz", "mean power spectral density over epochs"),
        "log_psd": Var(("stage", "channel", "freq"), "f", "ln(µV²/Hz)", "mean over epochs of the log spectrum"),
        "log_psd_var": Var(
            ("stage", "channel", "freq"), "f", "", "variance of that mean: between-epoch variance / epochs"
        ),
        "n_epochs": Var(("stage", "channel"), "iu", meaning="clean even epochs that went in"),
        "masked": Var(("channel", "freq"), "iub", meaning="1: an interference line or outside the passband"),
        "swa": Var(("epoch", "channel"), "f", "µV²", "power in 0.75-4.5 Hz of each epoch; NaN where not clean"),
        "coherency_re": Var(
            ("stage", "channel", "channel_to", "freq"), "f", meaning="real part of coherency", required=False
        ),
        "coherency_im": Var(
            ("stage", "channel", "channel_to", "freq"), "f", meaning="imaginary part of coherency", required=False
        ),
        "coherency_windows": Var(
            ("stage",), "f", meaning="independent windows in which all channels were clean", required=False
        ),
        "spindle_density": Var(("stage", "channel"), "f", "1/min", "spindles per minute (YASA)"),
        "slow_wave_density": Var(("stage", "channel"), "f", "1/min", "slow waves per minute (YASA)"),
    },
    coords={
        "stage": Var(("stage",), "U", meaning="W, N1, N2, N3, R"),
        "channel": Var(("channel",), "U", meaning="EEG derivation"),
        "channel_to": Var(("channel_to",), "U", meaning="EEG derivation", required=False),
        "freq": Var(("freq",), "f", "Hz", "frequency"),
        "epoch": Var(("epoch",), "iu", meaning="as in prepare.nc"),
    },
    attrs=("night", "person", "window_s", "df", "window"),
)
