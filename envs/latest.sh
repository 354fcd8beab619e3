#!/bin/sh
# Make a virtual environment of the newest versions that pyproject.toml allows. Usage: latest.sh PYTHON VENV
set -eu
python=$1
venv=$2
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[dev]'
"$venv/bin/python" -m pip list --disable-pip-version-check --format freeze --exclude-editable >"$venv/versions.txt"
echo "latest: $(wc -l <"$venv/versions.txt") packages; versions in $venv/versions.txt"
