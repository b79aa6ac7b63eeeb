"""The example's group, on the local region: it forms and heals, and no call is made that the templates do not grant."""

import json
import os
import subprocess
import unittest

from local_region import LocalRegion
from template import REPOSITORY, Template, actions, allows, filters_that_match, of_the_instance, statements

ACCOUNT = "arn:aws:{service}:us-east-1:123456789012:"


class Granted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.functions = Template.functions(LedgerPrefix="ledgers")  # the region's own choice of a prefix
        cls.cluster = Template.cluster(ClusterName="main", ReportsBucket="bucket")
        cls.region = LocalRegion("--tick", "5", "--health-check-delay", "1")
        cls.addClassCleanup(cls.region.close)
        region = cls.region
        region.create_group("main", cls.cluster.properties("Group"))
        first, second, _ = region.wait_for("three form", lambda: region.settled("main", 3))
        terminate = {"InstanceId": first, "ShouldDecrementDesiredCapacity": "false"}
        region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", **terminate)
        region.wait_for("one is replaced in order", lambda: region.settled("main", 3, [first]))
        region.call("ec2", "TerminateInstances", **{"InstanceId.1": second})
        region.wait_for("one that died is replaced", lambda: region.settled("main", 3, [first, second]))
        cls.state = region.state()
        # The region writes the time, the function, the process and the request before each line.
        lines = (line.partition("{") for line in region.request("/_region/functions/log").splitlines())
        cls.log = [json.loads(brace + rest) for _, brace, rest in lines if brace]

    def resource(self, service, target):
        account = ACCOUNT.format(service=service)
        if service == "ssm":
            return f"{account}parameter{target}"
        if service == "s3":
            return f"arn:aws:s3:::bucket/{target}"
        if service == "autoscaling":
            return f"{account}autoScalingGroup:a-uuid:autoScalingGroupName/main"
        return "*"

    def test_no_call_of_a_function_is_without_its_grant(self):
        granted = list(statements(self.functions.properties("FunctionRole")))
        made = {
            (call["service"], call["operation"], call["target"])
            for invocation in self.state["invocations"]
            for call in invocation["calls"]
            if call["service"] != "etcd"
        }
        self.assertLessEqual({"autoscaling", "ec2", "ssm", "s3"}, {service for service, _, _ in made})
        for service, operation, target in sorted(made):
            with self.subTest(f"{service} {operation} {target}"):
                resource = "*" if ":Describe" in f":{operation}" else self.resource(service, target)
                action = f"{service}:{operation}"
                if operation == "ListObjectsV2":
                    # The permission has another name and is one for the bucket (Service Authorization Reference, S3).
                    action, resource = "s3:ListBucket", "arn:aws:s3:::bucket"
                self.assertTrue(allows(granted, action, resource), resource)

    def test_forming_and_healing_ring_nothing(self):
        notes = [line for line in self.log if "verdict" in line]
        self.assertGreater(len(notes), 10)
        # As the page says, the verdict, the code and the level are fields of the line.
        self.assertLessEqual({"waiting"}, {line["verdict"] for line in notes})
        urgent = {"ErrorLines", "DataNotes", "RetainedNotes"}
        rung = [line for line in self.log if filters_that_match(self.functions, line) & urgent]
        self.assertEqual(rung, [])

    def test_the_status_shows_three_voters_and_one_leader(self):
        command = [REPOSITORY / "tools" / "status.py", "--json", "main"]
        variables = {**os.environ, **self.region.variables}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        told = json.loads(done.stdout)
        self.assertEqual((told["phase"], told["desired"], len(told["endpoints"])), ("formed", 3, 3))
        self.assertEqual(sorted(row["role"] for row in told["members"] if row["member"]), ["leader", "voter", "voter"])
        self.assertEqual({row["answers"] for row in told["members"] if row["member"]}, {True})

    def test_no_call_of_an_instance_is_without_its_grant(self):
        made = {
            f"{service}:{operation}"
            for service, operations in self.state["calls"]["instance"].items()
            for operation in operations
        }
        # The put is the host's report, under its own name.
        self.assertEqual(made, {"ssm:GetParameter", "autoscaling:CompleteLifecycleAction", "s3:PutObject"})
        self.assertLessEqual(made, actions(of_the_instance(self.cluster)))

    def test_every_parameter_that_was_published_may_be_written_by_functions_and_the_instances_read_theirs(self):
        functions = list(statements(self.functions.properties("FunctionRole")))
        instances = list(of_the_instance(self.cluster))
        names = [name for name in self.state["parameters"] if not name.startswith("/etcd-asg-owners/")]
        self.assertGreaterEqual(len(names), 5)
        for name in names:
            arn = self.resource("ssm", name)
            self.assertTrue(allows(functions, "ssm:PutParameter", arn) and allows(functions, "ssm:DeleteParameter", arn), arn)
            readable = allows(instances, "ssm:GetParameter", arn)
            self.assertEqual(readable, not name.endswith("/initial-cluster"), arn)
        self.assertFalse(allows(instances, "ssm:GetParameter", self.resource("ssm", "/etcd-asg/other/endpoints")))


if __name__ == "__main__":
    unittest.main()
