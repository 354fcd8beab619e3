"""The stages of every night as a BIDS derivative.

IN   index/nights.tsv, nights/{night}/prepare.nc, datasets/{dataset}.json
OUT  derivatives/hypnograms-{dataset}/dataset_description.json, with sub-*/*_hypnogram.tsv beside it
"""


rule hypnograms:
    """Write one hypnogram a staged night, in the form of the draft BIDS proposal."""
    input:
        nights=ancient(PATHS.nights),
        record=ancient(PATHS.dataset_record("{dataset}")),
        prepare=lambda wildcards: of_nights(of_dataset(wildcards.dataset), "prepare"),
    output:
        description=PATHS.hypnograms("{dataset}"),
    log:
        LOGS / "hypnograms" / "{dataset}.log",
    conda:
        ENV
    resources:
        mem_mb=memory("hypnograms"),
        runtime=minutes("hypnograms", len(NIGHTS)),
    params:
        tables=lambda wildcards: digests(
            PATHS.nights, PATHS.dataset_record(wildcards.dataset)
        ),
        options=options("hypnograms"),
        code=code("hypnograms"),
    shell:
        "braintwin step hypnograms --nights {input.nights:q} --record {input.record:q}"
        " --description {output.description:q} --options {params.options:q} > {log:q} 2>&1"
