"""prepare: what it approves, what it waits for, and every refusal."""

import unittest

from cloud import INSTANCE
from machine import CLUSTER, PARAMETER, Case, environment


class Approves(Case):
    def test_an_empty_disk_under_an_open_parameter_is_begun_and_stamped(self):
        self.put_env()
        status, said = self.machine.prepare()
        self.assertEqual((status, said), (0, ""))
        stamp = (self.machine.data / "stamp").read_text()
        self.assertEqual(stamp, f"CLUSTER={CLUSTER}\nGENERATION=1\nTOKEN={CLUSTER}-1\nINSTANCE={INSTANCE}\n")
        self.assertEqual((self.machine.run_dir / "environment").read_text(), environment())
        self.assertEqual(self.machine.member_data.stat().st_mode & 0o777, 0o700)

    def test_a_disk_that_this_parameter_began_is_approved_again_before_and_after_sealing(self):
        for sealed in ("empty", "present"):
            with self.subTest(sealed):
                self.put_env(ETCD_ASG_DATA=sealed)
                if sealed == "empty":
                    self.machine.began(joined="14")
                self.assertEqual(self.machine.prepare(), (0, ""))

    def test_a_start_that_left_no_log_may_be_repeated(self):
        self.put_env()
        self.machine.began(log=False)
        self.assertEqual(self.machine.prepare(), (0, ""))

    def test_the_parameter_is_read_again_at_every_start(self):
        self.put_env()
        self.machine.prepare()
        self.put_env(ETCD_INITIAL_CLUSTER=f"other=http://127.0.0.9:2380,{INSTANCE}=http://127.0.0.1:2380")
        self.machine.prepare()
        self.assertIn("other=", (self.machine.run_dir / "environment").read_text())
        self.assertEqual(self.cloud.reads, [PARAMETER, PARAMETER])

    def test_any_minor_where_the_parameter_names_none_and_a_listed_one_otherwise(self):
        for minors in (None, "3.6", "3.5 3.6", '"3.6 3.7"'):
            with self.subTest(minors):
                self.put_env(ETCD_ASG_MINORS=minors)
                self.assertEqual(self.machine.prepare(), (0, ""))


