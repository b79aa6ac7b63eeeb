"""run: the environment of etcd, how signals reach it, and what each end of etcd means."""

import json
import signal
import unittest

from machine import Case


class Run(Case):
    def setUp(self):
        super().setUp()
        self.put_env()
        self.assertEqual(self.machine.prepare(), (0, ""))

    def joined(self):
        (self.machine.data / "joined").write_text("CLUSTER_ID=14\nMEMBER_ID=7\n")

    def test_etcd_gets_its_own_variables_and_none_of_the_script(self):
        self.machine.variables["ETCD_STRAY"] = "from the host"
        self.machine.variables["LOCAL_REGION_MARK"] = "kept"
        self.machine.fake_etcd(f"env > {self.machine.root}/seen; exit 1")
        self.machine.run()
        seen = dict(line.split("=", 1) for line in (self.machine.root / "seen").read_text().splitlines())
        self.assertEqual(seen["ETCD_INITIAL_CLUSTER_STATE"], "existing")
        self.assertEqual(seen["ETCD_DATA_DIR"], str(self.machine.member_data))
        self.assertEqual(seen["LOCAL_REGION_MARK"], "kept")
        self.assertEqual([name for name in seen if name.startswith("ETCD_ASG_") or name == "ETCD_STRAY"], [])

    def environment_of_etcd(self):
        self.machine.fake_etcd(f"env > {self.machine.root}/seen; exit 1")
        _, said = self.machine.run()
        seen = dict(line.split("=", 1) for line in (self.machine.root / "seen").read_text().splitlines())
        return seen, said

    def configure(self, *lines):
        (self.machine.root / "config").write_text("".join(f"{line}\n" for line in ("ETCD_ASG_CLUSTER=red", *lines)))

    def test_etcd_compacts_unless_the_operator_says_how(self):
        seen, _ = self.environment_of_etcd()
        self.assertEqual((seen["ETCD_AUTO_COMPACTION_MODE"], seen["ETCD_AUTO_COMPACTION_RETENTION"]), ("periodic", "1h"))
        self.configure("ETCD_AUTO_COMPACTION_RETENTION=5")
        seen, _ = self.environment_of_etcd()
        self.assertEqual(seen["ETCD_AUTO_COMPACTION_RETENTION"], "5")
        self.assertNotIn("ETCD_AUTO_COMPACTION_MODE", seen)

    def test_etcds_own_settings_pass_through_and_where_the_parameter_wins_it_is_said(self):
        self.configure("ETCD_QUOTA_BACKEND_BYTES=8589934592", "ETCD_ELECTION_TIMEOUT=2000", "ETCD_PRE_VOTE=false")
        seen, said = self.environment_of_etcd()
        self.assertEqual(seen["ETCD_QUOTA_BACKEND_BYTES"], "8589934592")
        self.assertEqual(seen["ETCD_ELECTION_TIMEOUT"], "2000")
        self.assertEqual(seen["ETCD_PRE_VOTE"], "true")
        self.assertEqual(said.count("the parameter's value is used"), 1, said)
        self.assertIn("sets ETCD_PRE_VOTE=false, and the cluster's parameter sets true", said)

    def test_a_setting_that_would_override_the_parameter_is_refused(self):
        for name in ("CONFIG_FILE", "WAL_DIR", "DATA_DIR", "FORCE_NEW_CLUSTER", "DISCOVERY_SRV", "ENABLE_GRPC_GATEWAY"):
            with self.subTest(name):
                self.configure(f"ETCD_{name}=x")
                self.assert_refused(78, f"ETCD_{name} cannot be set")

    def test_after_an_end_before_joining_the_parameter_is_read_again(self):
        for status in (0, 1, 2):
            with self.subTest(status):
                self.machine.fake_etcd(f"echo member count is unequal >&2; exit {status}")
                got, said = self.machine.run()
                self.assertEqual(got, 75, said)
                self.assertIn("member count is unequal", said)
                self.assertIn("before it had joined", said)

    def test_the_end_of_a_member_that_had_joined_keeps_its_status(self):
        self.joined()
        for status in (0, 1, 2):
            self.machine.fake_etcd(f"exit {status}")
            self.assertEqual(self.machine.run()[0], status)

    def test_an_etcd_that_was_killed_is_started_again(self):
        self.joined()
        self.machine.fake_etcd("kill -KILL $$")
        self.assertEqual(self.machine.run()[0], 128 + signal.SIGKILL)

    def test_a_removed_member_is_not_started_again_whatever_its_status(self):
        self.joined()
        line = json.dumps({"error": "the member has been permanently removed from the cluster"})
        for status in (0, 1):
            with self.subTest(status):
                self.machine.fake_etcd(f"echo '{line}' >&2; exit {status}")
                got, said = self.machine.run()
                self.assertEqual(got, 87, said)
                self.assertIn("was removed from cluster red", said)

    def test_an_earlier_removal_is_forgotten_by_a_new_start(self):
        self.test_a_removed_member_is_not_started_again_whatever_its_status()
        self.machine.began()
        self.machine.fake_etcd("exit 3")
        self.assertEqual(self.machine.start_unit()[0], 3)

    def test_a_signal_reaches_etcd_once_and_its_last_words_are_kept(self):
        self.joined()
        for sent in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sent):
                ready = self.machine.root / f"ready-{sent}"
                self.machine.fake_etcd(
                    f"trap 'echo moving leadership; sleep 0.3; echo done; exit 143' TERM; touch {ready}; "
                    "while :; do sleep 0.05; done"
                )
                process = self.machine.start("run")
                said = self.in_background(process)
                self.wait_for(ready.exists, said)
                process.send_signal(sent)
                self.assertEqual(process.wait(timeout=30), 143)
                self.wait_for(lambda: said().endswith("moving leadership\ndone\n"), said)

    def test_without_prepare_nothing_is_started(self):
        for path in self.machine.run_dir.iterdir():
            path.unlink()
        self.machine.fake_etcd(f"touch {self.machine.root}/started")
        got, said = self.machine.run()
        self.assertEqual(got, 75)
        self.assertIn("prepare has not approved", said)
        self.assertFalse((self.machine.root / "started").exists())


if __name__ == "__main__":
    unittest.main()
