#!/usr/bin/env bash
# Builds the three images with buildah, which needs no daemon. Options go to each "buildah build":
#   deploy/build_images.sh --build-arg PYTHON_IMAGE=registry.example/python:3.13-slim
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."
command -v buildah >/dev/null || { echo "buildah is missing: expected Debian's package buildah, or docker build" >&2; exit 2; }
build() {
    buildah build --layers --format docker --target "$1" --tag "$2" "${@:3}" .
}
build mock-servicenow mock-servicenow "$@"
build console-sim console-sim "$@"
build scenarios privman-scenarios "$@"
