"""The domain names of every partition, compared with the data of the AWS SDK that the functions are built with."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from cloud import Cloud
from machine import REPOSITORY

AWS = REPOSITORY / "instance" / "lib" / "aws.sh"
# Beside the partition's own regions, one that may come: the SDK decides by the shape of the name.
COMING = {"aws": "us-north-9", "aws-cn": "cn-south-9", "aws-eusc": "eusc-de-west-9", "aws-iso": "us-iso-north-9",
          "aws-iso-b": "us-isob-north-9", "aws-iso-e": "eu-isoe-north-9", "aws-iso-f": "us-isof-north-9",
          "aws-us-gov": "us-gov-north-9"}


def endpoint(service, region, **variables):
    done = subprocess.run(
        ["bash", "-uc", f'source "{AWS}"; region=$1; endpoint "$2"', "-", region, service],
        env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=True, timeout=30,
    )
    return done.stdout


def partitions():
    """The SDK's partitions, from the source that Cargo.lock names. They stand in it as one string of JSON."""
    lock = (REPOSITORY / "Cargo.lock").read_text()
    version = re.search(r'name = "aws-sdk-ssm"\nversion = "([^"]+)"', lock).group(1)
    cargo = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    sources = list(cargo.glob(f"registry/src/*/aws-sdk-ssm-{version}/src/endpoint_lib.rs"))
    if not sources:
        return None
    text = re.search(r'"(\{(?:[^"\\]|\\.)*\\"partitions\\"(?:[^"\\]|\\.)*\})"', sources[0].read_text()).group(1)
    return json.loads(json.loads(f'"{text}"'))["partitions"]


class Partitions(unittest.TestCase):
    def test_each_region_of_the_sdk_has_the_sdks_domain(self):
        known = partitions()
        if known is None:
            self.skipTest("the source of the crate aws-sdk-ssm is not here: cargo fetch")
        self.assertEqual({partition["id"] for partition in known}, set(COMING), "the SDK knows a new partition")
        for partition in known:
            suffix, dual = partition["outputs"]["dnsSuffix"], partition["outputs"]["dualStackDnsSuffix"]
            shape = re.compile(partition["regionRegex"])
            regions = [name for name in partition["regions"] if shape.match(name)] + [COMING[partition["id"]]]
            for region in (regions[0], regions[-1]):
                with self.subTest(region):
                    self.assertRegex(region, shape)
                    for service in ("ssm", "autoscaling", "sts"):
                        self.assertEqual(endpoint(service, region), f"https://{service}.{region}.{suffix}/")
                    both = endpoint("ssm", region, AWS_USE_DUALSTACK_ENDPOINT="true")
                    self.assertEqual(both, f"https://ssm.{region}.{dual}/")
                    # Amazon S3 user guide, "Using Amazon S3 dual-stack endpoints": s3.dualstack.REGION, the usual domain
                    both = endpoint("s3", region, AWS_USE_DUALSTACK_ENDPOINT="true")
                    self.assertEqual(both, f"https://s3.dualstack.{region}.{suffix}/")

    def test_a_partition_that_came_later_is_asked_of_the_metadata_service(self):
        cloud = Cloud()
        self.addCleanup(cloud.close)
        cloud.metadata["services/domain"] = "amazonaws.mars"
        where = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.endpoint}
        for region in ("mars-north-1", "us-isog-east-1", "eusd-fr-west-1"):
            self.assertEqual(endpoint("ssm", region, **where), f"https://ssm.{region}.amazonaws.mars/")
        self.assertEqual(endpoint("ssm", "eu-west-1", **where), "https://ssm.eu-west-1.amazonaws.com/")
        for answer in ("", "evil.example/path", "a b"):
            cloud.metadata["services/domain"] = answer
            self.assertEqual(endpoint("ssm", "mars-north-1", **where), "https://ssm.mars-north-1.amazonaws.com/")

    def test_a_url_of_the_operator_comes_first(self):
        url = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1/", "AWS_ENDPOINT_URL_S3": "https://vpce.example"}
        self.assertEqual(endpoint("ssm", "eusc-de-east-1", **url), "http://127.0.0.1:1/")
        self.assertEqual(endpoint("s3", "eusc-de-east-1", **url), "https://vpce.example/")
        own = {"AWS_ENDPOINT_URL_AUTO_SCALING": "https://vpce.example/"}
        self.assertEqual(endpoint("autoscaling", "us-iso-east-1", **own), "https://vpce.example/")


if __name__ == "__main__":
    unittest.main()
