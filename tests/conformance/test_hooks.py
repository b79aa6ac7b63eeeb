"""Lifecycle hooks on the region, compared with what AWS documents: moto does not wait at a hook, so it is no reference.

Each fact names its source. Where the source is AWS's own model of its API, as botocore ships it, the test reads the fact
there, so that the test fails when a newer model says something else.
"""

import json
import re
import time
import unittest
import urllib.request

import botocore.session
from botocore.exceptions import ClientError

from service import Service

MODEL = botocore.session.get_session().get_service_model("autoscaling")
STATES = set(MODEL.shape_for("LifecycleState").enum)
#: Auto Scaling user guide, "Amazon EC2 Auto Scaling instance lifecycle", with a hook for either transition.
LAUNCH = ["Pending", "Pending:Wait", "Pending:Proceed", "InService"]
TERMINATION = ["Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminated"]
#: Auto Scaling user guide, "Manage retained instances"; the model's own words on RetentionTriggers.
RETAINED = ["Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminating:Retained"]
#: AWS does not document this message; it was seen in production (PrairieLearn pull request 15586).
NO_ACTION = "No active Lifecycle Action found with instance ID {instance}"
#: AWS CLI reference, describe-scaling-activities; CodeDeploy user guide, "Troubleshoot Amazon EC2 Auto Scaling issues".
ABANDONED = (
    "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {token} was abandoned: "
    "Lifecycle Action Completed with ABANDON Result"
)
TRANSITIONS = {"launch": "autoscaling:EC2_INSTANCE_LAUNCHING", "terminate": "autoscaling:EC2_INSTANCE_TERMINATING"}


def said(shape, member):
    """The model's documentation of a field, without its markup."""
    return re.sub(r"<[^>]*>", "", MODEL.shape_for(shape).members[member].documentation)


class Hooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # No instance has to boot: these tests complete the hooks themselves.
        cls.region = Service.region("--boot-delay", "3600")
        cls.addClassCleanup(cls.region.close)
        cls.autoscaling = cls.region.client("autoscaling")

    def group(self, name, *hooks, **more):
        specifications = [
            {"LifecycleHookName": hook, "LifecycleTransition": TRANSITIONS[hook], "HeartbeatTimeout": 7200} for hook in hooks
        ]
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name, MinSize=0, MaxSize=2, DesiredCapacity=1, VPCZoneIdentifier="subnet-1",
            LaunchTemplate={"LaunchTemplateName": "any"}, LifecycleHookSpecificationList=specifications, **more)

    def instances(self, name):
        (group,) = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return {i["InstanceId"]: i["LifecycleState"] for i in group["Instances"]}

    def wait_for(self, name, state, without=()):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            for instance, found in self.instances(name).items():
                if found == state and instance not in without:
                    return instance
            time.sleep(0.1)
        raise AssertionError(f"no instance of {name} is {state}: {self.instances(name)}")

    def complete(self, name, hook, instance, result="CONTINUE"):
        self.autoscaling.complete_lifecycle_action(
            AutoScalingGroupName=name, LifecycleHookName=hook, InstanceId=instance, LifecycleActionResult=result)

    def end(self, instance):
        self.autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=True)

    def passed(self, instance):
        """The states that the instance has entered, in order, by the region's timeline."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.region.endpoint}/_region/state", timeout=30) as answer:
            timeline = json.load(answer)["timeline"]
        return [entry["text"] for entry in timeline if entry["who"] == instance and entry["text"] in STATES]

    def error(self, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        return caught.exception.response["Error"]["Code"], caught.exception.response["Error"]["Message"]

    def test_the_states_of_a_launch_and_of_a_termination(self):
        self.group("states", "launch", "terminate")
        instance = self.wait_for("states", "Pending:Wait")
        self.complete("states", "launch", instance)
        self.wait_for("states", "InService")
        # An instance begins in Pending; the timeline lists the states that it enters after that.
        self.assertEqual(self.passed(instance), LAUNCH[1:])
        self.end(instance)
        self.wait_for("states", "Terminating:Wait")
        self.complete("states", "terminate", instance)
        end = time.monotonic() + 120
        while self.instances("states") and time.monotonic() < end:
            time.sleep(0.1)
        # The group does not list a terminated instance; only EC2 still tells its state.
        self.assertEqual(self.passed(instance)[3:], TERMINATION[:-1])
        (told,) = self.region.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
        self.assertIn(told["State"]["Name"], ("shutting-down", "terminated"))

    def test_every_documented_state_here_is_one_of_the_models(self):
        self.assertLessEqual({*LAUNCH, *TERMINATION, *RETAINED}, STATES)

    def test_an_abandoned_termination_is_retained_where_the_group_says_so(self):
        self.assertIn("Set to retain to move instances to a retained state", said("RetentionTriggers", "TerminateHookAbandon"))
        self.group("retained", "terminate", InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}})
        instance = self.wait_for("retained", "InService")
        self.end(instance)
        self.wait_for("retained", "Terminating:Wait")
        self.complete("retained", "terminate", instance, "ABANDON")
        self.wait_for("retained", "Terminating:Retained")
        self.assertEqual(self.passed(instance)[-4:], RETAINED)

    def test_a_termination_whose_hook_times_out_is_retained_for_as_long_as_nobody_ends_it(self):
        """Nobody completes the hook, as while the functions are away."""
        self.assertIn("abandoned due to failure, timeout, or explicit abandonment", said("RetentionTriggers", "TerminateHookAbandon"))
        self.assertIn("remain until you call TerminateInstanceInAutoScalingGroup", said("RetentionTriggers", "TerminateHookAbandon"))
        self.group("away", InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}})
        self.autoscaling.put_lifecycle_hook(
            AutoScalingGroupName="away", LifecycleHookName="terminate", LifecycleTransition=TRANSITIONS["terminate"], HeartbeatTimeout=30)
        instance = self.wait_for("away", "InService")
        self.autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)
        self.wait_for("away", "Terminating:Retained")
        # A retained instance does not count: another one launches beside it.
        self.wait_for("away", "InService", without=[instance])
        (told,) = self.region.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
        self.assertEqual(told["State"]["Name"], "running")
        self.end(instance)
        end = time.monotonic() + 120
        while instance in self.instances("away") and time.monotonic() < end:
            time.sleep(0.1)
        self.assertNotIn(instance, self.instances("away"))

    def test_an_action_that_is_gone(self):
        self.group("gone", "launch")
        instance = self.wait_for("gone", "Pending:Wait")
        self.complete("gone", "launch", instance)
        self.wait_for("gone", "InService")
        action = {"AutoScalingGroupName": "gone", "LifecycleHookName": "launch", "InstanceId": instance}
        wanted = ("ValidationError", NO_ACTION.format(instance=instance))
        self.assertEqual(self.error(self.autoscaling.record_lifecycle_action_heartbeat, **action), wanted)
        action["LifecycleActionResult"] = "CONTINUE"
        self.assertEqual(self.error(self.autoscaling.complete_lifecycle_action, **action), wanted)

    def test_a_launch_that_was_abandoned_says_so_in_its_activity(self):
        self.group("abandoned", "launch")
        instance = self.wait_for("abandoned", "Pending:Wait")
        self.complete("abandoned", "launch", instance, "ABANDON")
        self.wait_for("abandoned", "Pending:Wait", without=[instance])
        told = self.autoscaling.describe_scaling_activities(AutoScalingGroupName="abandoned")["Activities"]
        (message,) = [one["StatusMessage"] for one in told if one["StatusCode"] == "Cancelled"]
        # The token is a UUID (the model, CompleteLifecycleActionType).
        self.assertRegex(message, "^" + re.escape(ABANDONED).replace(r"\{token\}", "[0-9a-f-]{36}") + "$")

    def test_the_range_the_defaults_and_the_cap_of_a_heartbeat(self):
        self.assertIn("The range is from 30 to 7200 seconds. The default value is 3600", said("PutLifecycleHookType", "HeartbeatTimeout"))
        self.assertIn("The default value is ABANDON", said("PutLifecycleHookType", "DefaultResult"))
        self.assertIn("172800 seconds (48 hours) or 100 times HeartbeatTimeout, whichever is smaller", said("LifecycleHook", "GlobalTimeout"))
        self.group("range")
        hook = {"AutoScalingGroupName": "range", "LifecycleHookName": "h", "LifecycleTransition": TRANSITIONS["launch"]}
        for refused in (29, 7201):
            self.assertEqual(self.error(self.autoscaling.put_lifecycle_hook, **hook, HeartbeatTimeout=refused)[0], "ValidationError")
        for number, given in enumerate((None, 30, 1728, 1729, 7200)):
            heartbeat = {} if given is None else {"HeartbeatTimeout": given}
            self.autoscaling.put_lifecycle_hook(**{**hook, "LifecycleHookName": f"h{number}"}, **heartbeat)
            (shown,) = self.autoscaling.describe_lifecycle_hooks(
                AutoScalingGroupName="range", LifecycleHookNames=[f"h{number}"])["LifecycleHooks"]
            seconds = given or 3600
            self.assertEqual((shown["HeartbeatTimeout"], shown["GlobalTimeout"]), (seconds, min(172800, 100 * seconds)))
            self.assertEqual(shown["DefaultResult"], "ABANDON")


if __name__ == "__main__":
    unittest.main()
