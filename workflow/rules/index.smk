"""Decide who is in the study.

IN   datasets/{dataset}.json
OUT  index/nights.tsv, index/people.tsv (append-only), index/refused.tsv
"""


rule index:
    """Write one row per night and per person; refused nights go to a table of their own."""
    input:
        # not ancient: a dataset that was brought here again is indexed again
        records=records(),
    output:
        nights=update(PATHS.nights),
        people=update(PATHS.people),
        refused=update(PATHS.refused),
    log:
        LOGS / "index.log",
    conda:
        ENV
    resources:
        mem_mb=memory("index"),
        runtime=minutes("index", 100),
    params:
        datasets="{"
        + ",".join(f'"{name}":{dataset_options(name)}' for name in CONFIG.datasets)
        + "}",
        options=options("index"),
        code=code("index"),
    shell:
        "braintwin step index --records {input.records:q} --datasets {params.datasets:q}"
        " --nights {output.nights:q} --people {output.people:q} --refused {output.refused:q}"
        " --options {params.options:q} > {log:q} 2>&1"
