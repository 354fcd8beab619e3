"""The connectome of one night.

IN   nights/{night}/prepare.nc, epochs.zarr.zip; the person's structural connectome, where one is given
OUT  nights/{night}/connect.nc, connect.status.json
"""


rule connect:
    """Estimate the coupling of every pair of channels from the odd clean epochs."""
    input:
        prepare=PATHS.night("{night}", "prepare"),
        epochs=PATHS.night("{night}", "epochs", ".zarr.zip"),
        status=PATHS.night("{night}", "prepare", ".status.json"),
        structural=lambda wildcards: structural(wildcards.night),
    output:
        connect=PATHS.night("{night}", "connect"),
        status=PATHS.night("{night}", "connect", ".status.json"),
    log:
        LOGS / "connect" / "{night}.log",
    group:
        "night"
    conda:
        ENV
    resources:
        mem_mb=memory("connect"),
        runtime=minutes("connect"),
    params:
        options=options("connect"),
        code=code("connect"),
    shell:
        "braintwin step connect --prepare {input.prepare:q} --epochs {input.epochs:q}"
        " --connect {output.connect:q} --threads {threads} --options {params.options:q} > {log:q} 2>&1"
