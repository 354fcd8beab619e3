"""BrainTwin: from a BIDS sleep dataset to a ranking of treatments for each person.

    snakemake --cores 2 index     who is in the dataset (first, and whenever the dataset has changed)
    snakemake --cores 2           everything else, for the people in the table

`braintwin run` does both, with guards. Without --configfile the embedded synthetic cohort is used; a config
is never merged with another, so no `configfile:` stands here.
"""

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


wildcard_constraints:
    dataset="[A-Za-z0-9]+",
    night="[A-Za-z0-9-]+",


localrules:
    all,
    retrieve,
    index,


rule all:
    """The cohort page with everything that it links to, and the stages as a BIDS derivative."""
    input:
        [PATHS.cohort_page, *map(PATHS.hypnograms, CONFIG.datasets)]
        if NIGHTS
        else PATHS.nights,


include: "workflow/rules/retrieve.smk"
include: "workflow/rules/index.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/hypnograms.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/connect.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/treat.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/population.smk"
include: "workflow/rules/trial.smk"
