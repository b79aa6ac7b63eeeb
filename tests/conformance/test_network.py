"""tools/network.py reads what EC2 describes: moto's VPCs, asked by AWS's own client."""

import sys
import unittest

from service import REPOSITORY, Service

sys.path.insert(0, str(REPOSITORY / "tools"))
from network import Network

SERVICES = ["autoscaling", "ec2", "ssm", "s3"]


class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = Service.moto()
        cls.addClassCleanup(cls.moto.close)
        cls.ec2 = cls.moto.client("ec2")

    def setUp(self):
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=self.table, SubnetId=self.subnet)

    def describe(self, what, option, *values):
        """As the AWS CLI takes the options."""
        if option == "--filters":
            (name, told), = (value.removeprefix("Name=").split(",Values=") for value in values)
            arguments = {"Filters": [{"Name": name, "Values": told.split(",")}]}
        else:
            arguments = {{"--subnet-ids": "SubnetIds", "--group-ids": "GroupIds"}[option]: list(values)}
        return getattr(self.ec2, f"describe_{what.replace('-', '_')}")(**arguments)

    def missing(self, dual_stack=False):
        return Network.read([self.subnet], self.describe).missing(SERVICES, dual_stack, public_addresses=False)

    def route(self, **target):
        family = "DestinationIpv6CidrBlock" if "EgressOnlyInternetGatewayId" in target else "DestinationCidrBlock"
        everything = {"DestinationIpv6CidrBlock": "::/0", "DestinationCidrBlock": "0.0.0.0/0"}[family]
        self.ec2.create_route(RouteTableId=self.table, **{family: everything}, **target)

    def internet_gateway(self):
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        return gateway

    def test_no_way_out_and_a_public_subnet(self):
        (told,) = self.missing()
        self.assertEqual(told, f"{self.subnet} ({self.table}: no default route) does not reach autoscaling, ec2, ssm, s3")
        self.route(GatewayId=self.internet_gateway())
        (told,) = self.missing()
        self.assertIn("an internet gateway) does not reach", told)

    def test_a_nat_gateway(self):
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=self.subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        self.route(NatGatewayId=nat)
        self.assertEqual(self.missing(), [])

    def test_ipv6(self):
        gateway = self.ec2.create_egress_only_internet_gateway(VpcId=self.vpc)["EgressOnlyInternetGateway"]
        self.route(EgressOnlyInternetGatewayId=gateway["EgressOnlyInternetGatewayId"])
        self.assertEqual((len(self.missing()), self.missing(dual_stack=True)), (1, []))

    def test_endpoints_and_their_security_groups(self):
        group = self.ec2.create_security_group(GroupName="endpoints", Description="e", VpcId=self.vpc)["GroupId"]
        region = self.ec2.meta.region_name
        for service in SERVICES[:3]:
            self.ec2.create_vpc_endpoint(
                VpcId=self.vpc, ServiceName=f"com.amazonaws.{region}.{service}", VpcEndpointType="Interface",
                SubnetIds=[self.subnet], SecurityGroupIds=[group], PrivateDnsEnabled=True)
        self.ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName=f"com.amazonaws.{region}.s3", VpcEndpointType="Gateway", RouteTableIds=[self.table])
        (told,) = self.missing()
        self.assertIn(f"does not reach autoscaling ({group} of its endpoint does not admit the subnet at port 443), ec2", told)
        self.assertNotIn("s3", told)
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}])
        self.assertEqual(self.missing(), [])


if __name__ == "__main__":
    unittest.main()
