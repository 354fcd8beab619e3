"""Where one large computation of a step runs."""

import json
from typing import Self

from pydantic import ValidationError, field_validator

from braintwin.errors import ConfigError
from braintwin.options.base import Options, option


class DaskOptions(Options):
    """Workers of one large computation; threads of the step's own job where nothing else is asked for."""

    scheduler: str = option(
        "threads",
        "threads: those of the job; slurm: workers of dask-jobqueue; or a scheduler's address (tcp://host:8786).",
    )
    workers: int = option(4, "Jobs of dask-jobqueue.", ge=1)
    cores: int = option(2, "Cores of one such job.", ge=1)
    memory_gib: int = option(6, "Memory of one such job.", unit="GiB", ge=1)
    walltime: str = option("02:00:00", "Time limit of one such job.")
    queue: str = option("", "Partition of SLURM; its default where empty.")
    wait_s: float = option(300.0, "How long to wait for the first worker.", unit="s", gt=0)

    @field_validator("scheduler")
    @classmethod
    def _known(cls, scheduler: str) -> str:
        if scheduler not in ("threads", "slurm") and "://" not in scheduler:
            message = f"scheduler {scheduler!r} is neither threads nor slurm nor an address such as tcp://host:8786"
            raise ValueError(message)
        return scheduler

    def at(self, said: str) -> Self:
        """Return these options changed by a few words: a scheduler, or a JSON object of several of them.

        Raises
        ------
        ConfigError
            If they name no such option or scheduler.
        """
        try:
            changed = json.loads(said) if said.startswith("{") else {"scheduler": said}
            return self.model_validate({**self.model_dump(), **changed})
        except ValidationError as cause:
            found = "; ".join(f"{e['loc'][0]}: {e['msg'].removeprefix('Value error, ')}" for e in cause.errors())
        except ValueError as cause:
            found = str(cause)
        message = f"dask: {said}: {found}"
        raise ConfigError(message)
