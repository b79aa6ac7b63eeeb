"""make deploy and make deploy-cluster: what is wrong is one sentence, said before anything is built or made."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from template import REPOSITORY, Template

sys.path.insert(0, str(REPOSITORY / "tools"))
import deploy

NETWORK = ["VpcId=vpc-1", "SubnetIds=subnet-1,subnet-2"]
OUTPUT = "VpcId=vpc-1 FunctionSecurityGroup=sg-1 ParameterPrefix=/etcd-asg ReportsBucket=ledgers"
ARCHIVE = ["EtcdArchiveBucket=tools", "EtcdArchiveKey=etcd.tgz", f"EtcdSha256={'a' * 64}"]
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
TRANSIT = {"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1", "State": "active"}
IPV6 = {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1", "State": "active"}
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}


def endpoint(service, **more):
    plain = {"VpcEndpointType": "Interface", "PrivateDnsEnabled": True, "State": "available", "Groups": [{"GroupId": "sg-e"}]}
    return {"ServiceName": f"com.amazonaws.us-east-1.{service}", **plain, **more}


def endpoints(*services):
    s3 = endpoint("s3", VpcEndpointType="Gateway", PrivateDnsEnabled=False, RouteTableIds=["rtb-1"], Groups=[])
    return [*(endpoint(service) for service in services), s3]


class Account:
    """What the AWS CLI answers: EC2's descriptions and the stacks, in the shapes of their API references."""

    def __init__(self, *routes, endpoints=(), vpc="vpc-1", stacks=None, public=False, admitted=None):
        self.routes, self.endpoints, self.vpc, self.public = [LOCAL, *routes], list(endpoints), vpc, public
        self.stacks, self.admitted = stacks or {}, admitted or HTTPS

    def __call__(self, service, operation, *arguments):
        if operation == "describe-stacks":
            stack = self.stacks.get(arguments[1])
            return {"Stacks": [stack]} if stack else None
        if operation == "describe-subnets":
            plain = {"VpcId": self.vpc, "MapPublicIpOnLaunch": self.public, "CidrBlock": "10.0.1.0/24"}
            return {"Subnets": [{"SubnetId": subnet, **plain} for subnet in arguments[1:]]}
        if operation == "describe-security-groups":
            return {"SecurityGroups": [{"GroupId": group, "IpPermissions": [self.admitted]} for group in arguments[1:]]}
        if operation == "describe-route-tables":
            main = {"RouteTableId": "rtb-main", "VpcId": self.vpc, "Associations": [{"Main": True}], "Routes": [LOCAL]}
            own = [{"Main": False, "SubnetId": "subnet-1"}, {"Main": False, "SubnetId": "subnet-2"}]
            return {"RouteTables": [main, {"RouteTableId": "rtb-1", "VpcId": self.vpc, "Associations": own, "Routes": self.routes}]}
        assert (service, operation) == ("ec2", "describe-vpc-endpoints"), operation
        return {"VpcEndpoints": self.endpoints}


def stack(output=OUTPUT, **parameters):
    return {
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Outputs": [{"OutputKey": "ForClusters", "OutputValue": output}],
    }


