#!/bin/sh
# Make a virtual environment from the hashed lock of its Python. Usage: install.sh PYTHON VENV [WHEELHOUSE]
set -eu
python=$1
venv=$2
wheelhouse=${3:-}
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || {
    echo "install: no $python; install Python 3.11 or later, or name one: make PYTHON=/path/to/python3" >&2
    exit 2
}
lock="$(dirname "$0")/lock-$version.txt"
if [ ! -f "$lock" ]; then
    echo "install: Python $version has no lock; use 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3" >&2
    exit 2
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || {
    echo "install: $python cannot make virtual environments; install its venv module (Debian: python3-venv)" >&2
    exit 2
}
set -- --quiet --disable-pip-version-check
if [ -n "$wheelhouse" ]; then
    [ -d "$wheelhouse" ] || {
        echo "install: no folder $wheelhouse; make it where there is a network: make wheelhouse" >&2
        exit 2
    }
    set -- "$@" --no-index --find-links "$wheelhouse"
fi
echo "installing $(grep -c '==' "$lock") locked packages for Python $version into $venv (1 to 4 minutes)"
"$venv/bin/python" -m pip install "$@" --require-hashes -r "$lock"
"$venv/bin/python" -m pip install "$@" --no-deps --no-build-isolation -e .
