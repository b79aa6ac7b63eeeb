#!/usr/bin/env python3
"""Deploys the functions by the SAM CLI, or a cluster by the AWS CLI. What cannot work is said before anything is built.

deploy.py STACK [NAME=VALUE…]: the functions. The values are parameters of template.yaml.
deploy.py --cluster STACK FUNCTIONS-STACK [NAME=VALUE…]: a cluster. The values are parameters of examples/cluster.yaml;
what the functions' stack tells (its output ForClusters) need not be given.

A parameter that is left out keeps its value in an existing stack, and has its default in a new stack.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from network import Network

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
FUNCTIONS, CLUSTER = REPOSITORY / "template.yaml", REPOSITORY / "examples" / "cluster.yaml"
USAGE = "make deploy PARAMETERS='VpcId=vpc-… SubnetIds=subnet-…,subnet-…'"
CLUSTER_USAGE = "make deploy-cluster STACK=etcd-main PARAMETERS='ClusterName=main SubnetIds=subnet-…,subnet-…,subnet-…'"
PAGE = "docs/DEPLOYING.md, 'What the network needs', has the ways"


class Failed(Exception):
    """One sentence for the operator."""


def declared(template=FUNCTIONS):
    """The template's parameters, and the default of each, or None."""
    text = template.read_text(encoding="utf-8")
    section = re.search(r"^Parameters:\n((?:  .*\n|\n)+)", text, re.M).group(1)
    bodies = re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", section, re.M)
    found = {name: re.search(r"^    Default: (.*)$", body, re.M) for name, body in bodies}
    return {name: default.group(1).strip('"') if default else None for name, default in found.items()}


def given(words, parameters, template=FUNCTIONS, usage=USAGE):
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Failed(f"'{word}' is not NAME=VALUE, as in {usage}")
        if name not in parameters:
            raise Failed(f"{template.relative_to(REPOSITORY)} has no parameter {name}; it has {', '.join(parameters)}")
        values[name] = value
    return values


def aws(*arguments):
    """The JSON answer of the AWS CLI, or None where there is no such stack."""
    command = ["aws", *arguments, "--output", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError as error:
        told = "the AWS CLI is not installed: install it; its configuration names the account and region to deploy to"
        raise Failed(told) from error
    if done.returncode == 0:
        return json.loads(done.stdout)
    if "does not exist" in done.stderr and arguments[0] == "cloudformation":
        return None
    raise Failed(f"AWS cannot be asked ({' '.join(arguments[:2])}): {' '.join(done.stderr.split())}")


def described(stack):
    """The parameters and the outputs of a stack, or None where there is no such stack."""
    answer = aws("cloudformation", "describe-stacks", "--stack-name", stack)
    if answer is None:
        return None
    (found,) = answer["Stacks"]
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in found.get("Parameters", [])}
    return parameters, {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}


def complete(stack, values, parameters, usage):
    """All parameters with the values that they will have."""
    existing = described(stack)
    kept = existing[0] if existing else {}
    merged = {**parameters, **{name: value for name, value in kept.items() if name in parameters}, **values}
    if missing := [name for name, value in merged.items() if value is None]:
        # A stack whose first change set was never executed has no parameters.
        why = f"there is no stack {stack} yet, and to make it" if existing is None else f"the stack {stack} is not made yet, and"
        raise Failed(f"{why} {' and '.join(missing)} must be given: {usage}")
    return merged


def network(values):
    """The subnets' network, or None where the caller may not look at it: whoever deploys need not be able to."""
    try:
        seen = Network.read(values["SubnetIds"].split(","), lambda what, *more: aws("ec2", f"describe-{what}", *more))
    except Failed as failure:
        if not re.search("UnauthorizedOperation|AccessDenied", str(failure)):
            raise
        print(f"deploy: the routes of the subnets are not checked: {failure}", file=sys.stderr)
        return None
    for subnet, told in seen.subnets.items():
        if told["VpcId"] != values["VpcId"]:
            raise Failed(f"{subnet} is in {told['VpcId']}, and VpcId is {values['VpcId']}: give subnets of that VPC")
    return seen


def check(stack, words):
    """The functions: everything is given, and the subnets reach the APIs."""
    parameters = declared()
    values = complete(stack, given(words, parameters), parameters, USAGE)
    seen = network(values)
    # The interfaces of functions have no public addresses (AWS Lambda developer guide, VPC).
    services = ["autoscaling", "ec2", "ssm", "s3"]
    if seen and (told := seen.missing(services, values["DualStack"] == "true", public_addresses=False)):
        raise Failed(f"the functions would not reach AWS: {'; '.join(told)}. {PAGE}")


