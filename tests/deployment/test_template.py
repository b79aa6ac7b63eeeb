"""What the templates grant and pass in is what the code uses, in both directions."""

import json
import re
import subprocess
import tomllib
import unittest

import yaml

from template import CLUSTER, FUNCTIONS, REPOSITORY, Template, actions, allows, listed, of_the_instance, statements

ADAPTERS = REPOSITORY / "shared" / "src" / "adapters"
TAGS = REPOSITORY / "shared" / "membership" / "src" / "settings" / "tags.rs"
#: Read in files that a package of the functions cannot hold yet, or (scheme) of no use without them.
NOT_PASSED_YET = {"ETCD_ASG_SCHEME", "ETCD_ASG_TLS_CA_FILE", "ETCD_ASG_TLS_CERT_FILE", "ETCD_ASG_TLS_KEY_FILE"}
#: How long the record of a group's owner settles: only tests change it.
NOT_PASSED_YET.add("ETCD_ASG_OWNER_SETTLES")
#: Read by the clients' libraries, not by our code.
OF_THE_LIBRARIES = {"AWS_USE_DUALSTACK_ENDPOINT", "AWS_ENDPOINT_URL_S3"}


def source(*parts):
    """A source file without its tests."""
    return REPOSITORY.joinpath(*parts).read_text().split("#[cfg(test)]")[0]


def camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


def operations_of_the_functions():
    """Every call that the adapters make, as the SDKs' builders name it; S3's by the methods of its library."""
    used = set()
    for service in ("autoscaling", "ec2", "ssm"):
        text = source(ADAPTERS / {"ssm": "parameters.rs"}.get(service, f"{service}.rs"))
        found = set(re.findall(r"\bclient\s*\.\s*([a-z_]+)\(", text))
        assert found, f"no calls were found in the adapter of {service}"
        used |= {f"{service}:{camel(name)}" for name in found}
    methods = set(re.findall(r"\bobjects\s*\.\s*([a-z_]+)\(", source(ADAPTERS / "ledger.rs")))
    used |= {f"s3:{ {'get': 'GetObject', 'put_opts': 'PutObject'}[name] }" for name in methods}
    return used


