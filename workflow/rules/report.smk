"""The pages that people read.

IN   everything of a person; statuses and verdicts of everyone
OUT  report/people/{person}.html, report/index.html, cohort/quarantine.tsv, cohort/summary.tsv,
     cohort/connectome.nc, cohort/tables/{table}.{csv,parquet}
"""

for batch, people in BATCHES.items():

    rule:
        name:
            f"pages_{batch}"
        input:
            prepare=of_nights(people, "prepare"),
            features=of_nights(people, "features", eeg_only=True),
            connect=of_nights(people, "connect", eeg_only=True),
            spectral=of_people(people, "spectral"),
            night=of_people(people, "night"),
            check=of_people(people, "check", ".json"),
            simulate=of_people(people, "simulate"),
            rank=of_people(people, "rank"),
            treatments=TREATMENTS,
        output:
            page=report(
                [PATHS.person_page(row.person) for row in people],
                caption="../report/person.rst",
                category="People",
                subcategory=batch,
            ),
        log:
            LOGS / "pages" / f"{batch}.log",
        group:
            "treatment"
        conda:
            ENV
        resources:
            mem_mb=memory("pages"),
            runtime=minutes("pages", len(people)),
        params:
            people=as_json(people),
            options=options("pages"),
            looks=LOOKS,
            code=code("pages"),
        shell:
            "braintwin step pages --people {params.people:q} --prepare {input.prepare:q}"
            " --features {input.features:q} --connect {input.connect:q} --spectral {input.spectral:q}"
            " --night {input.night:q} --check {input.check:q} --simulate {input.simulate:q}"
            " --rank {input.rank:q} --treatments {input.treatments:q} --page {output.page:q}"
            " --options {params.options:q} > {log:q} 2>&1"


rule cohort:
    """Say who is in, who is in quarantine and why, and what was found."""
    input:
        nights=ancient(PATHS.nights),
        people=ancient(PATHS.people),
        refused=ancient(PATHS.refused),
        records=ancient(records()),
        status=STATUSES,
        check=of_people(PEOPLE, "check", ".json"),
        night=of_people(PEOPLE, "night"),
        rank=of_people(PEOPLE, "rank"),
        pages=[PATHS.person_page(row.person) for row in PEOPLE],
        treatments=TREATMENTS,
    output:
        page=report(
            PATHS.cohort_page, caption="../report/cohort.rst", category="Cohort"
        ),
        quarantine=report(
            PATHS.quarantine, caption="../report/quarantine.rst", category="Cohort"
        ),
        summary=PATHS.root / "cohort" / "summary.tsv",
        connectome=PATHS.root / "cohort" / "connectome.nc",
        tables=expand(
            PATHS.root / "cohort" / "tables" / "{table}.{kind}",
            table=[
                "people",
                "nights",
                "rankings",
                "contrasts",
                "parameters",
                "connectomes",
                "quarantine",
            ],
            kind=["csv", "parquet"],
        ),
    log:
        LOGS / "cohort.log",
    conda:
        ENV
    resources:
        mem_mb=memory("cohort"),
        runtime=minutes("cohort", len(PEOPLE)),
    params:
        tables=digests(PATHS.nights, PATHS.people, PATHS.refused, *records()),
        options=options("pages"),
        looks=LOOKS,
        code=code("cohort"),
    shell:
        "braintwin step cohort --nights {input.nights:q} --people {input.people:q}"
        " --refused {input.refused:q} --records {input.records:q} --treatments {input.treatments:q}"
        " --quarantine {output.quarantine:q} --page {output.page:q} --summary {output.summary:q}"
        " --options {params.options:q} > {log:q} 2>&1"
