"""CloudFormation templates as data: read, and resolved for given parameters as CloudFormation would."""

import fnmatch
import functools
import pathlib
import re
import subprocess

import yaml

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = REPOSITORY / "template.yaml"
CLUSTER = REPOSITORY / "examples" / "cluster.yaml"
ACCOUNT = "123456789012"
REGION = "us-east-1"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "etcd-asg",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}


class _Loader(yaml.SafeLoader):
    pass


def _intrinsic(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


class Template:
    """A template, with its parameters at their defaults where `parameters` gives no other value."""

    def __init__(self, text, **parameters):
        self.raw = yaml.load(text, _Loader)
        defaults = {name: p.get("Default") for name, p in self.raw["Parameters"].items()}
        for name in parameters:
            assert name in defaults, f"there is no parameter {name}"
        self.parameters = {**defaults, **parameters}

    @classmethod
    def functions(cls, **parameters):
        return cls(FUNCTIONS.read_text(), VpcId="vpc-1", SubnetIds=["subnet-1", "subnet-2"], **parameters)

    @classmethod
    def cluster(cls, **parameters):
        given = {"VpcId": "vpc-1", "SubnetIds": ["subnet-1"], "FunctionSecurityGroup": "sg-1", "ImageId": "ami-1"}
        return cls(cls.rendered_cluster(), **{**given, **parameters})

    @staticmethod
    @functools.cache
    def rendered_cluster():
        command = [REPOSITORY / "instance" / "render-cluster.sh"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def resources(self, kind):
        """Those of this type that exist under the conditions, by logical ID."""
        return {
            name: resource
            for name, resource in self.raw["Resources"].items()
            if resource["Type"] == kind and self.holds(resource.get("Condition"))
        }

    def properties(self, name):
        return self.resolve(self.raw["Resources"][name]["Properties"])

    def holds(self, condition):
        return condition is None or self._condition(self.raw["Conditions"][condition])

    def _condition(self, expression):
        ((function, arguments),) = expression.items()
        if function == "Fn::Equals":
            # CloudFormation compares strings.
            first, second = (str(self.resolve(argument)) for argument in arguments)
            return first == second
        if function == "Fn::Not":
            return not self._condition(arguments[0])
        if function in ("Fn::Or", "Fn::And"):
            return (any if function == "Fn::Or" else all)(map(self._condition, arguments))
        if function == "Fn::Contains":
            strings = self.resolve(arguments[0])
            return arguments[1] in (strings.split(",") if isinstance(strings, str) else strings)
        raise AssertionError(f"{function} is not known here")

    def refusals(self):
        """What CloudFormation says against these parameters: wrong values, and the rules that do not hold."""
        told = []
        for name, parameter in self.raw["Parameters"].items():
            value, pattern = self.parameters[name], parameter.get("AllowedPattern")
            if pattern is not None and not re.fullmatch(pattern, str(value)):
                told.append(f"{name}: {parameter.get('ConstraintDescription', pattern)}")
            if len(str(value)) > parameter.get("MaxLength", len(str(value))):
                told.append(f"{name}: at most {parameter['MaxLength']} characters")
            if str(value) not in map(str, parameter.get("AllowedValues", [value])):
                told.append(f"{name}: one of {parameter['AllowedValues']}")
        for rule in self.raw.get("Rules", {}).values():
            if "RuleCondition" not in rule or self._condition(rule["RuleCondition"]):
                told += [a["AssertDescription"] for a in rule["Assertions"] if not self._condition(a["Assert"])]
        return told

    def resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, arguments),) = value.items()
            if function == "Ref":
                return self.reference(arguments)
            if function.startswith("Fn::"):
                return getattr(self, "_" + function.removeprefix("Fn::").lower())(arguments)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not None}

    def reference(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        assert name in self.raw["Resources"], f"nothing is called {name}"
        return name.lower()

    def _getatt(self, path):
        name, attribute = path
        if name in self.rules_of_sam():
            return f"{name.lower()}.{attribute}"
        kind = self.raw["Resources"][name]["Type"]
        if attribute == "Arn" and kind == "AWS::S3::Bucket":
            return f"arn:aws:s3:::{name.lower()}"
        return f"{name.lower()}.{attribute}"

    def rules_of_sam(self):
        """The AWS::Events::Rule that SAM makes of each event (SAM developer guide, generated resources of a function)."""
        return {
            function + event
            for function, resource in self.resources("AWS::Serverless::Function").items()
            for event in resource["Properties"]["Events"]
        }

    def _if(self, arguments):
        condition, yes, no = arguments
        return self.resolve(yes if self.holds(condition) else no)

    def _join(self, arguments):
        separator, items = arguments
        items = self.resolve(items)
        return separator.join(items.split(",") if isinstance(items, str) else items)

    def _base64(self, arguments):
        return self.resolve(arguments)

    def _sub(self, arguments):
        text, variables = (arguments, {}) if isinstance(arguments, str) else arguments
        variables = {name: self.resolve(item) for name, item in variables.items()}

        def value(match):
            name = match.group(1)
            if name in variables:
                return str(variables[name])
            return str(self._getatt(name.split(".", 1)) if "." in name else self.reference(name))

        # A name after an exclamation mark is left for whoever reads the text: a policy variable.
        return re.sub(r"\$\{!", "${", re.sub(r"\$\{([^}!]+)\}", value, text))


def statements(role_properties, policy=None):
    """The statements of a role's inline policies, or of one of them."""
    for document in role_properties["Policies"]:
        if policy in (None, document["PolicyName"]):
            yield from document["PolicyDocument"]["Statement"]


def of_the_instance(template):
    """The statements of the instances' role, with those that options of the example add."""
    yield from statements(template.properties("Role"))
    for name in template.resources("AWS::IAM::Policy"):
        yield from template.properties(name)["PolicyDocument"]["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def actions(all_statements):
    return {action for s in all_statements if s["Effect"] == "Allow" for action in listed(s["Action"])}


#: What a request of a function's own code carries (AWS Lambda developer guide, VPC).
OF_A_FUNCTION = {"lambda:SourceFunctionArn": "arn"}


def matches(statement, action, resource, context):
    """Whether a statement is about this request. Policy variables are filled in from the context."""
    resources = (re.sub(r"\$\{([^}]+)\}", lambda m: context.get(m.group(1), "?"), r) for r in listed(statement["Resource"]))
    absent = statement.get("Condition", {}).get("Null", {})
    return (
        any(fnmatch.fnmatchcase(action, a) for a in listed(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, r) for r in resources)
        and (statement["Effect"] == "Allow" or all(wanted == str(key not in context).lower() for key, wanted in absent.items()))
    )


def allows(all_statements, action, resource, context=OF_A_FUNCTION):
    """Whether this action on this resource is allowed and not denied; the conditions of what is allowed aside."""
    effects = {s["Effect"] for s in all_statements if matches(s, action, resource, context)}
    return effects == {"Allow"}


def filters_that_match(template, line):
    """The metric filters that match a log line (CloudWatch Logs user guide, filter pattern syntax for JSON; = and || only)."""
    found = set()
    for name in template.resources("AWS::Logs::MetricFilter"):
        for term in template.properties(name)["FilterPattern"].strip("{ }").split(" || "):
            ((field, value),) = re.findall(r'^\(?\$\.(\w+) = "([^"]*)"\)?$', term)
            if line.get(field) == value:
                found.add(name)
    return found
