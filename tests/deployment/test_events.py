"""The sample events: the template's rules deliver each to its function, and each, replayed, comes to its outcome."""

import json
import os
import re
import subprocess
import unittest
import urllib.request

from local_region import LocalRegion
from template import REPOSITORY, Template

EVENTS = REPOSITORY / "events"
TABLE = re.findall(r"^\| `([a-z-]+)` \| `([a-z-]+)` \| (.*?) \| (.*?) \|$", (EVENTS / "README.md").read_text(), re.M)
#: `REPLAY_WITH=cargo-lambda` replays as `make invoke` does, else by the region's own invoke page: the same, faster.
CARGO_LAMBDA = os.environ.get("REPLAY_WITH") == "cargo-lambda"


def sample(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


class Delivery(unittest.TestCase):
    def test_every_sample_is_in_the_table(self):
        self.assertEqual({name for name, *_ in TABLE}, {path.stem for path in EVENTS.glob("*.json")})

    def test_the_rules_deliver_each_where_the_table_says(self):
        functions = Template.functions().resources("AWS::Serverless::Function").values()
        for name, wanted, *_ in TABLE:
            event = sample(name)
            if "detail-type" not in event:
                continue  # not by EventBridge: an operator's, or a notification by another way
            with self.subTest(name):
                matched = set()
                for function in functions:
                    for rule in function["Properties"]["Events"].values():
                        pattern = rule["Properties"].get("Pattern", {"detail-type": ["Scheduled Event"]})
                        if matches(pattern, event):
                            matched.add(function["Metadata"]["BuildProperties"]["Binary"])
                self.assertEqual(matched, {wanted})


def matches(pattern, event):
    """EventBridge's exact matching (EventBridge user guide, event patterns)."""
    return all(
        matches(wanted, event.get(key, {})) if isinstance(wanted, dict) else event.get(key) in wanted
        for key, wanted in pattern.items()
    )


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.region = LocalRegion("--tick", "0", "--friendly")
        cls.addClassCleanup(cls.region.close)
        cls.region.request("/_region/faults", b'{"fault":"events","delivery":"never"}')
        cls.properties = Template.cluster(ClusterName="demo").properties("Group")

    def replay(self, name, function, instance=None):
        if CARGO_LAMBDA:
            variables = {**os.environ, **self.region.variables, **({"INSTANCE": instance} if instance else {})}
            command = [REPOSITORY / "tools" / "invoke.sh", name]
            done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)
        event = json.dumps(sample(name))
        return self.region.invoke(function, re.sub("i-0[0-9a-f]{16}", instance or r"\g<0>", event).encode())

    def test_in_the_order_of_the_table(self):
        for name, function, _, outcome in TABLE:
            with self.subTest(name):
                instance = getattr(self, "before_" + name.replace("-", "_"), lambda: None)()
                answer = self.replay(name, function, instance)
                if CARGO_LAMBDA:
                    print(f"{name}: {json.dumps(answer)[:160]}", flush=True)
                if name == "dry-run":
                    self.assertEqual(set(answer), {"cluster", "generation", "summary", "observation", "decision"})
                    continue
                word, _, text = outcome.partition(": ")
                for told in answer.get("clusters", [answer]):
                    self.assertEqual(told["outcome"], word, told)
                    if word in ("ignored", "refused"):
                        self.assertIn(text, told["reason"])
                check = getattr(self, "after_" + name.replace("-", "_"), lambda _: None)
                check(instance)

    def before_launch(self):
        self.region.create_group("demo", {**self.properties, "DesiredCapacity": 1})
        return self.region.wait_for("an instance waits", lambda: self.waiting("Pending:Wait"))

    def waiting(self, state):
        return next((i for i, s in self.region.group("demo").items() if s == state), None)

    def after_launch(self, instance):
        self.in_service(1)
        self.assertEqual(list(self.region.group("demo")), [instance])

    def in_service(self, size):
        """The function is done once the last one votes and is published; the instance completes its own launch then."""
        self.region.wait_for(f"all {size} are in service", lambda: self.region.settled("demo", size), 60)

    def before_tick(self):
        self.region.call("autoscaling", "SetDesiredCapacity", AutoScalingGroupName="demo", DesiredCapacity="3")
        self.region.wait_for("two more wait", lambda: list(self.region.group("demo").values()).count("Pending:Wait") == 2)

    def after_tick(self, _):
        self.in_service(3)

    def members(self):
        """The leader's instance, and the others'."""
        endpoints = self.region.state()["parameters"]["/etcd-asg/demo/endpoints"]
        urls = re.findall(r"http://[0-9.:]+", json.dumps(endpoints))
        status = json.loads(post(f"{urls[0]}/v3/maintenance/status"))
        listed = json.loads(post(f"{urls[0]}/v3/cluster/member/list"))["members"]
        names = {member["ID"]: member["name"] for member in listed}
        leader = names[status["leader"]]
        return leader, sorted(set(names.values()) - {leader})

    def end(self, instance):
        parameters = {"InstanceId": instance, "ShouldDecrementDesiredCapacity": "false"}
        self.region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", **parameters)
        self.region.wait_for("it waits", lambda: self.region.group("demo").get(instance) == "Terminating:Wait")
        return instance

    def before_terminate(self):
        return self.end(self.members()[1][0])

    def before_terminate_leader(self):
        return self.end(self.members()[0])

    def gone(self, instance):
        self.region.wait_for(
            "it is replaced", lambda: self.region.settled("demo", 3, [instance]), 60
        )

    after_terminate = after_terminate_leader = gone

    def before_state_change(self):
        instance = self.members()[1][0]
        self.region.call("ec2", "TerminateInstances", **{"InstanceId.1": instance})
        self.region.wait_for(
            "the group noticed and launched another", lambda: "Pending:Wait" in self.region.group("demo").values()
        )
        return instance

    after_state_change = gone


def post(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=b"{}"), timeout=10) as answer:
        return answer.read().decode()


if __name__ == "__main__":
    unittest.main()
