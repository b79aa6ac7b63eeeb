"""Restoring a ledger as docs/OPERATIONS.md says: the versions on moto, and what follows from it on the region."""

import re
import sys
import unittest

from botocore.exceptions import ClientError

from service import REPOSITORY, Service

sys.path.insert(0, str(REPOSITORY / "tests" / "deployment"))
from local_region import LocalRegion
from template import Template

PAGE = (REPOSITORY / "docs" / "OPERATIONS.md").read_text()


class Restore(unittest.TestCase):
    def code(self, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        return caught.exception.response["Error"]["Code"]

    def test_the_page_names_the_calls_that_are_tried_here(self):
        (section,) = re.findall(r"\*\*To restore a ledger\*\*.*?```\n(.*?)```", PAGE, re.S)
        calls = re.findall(r"aws s3api ([a-z-]+)", section)
        self.assertEqual(calls, ["list-object-versions", "get-object", "put-object", "put-object"])
        self.assertEqual(re.findall(r"--if-[a-z-]+", section), ["--if-match", "--if-none-match"])

    def test_a_former_version_replaces_the_newest_or_a_delete_marker(self):
        moto = Service.moto()
        self.addCleanup(moto.close)
        s3, ledger = moto.client("s3"), {"Bucket": "ledgers", "Key": "etcd-asg/main/ledger.json"}
        s3.create_bucket(Bucket="ledgers", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_bucket_versioning(Bucket="ledgers", VersioningConfiguration={"Status": "Enabled"})
        good = s3.put_object(**ledger, Body=b"good", IfNoneMatch="*")
        s3.put_object(**ledger, Body=b"broken", IfMatch=good["ETag"])

        newest, former = s3.list_object_versions(Bucket="ledgers", Prefix=ledger["Key"])["Versions"]
        self.assertEqual((newest["IsLatest"], former["VersionId"]), (True, good["VersionId"]))
        body = s3.get_object(**ledger, VersionId=former["VersionId"])["Body"].read()
        self.assertEqual(self.code(s3.put_object, **ledger, Body=body, IfMatch=former["ETag"]), "PreconditionFailed")
        s3.put_object(**ledger, Body=body, IfMatch=newest["ETag"])
        self.assertEqual(s3.get_object(**ledger)["Body"].read(), b"good")

        s3.delete_object(**ledger)
        s3.put_object(**ledger, Body=body, IfNoneMatch="*")
        self.assertEqual(s3.get_object(**ledger)["Body"].read(), b"good")

    def test_a_cluster_goes_on_with_its_restored_ledger(self):
        region = LocalRegion("--tick", "2", "--friendly")
        self.addCleanup(region.close)
        s3 = Service(region.process, region.endpoint, region.variables).client("s3")
        ledger = {"Bucket": region.variables.get("LEDGER_BUCKET", "etcd-asg-ledger"), "Key": "ledgers/main/ledger.json"}
        region.create_group("main", Template.cluster(ClusterName="main", Size=1).properties("Group"))
        region.wait_for("one forms", lambda: region.settled("main", 1))

        def summary():
            return region.invoke("reconcile", {"cluster": "main", "dryRun": True})["summary"]

        self.pause(region, "true")
        region.wait_for("the pause is seen", lambda: "paused" in {note["code"] for note in summary()["notes"]})
        good = s3.get_object(**ledger)
        body = good["Body"].read()
        broken = s3.put_object(**ledger, Body=b"{broken", IfMatch=good["ETag"])
        self.assertIsNotNone(summary()["unknown"]["ledger"])

        s3.put_object(**ledger, Body=body, IfMatch=broken["ETag"])
        told = summary()
        self.assertEqual((told["unknown"].get("ledger"), told["phase"], len(told["members"])), (None, "formed", 1))
        self.pause(region, "false")
        written = s3.get_object(**ledger)["ETag"]
        region.call("autoscaling", "SetDesiredCapacity", AutoScalingGroupName="main", DesiredCapacity="3")
        region.wait_for("it scales", lambda: region.settled("main", 3))
        self.assertNotEqual(s3.get_object(**ledger)["ETag"], written)

    def pause(self, region, value):
        tag = {"ResourceId": "main", "ResourceType": "auto-scaling-group", "Key": "etcd-asg:paused", "PropagateAtLaunch": "false"}
        region.call("autoscaling", "CreateOrUpdateTags", **{f"Tags.member.1.{k}": v for k, v in {**tag, "Value": value}.items()})


if __name__ == "__main__":
    unittest.main()
