#!/usr/bin/env bash
# Checks every shell script with shellcheck, and parses every Python file; changes nothing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
shellcheck=$(tools/provide.sh shellcheck)

# The parts of the boot script are checked through the file that sources them, so that shellcheck knows shared names.
"$shellcheck" --check-sourced --external-sources --source-path=SCRIPTDIR instance/etcd-asg.sh
"$shellcheck" --external-sources --source-path=SCRIPTDIR instance/install-etcd.sh
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run 'tools/hooks/*' | grep -v '^instance/\(etcd-asg\.sh$\|install-etcd\.sh$\|lib/\)')
"$shellcheck" "${scripts[@]}"

mapfile -t sources < <(git ls-files -co --exclude-standard '*.py')
python3 - "${sources[@]}" <<'PYTHON'
import ast, pathlib, sys
for name in sys.argv[1:]:
    ast.parse(pathlib.Path(name).read_text(encoding="utf-8"), name)
PYTHON