def check_cluster(stack, functions, words):
    """A cluster: everything is given or told by the functions' stack, and the subnets reach the APIs and etcd's source."""
    parameters = declared(CLUSTER)
    values = given(words, parameters, CLUSTER, CLUSTER_USAGE)
    told = described(functions)
    if told is None:
        raise Failed(f"there is no stack {functions} with the functions: deploy it first ({USAGE}), or name it: FUNCTIONS=…")
    values = {**dict(word.split("=", 1) for word in told[1].get("ForClusters", "").split()), **values}
    wanted = complete(stack, values, parameters, CLUSTER_USAGE)
    user_data(wanted)
    seen = network(wanted)
    if seen:
        check_routes(seen, wanted)
    return values


def user_data(wanted):
    """The members' user data as CloudFormation will fill it in, except for the names that it makes up; or why it does not
    fit: EC2 would refuse it only when the first instance launches.
    """
    etcd = wanted["EtcdSource"]
    if wanted["EtcdArchiveBucket"]:
        etcd = f"s3://{wanted['EtcdArchiveBucket']}/{wanted['EtcdArchiveKey']}"
    settings = [
        "ETCD_ASG_ROLE_ID=AROAXXXXXXXXXXXXXXXXX",
        f"ETCD_ASG_REPORTS_BUCKET={wanted['ReportsBucket']}" if wanted["ReportsBucket"] else "# no reports",
        "AWS_USE_DUALSTACK_ENDPOINT=true" if wanted["Egress"] == "ipv6" else "# no dual-stack endpoints",
        f"ETCD_ASG_JOURNAL=CFN-JournalConfiguration-{'X' * 12}" if wanted["JournalDays"] != "0" else "# no journal",
        *wanted["EtcdSettings"].split(","),
    ]
    words = [wanted["ParameterPrefix"], etcd, wanted["EtcdSha256"], "/dev/sdf", wanted["ClusterName"], "\n      ".join(settings)]
    command = [REPOSITORY / "instance" / "render-user-data.sh", "--template", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"EtcdSettings or the names are too long: {done.stderr.strip().removeprefix('render-user-data: ')}")
    return done.stdout


def check_routes(seen, wanted):
    dual = wanted["Egress"] == "ipv6"
    services = ["ssm", "autoscaling"] + (["s3"] if wanted["EtcdArchiveBucket"] or wanted["ReportsBucket"] else [])
    if told := seen.missing(services, dual):
        raise Failed(f"the members would not reach AWS: {'; '.join(told)}. {PAGE}")
    released = re.fullmatch(r"[0-9.]+", wanted["EtcdSource"]) and not wanted["EtcdArchiveBucket"]
    cut_off = [subnet for subnet in seen.subnets if not seen.reaches_the_internet(subnet, True)]
    if released and wanted["Egress"] != "other" and cut_off:
        raise Failed(
            f"the members would not reach GitHub, from where etcd {wanted['EtcdSource']} comes: {', '.join(cut_off)} has no NAT "
            "gateway, and GitHub has no IPv6. Put the archive into a bucket (tools/put-etcd-archive.sh) and give the "
            "parameters that it prints, or set EtcdSource=image"
        )


def deploy_functions(stack, words):
    check(stack, words)
    built = subprocess.run([REPOSITORY / "tools" / "sam-build.sh"], check=False)
    if built.returncode != 0:
        return built.returncode
    sam = subprocess.run([REPOSITORY / "tools" / "provide.sh", "sam"], stdout=subprocess.PIPE, text=True, check=True)
    command = [sam.stdout.strip(), "deploy", "--stack-name", stack, "--capabilities", "CAPABILITY_IAM", "--resolve-s3"]
    command += ["--no-fail-on-empty-changeset", *(["--parameter-overrides", *words] if words else [])]
    return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "SAM_CLI_TELEMETRY": "0"}, check=False).returncode


def deploy_cluster(stack, functions, words):
    values = check_cluster(stack, functions, words)
    rendered = subprocess.run([REPOSITORY / "instance" / "render-cluster.sh"], stdout=subprocess.PIPE, check=True).stdout
    with tempfile.NamedTemporaryFile(suffix=".yaml") as template:
        template.write(rendered)
        template.flush()
        command = ["aws", "cloudformation", "deploy", "--template-file", template.name, "--stack-name", stack]
        command += ["--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset", "--parameter-overrides"]
        return subprocess.run([*command, *(f"{n}={v}" for n, v in values.items())], check=False).returncode


def main():
    words = sys.argv[1:]
    try:
        if words[0] == "--cluster":
            return deploy_cluster(words[1], words[2], words[3:])
        return deploy_functions(words[0], words[1:])
    except Failed as failure:
        print(f"deploy: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
