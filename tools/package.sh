#!/usr/bin/env bash
# package.sh: builds the functions for Lambda (arm64) and zips each, below $CARGO_TARGET_DIR/lambda/; prints the sizes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
built=${CARGO_TARGET_DIR:-target}/lambda
cargo_lambda=$(tools/provide.sh cargo-lambda)
tools/provide-target.sh

packages=()
for function in functions/*/; do packages+=(--package "$(basename "$function")"); done
# One call builds all functions, so that the big dependencies are built once. The linker is in cargo-lambda's folder.
PATH=$(dirname "$cargo_lambda"):$PATH "$cargo_lambda" lambda build --release --arm64 --locked --output-format zip "${packages[@]}"

for function in functions/*/; do
  name=$(basename "$function")
  printf '%-20s %sB zipped; goal: at most 4 MB\n' "$name" "$(stat --format %s "$built/$name/bootstrap.zip" | numfmt --to=si --format='%.2f')"
done
