"""The local region as a process, for tests that need it running: its pages, and the few calls they make."""

import json
import os
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug"


class LocalRegion:
    """Starts with a network and a port of its own; ends with all that it started."""

    def __init__(self, *options, functions=BUILT):
        command = [BUILT / "region", "--port", "0", "--boot-delay", "0", "--functions-dir", functions]
        command += ["--instance-dir", REPOSITORY / "instance", *options]
        # Without its own end in sight a test must not wait: the log tells why it failed.
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        greeting = ""
        for line in self.process.stdout:
            greeting += line
            if found := re.match(r"export AWS_ENDPOINT_URL=(\S+)", line):
                self.endpoint = found.group(1)
            if line.startswith("# A first cluster"):
                break
        else:
            raise AssertionError(f"the region did not start: {greeting}")
        self.variables = dict(re.findall(r"^export (\w+)=(\S+)$", greeting, re.M))

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def request(self, path, data=None, headers=None):
        request = urllib.request.Request(self.endpoint + path, data=data, headers=headers or {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=90) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code}: {error.read().decode()}") from error

    def state(self):
        return json.loads(self.request("/_region/state"))

    def invoke(self, function, event):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return json.loads(self.request(f"/_region/invoke/{function}", body))

    def signed_for(self, service):
        """The region reads the service from the signature's scope, and checks no more."""
        scope = f"AKIATEST/20260101/{self.variables['AWS_REGION']}/{service}/aws4_request"
        return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}

    def call(self, service, action, **parameters):
        """A call of the query protocol."""
        form = {"Action": action, "Version": "2011-01-01", **parameters}
        return self.request("/", urllib.parse.urlencode(form).encode(), self.signed_for(service))

    def call_json(self, service, target, body):
        """A call of the JSON protocol."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **self.signed_for(service)}
        return self.request("/", json.dumps(body).encode(), headers)

    def create_group(self, name, group):
        """Makes a group of the properties of an AWS::AutoScaling::AutoScalingGroup."""
        parameters = {"AutoScalingGroupName": name, "VPCZoneIdentifier": "subnet-1"}
        parameters["LaunchTemplate.LaunchTemplateName"] = "any"
        for plain in ("MinSize", "MaxSize", "DesiredCapacity"):
            parameters[plain] = group[plain]
        lists = {"LifecycleHookSpecificationList": group["LifecycleHookSpecificationList"], "Tags": group["Tags"]}
        for field, items in lists.items():
            for number, item in enumerate(items, 1):
                for key, value in item.items():
                    value = str(value).lower() if isinstance(value, bool) else value
                    parameters[f"{field}.member.{number}.{key}"] = value
        retained = group["InstanceLifecyclePolicy"]["RetentionTriggers"]["TerminateHookAbandon"]
        parameters["InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon"] = retained
        self.call("autoscaling", "CreateAutoScalingGroup", **parameters)

    def group(self, name):
        xml = self.call("autoscaling", "DescribeAutoScalingGroups", **{"AutoScalingGroupNames.member.1": name})
        states = re.findall(r"<InstanceId>(.*?)</InstanceId>|<LifecycleState>(.*?)</LifecycleState>", xml)
        words = [first or second for first, second in states]
        pairs = {}
        for word in words:
            if word.startswith("i-"):
                current = word
                pairs.setdefault(current, None)
            else:
                pairs[current] = word
        return pairs

    def settled(self, name, size, without=()):
        """The instances, once they are all in service and published."""
        instances = self.group(name)
        endpoints = json.dumps(self.state()["parameters"].get(f"/etcd-asg/{name}/endpoints", ""))
        good = set(instances.values()) == {"InService"} and len(instances) == size
        return list(instances) if good and endpoints.count("http://") == size and not set(without) & set(instances) else None

    def wait_for(self, what, condition, seconds=240):
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.request('/_region/functions/log')[-6000:]}")
            time.sleep(0.3)
        return found
