"""``python -m braintwin`` and the ``braintwin`` command."""

import sys


def main() -> None:
    """Run the command line; see `braintwin --help`."""
    from braintwin.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
