"""make status: what its screen and its JSON say of a dry run, and one sentence where there is none to show."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from template import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))
import status

NOW = 1_800_000_000_000
LEADER, VOTER, LEARNER = "11", "12", "13"


def member(number, learner=False):
    return {"id": number, "name": f"i-{number}", "learner": learner, "peer_urls": [], "client_urls": []}


def answered(number, version="3.6.16", alarms=()):
    return {"Answered": {"member": number, "leader": LEADER, "learner": False, "version": version, "alarms": list(alarms)}}


def dry_run():
    """A leader that terminates, a voter that is silent, a learner that is not in the group any more."""
    return {
        "cluster": "demo",
        "generation": 2,
        "decision": {
            "edits": [],
            "effects": ["put endpoints http://a"],
            "keep_alive": [],
            "notes": [
                {"about": "i-11", "verdict": "waiting for its replacement to vote"},
                {"about": "cluster", "verdict": "waiting for a quorum: 1 of 2 voters proven"},
            ],
            "proposal": {"change": "promote", "instance": "i-13", "member": LEARNER, "asked": LEADER},
        },
        "observation": {
            "cluster": "demo",
            "group": {"Known": {"desired": 3, "identity": {"name": "the-group"}, "instances": [
                {"id": "i-11", "lifecycle": "TerminatingWait", "address": "10.0.0.1"},
                {"id": "i-12", "lifecycle": "InService", "address": "10.0.0.2"},
            ]}},
            "ledger": {"Known": {
                "generation": {"phase": "formed"},
                "instances": {f"i-{number}": {"member": number} for number in (LEADER, VOTER, LEARNER)},
                "conditions": {"waiting-terminate/i-11": {"since": NOW - 125_000}, "silent": {"since": NOW - 7_000}},
                "claim": {"proposal": {"change": "set-unhealthy", "instance": "i-12", "asked": None}, "request": "r1", "expires": NOW},
                "unanswered": [{"change": {"change": "remove", "instance": None, "member": "14", "voter": True}}],
                "history": [{"at": NOW - 7_200_000, "text": "generation 2 formed"}],
            }},
            "parameters": {"Unknown": "GetParametersByPath was not answered"},
            "etcd": {
                "lists": {"http://10.0.0.1:2379": {"Known": {"members": [member(LEADER), member(VOTER), member(LEARNER, True)]}}},
                "probes": {
                    "http://10.0.0.1:2379": answered(LEADER, alarms=["NOSPACE"]),
                    "http://10.0.0.2:2379": {"Silent": {"why": "timeout", "misses": 3}},
                },
            },
        },
    }


class Screen(unittest.TestCase):
    def setUp(self):
        self.told = status.summary(dry_run(), NOW)
        self.lines = list(status.screen(self.told))
        self.text = "\n".join(self.lines)

    def test_who_is_a_member_who_votes_and_who_leads(self):
        rows = {row["instance"]: (row["lifecycle"], row["role"], row["answers"]) for row in self.told["members"]}
        self.assertEqual(rows, {
            "i-11": ("Terminating:Wait", "leader", True),
            "i-12": ("InService", "voter", False),
            "i-13": (None, "learner", False),
        })
        self.assertIn("generation 2, formed; 1 of 2 voters answer; group the-group, desired 3", self.lines[0])
        self.assertIn("ALARM ['NOSPACE']", self.text)

    def test_what_is_waited_for_and_since_when(self):
        self.assertIn("i-11: waiting for its replacement to vote (waiting-terminate for 2 min)", self.lines)
        self.assertIn("cluster: waiting for a quorum: 1 of 2 voters proven (silent for 7 s)", self.lines)

    def test_what_is_in_flight_and_what_comes_next(self):
        self.assertIn("in flight: set i-12 unhealthy, by request r1, until 08:00:00 at most", self.lines)
        self.assertIn("sent and unanswered, may still happen: remove member 14 (no known instance)", self.lines)
        self.assertIn("next step: promote i-13", self.lines)
        self.assertIn("next call: put endpoints http://a", self.lines)
        self.assertIn("     2 h ago: generation 2 formed", self.lines)

    def test_what_could_not_be_seen_is_said(self):
        self.assertIn("  the parameters could not be seen: GetParametersByPath was not answered", self.lines)

    def test_each_state_of_the_core_has_a_word(self):
        core = (REPOSITORY / "shared" / "membership" / "src" / "instance.rs").read_text()

        def variants(enum):
            body = re.search(rf"pub enum {enum} \{{\n(.*?)\n\}}", core, re.S).group(1)
            return re.findall(r"^    ([A-Z]\w+)(\(\w+\))?,", body, re.M)

        plain = {name: name for name, holds in variants("Lifecycle") if not holds}
        plain |= {"Retained": "Terminating:Retained", "PendingWait": "Pending:Wait", "TerminatingProceed": "Terminating:Proceed"}
        self.assertEqual({name for name, holds in variants("Lifecycle") if holds}, {"Warmed", "Other"})
        holding = {hook: {"Warmed": hook} for hook, _ in variants("WarmHook")} | {"Quarantined": {"Other": "Quarantined"}}
        answer = dry_run()
        states = [*plain, *holding.values()]
        group = answer["observation"]["group"]["Known"]
        group["instances"] = [{"id": f"i-{n:02}", "lifecycle": state, "address": None} for n, state in enumerate(states)]
        told = status.summary(answer, NOW)
        shown = {row["instance"]: row["lifecycle"] for row in told["members"]}
        for number, state in enumerate(states):
            word = shown[f"i-{number:02}"]
            self.assertNotRegex(word, "[a-z](Wait|Proceed)|[{']")
            if isinstance(state, str) and not state.endswith(("Wait", "Proceed")):
                self.assertEqual(word, plain[state])
        self.assertLessEqual({"Warmed:Pending:Wait", "Quarantined", "Pending:Wait"}, set(shown.values()))
        list(status.screen(told))

    def test_it_is_one_screen(self):
        self.assertLess(len(self.lines), 24)
        self.assertLess(max(map(len, self.lines)), 120)

    def test_a_group_without_a_ledger_or_a_list(self):
        answer = dry_run()
        answer.update(generation=None)
        answer["observation"].update(ledger={"Known": None}, etcd={"lists": {}, "probes": {}})
        answer["decision"].update(proposal=None, notes=[], effects=[])
        text = "\n".join(status.screen(status.summary(answer, NOW)))
        for words in ("no ledger yet", "no member gave its list", "nothing is waited for", "next step: none"):
            self.assertIn(words, text)

    def test_every_change_of_the_core_has_its_sentence(self):
        core = (REPOSITORY / "shared" / "membership" / "src" / "change.rs").read_text()
        body = re.search(r"pub enum Change \{\n(.*?)\n\}", core, re.S).group(1)
        names = {re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in re.findall(r"^    ([A-Z]\w+)", body, re.M)}
        self.assertEqual(set(status.SENTENCES), names)


class Account(unittest.TestCase):
    """With the AWS CLI: a stand-in answers for a stack and a function."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_with(self, aws, *arguments):
        if aws:
            (self.folder / "aws").write_text(f"#!/bin/bash\n{aws}\n")
            (self.folder / "aws").chmod(0o755)
        variables = {"PATH": f"{self.folder}:/bin:/usr/bin" if aws else str(self.folder)}
        command = [sys.executable, REPOSITORY / "tools" / "status.py", *arguments]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)

    def test_the_function_of_the_stack_is_invoked_with_a_dry_run(self):
        (self.folder / "dry-run.json").write_text(json.dumps(dry_run()))
        done = self.run_with(
            f'''case $1 in
cloudformation) [[ $* == *"--stack-name mine"* ]] && echo the-function ;;
lambda) file=${{6#fileb://}}; cp "$file" {self.folder}/asked; cp {self.folder}/dry-run.json "${{@: -1}}"; echo '{{"StatusCode": 200}}' ;;
esac''', "demo", "--stack", "mine", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads((self.folder / "asked").read_text()), {"cluster": "demo", "dryRun": True})
        self.assertEqual(json.loads(done.stdout)["generation"], 2)

    def test_each_failure_is_one_sentence(self):
        for aws, words in (
            ("", "the AWS CLI is not installed"),
            ("echo None", "has no output Reconcile"),
            ("echo 'no such stack' >&2; exit 255", "aws cloudformation describe-stacks: no such stack"),
        ):
            with self.subTest(words):
                done = self.run_with(aws, "demo")
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
                self.assertIn(words, done.stderr)

    def test_without_a_name_it_asks_for_one(self):
        done = self.run_with("exit 1")
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
        self.assertIn("which cluster? make status CLUSTER=name", done.stderr)

    def test_a_region_that_is_not_there(self):
        variables = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        command = [sys.executable, REPOSITORY / "tools" / "status.py", "demo"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no answer from http://127.0.0.1:9", done.stderr)


if __name__ == "__main__":
    unittest.main()
