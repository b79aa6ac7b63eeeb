"""The region must not be its own reference: the region and moto must give the same answers to the same calls of AWS's own
client. Where the two differ, `DIFFERENCES` says how, and why the region's answer is right.
"""

import unittest

from botocore.exceptions import ClientError, EndpointConnectionError

from service import Service

BUCKET = "etcd-asg-ledger"


def outcome(call, keep):
    """What a caller sees: the part of the answer that `keep` selects, or the error's code and HTTP status."""
    try:
        return keep(call())
    except ClientError as error:
        return (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
    except EndpointConnectionError as error:
        raise AssertionError(str(error)) from error


def names(answer):
    return sorted(p["Name"] for p in answer["Parameters"])


def parameter(answer):
    one = answer["Parameter"]
    return (one["Name"], one["Type"], one["Value"], one["Version"])


def ssm(client):
    """Yields the name and the outcome of each call, in order."""

    def put(name, value, **more):
        return outcome(lambda: client.put_parameter(Name=name, Value=value, **{"Type": "String", **more}), lambda a: a["Version"])

    def by_path(path, **more):
        return outcome(lambda: client.get_parameters_by_path(Path=path, **more), names)

    def pages(path):
        paginator = client.get_paginator("get_parameters_by_path")
        return [len(page["Parameters"]) for page in paginator.paginate(Path=path, Recursive=True, PaginationConfig={"PageSize": 10})]

    yield "put: it is created", put("/c/a", "1")
    yield "put: it exists", put("/c/a", "2")
    yield "put: overwritten", put("/c/a", "3", Overwrite=True)
    yield "put: a list", put("/c/list", "x,y", Type="StringList")
    yield "put: longer than a standard parameter may be", put("/too/long", "x" * 4097)
    yield "put: as long as it may be", put("/c/full", "x" * 4096)
    yield "put: a name without its slash", put("c/a", "1")
    yield "get", outcome(lambda: client.get_parameter(Name="/c/a"), parameter)
    yield "get: a list", outcome(lambda: client.get_parameter(Name="/c/list"), parameter)
    yield "get: none", outcome(lambda: client.get_parameter(Name="/c/none"), parameter)
    yield "get: some, and one that is not there", outcome(
        lambda: client.get_parameters(Names=["/c/a", "/c/none"]), lambda a: (names(a), a["InvalidParameters"]))
    for number in range(12):
        client.put_parameter(Name=f"/c/instances/i-{number:02}", Value="x", Type="String")
    yield "by path: not the deeper ones", by_path("/c")
    yield "by path: below a slash at its end", by_path("/c/instances/", MaxResults=5)
    yield "by path: in pages of ten", pages("/c/instances")
    yield "by path: nothing there", by_path("/none", Recursive=True)
    yield "by path: too many at once", by_path("/c", MaxResults=11)
    yield "delete", outcome(lambda: client.delete_parameter(Name="/c/a"), lambda _: "deleted")
    yield "delete: none", outcome(lambda: client.delete_parameter(Name="/c/a"), lambda _: "deleted")
    yield "delete: several", outcome(
        lambda: client.delete_parameters(Names=["/c/list", "/c/none"]), lambda a: (a["DeletedParameters"], a["InvalidParameters"]))


def s3(client):
    def put(key, body, **more):
        return outcome(lambda: client.put_object(Bucket=BUCKET, Key=key, Body=body, **more), lambda a: "written")

    def get(key, bucket=BUCKET):
        return outcome(lambda: client.get_object(Bucket=bucket, Key=key), lambda a: (a["Body"].read(), a["ETag"]))

    yield "get: no such key", get("l/main/ledger.json")
    yield "get: no such bucket", get("l/main/ledger.json", "no-such-bucket")
    yield "create: none is there", put("l/main/ledger.json", b"1", IfNoneMatch="*")
    yield "create: one is there", put("l/main/ledger.json", b"2", IfNoneMatch="*")
    yield "get: the first stands", get("l/main/ledger.json")
    read = client.get_object(Bucket=BUCKET, Key="l/main/ledger.json")["ETag"]
    yield "replace: what was read still stands", put("l/main/ledger.json", b"3", IfMatch=read)
    yield "replace: another came first", put("l/main/ledger.json", b"4", IfMatch=read)
    yield "get: the second stands", get("l/main/ledger.json")
    yield "replace: nothing is there", put("l/none/ledger.json", b"1", IfMatch=read)


def ec2(client):
    def ids(answer):
        return [i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]]

    def described(**more):
        return outcome(lambda: client.describe_instances(**more), ids)

    yield "describe: by a filter that nothing matches", described(Filters=[{"Name": "instance-id", "Values": ["i-0123456789abcdef0"]}])
    yield "describe: by a tag that nothing has", described(Filters=[{"Name": "tag:aws:autoscaling:groupName", "Values": ["none"]}])
    yield "describe: by an ID that is not known", described(InstanceIds=["i-0123456789abcdef0"])
    yield "describe: by something that is no ID", described(InstanceIds=["i-xyz"])
    yield "terminate: an ID that is not known", outcome(
        lambda: client.terminate_instances(InstanceIds=["i-0123456789abcdef0"]), lambda _: "terminated")


def autoscaling(client):
    yield "describe: no such group", outcome(
        lambda: client.describe_auto_scaling_groups(AutoScalingGroupNames=["none"]), lambda a: a["AutoScalingGroups"])
    yield "describe: no instances", outcome(
        lambda: client.describe_auto_scaling_instances(InstanceIds=["i-0123456789abcdef0"]), lambda a: a["AutoScalingInstances"])


#: (service, call) → (the region's answer, moto's answer, why the region's answer is right)
DIFFERENCES = {
    ("ssm", "put: longer than a standard parameter may be"): (
        ("ValidationException", 400), 1,
        "at most 4 KB (Systems Manager API reference, PutParameter, Value); moto does not check the length"),
    ("ssm", "put: a name without its slash"): (
        ("ValidationException", 400), 1,
        "a name in a hierarchy begins with a slash (Systems Manager API reference, PutParameter, Name); moto accepts it"),
    ("ec2", "describe: by something that is no ID"): (
        ("InvalidInstanceID.Malformed", 400), ("InvalidInstanceID.NotFound", 400),
        "EC2's code for an ID that is not well-formed (EC2 API reference, error codes)"),
}


class Conformance(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.region = Service.region()
        cls.addClassCleanup(cls.region.close)
        cls.moto = Service.moto()
        cls.addClassCleanup(cls.moto.close)
        cls.moto.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})

    def compare(self, name, calls, least):
        ours, theirs = (dict(calls(service.client(name))) for service in (self.region, self.moto))
        self.assertEqual(list(ours), list(theirs))
        self.assertGreaterEqual(len(ours), least)
        for call, answer in ours.items():
            with self.subTest(f"{name}, {call}"):
                expected = DIFFERENCES.get((name, call))
                if expected:
                    self.assertEqual((answer, theirs[call]), expected[:2], "the difference is not the known difference any more")
                else:
                    self.assertEqual(answer, theirs[call])

    def test_ssm(self):
        self.compare("ssm", ssm, 19)

    def test_s3(self):
        self.compare("s3", s3, 9)

    def test_ec2(self):
        self.compare("ec2", ec2, 5)

    def test_autoscaling(self):
        self.compare("autoscaling", autoscaling, 2)


if __name__ == "__main__":
    unittest.main()
