"""docs/MOVING.md, tried: its commands, as they stand there, move a living cluster to another deployment and back."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import textwrap
import unittest

from local_region import REPOSITORY, LocalRegion
from worst_hour import OPTIONS, group

PAGE = (REPOSITORY / "docs" / "MOVING.md").read_text()
MISSING = [program for program in ("aws", "jq") if shutil.which(program) is None]
SIZE = 3


def commands(after):
    """The first block of commands behind these words of the page."""
    (block,) = re.findall(r"^ *```sh\n(.*?)^ *```", PAGE[PAGE.index(after):], re.M | re.S)[:1]
    return textwrap.dedent(block)


class Operator:
    """Somebody with a shell, who follows the page."""

    def __init__(self, region, **variables):
        self.folder = tempfile.TemporaryDirectory()
        self.variables = {**os.environ, **region.variables, "AWS_ENDPOINT_URL": region.endpoint, "AWS_PAGER": "", **variables}
        self.lines = ""

    def does(self, after):
        """Carries out a step, in the shell that has the variables of the steps before."""
        # Assignments of earlier steps are kept; everything else is done once.
        script = f"set -uo pipefail\n{self.lines}{commands(after)}"
        done = subprocess.run(["bash", "-c", script], env=self.variables, cwd=self.folder.name, capture_output=True, text=True, check=False, timeout=300)
        self.lines += "".join(line + "\n" for line in commands(after).splitlines() if line.startswith("NAME="))
        return done

    def file(self, name):
        return json.loads((pathlib.Path(self.folder.name) / name).read_text())


@unittest.skipIf(MISSING, f"docs/MOVING.md is NOT tried here: {' and '.join(MISSING)} is not installed")
class Moving(unittest.TestCase):
    def setUp(self):
        self.region = LocalRegion(*OPTIONS)
        self.addCleanup(self.region.close)
        self.deploy("first", "old", "ledgers")
        self.region.create_group("demo", group("demo", SIZE))
        self.region.wait_for("the cluster settles", lambda: self.region.settled("demo", SIZE))
        self.region.wait_for("it is healthy", lambda: self.summary("")["health"]["standing"] == "healthy")
        xml = self.region.call("autoscaling", "DescribeAutoScalingGroups", **{"AutoScalingGroupNames.member.1": "demo"})
        (arn,) = re.findall(r"<AutoScalingGroupARN>(.*?)<", xml)
        self.operator = Operator(
            self.region, ARN=arn, GROUP="demo", CLUSTER="demo", OLD="old", NEW="new", PREFIX="ledgers", NEWPREFIX="moved/ledgers",
            STACK="second", PARAMETERS="/etcd-asg", NEWPARAMETERS="/moved",
        )
        self.addCleanup(self.operator.folder.cleanup)

    def deploy(self, name, bucket, prefix, **more):
        variables = {"ETCD_ASG_BUCKET": bucket, "ETCD_ASG_LEDGER_PREFIX": prefix, "ETCD_ASG_DEPLOYMENT": name}
        variables |= {"ETCD_ASG_OWNER_SETTLES": "1", **more}
        headers = {"Content-Type": "application/json"}
        self.region.request(f"/_region/deployments/{name}", json.dumps(variables).encode(), headers)

    def summary(self, prefix):
        """What the dry run of a deployment says."""
        return self.region.invoke(f"{prefix}reconcile", {"cluster": "demo", "dryRun": True})["summary"]

    def codes(self, prefix):
        return {note["code"] for note in self.summary(prefix)["notes"]}

    def does(self, after):
        done = self.operator.does(after)
        self.assertEqual(done.returncode, 0, f"{after}\n{done.stdout}{done.stderr}")
        return done.stdout

    def moves_the_ledger(self):
        """Steps 1 to 5."""
        self.does("1. **Pause.**")
        self.region.wait_for("the pause is seen", lambda: "paused" in self.codes(""))
        self.region.wait_for("no claim is open", lambda: self.does("2. **Wait until").strip() == "null")
        self.does("3. **Copy the ledger**")
        self.does("4. **Leave a tombstone.**")
        self.assertIn("ledger-moved", self.codes(""))
        self.does("5. **Write the owner.**")

    def is_one_cluster(self, prefix, before):
        told = self.summary(prefix)
        self.assertEqual((told["generation"], told["health"]["standing"]), (1, "healthy"), told["health"])
        self.assertEqual({row["member"] for row in told["members"]} & before, before)

    def test_a_cluster_moves_to_another_deployment(self):
        before = self.summary("")
        members = {row["member"] for row in before["members"]}
        self.deploy("second", "new", "moved/ledgers")
        self.region.wait_for("the other deployment is refused", lambda: "other-owner" in self.codes("second--"))
        self.moves_the_ledger()
        leaving = before["members"][0]["instance"]
        action = {"InstanceId": leaving, "ShouldDecrementDesiredCapacity": "false"}
        self.region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", **action)
        self.region.wait_for("6: the new deployment has it", lambda: self.codes("second--") == {"paused"})
        self.is_one_cluster("second--", members)
        self.assertIn("other-owner", self.codes(""))
        self.assertEqual(self.region.group("demo")[leaving], "Terminating:Wait")
        self.does("7. **Resume.**")
        self.region.wait_for("the new deployment replaces an instance", lambda: self.region.settled("demo", SIZE, without=[leaving]))
        self.region.wait_for("it is healthy", lambda: self.summary("second--")["health"]["standing"] == "healthy")
        self.is_one_cluster("second--", members - {before["members"][0]["member"]})
        self.assertIn("other-owner", self.codes(""))

    def test_a_step_that_comes_too_late_fails(self):
        """A ledger that has changed since it was copied is not moved, and a place that is taken is not overwritten."""
        self.does("1. **Pause.**")
        self.region.wait_for("no claim is open", lambda: self.does("2. **Wait until").strip() == "null")
        self.deploy("second", "new", "moved/ledgers")
        self.does("3. **Copy the ledger**")
        self.assertNotEqual(self.operator.does("3. **Copy the ledger**").returncode, 0)
        self.does("7. **Resume.**")
        leaving = next(iter(self.region.group("demo")))
        action = {"InstanceId": leaving, "ShouldDecrementDesiredCapacity": "false"}
        self.region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", **action)
        self.region.wait_for("it is replaced", lambda: self.region.settled("demo", SIZE, without=[leaving]))
        self.assertNotEqual(self.operator.does("4. **Leave a tombstone.**").returncode, 0)
        self.assertNotIn("ledger-moved", self.codes(""))

    def test_the_way_back(self):
        members = {row["member"] for row in self.summary("")["members"]}
        self.deploy("second", "new", "moved/ledgers")
        self.moves_the_ledger()
        self.region.wait_for("the new deployment has it", lambda: self.codes("second--") == {"paused"})
        self.does("**To go back**")
        self.region.wait_for("the old deployment has it again", lambda: self.codes("") == {"paused"})
        self.region.wait_for("the new one is refused", lambda: "other-owner" in self.codes("second--"))
        self.does("7. **Resume.**")
        self.is_one_cluster("", members)
        leaving = next(iter(self.region.group("demo")))
        action = {"InstanceId": leaving, "ShouldDecrementDesiredCapacity": "false"}
        self.region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", **action)
        self.region.wait_for("it is replaced", lambda: self.region.settled("demo", SIZE, without=[leaving]))

    def test_the_prefix_of_the_parameters(self):
        """The region's hosts know one prefix, so this goes as far as the functions: they find all under the new one."""
        members = {row["member"] for row in self.summary("")["members"]}
        endpoints = self.summary("")["endpoints"]
        # The same stack, in the same bucket.
        self.operator.variables |= {"NEW": "old", "STACK": "first"}
        self.moves_the_ledger()
        self.does("**The prefix of the parameters**")
        record = {**self.operator.file("owner.json"), "parameterPrefix": "/moved"}
        (name,) = [name for name in self.region.state()["parameters"] if name.startswith("/etcd-asg-owners/")]
        put = {"Name": name, "Value": json.dumps(record), "Type": "String", "Overwrite": True}
        self.region.call_json("ssm", "AmazonSSM.PutParameter", put)
        self.deploy("first", "old", "moved/ledgers", ETCD_ASG_PREFIX="/moved")
        self.region.wait_for("the deployment has it", lambda: self.codes("") == {"paused"})
        self.does("7. **Resume.**")
        self.region.wait_for("nothing is waited for", lambda: self.codes("") == set())
        self.is_one_cluster("", members)
        self.assertEqual(sorted(self.summary("")["endpoints"]), sorted(endpoints))


if __name__ == "__main__":
    unittest.main()
