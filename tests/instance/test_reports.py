"""The host's last words: written where only this instance may write, never in the way of anything, and without secrets."""

import json
import unittest

from cloud import INSTANCE, SECRET, SESSION
from machine import ENDPOINTS, PARAMETER, Case

FATAL = json.dumps({"level": "fatal", "msg": "discovery failed", "error": "member count is unequal"})


class Reports(Case):
    def setUp(self):
        super().setUp()
        self.configure()

    def configure(self, *lines):
        own = ("ETCD_ASG_CLUSTER=red", "ETCD_ASG_REPORTS_BUCKET=ledgers", *lines)
        (self.machine.root / "config").write_text("".join(f"{line}\n" for line in own))

    def report(self):
        path, body = self.cloud.puts[-1]
        self.assertEqual(path, f"/ledgers/reports/red/{self.cloud.role}:{INSTANCE}")
        self.assertLessEqual(len(body), 4096)
        lines = body.decode().splitlines()
        fields = dict(line.split("=", 1) for line in lines)
        self.assertEqual(len(fields), len(lines), body)
        self.assertEqual((fields["format"], fields["instance"]), ("1", INSTANCE))
        self.assertRegex(fields["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        return fields

    def test_a_refusal_is_written_with_its_status(self):
        self.put_env(ETCD_ASG_FORMAT="2")
        self.assert_refused(80, "format '2'")
        report = self.report()
        self.assertEqual((report["status"], report["version"]), ("80", "3.6.16"))
        self.assertTrue(report["says"].startswith(PARAMETER), report)
        self.assertEqual(len(self.cloud.puts), 1, "run passes the status on, and prepare has written already")

    def test_a_refused_configuration_too(self):
        self.configure("PATH=/x")
        self.assert_refused(78, "line 3")
        self.assertIn("line 3 is not a known setting", self.report()["says"])
        self.assertEqual(self.report()["status"], "78")

    def test_the_role_of_the_configuration_spares_the_question(self):
        self.cloud.role = "AROAOTHER"
        self.configure("ETCD_ASG_ROLE_ID=AROAOTHER")
        self.put_env(ETCD_ASG_FORMAT="2")
        self.assert_refused(80, "format '2'")
        self.report()
        self.assertEqual(self.cloud.identity_asked, 0)

    def test_the_role_is_asked_once(self):
        for number in ("2", "3"):
            self.put_env(ETCD_ASG_FORMAT=number)
            self.assert_refused(80, f"format '{number}'")
        self.assertEqual(len(self.cloud.puts), 2)
        self.assertEqual(self.cloud.identity_asked, 1)

    def test_etcds_last_fatal_line_is_in_it_until_it_has_joined(self):
        self.put_env()
        self.machine.fake_etcd(f"echo '{FATAL}' >&2; echo stopping >&2; exit 1")
        got, said = self.machine.start_unit()
        self.assertEqual(got, 75, said)
        self.assertIn("stopping", said, "etcd's log still reaches the journal")
        report = self.report()
        self.assertEqual((report["status"], report["etcd"]), ("75", FATAL))
        self.assertIn("before it had joined", report["says"])
        self.put_env(ETCD_ASG_FORMAT="2")
        self.machine.prepare()
        self.assertEqual(self.report()["etcd"], FATAL, "the next start's words keep etcd's")

    def test_each_version_of_etcd_has_its_way_to_say_why_it_ends(self):
        for number, line in enumerate((
            'panic: runtime error: invalid memory address',
            'fatal error: out of memory',
            '2026-11-27 19:00:00.000000 C | etcdmain: member i-1 has already been bootstrapped',
            '{"level":"panic","ts":"x","msg":"tocommit(9) is out of range"}',
            'F1127 19:00:00 etcd.go] cannot listen',
        )):
            with self.subTest(line):
                (self.machine.root / "run.report").unlink(missing_ok=True)
                self.put_env()
                more = "echo '{\"level\":\"error\",\"msg\":\"an error that came later\"}' >&2"
                self.machine.fake_etcd(f"echo 'starting' >&2; echo '{line}' >&2; {more}; exit 1")
                self.machine.start_unit()
                self.assertEqual(self.report()["etcd"], line)

    def test_the_same_words_are_not_written_again_and_again(self):
        self.put_env()
        self.machine.fake_etcd("exit 1")
        for _ in range(4):
            self.machine.start_unit()
        self.assertEqual(len(self.cloud.puts), 1)

    def test_who_waits_for_long_says_for_what(self):
        self.machine.variables.update({"ETCD_ASG_PARAMETER_PATIENCE": "100", "ETCD_ASG_REPORT_SECONDS": "1"})
        process = self.machine.start("prepare")
        said = self.in_background(process)
        self.cloud.wait_until(lambda: self.cloud.puts)
        self.assertIn("waiting for the parameter", self.report()["says"])
        self.assertNotIn("status", self.report())
        self.assertIn("waiting for the parameter", said())

    def test_a_member_that_is_well_says_so(self):
        self.put_env()
        self.machine.prepare()
        (self.machine.root / "run.etcd").write_text("etcd=an old line\n")
        self.machine.fake_etcd("exec sleep 600")
        self.machine.start("run")
        (self.machine.data / "joined").write_text("CLUSTER_ID=14\nMEMBER_ID=7\n")
        from test_removed import Other

        other = Other()
        self.addCleanup(other.close)
        text = (self.machine.run_dir / "environment").read_text().replace("http://127.0.0.1:2379", other.url)
        (self.machine.run_dir / "environment").write_text(text)
        self.cloud.put_parameter(ENDPOINTS, other.url)
        self.assertEqual(self.machine.finish(self.machine.start("ready"))[0], 0)
        report = self.report()
        self.assertIn("is a healthy, published voter of red", report["says"])
        self.assertNotIn("etcd", report)

    def test_no_secret_and_no_control_character_is_in_it(self):
        self.put_env()
        line = f"panic: {SESSION} and {SECRET}\x1b[2J\x07 end"
        self.machine.fake_etcd(f"printf '%s\\n' '{line}' >&2; exit 1")
        self.machine.start_unit()
        body = self.cloud.puts[-1][1].decode()
        self.assertNotIn(SECRET, body)
        self.assertNotIn(SESSION, body)
        self.assertEqual([c for c in body if ord(c) < 32 and c != "\n"], [])
        self.assertIn("panic: … and …", body)

    def test_an_endless_line_is_cut(self):
        self.put_env()
        self.machine.fake_etcd("printf 'panic: %9000s\\n' x | tr ' ' x >&2; exit 1")
        self.machine.start_unit()
        self.assertTrue(self.report()["etcd"].startswith("panic:xxxx"))

    def test_a_report_that_cannot_be_written_changes_nothing(self):
        self.cloud.put_status = 403
        self.put_env()
        self.machine.fake_etcd("exit 1")
        got, said = self.machine.start_unit()
        self.assertEqual(got, 75)
        self.assertEqual(said.count("the last words could not be written"), 1)
        self.assertIn("before it had joined", said)
        self.put_env(ETCD_ASG_FORMAT="2")
        got, said = self.machine.start_unit()
        self.assertEqual(got, 80)
        self.assertNotIn("the last words", said, "it is said once")

    def test_without_a_bucket_nothing_is_written_or_asked(self):
        (self.machine.root / "config").write_text("ETCD_ASG_CLUSTER=red\n")
        self.put_env(ETCD_ASG_FORMAT="2")
        self.assert_refused(80, "format '2'")
        self.assertEqual((self.cloud.puts, self.cloud.identity_asked), ([], 0))


if __name__ == "__main__":
    unittest.main()
