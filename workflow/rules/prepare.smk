"""Make one night ready.

IN   the night's signal and scoring, where they are there
OUT  nights/{night}/prepare.nc, epochs.zarr.zip, prepare.status.json
"""


rule prepare:
    """Read hypnogram and EEG, filter, cut into epochs, find artefacts and spectral lines."""
    input:
        sources=sources,
    output:
        prepare=PATHS.night("{night}", "prepare"),
        epochs=PATHS.night("{night}", "epochs", ".zarr.zip"),
        status=PATHS.night("{night}", "prepare", ".status.json"),
    log:
        LOGS / "prepare" / "{night}.log",
    conda:
        ENV
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        night=lambda wildcards: NIGHTS[wildcards.night].model_dump_json(),
        dataset=lambda wildcards: dataset_options(NIGHTS[wildcards.night].dataset),
        root=lambda wildcards: root(NIGHTS[wildcards.night].dataset),
        options=options("prepare"),
        code=code("prepare"),
    shell:
        "braintwin step prepare --night {params.night:q} --dataset {params.dataset:q}"
        " --dataset-root {params.root:q} --prepare {output.prepare:q} --epochs {output.epochs:q}"
        " --options {params.options:q} > {log:q} 2>&1"
