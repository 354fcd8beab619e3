"""The population prior of the hypnogram twin, learned from this study; not a part of `all`.

IN   index/nights.tsv, index/people.tsv, datasets/{dataset}.json, nights/*/prepare.nc
OUT  cohort/population.nc
"""


rule fit_population:
    """Learn how people and nights vary, from everybody in the study."""
    input:
        nights=ancient(PATHS.nights),
        people=ancient(PATHS.people),
        records=ancient(records()),
        prepare=of_nights(PEOPLE, "prepare"),
    output:
        population=PATHS.population,
    log:
        LOGS / "fit-population.log",
    conda:
        ENV
    resources:
        mem_mb=memory("fit_population"),
        runtime=minutes("fit_population"),
    params:
        tables=digests(PATHS.nights, PATHS.people),
        options=options("fit_population"),
        seed=CONFIG.seed,
        code=code("fit_population"),
    shell:
        "braintwin step fit-population --nights {input.nights:q} --people {input.people:q}"
        " --records {input.records:q} --population {output.population:q} --seed {params.seed}"
        " --options {params.options:q} > {log:q} 2>&1"
