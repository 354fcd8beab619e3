"""The gates: may a person's twins be used, and for what.

IN   people/{person}/spectral.nc, night.nc
OUT  people/{person}/check.json, check.status.json
"""

for batch, people in BATCHES.items():

    rule:
        name:
            f"check_{batch}"
        input:
            spectral=of_people(people, "spectral"),
            night=of_people(people, "night"),
        output:
            check=of_people(people, "check", ".json"),
            status=of_people(people, "check", ".status.json"),
        log:
            LOGS / "check" / f"{batch}.log",
        group:
            "treatment"
        conda:
            ENV
        resources:
            mem_mb=memory("check"),
            runtime=minutes("check", len(people)),
        params:
            options=options("check"),
            code=code("check"),
        shell:
            "braintwin step check --spectral {input.spectral:q} --night {input.night:q}"
            " --check {output.check:q} --options {params.options:q} > {log:q} 2>&1"
