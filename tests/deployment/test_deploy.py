"""make deploy: what is wrong is one sentence, said before anything is built."""

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


class Check(unittest.TestCase):
    def refused(self, words, stack_is_there=False):
        with unittest.mock.patch.object(deploy, "exists", return_value=stack_is_there):
            with self.assertRaises(deploy.Failed) as caught:
                deploy.check("etcd-asg", words)
        return str(caught.exception)

    def test_the_parameters_are_the_templates(self):
        wanted = {name: "Default" in p for name, p in Template.functions().raw["Parameters"].items()}
        self.assertEqual(deploy.declared(), wanted)

    def test_a_first_deployment_needs_its_network(self):
        told = self.refused(["VpcId=vpc-1"])
        self.assertIn("there is no stack etcd-asg yet, and to make it SubnetIds must be given: make deploy PARAMETERS=", told)
        self.assertIn("VpcId and SubnetIds must be given", self.refused([]))

    def test_what_is_complete_or_changes_a_stack_passes(self):
        for words, there in ((NETWORK, False), (["LogRetentionDays=90"], True), ([], True)):
            with self.subTest(words), unittest.mock.patch.object(deploy, "exists", return_value=there):
                deploy.check("etcd-asg", words)

    def test_a_misspelt_parameter_is_named_with_those_there_are(self):
        told = self.refused([*NETWORK, "LogDays=3"])
        self.assertTrue(told.startswith("template.yaml has no parameter LogDays; it has VpcId, SubnetIds, "), told)
        self.assertIn("'vpc-1' is not NAME=VALUE", self.refused(["vpc-1"]))


class Account(unittest.TestCase):
    """With the AWS CLI: a stand-in tells of the stack."""

    def run_with(self, aws, *words):
        with tempfile.TemporaryDirectory() as folder:
            if aws:
                stand_in = pathlib.Path(folder) / "aws"
                stand_in.write_text(f"#!/bin/bash\n{aws}\n")
                stand_in.chmod(0o755)
            command = [sys.executable, REPOSITORY / "tools" / "deploy.py", "etcd-asg", *words]
            return subprocess.run(command, env={"PATH": folder}, capture_output=True, text=True, check=False, timeout=60)

    def test_each_failure_is_one_sentence_and_nothing_is_built(self):
        for aws, words in (
            ("", "the AWS CLI is not installed"),
            ("echo 'Stack with id etcd-asg does not exist' >&2; exit 254", "VpcId and SubnetIds must be given"),
            ("printf '\\nUnable to locate credentials.\\n' >&2; exit 253", "AWS cannot be asked for the stack etcd-asg: Unable to locate"),
        ):
            with self.subTest(words):
                done = self.run_with(aws)
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
