"""Both templates, made and deleted by moto's CloudFormation: what a deletion must keep is kept, and leads back.

moto deploys what AWS's own translator makes of SAM's short forms. It knows no transform by itself.
"""

import functools
import json
import os
import sys
import unittest

from service import REPOSITORY, Service

sys.path.insert(0, str(REPOSITORY / "tests" / "deployment"))
from template import FUNCTIONS, Template

ALL = ["CAPABILITY_IAM"]


def plain(text):
    """A template with the functions in their long forms, as JSON has them.

    CloudFormation leaves out the items of a list that come to AWS::NoValue, and moto leaves a null. Here they are left
    out with the parameters at their defaults.
    """
    template = Template(text)

    def comes_to_nothing(item):
        branches = item.get("Fn::If") if isinstance(item, dict) else None
        return branches is not None and branches[2 - template.holds(branches[0])] == {"Ref": "AWS::NoValue"}

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [clean(item) for item in value if not comes_to_nothing(item)]
        return value

    return json.loads(json.dumps(clean(template.raw), default=str))


@functools.cache
def translated():
    """template.yaml as the transform of CloudFormation leaves it, with code that is in a bucket."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-west-2")
    from samtranslator.translator.transform import transform

    class NoManagedPolicies:
        def load(self):
            return {}

    raw = plain(FUNCTIONS.read_text())
    for resource in raw["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "code", "Key": "function.zip"}
            resource.pop("Metadata")
    return json.dumps(transform(raw, {}, NoManagedPolicies()))


def referred(value):
    """The names of what a part of a template refers to, texts of Fn::Sub aside."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("Ref", "Condition") and isinstance(inner, str):
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            elif key == "Fn::If":
                yield inner[0]
                yield from referred(inner)
            else:
                yield from referred(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from referred(inner)


class Translation(unittest.TestCase):
    def test_every_reference_leads_to_what_sam_makes(self):
        template = json.loads(translated())
        there = {name for part in ("Resources", "Parameters", "Conditions") for name in template[part]}
        names = {name for name in referred([template["Resources"], template["Outputs"]]) if not name.startswith("AWS::")}
        self.assertLessEqual({"InstanceLaunchLaunch", "ReconcileWarning", "Ec2Events"}, names)
        self.assertEqual(names - there, set())


class Stacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = Service.moto()
        cls.addClassCleanup(cls.moto.close)
        cls.ec2, cls.s3 = cls.moto.client("ec2"), cls.moto.client("s3")
        cls.cloudformation = cls.moto.client("cloudformation")
        cls.s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        cls.s3.put_object(Bucket="code", Key="function.zip", Body=b"PK\x05\x06" + bytes(18))
        cls.clients = []
        cls.vpc = cls.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        cls.subnet = cls.ec2.create_subnet(VpcId=cls.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        image = cls.ec2.describe_images()["Images"][0]["ImageId"]
        cls.moto.client("ssm").put_parameter(Name="/image", Value=image, Type="String")

    def make(self, name, body, **parameters):
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        self.cloudformation.create_stack(StackName=name, TemplateBody=body, Parameters=given, Capabilities=ALL)
        (stack,) = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE", stack.get("StackStatusReason"))
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def functions(self, **parameters):
        return self.make("etcd-asg", translated(), VpcId=self.vpc, SubnetIds=self.subnet, **parameters)

    def delete(self, name):
        self.cloudformation.delete_stack(StackName=name)
        left = [s for s in self.cloudformation.describe_stacks()["Stacks"] if s["StackName"] == name]
        self.assertEqual(left, [])

    def nothing_that_is_in_use_is_gone(self):
        """moto deletes a security group that is referred to. EC2 refuses (DeleteSecurityGroup), and the deletion fails."""
        groups = self.ec2.describe_security_groups()["SecurityGroups"]
        used = {pair["GroupId"] for g in groups for rule in g["IpPermissions"] for pair in rule["UserIdGroupPairs"]}
        # moto leaves the interfaces of terminated instances.
        interfaces = self.ec2.describe_network_interfaces(NetworkInterfaceIds=self.clients)["NetworkInterfaces"]
        used |= {group["GroupId"] for interface in interfaces if self.clients for group in interface["Groups"]}
        self.assertLessEqual(used, {g["GroupId"] for g in groups})

    def test_the_functions_go_and_come_back_while_a_cluster_stays(self):
        functions = self.functions()
        words = dict(word.split("=", 1) for word in functions["ForClusters"].split())
        body = json.dumps(plain(Template.rendered_cluster()))
        cluster = self.make("etcd-main", body, SubnetIds=self.subnet, ImageId="/image", Size="1", **words)
        group, bucket = functions["FunctionSecurityGroup"], functions["LedgerBucket"]
        self.s3.put_object(Bucket=bucket, Key="etcd-asg/main/ledger.json", Body=b"{}")

        self.delete("etcd-asg")
        self.nothing_that_is_in_use_is_gone()
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="etcd-asg/main/ledger.json")["Body"].read(), b"{}")

        back = self.functions(LedgerBucket=bucket, SecurityGroupId=group)
        self.assertEqual(back["ForClusters"], functions["ForClusters"])
        (function, *_) = self.moto.client("lambda").list_functions()["Functions"]
        self.assertEqual(function["VpcConfig"]["SecurityGroupIds"], [group])
        self.assertEqual(function["Environment"]["Variables"]["ETCD_ASG_BUCKET"], bucket)

        # A client that outlives the cluster.
        client = self.ec2.create_network_interface(SubnetId=self.subnet, Groups=[cluster["ClientSecurityGroup"]])
        self.clients.append(client["NetworkInterface"]["NetworkInterfaceId"])
        self.delete("etcd-main")
        self.nothing_that_is_in_use_is_gone()
        self.delete("etcd-asg")


if __name__ == "__main__":
    unittest.main()
