#!/usr/bin/env python3
"""What a cluster is doing, on one screen: who is a member, who votes, who leads, what is waited for and since when, and
what the next step would be. It asks `reconcile` for a dry run, which changes nothing, and prints the summary. The first line
is the verdict, and so is the exit status:

  0  healthy: it has formed, every voter is proven, and nothing is missing
  1  degraded, or not formed yet: it may serve, and something is missing
  2  the quorum is lost, for a while or for good
  3  no verdict: nothing is there, or what was seen does not tell, or the functions could not be asked

make has an exit status of its own: `make status` ends with 2 for any of 1, 2 and 3. A script calls tools/status.py itself.

It asks the local region where AWS_ENDPOINT_URL names one. Otherwise it asks the account of the AWS CLI, where the stack's
output Reconcile names the function.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
import urllib.error
import urllib.request

#: The version of the summary that this tool prints.
VERSION = 2
#: The exit status of each verdict; NO_VERDICT is that of everything else.
STATUS = {"healthy": 0, "degraded": 1, "forming": 1, "lost": 2}
NO_VERDICT = 3
WIDTH = 118


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
        invoke = ("lambda", "invoke", "--function-name", name, "--payload", f"fileb://{question}", "--output", "json", answer)
        told = parsed(aws(*invoke), "aws lambda invoke")
        with open(answer, encoding="utf-8") as file:
            text = file.read()
    if "FunctionError" in told:
        raise Failed(f"the function {name} failed: {text}")
    return parsed(text, f"the function {name}")


def parsed(text, source):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed(f"{source} answered no JSON: {' '.join(text.split())[:200]}") from error


def aws(*arguments):
    try:
        done = subprocess.run(["aws", *arguments], capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"aws {' '.join(arguments[:2])}: no answer within 120 s") from error
    except FileNotFoundError as error:
        raise Failed("the AWS CLI is not installed; for the local region set AWS_ENDPOINT_URL") from error
    if done.returncode != 0:
        words = " ".join(done.stderr.split())
        raise Failed(f"aws {' '.join(arguments[:2])}: {words} (the local region instead: the export lines of make region)")
    return done.stdout


def summary(answer):
    """The summary in the answer to a dry run."""
    if not isinstance(answer, dict):
        raise Failed(f"the function answered no summary but {json.dumps(answer)[:200]}")
    if "summary" not in answer:
        told = ": ".join(str(answer[part]) for part in ("outcome", "code", "reason", "errorMessage") if part in answer)
        raise Failed(told or "the function answered no summary: deploy its newest version")
    version = answer["summary"].get("version")
    if version != VERSION:
        raise Failed(f"the summary has version {version}, this tool prints {VERSION}: use the tool of the functions' version")
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
    """The verdict, then what it is about."""
    yield from wrapped(f"{told['cluster']}: {told['health']['text']}")
    phase = f"generation {told['generation']}, {told['phase']}" if told["generation"] else "no ledger was seen"
    quorum = told["quorum"]
    counted = "" if not quorum or quorum["listed"] else "; no member list: voters as the ledger has them"
    group = f"group {told['group'] or '?'}, desired {'?' if told['desired'] is None else told['desired']}"
    paused = "; PAUSED" if told["paused"] else ""
    yield f"  {phase}{counted}; {group}{paused}; {clock(told['at'])} UTC"


def wrapped(text):
    """Lines that end between words, however wide the terminal is."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) or [""]


def member(row):
    """One line of the table, and one more where a server that was asked told nothing."""
    name = row["instance"] or f"({row['name'] or 'not started'})"
    lifecycle = row["lifecycle"] or ("gone" if row["gone"] else "not in the group")
    role = row["role"] or "–"
    line = f"  {name:<20} {lifecycle:<24} {role:<8} {proof(row):<11} {row['version'] or '–':<8} {row['member'] or '–'}"
    yield line
    for alarm in row["alarms"]:
        yield f"  {'':<20} ALARM {alarm}"
    if row["member"] and row["silence"]:
        yield from (f"  {'':<20} {line}" for line in textwrap.wrap(row["silence"], WIDTH - 23))


def proof(row):
    if not row["member"]:
        return "–"
    if row["gone"]:
        return "GONE"
    if row["proven"]:
        return "yes"
    return "NO: answers" if row["answers"] else "NO: unread" if row["unreadable"] else "NO: silent"


def screen(told):
    now = told["at"]
    yield from header(told)
    for part, why in told["unknown"].items():
        yield from wrapped(f"  the {part} could not be seen: {why}")
    yield ""
    if not told["members"]:
        yield "  no instance and no member is known"
    else:
        yield f"  {'instance':<20} {'lifecycle':<24} {'role':<8} {'proven':<11} {'etcd':<8} member"
    for row in told["members"]:
        yield from member(row)
    yield ""
    if claim := told["inFlight"]:
        yield f"in flight: {claim['change']}, by request {claim['request']}, until {clock(claim['expires'])} at most"
    for change in told["unanswered"]:
        yield f"sent and unanswered, may still happen: {change}"
    for note in told["notes"]:
        since = "; ".join(f"for {age(one['at'], now)}: {one['what']}" for one in note["since"])
        yield from wrapped(f"{note['about']}: {note['text']} [{note['code']}]" + (f" ({since})" if since else ""))
    if not told["notes"]:
        yield "nothing is waited for or refused"
    yield f"next step: {told['nextStep'] or 'none'}"
    for call in told["calls"]:
        yield from wrapped(f"next call: {call}")
    for entry in told["history"]:
        yield from wrapped(f"{age(entry['at'], now):>8} ago: {entry['text']}")


def tell(text):
    """Prints to a reader who may leave early, as in `status | head -1`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more when it ends, and that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Parser(argparse.ArgumentParser):
    """argparse ends with 2 after a wrong argument, which would say that the quorum is lost."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(NO_VERDICT, f"status: {message}\n")


def run(words):
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cluster", nargs="?")
    parser.add_argument("--stack", default=os.environ.get("STACK") or "etcd-asg", help="the functions' stack; default etcd-asg")
    parser.add_argument("--json", action="store_true", help="print the summary itself, for programs")
    arguments = parser.parse_args(words)
    if not arguments.cluster:
        raise Failed("which cluster? make status CLUSTER=name, the value of its group's tag etcd-asg:cluster")
    told = summary(ask(arguments.cluster, arguments.stack))
    tell(json.dumps(told, indent=2) if arguments.json else "\n".join(screen(told)))
    return STATUS.get(told["health"]["standing"], NO_VERDICT)


def main():
    try:
        return run(sys.argv[1:])
    except Failed as failure:
        print(f"status: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        print("status: interrupted", file=sys.stderr)
    except Exception:  # pylint: disable=broad-exception-caught
        # Python itself ends with 1 after an error of ours, which would say that the cluster is degraded.
        traceback.print_exc()
    return NO_VERDICT


if __name__ == "__main__":
    sys.exit(main())
