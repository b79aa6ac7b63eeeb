#!/usr/bin/env python3
"""Deploys the functions by the SAM CLI. Missing parameters are reported before anything is built.

deploy.py STACK [NAME=VALUE…]: the values are parameters of template.yaml. A parameter that is left out keeps its value in
an existing stack, and has its default in a new stack.
"""

import os
import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
USAGE = "make deploy PARAMETERS='VpcId=vpc-… SubnetIds=subnet-…,subnet-…'"


class Failed(Exception):
    """One sentence for the operator."""


def declared():
    """The template's parameters, and whether each has a default."""
    text = (REPOSITORY / "template.yaml").read_text(encoding="utf-8")
    section = re.search(r"^Parameters:\n((?:  .*\n|\n)+)", text, re.M).group(1)
    return {name: "Default:" in body for name, body in re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", section, re.M)}


def given(words, parameters):
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Failed(f"'{word}' is not NAME=VALUE, as in {USAGE}")
        if name not in parameters:
            raise Failed(f"template.yaml has no parameter {name}; it has {', '.join(parameters)}")
        values[name] = value
    return values


def exists(stack):
    command = ["aws", "cloudformation", "describe-stacks", "--stack-name", stack, "--output", "text"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError as error:
        told = "the AWS CLI is not installed: install it; its configuration names the account and region to deploy to"
        raise Failed(told) from error
    if done.returncode != 0 and "does not exist" not in done.stderr:
        raise Failed(f"AWS cannot be asked for the stack {stack}: {' '.join(done.stderr.split())}")
    return done.returncode == 0


def check(stack, words):
    parameters = declared()
    values = given(words, parameters)
    missing = [name for name, has_default in parameters.items() if not has_default and name not in values]
    if missing and not exists(stack):
        raise Failed(f"there is no stack {stack} yet, and to make it {' and '.join(missing)} must be given: {USAGE}")


def main():
    stack, *words = sys.argv[1:]
    try:
        check(stack, words)
    except Failed as failure:
        print(f"deploy: {failure}", file=sys.stderr)
        return 1
    built = subprocess.run([REPOSITORY / "tools" / "sam-build.sh"], check=False)
    if built.returncode != 0:
        return built.returncode
    sam = subprocess.run([REPOSITORY / "tools" / "provide.sh", "sam"], stdout=subprocess.PIPE, text=True, check=True)
    command = [sam.stdout.strip(), "deploy", "--stack-name", stack, "--capabilities", "CAPABILITY_IAM", "--resolve-s3"]
    command += ["--no-fail-on-empty-changeset", *(["--parameter-overrides", *words] if words else [])]
    return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "SAM_CLI_TELEMETRY": "0"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
