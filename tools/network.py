"""What subnets reach, as far as their route tables and the VPC's endpoints tell.

A way that leads somewhere else than to AWS's own gateways (a transit gateway, an instance, an appliance) counts as a way
out: nobody can see from here where it ends.
"""

import ipaddress

#: The ways of an internet gateway and of an egress-only one are told from the others.
INTERNET, IPV6, OUT = "an internet gateway", "an egress-only internet gateway", "a way out"


class Network:
    """Some subnets of one VPC, with the VPC's route tables and endpoints and their security groups, as EC2 describes them."""

    def __init__(self, subnets, tables, endpoints, groups):
        self.subnets = {subnet["SubnetId"]: subnet for subnet in subnets}
        self.tables, self.endpoints = tables, endpoints
        self.groups = {group["GroupId"]: group for group in groups}

    @classmethod
    def read(cls, ids, describe):
        """`describe(NAME, ARGUMENTS…)` makes the call describe-NAME of EC2 and returns its answer."""
        subnets = describe("subnets", "--subnet-ids", *ids)["Subnets"]
        within = ["--filters", f"Name=vpc-id,Values={','.join(sorted({s['VpcId'] for s in subnets}))}"]
        tables = describe("route-tables", *within)["RouteTables"]
        endpoints = describe("vpc-endpoints", *within)["VpcEndpoints"]
        ids = sorted({group["GroupId"] for endpoint in endpoints for group in endpoint.get("Groups", [])})
        groups = describe("security-groups", "--group-ids", *ids)["SecurityGroups"] if ids else []
        return cls(subnets, tables, endpoints, groups)

    def table(self, subnet):
        """The route table of the subnet, else the VPC's main table (VPC user guide, route tables)."""
        main = None
        for table in self.tables:
            for association in table.get("Associations", []):
                if association.get("SubnetId") == subnet:
                    return table
                if association.get("Main") and table["VpcId"] == self.subnets[subnet]["VpcId"]:
                    main = table
        return main or {"RouteTableId": "none", "Routes": []}

    def ways(self, subnet):
        """Where the default routes of the subnet lead."""
        ways = set()
        for route in self.table(subnet)["Routes"]:
            if route.get("State") == "blackhole":
                continue
            if route.get("DestinationCidrBlock") == "0.0.0.0/0":
                ways.add(INTERNET if str(route.get("GatewayId", "")).startswith("igw-") else OUT)
            if route.get("DestinationIpv6CidrBlock") == "::/0":
                ways.add(IPV6)
        return ways

    def reaches_the_internet(self, subnet, public_addresses):
        """Over IPv4. Through an internet gateway only an instance with a public address does."""
        public = public_addresses and self.subnets[subnet].get("MapPublicIpOnLaunch")
        ways = self.ways(subnet)
        return OUT in ways or (INTERNET in ways and bool(public))

    def reaches(self, subnet, service, dual_stack, public_addresses=True):
        """Whether the subnet reaches the API of the service."""
        if self.reaches_the_internet(subnet, public_addresses) or (dual_stack and IPV6 in self.ways(subnet)):
            return True
        return any(self.leads(e, subnet, service) and not self.closed(e, subnet) for e in self.endpoints)

    def leads(self, endpoint, subnet, service):
        """Whether this endpoint leads from the subnet to the service by the service's ordinary name."""
        if endpoint.get("State", "available").lower() != "available" or not endpoint["ServiceName"].endswith(f".{service}"):
            return False
        if endpoint["VpcEndpointType"] == "Gateway":
            return self.table(subnet)["RouteTableId"] in endpoint.get("RouteTableIds", [])
        return bool(endpoint.get("PrivateDnsEnabled"))

    def closed(self, endpoint, subnet):
        """The security groups of the endpoint, if none of them admits the subnet at port 443; else nothing.

        Another group as the source may be that of the functions or the members, so it counts. The group itself does not:
        that is all that a VPC's default group admits (VPC user guide, default security groups).
        """
        groups = [self.groups[group["GroupId"]] for group in endpoint.get("Groups", [])]
        return [] if any(self.admits(group, subnet) for group in groups) else [group["GroupId"] for group in groups]

    def admits(self, group, subnet):
        network = ipaddress.ip_network(self.subnets[subnet]["CidrBlock"])
        for rule in group["IpPermissions"]:
            if rule["IpProtocol"] != "-1" and not (rule["IpProtocol"] == "tcp" and rule["FromPort"] <= 443 <= rule["ToPort"]):
                continue
            others = [pair for pair in rule.get("UserIdGroupPairs", []) if pair["GroupId"] != group["GroupId"]]
            ranges = [ipaddress.ip_network(one["CidrIp"], strict=False) for one in rule.get("IpRanges", [])]
            if others or rule.get("PrefixListIds") or any(network.overlaps(one) for one in ranges):
                return True
        return False

    def lacking(self, service, subnet):
        """The service, with the security groups that keep the subnet from its endpoint."""
        shut = [g for e in self.endpoints if self.leads(e, subnet, service) for g in self.closed(e, subnet)]
        return f"{service} ({', '.join(shut)} of its endpoint does not admit the subnet at port 443)" if shut else service

    def missing(self, services, dual_stack, public_addresses=True):
        """One clause for each subnet that does not reach all of these services."""
        told = []
        for subnet in self.subnets:
            unreached = [s for s in services if not self.reaches(subnet, s, dual_stack, public_addresses)]
            if unreached:
                ways = ", ".join(sorted(self.ways(subnet))) or "no default route"
                lacking = ", ".join(self.lacking(service, subnet) for service in unreached)
                told.append(f"{subnet} ({self.table(subnet)['RouteTableId']}: {ways}) does not reach {lacking}")
        return told
