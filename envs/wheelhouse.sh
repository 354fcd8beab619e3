#!/bin/sh
# Gather what the lock of a Python names, so that a machine without network installs from a folder.
# Usage: wheelhouse.sh PYTHON FOLDER; then there: make install WHEELHOUSE=FOLDER
set -eu
python=$1
folder=$2
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
lock="$(dirname "$0")/lock-$version.txt"
if [ ! -f "$lock" ]; then
    echo "wheelhouse: Python $version has no lock; use 3.11, 3.12 or 3.13: make wheelhouse PYTHON=/path/to/python3" >&2
    exit 2
fi
mkdir -p "$folder"
"$python" -m pip download --quiet --disable-pip-version-check --require-hashes -r "$lock" --dest "$folder"
# A locked package without a wheel is built on the other machine, and its build asks for these.
"$python" -m pip download --quiet --disable-pip-version-check --dest "$folder" setuptools wheel
echo "wheelhouse: $(ls "$folder" | wc -l) files for Python $version on $(uname -sm) in $folder; install there with:"
echo "    make install WHEELHOUSE=$folder"