class Waits(Case):
    def setUp(self):
        super().setUp()
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "60"

    def test_for_the_parameter_to_appear(self):
        process = self.machine.start("prepare")
        self.cloud.wait_until(lambda: len(self.cloud.reads) > 3)
        self.put_env()
        status, said = self.machine.finish(process)
        self.assertEqual(status, 0)
        self.assertEqual(said.count("waiting for the parameter " + PARAMETER), 1, said)

    def test_for_a_minor_that_is_held_to_be_allowed(self):
        self.put_env(ETCD_ASG_MINORS="3.6", ETCD_ASG_MINOR_HELD="3.7")
        self.machine.fake_etcd("exec sleep 600", version="3.7.3")
        process = self.machine.start("prepare")
        self.cloud.wait_until(lambda: len(self.cloud.reads) > 3)
        self.assertFalse((self.machine.data / "stamp").exists())
        self.put_env(ETCD_ASG_MINORS="3.6 3.7")
        status, said = self.machine.finish(process)
        self.assertEqual(status, 0)
        self.assertEqual(said.count("etcd 3.7.3 may not join cluster red yet"), 1, said)

    def test_on_a_new_disk_of_a_member_that_has_run_until_the_parameter_names_another_member(self):
        self.put_env(ETCD_ASG_DATA="present", ETCD_ASG_MEMBER_ID="11")
        process = self.machine.start("prepare")
        self.waits_on(process)
        # A stale read can show once more a parameter that started the old member.
        for earlier in ({"ETCD_INITIAL_CLUSTER_STATE": "new"}, {"ETCD_ASG_MEMBER_ID": "11"}, {}):
            with self.subTest(earlier):
                self.put_env(**earlier)
                self.waits_on(process)
        self.put_env(ETCD_ASG_MEMBER_ID="12")
        status, said = self.machine.finish(process)
        self.assertEqual(status, 0)
        self.assertEqual(said.count("is new, but this member has already run"), 1, said)
        self.assertIn("lose acknowledged writes", said)
        self.assertTrue((self.machine.data / "stamp").exists())
        self.assertIn("ETCD_ASG_MEMBER_ID=12", (self.machine.run_dir / "environment").read_text())

    def waits_on(self, process):
        reads = len(self.cloud.reads)
        self.cloud.wait_until(lambda: len(self.cloud.reads) > reads + 3)
        self.assertIsNone(process.poll(), "it waits")
        self.assertFalse((self.machine.data / "stamp").exists())
        self.assertFalse((self.machine.run_dir / "environment").exists())

    def test_for_a_parameter_of_the_generation_on_the_disk(self):
        self.machine.began(GENERATION="2", TOKEN=CLUSTER + "-2")
        self.put_env()
        process = self.machine.start("prepare")
        self.cloud.wait_until(lambda: len(self.cloud.reads) > 3)
        self.put_env(ETCD_ASG_GENERATION="2", ETCD_INITIAL_CLUSTER_TOKEN=CLUSTER + "-2")
        status, said = self.machine.finish(process)
        self.assertEqual(status, 0)
        self.assertIn("still names generation 1", said)

    def test_on_errors_of_ssm_while_there_is_nothing_to_start_with(self):
        for error in ((400, "ThrottlingException"), (500, "InternalServerError"), (400, "AccessDeniedException")):
            with self.subTest(error):
                self.cloud.ssm_error, self.cloud.reads = error, []
                process = self.machine.start("prepare")
                self.cloud.wait_until(lambda: len(self.cloud.reads) > 8)
                self.cloud.ssm_error = None
                self.put_env()
                status, said = self.machine.finish(process)
                self.assertEqual(status, 0, said)
                self.assertIn("cannot read the parameter", said)

    def test_and_says_why_before_it_starts_over(self):
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "0"
        status, said = self.machine.prepare()
        self.assertEqual(status, 75)
        self.assertIn(f"etcd-asg:cluster={CLUSTER}", said)
        self.cloud.ssm_error = (400, "AccessDeniedException")
        status, said = self.machine.prepare()
        self.assertEqual(status, 75)
        self.assertIn("ssm:GetParameter", said)

    def test_for_an_instance_metadata_service_that_answers(self):
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "0"
        del self.cloud.metadata["instance-id"]
        status, said = self.machine.prepare()
        self.assertEqual(status, 75)
        self.assertIn("metadata service", said)


class OutageOfSsm(Case):
    def setUp(self):
        super().setUp()
        self.put_env(ETCD_ASG_DATA="present")
        self.machine.began(joined="14")
        self.assertEqual(self.machine.prepare(), (0, ""))
        # Far more than the polls need, also on a busy machine. The tests of the patience itself shorten it.
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "60"

    def test_a_member_that_had_joined_starts_with_what_it_has(self):
        for error in ((503, "ServiceUnavailable"), (400, "ThrottlingException"), (400, "AccessDeniedException")):
            with self.subTest(error):
                self.cloud.ssm_error = error
                status, said = self.machine.prepare()
                self.assertEqual(status, 0, said)
                self.assertIn("starting with the last approved parameter", said)
                self.assertEqual(
                    (self.machine.run_dir / "environment").read_text(), environment(ETCD_ASG_DATA="present")
                )

    def test_and_so_where_nothing_listens(self):
        self.machine.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
        status, said = self.machine.prepare()
        self.assertEqual(status, 0, said)
        self.assertIn("starting with the last approved parameter", said)

    def test_but_not_a_member_that_never_joined(self):
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "2"
        (self.machine.data / "joined").unlink()
        self.cloud.ssm_error = (503, "ServiceUnavailable")
        status, said = self.machine.prepare()
        self.assertEqual(status, 75, said)
        self.assertFalse((self.machine.run_dir / "environment").exists())

    def test_nor_a_member_whose_log_is_gone(self):
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "2"
        for path in (self.machine.member_data / "member" / "wal").iterdir():
            path.unlink()
        self.cloud.ssm_error = (503, "ServiceUnavailable")
        status, said = self.machine.prepare()
        self.assertEqual(status, 75, said)

    def test_nor_under_a_parameter_that_is_deleted(self):
        self.machine.variables["ETCD_ASG_PARAMETER_PATIENCE"] = "2"
        self.cloud.parameters.clear()
        status, said = self.machine.prepare()
        self.assertEqual(status, 75, said)
        self.assertIn("given this instance up", said)
        self.assertFalse((self.machine.run_dir / "environment").exists())

    def test_nor_on_another_instance(self):
        self.cloud.metadata["instance-id"] = "i-0fedcba9876543210"
        self.cloud.ssm_error = (503, "ServiceUnavailable")
        status, said = self.machine.start_unit()
        self.assertEqual(status, 80, said)


