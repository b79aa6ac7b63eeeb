"""Hundreds of damaged parameters, made from a seed, are given to the boot script and to a second parser (the twin): the
script must read each as the twin does, or refuse it in one sentence with the right status. Nothing in it is ever run.

One bash reads all of them, each in a subshell. `FUZZ_SEED` and `FUZZ_INPUTS` choose other parameters.
"""

import os
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

from machine import CLUSTER, REPOSITORY, environment
from cloud import INSTANCE

LIB = REPOSITORY / "instance" / "lib"
NOT_UNDERSTOOD = 80
REQUIRED = (
    "ETCD_NAME ETCD_INITIAL_CLUSTER ETCD_INITIAL_CLUSTER_TOKEN ETCD_LISTEN_PEER_URLS ETCD_LISTEN_CLIENT_URLS "
    "ETCD_INITIAL_ADVERTISE_PEER_URLS ETCD_ADVERTISE_CLIENT_URLS ETCD_ASG_CLUSTER"
).split()

# PATH is empty, so a command that runs here can only come from a parameter; the trap uses shell builtins to show it.
DRIVER = r"""
set -uo pipefail
export LC_ALL=C PATH=
readonly NOT_UNDERSTOOD=80
command_not_found_handle() { : >"$trap_dir/ran"; return 127; }
source "$1/words.sh"; source "$1/files.sh"; source "$1/prepare.sh"
trap_dir=$2 instance=$3 cluster=$4
refuse() { printf '%s\n%s' "$1" "$2"; exit 0; }
shift 4
declare -A env
for file; do
  ( read_environment "$file" the-parameter
    printf '0\n'; for name in "${!env[@]}"; do printf '%s=%s\n' "$name" "${env[$name]}"; done ) >"$file.out" 2>"$file.err"
  printf '%s' $? >"$file.status"
done
"""

POISON = (
    "$(: >TRAP/ran)", "`: >TRAP/ran`", "${x[$(: >TRAP/ran)]}", "a[$(: >TRAP/ran)]", "; : >TRAP/ran", "\n: >TRAP/ran\n",
    "'", '"', "\\", "\\\n", "\r", "\t", "\x7f", "\x01", "é", "\ufeff", "=", "==", "#", " ", "\n\n", "*", "?", "[!a]", "{{",
    "%s%n", "-e", "!!", "~", "<(:)", "0x10", "08", "99999999999999999999", "-1", "A" * 5000, '"x"', '""',
)
NAMES = ("ETCD_X", "ETCD_DATA_DIR", "ETCD_NAME", "PATH", "LD_PRELOAD", "BASH_ENV", "ETCD_ASG_FORMAT", "etcd_x", "ETCD_",
         "ETCD_ASG_GENERATION", "ETCD_A[0]", "export ETCD_X", "IFS")


def mutated(rng, text, trap):
    """A parameter that is nearly right: a right one with up to three changes."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        what = rng.randrange(7)
        poison = rng.choice(POISON).replace("TRAP", str(trap))
        if what == 0:
            del lines[at]
        elif what == 1:
            lines.insert(at, lines[rng.randrange(len(lines))] if lines else "")
        elif what == 2:
            lines.insert(at, f"{rng.choice(NAMES)}={poison}")
        elif what == 3:
            cut = rng.randint(0, len(lines[at]))
            lines[at] = lines[at][:cut] + poison + lines[at][cut:]
        elif what == 4:
            lines[at] = lines[at].split("=")[0] + "=" + poison
        elif what == 5:
            lines[at] = lines[at].replace("=", '="', 1) + '"'
        else:
            lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
        lines = lines or [""]
    return "\n".join(lines)


def twin(data):
    """The settings in the parameter, or None where it must be refused. Written from the comments of the boot script:
    KEY=value lines; comments, blank lines and one pair of double quotes are allowed; a quote, backslash, dollar sign,
    backquote, apostrophe, control character, anything beyond ASCII and a repeated name are not."""
    settings = {}
    for line in data.split(b"\n"):
        if not line or line.startswith(b"#"):
            continue
        name, equals, value = line.partition(b"=")
        if not equals or not re.fullmatch(rb"ETCD_[A-Z0-9_]+", name):
            return None
        if len(value) >= 2 and value[:1] == value[-1:] == b'"' and b'"' not in value[1:-1]:
            value = value[1:-1]
        if any(byte < 0x20 or byte > 0x7E or byte in b"\"'\\$`" for byte in value) or name in settings:
            return None
        settings[name] = value
    settings = {name.decode(): value.decode() for name, value in settings.items()}
    get = lambda name: settings.get(name, "")
    right = (
        get("ETCD_ASG_FORMAT") == "1" and all(get(name) for name in REQUIRED)
        and get("ETCD_INITIAL_CLUSTER_STATE") in ("new", "existing") and get("ETCD_ASG_DATA") in ("empty", "present")
        and re.fullmatch(r"[1-9][0-9]{0,17}", get("ETCD_ASG_GENERATION")) and not get("ETCD_DATA_DIR")
        and get("ETCD_NAME") == INSTANCE and get("ETCD_ASG_CLUSTER") == CLUSTER
    )
    return settings if right else None


class Parameters(unittest.TestCase):
    def test_each_is_read_as_the_twin_reads_it_or_refused_in_one_sentence(self):
        seed, inputs = (int(os.environ.get(name, default)) for name, default in (("FUZZ_SEED", 1), ("FUZZ_INPUTS", 600)))
        rng, taken = random.Random(seed), 0
        with tempfile.TemporaryDirectory(prefix="etcd-asg-fuzz.") as root:
            root = pathlib.Path(root)
            files = []
            for number in range(inputs):
                files.append(root / f"{number}")
                files[-1].write_bytes(mutated(rng, environment(), root).encode())
            subprocess.run(
                ["bash", "-c", DRIVER, "-", LIB, root, INSTANCE, CLUSTER, *files],
                stdin=subprocess.DEVNULL, check=True, timeout=300,
            )
            for file in files:
                with self.subTest(seed=seed, parameter=file.read_bytes()[:2000]):
                    taken += self.judge(file)
            self.assertFalse((root / "ran").exists(), "something in a parameter was run")
        self.assertTrue(inputs // 50 < taken < inputs, f"{taken} of {inputs} were accepted: these mutations test too little")

    def judge(self, file):
        out = (file.parent / f"{file.name}.out").read_bytes().decode("latin-1")
        self.assertEqual((file.parent / f"{file.name}.err").read_bytes(), b"")
        self.assertEqual((file.parent / f"{file.name}.status").read_text(), "0")
        status, _, rest = out.partition("\n")
        wanted = twin(file.read_bytes())
        if wanted is None:
            self.assertEqual(status, str(NOT_UNDERSTOOD), rest[:300])
            self.assertNotRegex(rest, r"[\x00-\x1f\x7f-\xff]", "a refusal is one line of plain text")
            self.assertTrue(20 < len(rest) < 500, f"a refusal is one sentence: {rest[:600]!r}")
            return 0
        self.assertEqual(status, "0", rest[:300])
        self.assertEqual(dict(line.split("=", 1) for line in rest.splitlines()), wanted)
        return 1


if __name__ == "__main__":
    unittest.main()
