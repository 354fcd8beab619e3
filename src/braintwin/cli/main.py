"""The entry of every command, and the error ladder.

A user's mistake is one line and exit code 2; a bug keeps its traceback and exits with 1; a run that finished
with nights in quarantine exits with 0 and says so.
"""

import errno
import os
import sys
import warnings
from collections.abc import Sequence

from braintwin.errors import BrainTwinError

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Faults that no code of ours can mend, and that are no bug."""


def pin_threads(count: int = 1) -> None:
    """Give BLAS and OpenMP one owner of the cores: the workflow, not the library."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(count))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    pin_threads()
    try:
        if arguments[:1] == ["step"]:
            from braintwin.cli.step import run as run_step

            # a step's log is a result: it names no folder of this machine
            warnings.formatwarning = lambda text, kind, *_: f"{kind.__name__}: {text}\n"
            return run_step(arguments[1:])
        from braintwin.cli.people import run as run_command

        return run_command(arguments)
    except BrainTwinError as error:
        if debug:
            raise
        sys.stderr.write(f"braintwin: {error}\n")
        return 2
    except OSError as error:
        if debug or error.errno not in _OF_THE_DISK:
            raise
        what = f" ({error.filename})" if error.filename else ""
        sys.stderr.write(f"braintwin: {error.strerror}{what}; mend it and run the same command again\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("braintwin: interrupted; run the same command again to go on\n")
        return 130
