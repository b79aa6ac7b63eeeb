#!/usr/bin/env python3
"""What a cluster is doing, on one screen: who is a member, who votes, who leads, what is waited for and since when, and
what the next step would be. Asks `reconcile` for a dry run, which changes nothing.

On the local region where AWS_ENDPOINT_URL names one, else on the account of the AWS CLI, whose function is found by the
stack's output Reconcile.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SENTENCES = {
    "add-learner": "add {instance} as a learner",
    "promote": "promote {instance}",
    "remove": "remove member {member} ({instance})",
    "seal": "seal the env of {instance}",
    "repair-env": "repair the env of {instance}",
    "abandon-launch": "abandon the launch of {instance}",
    "retain-leaving": "abandon the termination of {instance}, to retain it",
    "set-unhealthy": "set {instance} unhealthy",
}


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


def known(part):
    """What was seen, or None; the dry run tells each part as {"Known": …} or {"Unknown": why}."""
    return part.get("Known") if isinstance(part, dict) else None


def lifecycle(state):
    """Auto Scaling's own word for a state, as far as the functions keep it apart."""
    if isinstance(state, dict):
        ((kind, what),) = state.items()
        pool = {"None": "Warmed", "Launch": "Warmed:Pending:Wait", "Terminate": "Warmed:Terminating:Wait"}
        return what if kind == "Other" else pool[what]
    if state == "Retained":
        return "Terminating:Retained"
    return state and re.sub("(Wait|Proceed)$", r":\1", state)


def summary(answer, now):
    """The answer of the dry run, boiled down: what the screen shows and --json prints."""
    seen, decision = answer["observation"], answer["decision"]
    group, ledger = known(seen["group"]) or {}, known(seen["ledger"]) or {}
    generation = ledger.get("generation") or {}
    probes = {p["Answered"]["member"]: p["Answered"] for p in seen["etcd"]["probes"].values() if "Answered" in p}
    lists = [known(found) for found in seen["etcd"]["lists"].values()]
    members = next((found["members"] for found in lists if found), [])
    owners = {kept.get("member"): name for name, kept in (ledger.get("instances") or {}).items()}
    leaders = [probe["leader"] for probe in probes.values() if probe.get("leader")]
    leader = max(set(leaders), key=leaders.count) if leaders else None
    rows, listed = [], {}
    for member in members:
        listed[owners.get(member["id"]) or member["name"]] = member
    instances = {i["id"]: i for i in group.get("instances", [])}
    for name in sorted(set(instances) | set(listed)):
        instance, member = instances.get(name, {}), listed.get(name)
        probe = probes.get(member["id"]) if member else None
        rows.append({
            "instance": name or None,
            "lifecycle": lifecycle(instance.get("lifecycle")),
            "address": instance.get("address"),
            "member": member and member["id"],
            "role": member and ("leader" if member["id"] == leader else "learner" if member["learner"] else "voter"),
            "answers": bool(probe),
            "version": probe and probe["version"],
            "alarms": probe["alarms"] if probe else [],
        })
    marks = {name: mark["since"] for name, mark in (ledger.get("conditions") or {}).items()}
    notes = [
        {
            "about": note["about"],
            "verdict": note["verdict"],
            "since": {
                kind: since
                for kind, _, of in (name.partition("/") for name in marks)
                for since in [marks[f"{kind}/{of}" if of else kind]]
                if of == note["about"] or (not of and note["about"] == "cluster")
            },
        }
        for note in decision["notes"]
    ]
    return {
        "cluster": answer["cluster"],
        "at": now,
        "group": group.get("identity", {}).get("name"),
        "desired": group.get("desired"),
        "generation": answer["generation"],
        "phase": generation.get("phase"),
        "members": rows,
        "list": bool(members),
        "unknown": {name: seen[name]["Unknown"] for name in ("group", "ledger", "parameters") if "Unknown" in seen[name]},
        "endpoints": (known(seen["parameters"]) or {}).get("endpoints"),
        "inFlight": ledger.get("claim"),
        "unanswered": ledger.get("unanswered") or [],
        "waitingFor": notes,
        "next": sentence(decision["proposal"]),
        "calls": decision["effects"],
        "lastOutcomes": (ledger.get("history") or [])[-3:],
    }


def sentence(proposal):
    if not proposal:
        return None
    words = {"instance": "no known instance", **{k: v for k, v in proposal.items() if v is not None}}
    return SENTENCES.get(proposal["change"], proposal["change"]).format_map({"member": "?", **words})


def clock(milliseconds):
    return time.strftime("%H:%M:%S", time.gmtime(milliseconds / 1000))


def age(milliseconds, now):
    seconds = max(0, (now - milliseconds) // 1000)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def screen(told):
    now = told["at"]
    voters = [row for row in told["members"] if row["role"] in ("leader", "voter")]
    proven = sum(row["answers"] for row in voters)
    phase = f"generation {told['generation']}, {told['phase']}" if told["generation"] else "no ledger yet"
    yield f"{told['cluster']}: {phase}; {proven} of {len(voters)} voters answer; group {told['group']}, desired {told['desired']}; {clock(now)} UTC"
    for part, why in told["unknown"].items():
        yield f"  the {part} could not be seen: {why}"
    if not told["list"]:
        yield "  no member gave its list"
    yield ""
    yield f"  {'instance':<20} {'lifecycle':<24} {'role':<8} {'answers':<8} {'etcd':<8} member"
    for row in told["members"]:
        role = row["role"] or "–"
        answers = ("yes" if row["answers"] else "NO") if row["member"] else "–"
        line = f"  {row['instance'] or '(not started)':<20} {row['lifecycle'] or 'not in the group':<24} {role:<8} {answers:<8} {row['version'] or '–':<8} "
        yield line + (f"{int(row['member']):x}" if row["member"] else "–") + (f"  ALARM {row['alarms']}" if row["alarms"] else "")
    yield ""
    if claim := told["inFlight"]:
        yield f"in flight: {sentence(claim['proposal'])}, by request {claim['request']}, until {clock(claim['expires'])} at most"
    for maybe in told["unanswered"]:
        yield f"sent and unanswered, may still happen: {sentence(maybe['change'])}"
    for note in told["waitingFor"]:
        since = "; ".join(f"{kind} for {age(at, now)}" for kind, at in sorted(note["since"].items()))
        yield f"{note['about']}: {note['verdict']}" + (f" ({since})" if since else "")
    if not told["waitingFor"]:
        yield "nothing is waited for"
    yield f"next step: {told['next'] or 'none'}"
    for call in told["calls"]:
        yield f"next call: {call}"
    for outcome in told["lastOutcomes"]:
        yield f"{age(outcome['at'], now):>8} ago: {outcome['text']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("cluster", nargs="?")
    parser.add_argument("--stack", default=os.environ.get("STACK") or "etcd-asg", help="the functions' stack; default etcd-asg")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    try:
        if not arguments.cluster:
            raise Failed("which cluster? make status CLUSTER=name, the value of its group's tag etcd-asg:cluster")
        answer = ask(arguments.cluster, arguments.stack)
    except Failed as failure:
        print(f"status: {failure}", file=sys.stderr)
        return 1
    if "observation" not in answer:
        print(f"status: {answer.get('outcome')}: {answer.get('reason')}", file=sys.stderr)
        return 1
    told = summary(answer, int(time.time() * 1000))
    print(json.dumps(told, indent=2) if arguments.json else "\n".join(screen(told)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
