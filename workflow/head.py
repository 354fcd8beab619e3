"""Snakemake with its own command line, but for two habits: ``python workflow/head.py``, as `braintwin run` starts it.

Snakemake starts at most 100 jobs a second unless told otherwise, and for that looks at every waiting job again a second
after each look; each job that ends begins one more such series. With hundreds of jobs waiting the head keeps a core
busy that the jobs need (decision 027). Its Python interface knows no limit, its command line does not. A limit that
somebody gave stays.

When a job ends, each of its outputs gets a record with the checksums of all its inputs, and Snakemake reads every input
again for every output: a batch of 32 people, 32 times. Here what it finds is kept until the job's records are written.
"""

import functools
import sys
from collections.abc import Sequence
from typing import Any

from snakemake import cli
from snakemake.io import IOCache
from snakemake.persistence import PersistenceBase

DEFAULT_LIMIT = (100, 1.0)
"""Jobs, and seconds."""


def read_inputs_once() -> None:
    """Let Snakemake remember what it found of a job's files while it writes the records of the job's outputs."""
    finished = PersistenceBase.finished

    @functools.wraps(finished)
    async def once(self: PersistenceBase, job: Any) -> None:
        workflow = self.dag.workflow
        before, workflow.iocache = workflow.iocache, IOCache(0)
        try:
            await finished(self, job)
        finally:
            workflow.iocache = before

    PersistenceBase.finished = once


def main(arguments: Sequence[str]) -> int:
    """Run Snakemake and return its exit code."""
    try:
        parser, settings = cli.parse_args(list(arguments))
        limit = settings.max_jobs_per_timespan
        if limit is not None and (limit.max_jobs, limit.timespan) == DEFAULT_LIMIT:
            settings.max_jobs_per_timespan = None
        read_inputs_once()
        done: bool = cli.args_to_api(settings, parser)
    except Exception as error:  # as Snakemake's own entry does
        cli.print_exception(error)
        return 1
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
