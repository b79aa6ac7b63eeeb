#!/usr/bin/env bash
# Checks the CloudFormation templates with cfn-lint, and also the example with its rendered user data; changes nothing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
lint=$(tools/provide.sh cfn-lint)
rendered=$(mktemp --suffix=.yaml)
trap 'rm -f "$rendered"' EXIT
instance/render-cluster.sh >"$rendered"
"$lint" template.yaml examples/cluster.yaml "$rendered"
