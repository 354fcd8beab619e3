"""A treatment learned from the nights of a trial, as an entry of the treatment library; not a part of `all`.

IN   index/nights.tsv, index/people.tsv, datasets/{dataset}.json, nights/*/prepare.nc, the population
OUT  cohort/treatments/{name}.yaml, cohort/treatments/{name}.json
"""


rule fit_treatment:
    """Learn what a treatment does from everybody's nights with it and without it."""
    input:
        nights=ancient(PATHS.nights),
        people=ancient(PATHS.people),
        records=ancient(records()),
        population=POPULATION,
        prepare=of_conditions(
            [*CONFIG.fit_treatment.treated, *CONFIG.fit_treatment.control]
        ),
    output:
        entry=PATHS.treatment(CONFIG.fit_treatment.name),
        fit=PATHS.treatment(CONFIG.fit_treatment.name, ".json"),
    log:
        LOGS / "fit-treatment.log",
    conda:
        ENV
    resources:
        mem_mb=memory("fit_treatment"),
        runtime=minutes("fit_treatment"),
    params:
        tables=digests(PATHS.nights, PATHS.people, *records()),
        options=options("fit_treatment"),
        seed=CONFIG.seed,
        code=code("fit_treatment"),
    shell:
        "braintwin step fit-treatment --nights {input.nights:q} --people {input.people:q}"
        " --records {input.records:q} --population {input.population:q} --entry {output.entry:q}"
        " --fit {output.fit:q} --seed {params.seed} --options {params.options:q} > {log:q} 2>&1"
