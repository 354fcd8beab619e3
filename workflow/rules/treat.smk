"""Treated nights, and their ranking.

IN   people/{person}/night.nc, check.json, config/treatments.yaml, the population
OUT  people/{person}/simulate.nc, rank.nc, simulate.status.json, rank.status.json
"""

for batch, people in BATCHES.items():

    rule:
        name:
            f"simulate_{batch}"
        input:
            night=of_people(people, "night"),
            check=of_people(people, "check", ".json"),
            treatments=TREATMENTS,
            population=POPULATION,
        output:
            simulate=of_people(people, "simulate"),
            status=of_people(people, "simulate", ".status.json"),
        log:
            LOGS / "simulate" / f"{batch}.log",
        group:
            "treatment"
        conda:
            ENV
        resources:
            mem_mb=memory("simulate"),
            runtime=minutes("simulate", len(people)),
        params:
            people=as_json(people),
            options=options("simulate"),
            seed=CONFIG.seed,
            code=code("simulate"),
        shell:
            "braintwin step simulate --people {params.people:q} --night {input.night:q}"
            " --check {input.check:q} --treatments {input.treatments:q}"
            " --population {input.population:q} --simulate {output.simulate:q} --seed {params.seed}"
            " --options {params.options:q} > {log:q} 2>&1"

    rule:
        name:
            f"rank_{batch}"
        input:
            simulate=of_people(people, "simulate"),
            check=of_people(people, "check", ".json"),
            treatments=TREATMENTS,
        output:
            rank=of_people(people, "rank"),
            status=of_people(people, "rank", ".status.json"),
        log:
            LOGS / "rank" / f"{batch}.log",
        group:
            "treatment"
        conda:
            ENV
        resources:
            mem_mb=memory("rank"),
            runtime=minutes("rank", len(people)),
        params:
            options=options("rank"),
            seed=CONFIG.seed,
            code=code("rank"),
        shell:
            "braintwin step rank --simulate {input.simulate:q} --check {input.check:q}"
            " --treatments {input.treatments:q} --rank {output.rank:q} --seed {params.seed}"
            " --options {params.options:q} > {log:q} 2>&1"
