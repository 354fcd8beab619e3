"""Snakemake with its own command line, but for one default: ``python workflow/head.py``, as `braintwin run` starts it.

Snakemake starts at most 100 jobs a second unless told otherwise, and for that looks at every waiting job again a second
after each look; each job that ends begins one more such series. With hundreds of jobs waiting the head keeps a core
busy that the jobs need (decision 027). Its Python interface knows no limit, its command line does not. A limit that
somebody gave stays.
"""

import sys
from collections.abc import Sequence

from snakemake import cli

DEFAULT_LIMIT = (100, 1.0)
"""Jobs, and seconds."""


def main(arguments: Sequence[str]) -> int:
    """Run Snakemake and return its exit code."""
    try:
        parser, settings = cli.parse_args(list(arguments))
        limit = settings.max_jobs_per_timespan
        if limit is not None and (limit.max_jobs, limit.timespan) == DEFAULT_LIMIT:
            settings.max_jobs_per_timespan = None
        done: bool = cli.args_to_api(settings, parser)
    except Exception as error:  # as Snakemake's own entry does
        cli.print_exception(error)
        return 1
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
