#!/usr/bin/env python3
"""What a cluster is doing, on one screen: who is a member, who votes, who leads, what is waited for and since when, and
what the next step would be. It asks `reconcile` for a dry run, which changes nothing, and prints the summary.

It asks the local region where AWS_ENDPOINT_URL names one. Otherwise it asks the account of the AWS CLI, where the stack's
output Reconcile names the function.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

#: The version of the summary that this tool prints.
VERSION = 1


class Failed(Exception):
    """One sentence for the operator."""


def ask(cluster, stack):
    event = json.dumps({"cluster": cluster, "dryRun": True})
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return ask_region(endpoint, event) if endpoint else ask_account(stack, event)


def ask_region(endpoint, event):
    url = f"{endpoint.rstrip('/')}/_region/invoke/reconcile"
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, data=event.encode()), timeout=90) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Failed(f"{url} answered {error.code}: is it a local region?") from error
    except (OSError, ValueError) as error:
        raise Failed(f"no answer from {url}: {error}; unset AWS_ENDPOINT_URL for a real account") from error


def ask_account(stack, event):
    query = "Stacks[0].Outputs[?OutputKey=='Reconcile'].OutputValue | [0]"
    name = aws("cloudformation", "describe-stacks", "--stack-name", stack, "--query", query, "--output", "text").strip()
    if not name or name == "None":
        raise Failed(f"the stack {stack} has no output Reconcile: name the functions' stack with --stack")
    with tempfile.TemporaryDirectory() as folder:
        question, answer = os.path.join(folder, "event.json"), os.path.join(folder, "answer.json")
        with open(question, "w", encoding="utf-8") as file:
            file.write(event)
        # fileb:// is read alike by both versions of the AWS CLI.
        told = json.loads(aws("lambda", "invoke", "--function-name", name, "--payload", f"fileb://{question}", "--output", "json", answer))
        with open(answer, encoding="utf-8") as file:
            text = file.read()
    if "FunctionError" in told:
        raise Failed(f"the function {name} failed: {text}")
    return json.loads(text)


def aws(*arguments):
    try:
        done = subprocess.run(["aws", *arguments], capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError as error:
        raise Failed("the AWS CLI is not installed; for the local region set AWS_ENDPOINT_URL") from error
    if done.returncode != 0:
        words = " ".join(done.stderr.split())
        raise Failed(f"aws {' '.join(arguments[:2])}: {words} (the local region instead: the export lines of make region)")
    return done.stdout


def summary(answer):
    """The summary in the answer to a dry run."""
    if "summary" not in answer:
        raise Failed(": ".join(str(answer[part]) for part in ("outcome", "code", "reason") if part in answer) or "the function answered no summary: deploy its newest version")
    version = answer["summary"].get("version")
    if version != VERSION:
        raise Failed(f"the functions answer version {version} of the summary, and this tool prints only version {VERSION}: use the tool of their version")
    return answer["summary"]


def clock(milliseconds):
    return time.strftime("%H:%M:%S", time.gmtime(milliseconds / 1000))


def age(milliseconds, now):
    seconds = max(0, (now - milliseconds) // 1000)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def header(told):
    phase = f"generation {told['generation']}, {told['phase']}" if told["generation"] else "no ledger"
    quorum = told["quorum"]
    proven = f"{quorum['proven']} of {quorum['voters']} voters proven" if quorum else "no member list"
    group = f"group {told['group'] or '?'}, desired {'?' if told['desired'] is None else told['desired']}"
    return f"{told['cluster']}: {phase}; {proven}; {group}; {clock(told['at'])} UTC"


def member(row):
    """One line of the table, and one more where a server that was asked told nothing."""
    name = row["instance"] or f"({row['name'] or 'not started'})"
    proven = "–" if not row["member"] else "yes" if row["proven"] else "answers" if row["answers"] else "NO"
    line = f"  {name:<20} {row['lifecycle'] or 'not in the group':<24} {row['role'] or '–':<8} {proven:<8} {row['version'] or '–':<8} {row['member'] or '–'}"
    yield line + (f"  ALARM {'; '.join(row['alarms'])}" if row["alarms"] else "")
    if row["member"] and row["silence"]:
        yield f"  {'':<20} {row['silence']}"


def screen(told):
    now = told["at"]
    yield header(told)
    for part, why in told["unknown"].items():
        yield f"  the {part} could not be seen: {why}"
    yield ""
    yield f"  {'instance':<20} {'lifecycle':<24} {'role':<8} {'proven':<8} {'etcd':<8} member"
    for row in told["members"]:
        yield from member(row)
    yield ""
    if claim := told["inFlight"]:
        yield f"in flight: {claim['change']}, by request {claim['request']}, until {clock(claim['expires'])} at most"
    for change in told["unanswered"]:
        yield f"sent and unanswered, may still happen: {change}"
    for note in told["notes"]:
        since = "; ".join(f"{kind} for {age(at, now)}" for kind, at in sorted(note["since"].items()))
        yield f"{note['about']}: {note['text']} [{note['code']}]" + (f" ({since})" if since else "")
    if not told["notes"]:
        yield "nothing is waited for or refused"
    yield f"next step: {told['nextStep'] or 'none'}"
    for call in told["calls"]:
        yield f"next call: {call}"
    for entry in told["history"]:
        yield f"{age(entry['at'], now):>8} ago: {entry['text']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("cluster", nargs="?")
    parser.add_argument("--stack", default=os.environ.get("STACK") or "etcd-asg", help="the functions' stack; default etcd-asg")
    parser.add_argument("--json", action="store_true", help="print the summary itself, for programs")
    arguments = parser.parse_args()
    try:
        if not arguments.cluster:
            raise Failed("which cluster? make status CLUSTER=name, the value of its group's tag etcd-asg:cluster")
        told = summary(ask(arguments.cluster, arguments.stack))
    except Failed as failure:
        print(f"status: {failure}", file=sys.stderr)
        return 1
    print(json.dumps(told, indent=2) if arguments.json else "\n".join(screen(told)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
