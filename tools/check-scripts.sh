#!/usr/bin/env bash
# Checks every shell script with shellcheck and the syntax of every Python file; writes nothing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
shellcheck=$(tools/provide.sh shellcheck)

# The boot script's parts are read through the file that sources them, so that shared names are seen.
"$shellcheck" --check-sourced --external-sources --source-path=SCRIPTDIR instance/etcd-asg.sh
"$shellcheck" --external-sources --source-path=SCRIPTDIR instance/install-etcd.sh
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run | grep -v '^instance/\(etcd-asg\.sh$\|install-etcd\.sh$\|lib/\)')
"$shellcheck" "${scripts[@]}"

mapfile -t sources < <(git ls-files -co --exclude-standard '*.py')
python3 - "${sources[@]}" <<'PYTHON'
import ast, pathlib, sys
for name in sys.argv[1:]:
    ast.parse(pathlib.Path(name).read_text(encoding="utf-8"), name)
PYTHON
