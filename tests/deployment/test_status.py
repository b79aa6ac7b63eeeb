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
        "instance": instance, "lifecycle": "InService", "gone": False, "address": "10.0.0.1", "member": "f1", "name": instance, "role": "voter",
        "answers": True, "proven": True, "follows": "b", "unreadable": False, "silence": None, "version": "3.6.16", "alarms": [],
    }
    return usual | fields


def health(standing, text):
    return {"standing": standing, "text": text, "survives": None, "survivors": [], "reasons": []}


def dry_run(**fields):
    """A leader that terminates, a voter that is silent, a learner that is not in the group any more."""
    usual = {
        "version": status.VERSION,
        "cluster": "demo",
        "at": NOW,
        "health": health("degraded", "degraded: 1 of 2 voters proven; survives no loss; i-12 does not answer"),
        "paused": False,
        "group": "the-group",
        "desired": 3,
        "max": 5,
        "generation": 2,
        "phase": "formed",
        "members": [
            row("i-11", lifecycle="Terminating:Wait", role="leader", member="b", alarms=["NOSPACE of member b"]),
            row("i-12", member="c", answers=False, proven=False, silence="http://10.0.0.2:2379 did not answer", version=None),
            row("i-13", lifecycle=None, role="learner", member="d", proven=False),
            row(None, lifecycle=None, member="e", name=None, answers=False, proven=False, version=None),
        ],
        "listed": True,
        "quorum": {"proven": 1, "voters": 2, "needed": 2, "listed": True},
        "unknown": {"parameters": "GetParametersByPath was not answered"},
        "endpoints": None,
        "inFlight": {"change": "set i-12 unhealthy", "request": "r1", "expires": NOW},
        "unanswered": ["remove voter 14 of no known instance"],
        "notes": [
            {"about": "i-11", "verdict": "waiting", "code": "replacement-missing", "text": "waiting for its replacement to vote", "since": [{"what": "its terminate hook waits", "at": NOW - 125_000}]},
            {"about": "cluster", "verdict": "waiting", "code": "no-member-list", "text": "waiting for a linearizable member list", "since": [{"what": "there is no member list", "at": NOW - 7_000}]},
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
        self.assertEqual(self.lines[0], "demo: degraded: 1 of 2 voters proven; survives no loss; i-12 does not answer")
        self.assertEqual(self.lines[1], "  generation 2, formed; group the-group, desired 3; 08:00:00 UTC")
        table = [line.split() for line in self.lines if line.startswith("  i-") or line.startswith("  (")]
        self.assertEqual([words[:1] + words[-1:] for words in table[1:3]], [["i-12", "c"], ["i-13", "d"]])
        self.assertEqual(table[0][:5], ["i-11", "Terminating:Wait", "leader", "yes", "3.6.16"])
        self.assertEqual(table[2][1:7], ["not", "in", "the", "group", "learner", "NO:"])
        self.assertIn("(not started)", self.text)
        self.assertIn("ALARM NOSPACE of member b", self.text)
        self.assertIn("http://10.0.0.2:2379 did not answer", self.text)

    def test_what_is_waited_for_and_since_when(self):
        self.assertIn("i-11: waiting for its replacement to vote [replacement-missing] (for 2 min: its terminate hook waits)", self.lines)
        self.assertIn("cluster: waiting for a linearizable member list [no-member-list] (for 7 s: there is no member list)", self.lines)

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
        nothing = health("nothing", "nothing there: no ledger, and no instance in the group")
        answer = dry_run(health=nothing, generation=None, phase=None, quorum=None, listed=False, members=[], inFlight=None, notes=[], nextStep=None, group=None, desired=None)
        text = "\n".join(status.screen(status.summary(answer)))
        for words in ("demo: nothing there: no ledger, and", "no ledger was seen; group ?, desired ?", "nothing is waited for", "next step: none"):
            self.assertIn(words, text)

    def test_a_row_says_what_is_proven_and_what_is_gone(self):
        for words, fields in (
            ("yes", {}),
            ("NO: answers", {"proven": False}),
            ("NO: silent", {"proven": False, "answers": False}),
            ("NO: unread", {"proven": False, "answers": False, "unreadable": True}),
            ("GONE", {"proven": False, "answers": False, "gone": True}),
            ("–", {"member": None, "proven": False}),
        ):
            with self.subTest(words):
                self.assertEqual(status.proof(row("i-1", **fields)), words)
        self.assertIn(" gone  ", next(status.member(row("i-1", lifecycle=None, gone=True))))

    def test_what_is_counted_from_the_ledger_and_a_pause_are_said(self):
        quorum = {"proven": 0, "voters": 3, "needed": 2, "listed": False}
        lines = list(status.screen(status.summary(dry_run(quorum=quorum, paused=True))))
        self.assertIn("; no member list: voters as the ledger has them; group the-group, desired 3; PAUSED; ", lines[1])

    def test_a_long_verdict_and_a_long_note_stay_on_the_screen(self):
        text = "degraded: " + "; ".join(f"i-{number:017x} does not answer" for number in range(9))
        lines = list(status.screen(status.summary(dry_run(health=health("degraded", text)))))
        self.assertLess(max(map(len, lines)), 120)
        self.assertIn("i-00000000000000008 does not answer", " ".join(line.strip() for line in lines))

    def test_a_summary_of_another_version_is_refused(self):
        with self.assertRaisesRegex(status.Failed, "the summary has version 1"):
            status.summary(dry_run(version=1))

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
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(json.loads((self.folder / "asked").read_text()), {"cluster": "demo", "dryRun": True})
        self.assertEqual(json.loads(done.stdout)["generation"], 2)

    def answered(self, **fields):
        """A stand-in for the AWS CLI with this answer to the dry run."""
        (self.folder / "dry-run.json").write_text(json.dumps(dry_run(**fields)))
        copy = f'cp {self.folder}/dry-run.json "${{@: -1}}"'
        return f"""case $1 in cloudformation) echo f ;; lambda) {copy}; echo '{{"StatusCode": 200}}' ;; esac"""

    def test_the_exit_status_is_the_verdict(self):
        for standing, wanted in (("healthy", 0), ("degraded", 1), ("forming", 1), ("lost", 2), ("nothing", 3), ("unknown", 3)):
            aws = self.answered(health=health(standing, standing))
            for more in ((), ("--json",)):
                with self.subTest(standing, more=more):
                    self.assertEqual(self.run_with(aws, "demo", *more).returncode, wanted)

    def test_a_reader_that_leaves_early_sees_no_trace_and_the_status_stays(self):
        aws = self.answered(health=health("lost", "QUORUM LOST"), history=[{"at": NOW, "text": "x" * 60}] * 4000)
        (self.folder / "aws").write_text(f"#!/bin/bash\n{aws}\n")
        (self.folder / "aws").chmod(0o755)
        for more in ("", "--json"):
            script = f'set -o pipefail; "$0" "$1" demo {more} | head -1'
            command = ["bash", "-c", script, sys.executable, REPOSITORY / "tools" / "status.py"]
            done = subprocess.run(command, env={"PATH": f"{self.folder}:/bin:/usr/bin"}, capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (2, "", 1))

    def test_no_failure_of_its_own_is_taken_for_a_verdict(self):
        for words in (["--no-such-option"], ["demo", "too-many"]):
            done = self.run_with("exit 1", *words)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("status: ", done.stderr)
        self.assertEqual(self.run_with(self.answered(members="no list"), "demo").returncode, 3)
        done = self.run_with("exit 1", "--help")
        self.assertEqual(done.returncode, 0)
        for line in ("0  healthy", "1  degraded", "2  the quorum is lost", "3  no verdict"):
            self.assertIn(line, done.stdout)

    def test_each_failure_is_one_sentence(self):
        for aws, words in (
            ("", "the AWS CLI is not installed"),
            ("echo None", "has no output Reconcile"),
            ("echo 'no such stack' >&2; exit 255", "aws cloudformation describe-stacks: no such stack"),
            ("[[ $1 == lambda ]] && echo '<html>' || echo f", "aws lambda invoke answered no JSON: <html>"),
            ("if [[ $1 == lambda ]]; then echo '{}'; echo oops >\"${@: -1}\"; else echo f; fi", "the function f answered no JSON: oops"),
            ("if [[ $1 == lambda ]]; then echo '{}'; echo '[1]' >\"${@: -1}\"; else echo f; fi", "answered no summary but [1]"),
        ):
            with self.subTest(words):
                done = self.run_with(aws, "demo")
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (3, "", 1), done.stderr)
                self.assertIn(words, done.stderr)

    def test_without_a_name_it_asks_for_one(self):
        done = self.run_with("exit 1")
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (3, "", 1), done.stderr)
        self.assertIn("which cluster? make status CLUSTER=name", done.stderr)

    def test_a_region_that_is_not_there(self):
        variables = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        command = [sys.executable, REPOSITORY / "tools" / "status.py", "demo"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn("no answer from http://127.0.0.1:9", done.stderr)


if __name__ == "__main__":
    unittest.main()
