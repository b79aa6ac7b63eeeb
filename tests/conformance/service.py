"""The services that these tests call: the region and moto, each as a process, through AWS's own clients."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug"


class Service:
    """A process that answers AWS's protocols on loopback, and AWS's own clients for it."""

    def __init__(self, process, endpoint, variables, log=None):
        self.process, self.endpoint, self.variables, self.log = process, endpoint, variables, log or process.stdout

    @classmethod
    def region(cls, *options):
        command = [BUILT / "region", "--port", "0", "--tick", "0", "--friendly", "--functions-dir", BUILT]
        command += ["--instance-dir", REPOSITORY / "instance", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        variables = {}
        for line in process.stdout:
            variables.update(re.findall(r"^export (\w+)=(\S+)$", line))
            if line.startswith("# A first cluster"):
                break
        return cls(process, variables["AWS_ENDPOINT_URL"], variables)

    @classmethod
    def moto(cls):
        log = tempfile.TemporaryFile(mode="w+")
        command = [pathlib.Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", "0"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            log.seek(0)
            if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read()):
                return cls(process, found.group(1), {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, log)
            time.sleep(0.2)
        process.kill()
        raise AssertionError("moto did not start")

    def client(self, name):
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}, read_timeout=60)
        return boto3.client(
            name, endpoint_url=self.endpoint, region_name="us-west-2", config=config,
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()
