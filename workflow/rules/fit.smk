"""Fit the two twins, a batch of people in one process: one compilation serves them all.

IN   nights/*/features.nc, connect.nc (spectral twin); nights/*/prepare.nc (hypnogram twin; with process_s: swa, features.nc too)
OUT  people/{person}/spectral.nc, night.nc, spectral.status.json, night.status.json
"""

for batch, people in BATCHES.items():

    rule:
        name:
            f"fit_spectral_{batch}"
        input:
            features=of_nights(people, "features", eeg_only=True),
            connect=of_nights(people, "connect", eeg_only=True),
        output:
            spectral=of_people(people, "spectral"),
            status=of_people(people, "spectral", ".status.json"),
        log:
            LOGS / "fit-spectral" / f"{batch}.log",
        conda:
            ENV
        resources:
            mem_mb=memory("fit_spectral"),
            runtime=minutes("fit_spectral", len(people)),
        params:
            people=as_json(people),
            options=options("fit_spectral"),
            seed=CONFIG.seed,
            code=code("fit_spectral"),
        shell:
            "braintwin step fit-spectral --people {params.people:q} --features {input.features:q}"
            " --connect {input.connect:q} --spectral {output.spectral:q} --seed {params.seed}"
            " --threads {threads} --options {params.options:q} > {log:q} 2>&1"

    rule:
        name:
            f"fit_nights_{batch}"
        input:
            prepare=of_nights(people, "prepare"),
            features=(
                of_nights(people, "features", eeg_only=True)
                if CONFIG.fit_nights.process_s == "swa"
                else []
            ),
            population=POPULATION,
        output:
            night=of_people(people, "night"),
            status=of_people(people, "night", ".status.json"),
        log:
            LOGS / "fit-nights" / f"{batch}.log",
        conda:
            ENV
        resources:
            mem_mb=memory("fit_nights"),
            runtime=minutes("fit_nights", len(people)),
        params:
            people=as_json(people),
            options=options("fit_nights"),
            seed=CONFIG.seed,
            code=code("fit_nights"),
        shell:
            "braintwin step fit-nights --people {params.people:q} --prepare {input.prepare:q}"
            " --features {input.features:q} --population {input.population:q} --night {output.night:q} --seed {params.seed}"
            " --threads {threads} --options {params.options:q} > {log:q} 2>&1"
