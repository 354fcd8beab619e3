"""Options of `pages`."""

from braintwin.options.base import Options, option


class PagesOptions(Options):
    """How the report is written."""

    title: str = option("BrainTwin report", "Title of the cohort page.")
    show_treatments: int = option(12, "Treatments drawn in the figures; the table has them all.", ge=3)