class Functions(unittest.TestCase):
    def setUp(self):
        self.template = Template.functions()
        self.role = self.template.properties("FunctionRole")
        self.variables = self.template.resolve(self.template.raw["Globals"]["Function"]["Environment"]["Variables"])

    def test_every_call_is_granted_and_nothing_else(self):
        granted = actions(statements(self.role, "clusters"))
        # With it S3 also answers 404 instead of 403 for a ledger that is not there.
        self.assertEqual(granted - {"s3:ListBucket"}, operations_of_the_functions() - {"s3:ListBucket"})
        self.assertIn("s3:ListBucket", granted)

    def test_no_call_of_the_functions_is_denied(self):
        """The role's denial is for what Lambda does with the role, and must not hit a call of our own."""
        denied = {a for s in statements(self.role) if s["Effect"] == "Deny" for a in listed(s["Action"])}
        self.assertEqual(denied & operations_of_the_functions(), set())

    def test_reports_may_be_read_and_not_written(self):
        report = "arn:aws:s3:::bucket/reports/main/AROAX:i-1"
        role = list(statements(self.role))
        self.assertTrue(allows(role, "s3:GetObject", report))
        self.assertFalse(allows(role, "s3:PutObject", report))
        # The hosts write without conditions there.
        self.assertTrue(Template.functions(LedgerPrefix="reports").refusals())
        self.assertTrue(Template.functions(LedgerPrefix="reports/x").refusals())
        self.assertFalse(Template.functions(LedgerPrefix="reports-of-mine").refusals())

    def test_a_parameter_path_that_the_store_refuses_is_refused_here(self):
        """SSM API reference, PutParameter: no name begins with aws or ssm, in any case; fifteen levels at most."""
        for wrong in ("/aws", "/aws/etcd", "/SSM/x", "/awsome", "etcd", "/", "/a//b", "/a/", "/x" * 13, f"/{'x' * 100}", "/etcd-asg-owners", "/etcd-asg-owners/x"):
            for template in (Template.functions(ParameterPrefix=wrong), Template.cluster(ParameterPrefix=wrong)):
                self.assertTrue(template.refusals(), wrong)
        for right in ("/etcd-asg", "/etcd-asg-owners-of-mine", "/etcd/aws", "/x" * 12, "/laws"):
            for template in (Template.functions(ParameterPrefix=right), Template.cluster(ParameterPrefix=right)):
                self.assertEqual(template.refusals(), [], right)

    def test_only_actions_without_resources_are_granted_on_all(self):
        wide = [s for s in statements(self.role, "clusters") if "*" in listed(s["Resource"])]
        names = {action for s in wide for action in listed(s["Action"])}
        self.assertTrue(all(":Describe" in name for name in names), names)

    def test_groups_without_the_tag_cannot_be_acted_on(self):
        tag = re.search(r'CLUSTER_TAG: &str = "(.*)"', source(TAGS)).group(1)
        acting = [s for s in statements(self.role, "clusters") if "autoscaling:SetInstanceHealth" in listed(s["Action"])]
        self.assertEqual([s["Condition"] for s in acting], [{"Null": {f"autoscaling:ResourceTag/{tag}": "false"}}])

    def test_every_variable_that_the_code_reads_is_passed_and_no_other(self):
        names = re.search(r"NAMES: \[.*?\] = \[(.*?)\]", source("shared", "membership", "src", "settings", "mod.rs"), re.S)
        settings = {"ETCD_ASG_" + name.upper().replace("-", "_") for name in re.findall(r'"([a-z-]+)"', names.group(1))}
        read = set(re.findall(r'"(ETCD_ASG_[A-Z_]*[A-Z])"', source("shared", "src", "config.rs"))) | settings
        read -= {"ETCD_ASG_PAUSED"}  # a tag only
        self.assertEqual(set(self.variables) - OF_THE_LIBRARIES, read - NOT_PASSED_YET)
        self.assertEqual(NOT_PASSED_YET - read, set(), "these are not read any more")

    def test_the_parameters_defaults_are_the_codes(self):
        text = source("shared", "membership", "src", "settings", "mod.rs")
        for name, default in (
            re.findall(r"^            (\w+): Duration::from_secs\((\d+)\),$", text, re.M)
            + re.findall(r"^            (\w+_port): (\d+),$", text, re.M)
            + re.findall(r'^            (prefix): "(.*)".to_owned\(\),$', text, re.M)
        ):
            with self.subTest(name):
                self.assertEqual(str(self.variables[f"ETCD_ASG_{name.upper()}"]).removesuffix("s"), default)
        ledger = re.search(r'DEFAULT_LEDGER_PREFIX: &str = "(.*)"', source("shared", "src", "config.rs")).group(1)
        self.assertEqual(self.variables["ETCD_ASG_LEDGER_PREFIX"], ledger)

    def test_each_function_of_the_repository_is_built_in_its_folder_and_deployed_by_its_name(self):
        """SAM builds the binary that it is told of, in the folder that it is told of, and passes no further flags on."""
        built = {}
        for function in self.template.resources("AWS::Serverless::Function").values():
            self.assertEqual(set(function["Metadata"]["BuildProperties"]), {"Binary"})
            built[function["Properties"]["CodeUri"]] = function["Metadata"]["BuildProperties"]["Binary"]
        there = {}
        for manifest in (REPOSITORY / "functions").glob("*/Cargo.toml"):
            package = tomllib.loads(manifest.read_text())["package"]["name"]
            there[f"functions/{manifest.parent.name}"] = package
        self.assertEqual(built, there)

    def test_the_functions_know_their_own_timeout(self):
        timeout = self.template.raw["Globals"]["Function"]["Timeout"]
        self.assertEqual(self.variables["ETCD_ASG_FUNCTION_TIMEOUT"], f"{timeout}s")

    def test_both_ways_to_the_apis(self):
        self.assertEqual(self.variables["AWS_ENDPOINT_URL_S3"], "https://s3.us-east-1.amazonaws.com")
        dual = Template.functions(DualStack="true")
        function = dual.resolve(dual.raw["Globals"]["Function"])
        self.assertEqual(function["Environment"]["Variables"]["AWS_ENDPOINT_URL_S3"], "https://s3.dualstack.us-east-1.amazonaws.com")
        self.assertIs(function["VpcConfig"]["Ipv6AllowedForDualStack"], True)

    def test_an_existing_bucket_is_used_and_none_made(self):
        template = Template.functions(LedgerBucket="mine")
        self.assertEqual(template.resources("AWS::S3::Bucket") | template.resources("AWS::S3::BucketPolicy"), {})
        resources = {r for s in statements(template.properties("FunctionRole")) for r in listed(s["Resource"])}
        self.assertLessEqual({"arn:aws:s3:::mine", "arn:aws:s3:::mine/etcd-asg/*", "arn:aws:s3:::mine/reports/*"}, resources)

    def test_what_a_cluster_needs_is_told_in_its_own_parameters(self):
        def told(**parameters):
            template = Template.functions(**parameters)
            return template.resolve(template.raw["Outputs"]["ForClusters"]["Value"]).split()

        plain = ["VpcId=vpc-1", "FunctionSecurityGroup=functionsecuritygroup", "ParameterPrefix=/etcd-asg", "ReportsBucket=bucket"]
        self.assertEqual(told(), plain)
        topic = "arn:aws:sns:us-east-1:123456789012:ops"
        more = told(DualStack="true", AlarmTopic=topic, LedgerBucket="mine", SecurityGroupId="sg-1", ParameterPrefix="/x")
        self.assertEqual(more, [
            "VpcId=vpc-1", "FunctionSecurityGroup=sg-1", "ParameterPrefix=/x", "ReportsBucket=mine", "Egress=ipv6", f"AlarmTopic={topic}"])
        # A cluster that takes it over unread is refused where it could not work.
        cluster = Template.cluster(**dict(word.split("=", 1) for word in more))
        self.assertIn("do not reach GitHub", " ".join(cluster.refusals()))

    def test_an_existing_security_group_is_used_and_none_made(self):
        template = Template.functions(SecurityGroupId="sg-0123")
        self.assertEqual(template.resources("AWS::EC2::SecurityGroup"), {})
        groups = template.resolve(template.raw["Globals"]["Function"]["VpcConfig"]["SecurityGroupIds"])
        self.assertEqual(groups, ["sg-0123"])
        self.assertEqual(template.resolve(template.raw["Outputs"]["FunctionSecurityGroup"]["Value"]), "sg-0123")


