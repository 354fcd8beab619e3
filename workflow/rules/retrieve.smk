"""Bring each dataset here, checked.

IN   the dataset's source: a folder, an archive, an address, or the synthetic cohort
OUT  datasets/{dataset}.json; the files themselves go to resources/, outside the results
"""


rule retrieve:
    """Fetch or find one dataset and record what it is."""
    output:
        record=update(PATHS.dataset_record("{dataset}")),
    log:
        LOGS / "retrieve" / "{dataset}.log",
    conda:
        ENV
    resources:
        mem_mb=memory("retrieve"),
        runtime=minutes("retrieve"),
    params:
        dataset=lambda wildcards: dataset_options(wildcards.dataset),
        synthesize=options("synthesize"),
        options=options("retrieve"),
        seed=CONFIG.seed,
        code=code("retrieve"),
        population=lambda wildcards: drawn_from(wildcards.dataset),
    shell:
        "braintwin step retrieve --name {wildcards.dataset} --dataset {params.dataset:q}"
        " --synthesize {params.synthesize:q} --store resources --record {output.record:q}"
        " --seed {params.seed} --options {params.options:q} > {log:q} 2>&1"
