"""make status: what its screen and its JSON say of a dry run, and one sentence where there is none to show."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from template import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tools"))
import status

NOW = 1_800_000_000_000


def row(instance, **fields):
    """A member's row; what is not given is as for a voter in service that has proven itself."""
    usual = {
        "instance": instance, "lifecycle": "InService", "address": "10.0.0.1", "member": "f1", "name": instance, "role": "voter",
        "answers": True, "proven": True, "silence": None, "version": "3.6.16", "alarms": [],
    }
    return usual | fields


def dry_run(**fields):
    """A leader that terminates, a voter that is silent, a learner that is not in the group any more."""
    usual = {
        "version": status.VERSION,
        "cluster": "demo",
        "at": NOW,
        "group": "the-group",
        "desired": 3,
        "max": 5,
        "generation": 2,
        "phase": "formed",
        "members": [
            row("i-11", lifecycle="Terminating:Wait", role="leader", member="b", alarms=["memberID:11 alarm:NOSPACE"]),
            row("i-12", member="c", answers=False, proven=False, silence="http://10.0.0.2:2379 did not answer", version=None),
            row("i-13", lifecycle=None, role="learner", member="d", proven=False),
            row(None, lifecycle=None, member="e", name=None, answers=False, proven=False, version=None),
        ],
        "listed": True,
        "quorum": {"proven": 1, "voters": 2},
        "unknown": {"parameters": "GetParametersByPath was not answered"},
        "endpoints": None,
        "inFlight": {"change": "set i-12 unhealthy", "request": "r1", "expires": NOW},
        "unanswered": ["remove voter 14 of no known instance"],
        "notes": [
            {"about": "i-11", "verdict": "waiting", "code": "replacement-missing", "text": "waiting for its replacement to vote", "since": {"waiting-terminate": NOW - 125_000}},
            {"about": "cluster", "verdict": "waiting", "code": "no-member-list", "text": "waiting for a linearizable member list", "since": {"silent": NOW - 7_000}},
        ],
        "nextStep": "promote i-13, member d",
        "calls": ["put endpoints http://a"],
        "history": [{"at": NOW - 7_200_000, "text": "generation 2 formed"}],
    }
    return {"cluster": "demo", "generation": 2, "summary": usual | fields, "observation": {}, "decision": {}}


class Screen(unittest.TestCase):
    def setUp(self):
        self.lines = list(status.screen(status.summary(dry_run())))
        self.text = "\n".join(self.lines)

    def test_who_is_a_member_who_votes_and_who_leads(self):
        self.assertIn("demo: generation 2, formed; 1 of 2 voters proven; group the-group, desired 3; ", self.lines[0])
        table = [line.split() for line in self.lines if line.startswith("  i-") or line.startswith("  (")]
        self.assertEqual([words[:1] + words[-1:] for words in table[1:3]], [["i-12", "c"], ["i-13", "d"]])
        self.assertEqual(table[0][:5], ["i-11", "Terminating:Wait", "leader", "yes", "3.6.16"])
        self.assertEqual(table[2][1:7], ["not", "in", "the", "group", "learner", "answers"])
        self.assertIn("(not started)", self.text)
        self.assertIn("ALARM memberID:11 alarm:NOSPACE", self.text)
        self.assertIn("http://10.0.0.2:2379 did not answer", self.text)

    def test_what_is_waited_for_and_since_when(self):
        self.assertIn("i-11: waiting for its replacement to vote [replacement-missing] (waiting-terminate for 2 min)", self.lines)
        self.assertIn("cluster: waiting for a linearizable member list [no-member-list] (silent for 7 s)", self.lines)

    def test_what_is_in_flight_and_what_comes_next(self):
        self.assertIn("in flight: set i-12 unhealthy, by request r1, until 08:00:00 at most", self.lines)
        self.assertIn("sent and unanswered, may still happen: remove voter 14 of no known instance", self.lines)
        self.assertIn("next step: promote i-13, member d", self.lines)
        self.assertIn("next call: put endpoints http://a", self.lines)
        self.assertIn("     2 h ago: generation 2 formed", self.lines)

    def test_what_could_not_be_seen_is_said(self):
        self.assertIn("  the parameters could not be seen: GetParametersByPath was not answered", self.lines)

    def test_it_is_one_screen(self):
        self.assertLess(len(self.lines), 24)
        self.assertLess(max(map(len, self.lines)), 120)

    def test_a_group_without_a_ledger_or_a_list(self):
        answer = dry_run(generation=None, phase=None, quorum=None, listed=False, members=[], inFlight=None, notes=[], nextStep=None, group=None, desired=None)
        text = "\n".join(status.screen(status.summary(answer)))
        for words in ("no ledger; no member list; group ?, desired ?", "nothing is waited for", "next step: none"):
            self.assertIn(words, text)

    def test_a_summary_of_another_version_is_refused(self):
        with self.assertRaisesRegex(status.Failed, "version 2 of the summary"):
            status.summary(dry_run(version=2))

    def test_an_answer_without_a_summary_is_told_as_it_came(self):
        refused = {"outcome": "refused", "code": "no-such-cluster", "reason": "no group has the tag"}
        with self.assertRaisesRegex(status.Failed, "^refused: no-such-cluster: no group has the tag$"):
            status.summary(refused)
        with self.assertRaisesRegex(status.Failed, "deploy its newest version"):
            status.summary({"cluster": "demo", "observation": {}, "decision": {}})


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