class Check(unittest.TestCase):
    def refusal(self, account, words):
        with unittest.mock.patch.object(deploy, "aws", account):
            try:
                deploy.check("etcd-asg", words)
            except deploy.Failed as failure:
                return str(failure)
        return None

    def test_the_parameters_and_defaults_are_the_templates(self):
        for file, template in ((deploy.FUNCTIONS, Template.functions()), (deploy.CLUSTER, Template.cluster())):
            defaults = {name: p.get("Default") for name, p in template.raw["Parameters"].items()}
            self.assertEqual(deploy.declared(file), {n: None if d is None else str(d) for n, d in defaults.items()})

    def test_a_first_deployment_needs_its_network(self):
        told = self.refusal(Account(), ["VpcId=vpc-1"])
        self.assertIn("there is no stack etcd-asg yet, and to make it SubnetIds must be given: make deploy PARAMETERS=", told)
        self.assertIn("VpcId and SubnetIds must be given", self.refusal(Account(), []))
        left_over = Account(stacks={"etcd-asg": {"Outputs": []}})
        self.assertIn("the stack etcd-asg is not made yet, and VpcId and SubnetIds must be given", self.refusal(left_over, []))

    def test_what_is_complete_or_changes_a_stack_passes(self):
        there = {"etcd-asg": stack(VpcId="vpc-1", SubnetIds="subnet-1,subnet-2")}
        for words, stacks in ((NETWORK, {}), (["LogRetentionDays=90"], there), ([], there)):
            with self.subTest(words):
                self.assertIsNone(self.refusal(Account(NAT, stacks=stacks), words))

    def test_a_misspelt_parameter_is_named_with_those_there_are(self):
        told = self.refusal(Account(), [*NETWORK, "LogDays=3"])
        self.assertTrue(told.startswith("template.yaml has no parameter LogDays; it has VpcId, SubnetIds, "), told)
        self.assertIn("'vpc-1' is not NAME=VALUE", self.refusal(Account(), ["vpc-1"]))

    def test_functions_that_would_not_reach_aws_are_not_deployed(self):
        all_of_them = endpoints("autoscaling", "ec2", "ssm")
        dual = [*NETWORK, "DualStack=true"]
        for name, account, words, told in (
            ("nothing", Account(), NETWORK, "subnet-1 (rtb-1: no default route) does not reach autoscaling, ec2, ssm, s3"),
            # A function has no public address, whatever its subnet gives to instances.
            ("public subnets", Account(INTERNET, public=True), NETWORK, "(rtb-1: an internet gateway) does not reach"),
            ("IPv6 that is not used", Account(IPV6), NETWORK, "does not reach autoscaling"),
            ("IPv6", Account(IPV6), dual, None),
            ("IPv6 without its route", Account(), dual, "does not reach autoscaling"),
            ("a transit gateway", Account(TRANSIT), NETWORK, None),
            ("a NAT gateway that is gone", Account({**NAT, "State": "blackhole"}), NETWORK, "does not reach"),
            ("endpoints", Account(endpoints=all_of_them), NETWORK, None),
            ("an endpoint is missing", Account(endpoints=all_of_them[1:]), NETWORK, "(rtb-1: no default route) does not reach autoscaling;"),
            ("an endpoint without its name", Account(endpoints=[*all_of_them[1:], endpoint("autoscaling", PrivateDnsEnabled=False)]),
             NETWORK, "does not reach autoscaling"),
            ("endpoints with the VPC's default group", Account(endpoints=all_of_them, admitted={
                "IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-e"}]}), NETWORK,
             "does not reach autoscaling (sg-e of its endpoint does not admit the subnet at port 443), ec2 (sg-e"),
            ("endpoints that admit another network", Account(endpoints=all_of_them, admitted={
                **HTTPS, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}), NETWORK, "does not admit the subnet"),
            ("endpoints that admit another port", Account(endpoints=all_of_them, admitted={**HTTPS, "FromPort": 80, "ToPort": 80}),
             NETWORK, "does not admit the subnet"),
            ("endpoints that admit a security group", Account(endpoints=all_of_them, admitted={
                "IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "UserIdGroupPairs": [{"GroupId": "sg-f"}]}), NETWORK, None),
            ("S3's endpoint on another table", Account(endpoints=[*all_of_them[:-1], {**all_of_them[-1], "RouteTableIds": ["rtb-2"]}]),
             NETWORK, "does not reach s3"),
            ("the main table", Account(NAT), ["VpcId=vpc-1", "SubnetIds=subnet-3"], "subnet-3 (rtb-main: no default route)"),
            ("another VPC", Account(NAT, vpc="vpc-2"), NETWORK, "subnet-1 is in vpc-2, and VpcId is vpc-1"),
        ):
            with self.subTest(name):
                found = self.refusal(account, words)
                self.assertEqual(found is None, told is None, found)
                self.assertIn(told or "", found or "")


class Cluster(unittest.TestCase):
    def check(self, account, *words, functions=None):
        account.stacks = {"etcd-asg": functions or stack(), **account.stacks}
        with unittest.mock.patch.object(deploy, "aws", account):
            try:
                return deploy.check_cluster("etcd-main", "etcd-asg", ["ClusterName=main", "SubnetIds=subnet-1,subnet-2", *words])
            except deploy.Failed as failure:
                return str(failure)

    def test_what_the_functions_tell_need_not_be_given(self):
        values = self.check(Account(NAT))
        self.assertEqual(values, {
            "VpcId": "vpc-1", "FunctionSecurityGroup": "sg-1", "ParameterPrefix": "/etcd-asg", "ReportsBucket": "ledgers",
            "ClusterName": "main", "SubnetIds": "subnet-1,subnet-2",
        })
        self.assertEqual(self.check(Account(NAT), "ReportsBucket=")["ReportsBucket"], "")

    def test_user_data_that_do_not_fit_are_refused_before_anything_is_made(self):
        long = "EtcdSettings=" + ",".join(f"ETCD_EXPERIMENTAL_SETTING_{n}=value" for n in range(80))
        self.assertRegex(self.check(Account(NAT), long), "too long: the user data has [0-9]+ bytes and EC2 allows 16384")
        self.assertIsInstance(self.check(Account(NAT), "EtcdSettings=ETCD_HEARTBEAT_INTERVAL=200,ETCD_ELECTION_TIMEOUT=2000"), dict)

    def test_the_user_data_are_counted_as_cloudformation_fills_them_in(self):
        for parameters in ({}, {
            "Egress": "ipv6", "ReportsBucket": "words", "JournalDays": "7", "EtcdArchiveBucket": "tools", "EtcdArchiveKey": "k",
            "EtcdSha256": "a" * 64, "ClusterName": "red", "ParameterPrefix": "/x", "EtcdSettings": "ETCD_QUOTA_BACKEND_BYTES=1,ETCD_X=2",
        }):
            template = Template.cluster(**parameters)
            filled_in = template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"]
            counted = deploy.user_data({**deploy.declared(deploy.CLUSTER), **parameters})
            for made_up, name in (("AROAXXXXXXXXXXXXXXXXX", "role.RoleId"), (f"CFN-JournalConfiguration-{'X' * 12}", "journalconfiguration")):
                counted = counted.replace(made_up, name)
            self.assertEqual(counted, filled_in)

    def test_functions_come_first(self):
        with unittest.mock.patch.object(deploy, "aws", Account(NAT)):
            with self.assertRaisesRegex(deploy.Failed, "there is no stack etcd-asg with the functions: deploy it first"):
                deploy.check_cluster("etcd-main", "etcd-asg", [])
        self.assertIn("FunctionSecurityGroup must be given", self.check(Account(NAT), functions=stack("VpcId=vpc-1")))

    def test_a_source_of_etcd_that_the_subnets_do_not_reach_is_refused(self):
        dual = stack(f"{OUTPUT} Egress=ipv6")
        within = Account(endpoints=endpoints("ssm", "autoscaling"))
        for name, account, words, functions, told in (
            ("NAT", Account(NAT), [], None, None),
            ("endpoints, GitHub", within, [], None, "would not reach GitHub, from where etcd 3.6.16 comes: subnet-1, subnet-2"),
            ("endpoints, a bucket", within, ARCHIVE, None, None),
            ("endpoints, the image", within, ["EtcdSource=image"], None, None),
            ("endpoints, a mirror", within, ["EtcdSource=https://mirror/etcd.tgz"], None, None),
            ("IPv6, GitHub", Account(IPV6), [], dual, "would not reach GitHub"),
            ("IPv6, a bucket", Account(IPV6), ARCHIVE, dual, None),
            ("IPv6 that the cluster does not use", Account(IPV6), ARCHIVE, None, "does not reach ssm, autoscaling, s3"),
            ("a bucket without its endpoint", Account(endpoints=[endpoint("ssm"), endpoint("autoscaling")]), ARCHIVE, None, "does not reach s3"),
            ("public subnets", Account(INTERNET, public=True), [], None, None),
            ("public subnets without addresses", Account(INTERNET), [], None, "does not reach ssm"),
            ("a stack that has its archive", Account(endpoints=endpoints("ssm", "autoscaling"), stacks={
                "etcd-main": stack(**dict(word.split("=") for word in ARCHIVE))}), ["Size=5"], None, None),
        ):
            with self.subTest(name):
                found = self.check(account, *words, functions=functions)
                self.assertEqual(isinstance(found, dict), told is None, found)
                self.assertIn(told or "", str(found))


class CommandLine(unittest.TestCase):
    """With the AWS CLI: a stand-in tells of the account."""

    def run_with(self, aws, *words):
        with tempfile.TemporaryDirectory() as folder:
            if aws:
                stand_in = pathlib.Path(folder) / "aws"
                stand_in.write_text(f"#!/bin/bash\n{aws}\n")
                stand_in.chmod(0o755)
            command = [sys.executable, REPOSITORY / "tools" / "deploy.py", *words]
            environment = {"PATH": f"{folder}:/usr/bin:/bin" if aws else folder}
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def test_each_failure_is_one_sentence_and_nothing_is_built(self):
        for aws, words in (
            ("", "the AWS CLI is not installed"),
            ("echo 'Stack with id etcd-asg does not exist' >&2; exit 254", "VpcId and SubnetIds must be given"),
            ("printf '\\nUnable to locate credentials.\\n' >&2; exit 253", "AWS cannot be asked (cloudformation describe-stacks): Unable to locate"),
        ):
            with self.subTest(words):
                done = self.run_with(aws, "etcd-asg")
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
                self.assertIn(words, done.stderr)

    def test_a_cluster_is_deployed_with_what_was_told_and_rendered(self):
        told = json.dumps({"Stacks": [stack()]})
        done = self.run_with(f"""
            case "$1 $2 $4" in
              "cloudformation describe-stacks etcd-asg") echo '{told}' ;;
              "cloudformation describe-stacks etcd-main") echo 'Stack with id etcd-main does not exist' >&2; exit 254 ;;
              "cloudformation deploy "*) grep -q BUNDLE "$4" && exit 9; shift 4; printf '%s\\n' "$@" ;;
              *) echo 'UnauthorizedOperation: you may not' >&2; exit 254 ;;
            esac""", "--cluster", "etcd-main", "etcd-asg", "ClusterName=main", "SubnetIds=subnet-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the routes of the subnets are not checked: AWS cannot be asked (ec2 describe-subnets): UnauthorizedOperation", done.stderr)
        self.assertEqual(done.stdout.split()[:3], ["--stack-name", "etcd-main", "--capabilities"])
        self.assertEqual(done.stdout.split()[5:], ["--parameter-overrides", *OUTPUT.split(), "ClusterName=main", "SubnetIds=subnet-1"])


if __name__ == "__main__":
    unittest.main()