class Refuses(Case):
    def test_a_stamped_disk_without_its_log_under_a_sealed_parameter(self):
        self.put_env(ETCD_ASG_DATA="present")
        self.machine.began(log=False)
        self.assert_refused(81, "lose acknowledged writes", "terminate instance " + INSTANCE)

    def test_a_joined_member_without_its_log_even_before_it_is_sealed(self):
        self.put_env()
        self.machine.began(log=False, joined="14")
        self.assert_refused(81, "already run")

    def test_data_of_another_cluster(self):
        self.put_env()
        self.machine.began(CLUSTER="blue", TOKEN="blue-1")
        self.assert_refused(82, "data of cluster blue", "belongs to red")

    def test_data_begun_under_another_token(self):
        self.put_env()
        self.machine.began(TOKEN="red-elsewhere-1")
        self.assert_refused(82, "red-elsewhere-1")

    def test_data_with_another_cluster_id(self):
        self.put_env(ETCD_ASG_DATA="present", ETCD_ASG_CLUSTER_ID="14841639068965178418")
        self.machine.began(joined="13237690985026003711")
        self.assert_refused(82, "13237690985026003711", "14841639068965178418")

    def test_data_of_an_older_generation(self):
        self.put_env(ETCD_ASG_GENERATION="2", ETCD_INITIAL_CLUSTER_TOKEN=CLUSTER + "-2")
        self.machine.began()
        self.assert_refused(83, "generation 1", "generation 2 is the current one")

    def test_data_of_another_instance(self):
        self.put_env()
        self.machine.began(INSTANCE="i-0fedcba9876543210")
        self.assert_refused(84, "i-0fedcba9876543210", "image without data")

    def test_data_of_unknown_origin(self):
        self.put_env()
        self.machine.began()
        (self.machine.data / "stamp").unlink()
        self.assert_refused(85, "no stamp")

    def test_a_stamp_that_cannot_be_read(self):
        self.put_env()
        self.machine.began()
        for text in ("GENERATION=one\n", "rubbish\n", ""):
            with self.subTest(text):
                (self.machine.data / "stamp").write_text(text)
                self.assert_refused(85, "stamp")

    def test_an_etcd_whose_minor_must_not_join(self):
        self.put_env(ETCD_ASG_MINORS="3.5 3.6")
        self.machine.fake_etcd("exit 1", version="3.7.3")
        status, said = self.machine.start_unit()
        self.assertEqual(status, 86, said)
        self.assertIn("etcd 3.7.3 must not join cluster red, which accepts only 3.5 or 3.6", said)
        self.assertFalse((self.machine.data / "stamp").exists())

    def test_a_host_without_etcd(self):
        self.put_env()
        (self.machine.bin / "etcd").unlink()
        status, said = self.machine.start_unit()
        self.assertEqual(status, 78, said)
        self.assertIn("no working etcd", said)

    def test_never_deletes_what_it_refuses(self):
        self.put_env(ETCD_ASG_GENERATION="2", ETCD_INITIAL_CLUSTER_TOKEN=CLUSTER + "-2")
        self.machine.began(joined="14")
        before = sorted((path, path.read_bytes()) for path in self.machine.data.rglob("*") if path.is_file())
        self.assert_refused(83)
        after = sorted((path, path.read_bytes()) for path in self.machine.data.rglob("*") if path.is_file())
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
