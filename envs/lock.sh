#!/bin/sh
# Resolve pyproject.toml into one lock per Python, with hashes and without addresses.
set -eu
for version in 3.11 3.12 3.13; do
    uv pip compile pyproject.toml --extra dev --python-version "$version" --generate-hashes \
        --no-header --no-annotate --quiet "$@" \
        -o "envs/lock-$version.txt"
done
