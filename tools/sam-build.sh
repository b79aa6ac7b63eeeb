#!/usr/bin/env bash
# sam-build.sh: builds the deployment with the SAM CLI, into .aws-sam/build/. It uses again what `make package` has built.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
sam=$(tools/provide.sh sam)
cargo_lambda=$(tools/provide.sh cargo-lambda)
tools/provide-target.sh
PATH=$(dirname "$cargo_lambda"):$PATH SAM_CLI_TELEMETRY=0 exec "$sam" build