class Events(unittest.TestCase):
    def setUp(self):
        self.template = Template.functions()
        self.rules = [
            (function["Metadata"]["BuildProperties"]["Binary"], event["Type"], event["Properties"])
            for function in self.template.resources("AWS::Serverless::Function").values()
            for event in function["Properties"]["Events"].values()
        ]

    def test_every_kind_of_event_that_the_code_accepts_is_delivered_and_no_other(self):
        kinds = {"Scheduled Event"} if any(kind == "Schedule" for _, kind, _ in self.rules) else set()
        sources = {"aws.events"} if kinds else set()
        for _, kind, rule in self.rules:
            if kind == "EventBridgeRule":
                kinds |= set(rule["Pattern"]["detail-type"])
                sources |= set(rule["Pattern"]["source"])
        text = source("shared", "src", "event.rs")
        accepted = set(re.findall(r'"((?:EC2 Instance|EC2 Spot|Scheduled)[^"]*)"', text))
        self.assertEqual(kinds, accepted)
        # aws.scheduler is accepted for those who schedule by EventBridge Scheduler.
        self.assertEqual(sources, set(re.findall(r'"(aws\.[a-z0-9]+)"', text)) - {"aws.scheduler"})

    def test_only_the_events_of_every_instance_can_be_switched_off(self):
        """EventBridge matches the event's own fields, and EC2's events have no tags (EC2 user guide, instance state changes)."""
        switched = {function + str(rule["Pattern"]["source"]) for function, _, rule in self.rules if "State" in rule}
        self.assertEqual(switched, {"reconcile['aws.ec2']"})
        self.assertEqual(self.template.parameters["Ec2Events"], "ENABLED")

    def test_nothing_is_dropped_in_silence(self):
        for function, kind, rule in self.rules:
            with self.subTest(f"{function} {kind}"):
                self.assertIn("RetryPolicy", rule)
                if kind != "Schedule":
                    self.assertEqual(rule["DeadLetterConfig"], {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}})
        failed = self.template.resolve(self.template.raw["Globals"]["Function"]["EventInvokeConfig"])
        self.assertEqual(failed["DestinationConfig"]["OnFailure"], {"Type": "SQS", "Destination": "deadletters.Arn"})

    def test_only_the_rules_of_the_stack_may_fill_its_queue(self):
        (statement,) = self.template.properties("DeadLettersPolicy")["PolicyDocument"]["Statement"]
        may = set(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        with_queue = {
            f"{function}{event}.Arn".lower()
            for function, resource in self.template.resources("AWS::Serverless::Function").items()
            for event, told in resource["Properties"]["Events"].items()
            if "DeadLetterConfig" in told["Properties"]
        }
        self.assertEqual({arn.lower() for arn in may}, with_queue)
        # CloudFormation cuts a long stack name in the names of what it makes.
        self.assertNotIn("AWS::StackName", str(self.template.raw["Resources"]["DeadLettersPolicy"]))


class Bucket(unittest.TestCase):
    def setUp(self):
        self.template = Template.functions()

    def denied(self, action, resource, **context):
        """The deny statements of the bucket's policy that match; of their operators it knows Null and Bool."""
        found = []
        for statement in self.template.properties("BucketPolicy")["PolicyDocument"]["Statement"]:
            self.assertEqual((statement["Effect"], statement["Principal"]), ("Deny", "*"))
            pattern = "|".join(re.escape(r).replace(r"\*", ".*") for r in listed(statement["Resource"]))
            holds = statement["Action"] in (action, "s3:*") and re.fullmatch(pattern, resource)
            for operator, keys in statement["Condition"].items():
                for key, wanted in keys.items():
                    self.assertIn(operator, ("Null", "Bool"))
                    actual = str(key not in context if operator == "Null" else context.get(key, "absent")).lower()
                    holds = holds and actual == wanted
            if holds:
                found.append(statement["Sid"])
        return found

    def put(self, **headers):
        context = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
        context |= {name.replace("_", ":", 1).replace("_", "-"): value for name, value in headers.items()}
        return self.denied("s3:PutObject", "arn:aws:s3:::bucket/etcd-asg/main/ledger.json", **context)

    def test_a_ledger_is_written_by_compare_and_swap_only(self):
        self.assertEqual(self.put(), ["LedgersAreWrittenByCompareAndSwapOnly"])
        self.assertEqual(self.put(s3_if_match='"etag"'), [])
        self.assertEqual(self.put(s3_if_none_match="*"), [])

    def test_parts_of_an_upload_are_exempt(self):
        context = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "false"}
        self.assertEqual(self.denied("s3:PutObject", "arn:aws:s3:::bucket/etcd-asg/main/ledger.json", **context), [])

    def test_a_host_writes_its_report_without_a_condition_and_nothing_keeps_it_for_long(self):
        context = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
        self.assertEqual(self.denied("s3:PutObject", "arn:aws:s3:::bucket/reports/main/AROAX:i-1", **context), [])
        rules = self.template.properties("Bucket")["LifecycleConfiguration"]["Rules"]
        expiring = [rule for rule in rules if "ExpirationInDays" in rule]
        # No current ledger may expire, ever.
        self.assertEqual([rule["Prefix"] for rule in expiring], ["reports/"])
        # In one rule S3 takes either days or markers (S3 API reference, LifecycleExpiration).
        self.assertNotIn("ExpiredObjectDeleteMarker", expiring[0])

    def test_nothing_goes_in_plain_text(self):
        plain = {"aws:SecureTransport": "false"}
        self.assertEqual(self.denied("s3:GetObject", "arn:aws:s3:::bucket/etcd-asg/x", **plain), ["EncryptedInTransit"])

    def test_it_is_versioned_private_encrypted_and_kept(self):
        raw = self.template.raw["Resources"]["Bucket"]
        self.assertEqual((raw["DeletionPolicy"], raw["UpdateReplacePolicy"]), ("Retain", "Retain"))
        bucket = self.template.properties("Bucket")
        self.assertEqual(bucket["VersioningConfiguration"], {"Status": "Enabled"})
        self.assertEqual(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
        self.assertIn("BucketEncryption", bucket)


class Cluster(unittest.TestCase):
    def setUp(self):
        self.template = Template.cluster(ClusterName="red")

    def calls_of_the_instance(self):
        text = "".join(path.read_text() for path in sorted((REPOSITORY / "instance").rglob("*.sh")))
        used = {f"ssm:{name}" for name in re.findall(r"X-Amz-Target: AmazonSSM\.(\w+)", text)}
        # Every role may ask who it is (STS API reference, GetCallerIdentity).
        used |= {f"autoscaling:{name}" for name in re.findall(r"Action=(\w+)", text)} - {"autoscaling:GetCallerIdentity"}
        used |= {"s3:GetObject"} if "signed s3 " in text else set()
        return used | ({"s3:PutObject"} if re.search(r"call_aws s3 .*--request PUT", text) else set())

    def test_every_call_of_the_boot_script_is_granted_and_nothing_else(self):
        reads = Template.cluster(ClusterName="red", EtcdArchiveBucket="tools", EtcdArchiveKey="etcd.tgz", ReportsBucket="words")
        self.assertEqual(actions(of_the_instance(reads)), self.calls_of_the_instance())
        without = self.calls_of_the_instance() - {"s3:GetObject", "s3:PutObject"}
        self.assertEqual(len(self.calls_of_the_instance() - without), 2)
        self.assertEqual(actions(of_the_instance(self.template)), without)
        resources = [s["Resource"] for s in of_the_instance(reads) if s["Action"] == "s3:GetObject"]
        self.assertEqual(resources, ["arn:aws:s3:::tools/etcd.tgz"])

    def test_an_instance_writes_its_own_report_and_no_other(self):
        role = list(of_the_instance(Template.cluster(ClusterName="red", ReportsBucket="words")))
        caller = {"aws:userid": "AROAX:i-1"}
        for key, may in (
            ("reports/red/AROAX:i-1", True), ("reports/red/AROAX:i-2", False), ("reports/blue/AROAX:i-1", False),
            ("etcd-asg/red/ledger.json", False), ("reports/red/AROAX:i-1/x", False),
        ):
            self.assertIs(allows(role, "s3:PutObject", f"arn:aws:s3:::words/{key}", caller), may, key)
            self.assertFalse(allows(role, "s3:GetObject", f"arn:aws:s3:::words/{key}", caller), key)

    def user_data(self, template):
        return template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"]

    def rendered(self, *arguments):
        command = [REPOSITORY / "instance" / "render-user-data.sh", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def test_cloudformation_fills_in_what_the_command_line_would(self):
        wanted = self.rendered(
            "red", "--device", "/dev/sdf", "--set", "ETCD_ASG_ROLE_ID=role.RoleId",
            "--set", "ETCD_QUOTA_BACKEND_BYTES=4294967296",
        )
        self.assertEqual(self.settings(self.user_data(self.template)), self.settings(wanted))
        archive = Template.cluster(
            ClusterName="blue", ParameterPrefix="/other", EtcdArchiveBucket="tools", EtcdArchiveKey="etcd.tgz",
            EtcdSha256="a" * 64, EtcdSettings=["ETCD_ELECTION_TIMEOUT=2000"], Egress="ipv6", ReportsBucket="words",
        )
        wanted = self.rendered(
            "blue", "--prefix", "/other", "--device", "/dev/sdf", "--etcd", "s3://tools/etcd.tgz", "--sha256", "a" * 64,
            "--set", "ETCD_ASG_ROLE_ID=role.RoleId", "--set", "ETCD_ASG_REPORTS_BUCKET=words",
            "--set", "AWS_USE_DUALSTACK_ENDPOINT=true", "--set", "ETCD_ELECTION_TIMEOUT=2000",
        )
        self.assertEqual(self.settings(self.user_data(archive)), self.settings(wanted))
        self.assertEqual(archive.refusals(), [])

    def settings(self, user_data):
        """The user data without the comments among its settings."""
        return re.sub(r"\n      # no .*", "", user_data)

    def test_it_fits(self):
        """EC2 takes 16,384 bytes of user data before base64 (EC2 user guide, user data), CloudFormation 51,200 of a
        template that is not in S3 (CloudFormation quotas)."""
        everything = {"EtcdSha256": "a" * 64, "Egress": "ipv6", "EtcdArchiveBucket": "b" * 63, "ReportsBucket": "b" * 63}
        longest = Template.cluster(
            ClusterName="c" * 100, ParameterPrefix="/" + "p" * 99, EtcdArchiveKey="k" * 100, **everything
        )
        usual = Template.cluster(
            ClusterName="c" * 16, ParameterPrefix="/" + "p" * 16, EtcdArchiveKey="k" * 40, JournalDays=30, **everything
        )
        # Beside EtcdSettings' default, of one line: names as long as they may be, or the journal and names as they are.
        for filled_in, least in ((self.user_data(longest), 0), (self.user_data(usual), 200)):
            self.assertIsNone(re.search(r"@[A-Z_]+@|\$\{", filled_in))
            # The ID of a role has 21 characters (IAM user guide, unique identifiers), the name that CloudFormation makes
            # up for the parameter about 40; here they have the names of their resources.
            made_up = 64
            room_for_settings = 16384 - len(filled_in.encode()) - made_up
            self.assertGreaterEqual(room_for_settings, least, "there is no room for EtcdSettings")
        self.assertLessEqual(len(Template.rendered_cluster().encode()), 51200)
        self.assertLessEqual(len(FUNCTIONS.read_bytes()), 51200)

    def test_the_journal_is_shipped_only_where_it_is_wanted_and_after_etcd(self):
        self.assertNotIn("ETCD_ASG_JOURNAL", self.user_data(self.template))
        self.assertEqual(self.template.resources("AWS::IAM::Policy"), {})
        self.assertEqual(self.template.resources("AWS::Logs::LogGroup"), {})
        ships = Template.cluster(ClusterName="red", JournalDays=7)
        self.assertEqual(ships.properties("Journal"), {"RetentionInDays": 7})
        self.assertIn("\n      ETCD_ASG_JOURNAL=journalconfiguration\n", self.user_data(ships))
        setup = (REPOSITORY / "instance" / "setup.sh").read_text()
        self.assertIn('-c "ssm:$journal"', setup)
        self.assertLess(setup.index("start --no-block etcd-asg"), setup.index("dnf "))
        (file,) = json.loads(ships.properties("JournalConfiguration")["Value"])["logs"]["logs_collected"]["files"]["collect_list"]
        self.assertEqual(file, {"file_path": "/var/log/messages", "log_group_name": "journal", "log_stream_name": "{instance_id}"})
        role = list(of_the_instance(ships))
        self.assertTrue(allows(role, "ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/journalconfiguration"))
        self.assertTrue(allows(role, "logs:PutLogEvents", "journal.Arn"))

    def test_session_manager_gives_a_shell_and_no_parameters(self):
        role = list(of_the_instance(Template.cluster(ClusterName="red", SessionManager="true")))
        self.assertTrue(allows(role, "ssmmessages:OpenDataChannel", "*"))
        self.assertFalse(allows(list(of_the_instance(self.template)), "ssmmessages:OpenDataChannel", "*"))
        self.assertFalse(allows(role, "ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/secret"))

    def test_a_source_of_etcd_that_the_subnets_do_not_reach_is_refused(self):
        bucket = {"EtcdArchiveBucket": "tools", "EtcdArchiveKey": "etcd.tgz", "EtcdSha256": "a" * 64}
        for egress, source, refused in (
            ("nat-gateway", {}, None), ("other", {}, None), ("ipv6", {}, "do not reach GitHub"),
            ("interface-endpoints", {}, "do not reach GitHub"), ("ipv6", {"EtcdSource": "image"}, None),
            ("interface-endpoints", bucket, None), ("ipv6", bucket, None), ("nat", {}, "one of"),
            ("interface-endpoints", {"EtcdSource": "3.5.30", "EtcdSha256": "a" * 64}, "do not reach GitHub"),
            ("nat-gateway", {"EtcdArchiveBucket": "tools"}, "needs EtcdArchiveKey and EtcdSha256"),
            ("nat-gateway", {**bucket, "EtcdSha256": ""}, "needs EtcdArchiveKey and EtcdSha256"),
            ("ipv6", {**bucket, "EtcdSettings": "AWS_USE_DUALSTACK_ENDPOINT=true"}, "itself"),
            ("nat-gateway", {"EtcdSettings": "AWS_USE_DUALSTACK_ENDPOINT=true"}, None),
        ):
            with self.subTest(f"{egress} {source}"):
                told = Template.cluster(Egress=egress, **source).refusals()
                self.assertEqual(told != [], refused is not None, told)
                self.assertIn(refused or "", " ".join(told))

    def test_an_unrendered_copy_says_so(self):
        raw = Template(CLUSTER.read_text(), VpcId="v", SubnetIds=["s"], FunctionSecurityGroup="g", ImageId="i")
        self.assertIn("not rendered", self.user_data(raw))

    def test_the_group_is_as_the_design_demands(self):
        group = self.template.properties("Group")
        self.assertEqual(
            [(h["LifecycleTransition"], h["DefaultResult"], h["NotificationMetadata"]) for h in group["LifecycleHookSpecificationList"]],
            [(f"autoscaling:EC2_INSTANCE_{t}", "ABANDON", "etcd-asg") for t in ("LAUNCHING", "TERMINATING")],
        )
        policy = group["InstanceMaintenancePolicy"]
        self.assertEqual(policy["MinHealthyPercentage"], 100)
        self.assertGreater(policy["MaxHealthyPercentage"], 100)
        self.assertEqual(group["InstanceLifecyclePolicy"]["RetentionTriggers"], {"TerminateHookAbandon": "retain"})
        self.assertIn({"Key": "etcd-asg:cluster", "Value": "red", "PropagateAtLaunch": True}, group["Tags"])
        self.assertIn("Peers", listed(self.template.raw["Resources"]["Group"]["DependsOn"]))
        for mapping in self.template.properties("LaunchTemplate")["LaunchTemplateData"]["BlockDeviceMappings"]:
            self.assertEqual((mapping["Ebs"]["VolumeType"], mapping["Ebs"]["Encrypted"]), ("gp3", True))

    def test_a_hook_outlasts_several_runs_of_the_schedule(self):
        """Heartbeats come from scheduled runs where no event does, and AWS ends a wait after 100 timeouts or 48 hours."""
        functions = Template.functions()
        (schedule,) = {
            event["Properties"]["Schedule"]
            for function in functions.resources("AWS::Serverless::Function").values()
            for event in function["Properties"]["Events"].values()
            if event["Type"] == "Schedule"
        }
        self.assertEqual(schedule, "rate(1 minute)")
        leaves = int(functions.parameters["LeavePatience"].removesuffix("s"))
        for hook in self.template.properties("Group")["LifecycleHookSpecificationList"]:
            self.assertGreaterEqual(hook["HeartbeatTimeout"], 5 * 60, hook["LifecycleHookName"])
            self.assertGreater(min(100 * hook["HeartbeatTimeout"], 48 * 3600), leaves)

    def test_the_ports_are_those_of_the_functions(self):
        functions = Template.functions().parameters
        members = self.template.properties("MemberSecurityGroup")["SecurityGroupIngress"]
        self.assertEqual({(rule["FromPort"], rule["ToPort"]) for rule in members}, {(functions["ClientPort"],) * 2})
        peers = self.template.properties("Peers")
        self.assertEqual((peers["FromPort"], peers["ToPort"]), (functions["ClientPort"], functions["PeerPort"]))


if __name__ == "__main__":
    unittest.main()
