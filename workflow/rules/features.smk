"""Spectra, slow-wave activity and spindles of one night.

IN   nights/{night}/prepare.nc, epochs.zarr.zip
OUT  nights/{night}/features.nc, features.status.json
"""


rule features:
    """Estimate the spectrum of each stage from the even clean epochs."""
    input:
        prepare=PATHS.night("{night}", "prepare"),
        epochs=PATHS.night("{night}", "epochs", ".zarr.zip"),
        status=PATHS.night("{night}", "prepare", ".status.json"),
    output:
        features=PATHS.night("{night}", "features"),
        status=PATHS.night("{night}", "features", ".status.json"),
    log:
        LOGS / "features" / "{night}.log",
    group:
        "night"
    conda:
        ENV
    resources:
        mem_mb=memory("features"),
        runtime=minutes("features"),
    params:
        options=options("features"),
        code=code("features"),
    shell:
        "braintwin step features --prepare {input.prepare:q} --epochs {input.epochs:q}"
        " --features {output.features:q} --options {params.options:q} > {log:q} 2>&1"
