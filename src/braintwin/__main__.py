"""``python -m braintwin`` and the ``braintwin`` command."""

import gc
import sys


def main() -> None:
    """Run the command line; see `braintwin --help`."""
    from braintwin.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # the process ends: to search the compiled models for cycles would take a second of every job
    sys.exit(code)


if __name__ == "__main__":
    main()
