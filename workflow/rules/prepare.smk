"""Make nights ready: one with EEG per job, nights that have only a scoring many at a time.

IN   the night's signal and scoring, where they are there
OUT  nights/{night}/prepare.nc, epochs.zarr.zip, prepare.status.json
"""


rule prepare:
    """Read hypnogram and EEG, filter, cut into epochs, find artefacts and spectral lines."""
    input:
        sources=lambda wildcards: sources(NIGHTS[wildcards.night]),
    output:
        prepare=PATHS.night("{night}", "prepare"),
        epochs=PATHS.night("{night}", "epochs", ".zarr.zip"),
        status=PATHS.night("{night}", "prepare", ".status.json"),
    log:
        LOGS / "prepare" / "{night}.log",
    group:
        "night"
    conda:
        ENV
    resources:
        mem_mb=memory("prepare"),
        runtime=minutes("prepare"),
    params:
        night=lambda wildcards: NIGHTS[wildcards.night].model_dump_json(),
        dataset=lambda wildcards: reading_options(NIGHTS[wildcards.night].dataset),
        root=lambda wildcards: root(NIGHTS[wildcards.night].dataset),
        options=options("prepare"),
        code=code("prepare"),
    shell:
        "braintwin step prepare --night {params.night:q} --dataset {params.dataset:q}"
        " --dataset-root {params.root:q} --prepare {output.prepare:q} --epochs {output.epochs:q}"
        " --options {params.options:q} > {log:q} 2>&1"


for job, rows in SCORED.items():

    workflow.ruleorder(f"prepare_scored_{job}", "prepare")

    rule:
        name:
            f"prepare_scored_{job}"
        input:
            sources=[path for row in rows for path in sources(row)],
        output:
            prepare=[PATHS.night(row.night, "prepare") for row in rows],
            epochs=[PATHS.night(row.night, "epochs", ".zarr.zip") for row in rows],
            status=[PATHS.night(row.night, "prepare", ".status.json") for row in rows],
        log:
            LOGS / "prepare" / f"{job}.log",
        conda:
            ENV
        resources:
            mem_mb=memory("prepare"),
            runtime=minutes("prepare", len(rows)),
        params:
            nights=[row.model_dump_json() for row in rows],
            dataset=reading_options(rows[0].dataset),
            root=root(rows[0].dataset),
            options=options("prepare"),
            code=code("prepare"),
        shell:
            "braintwin step prepare --night {params.nights:q} --dataset {params.dataset:q}"
            " --dataset-root {params.root:q} --prepare {output.prepare:q} --epochs {output.epochs:q}"
            " --options {params.options:q} > {log:q} 2>&1"
