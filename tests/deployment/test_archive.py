"""tools/put-etcd-archive.sh: a release comes into a bucket as it is, or not at all, and the parameters that it prints fit."""

import functools
import hashlib
import http.server
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

from template import REPOSITORY, Template

NAME = "etcd-v3.6.16-linux-arm64.tar.gz"
#: A stand-in for the AWS CLI: `aws s3 cp --only-show-errors FILE s3://BUCKET/KEY` copies into a folder.
AWS = """#!/bin/bash
[[ "$1 $2 $3" == "s3 cp --only-show-errors" && $5 == s3://tools/* ]] || { echo "upload failed: NoSuchBucket" >&2; exit 1; }
mkdir -p "$(dirname "$BUCKETS/${5#s3://}")" && cp "$4" "$BUCKETS/${5#s3://}"
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Archive(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.release = self.folder / "releases" / "v3.6.16"
        self.release.mkdir(parents=True)
        (self.release / NAME).write_bytes(b"an archive")
        self.sum = hashlib.sha256(b"an archive").hexdigest()
        (self.release / "SHA256SUMS").write_text(f"{'0' * 64}  etcd-v3.6.16-linux-amd64.tar.gz\n{self.sum}  {NAME}\n")
        self.buckets = self.folder / "buckets"
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "aws").write_text(AWS)
        (programs / "aws").chmod(0o755)
        handler = functools.partial(Quiet, directory=self.folder / "releases")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.variables = {
            "PATH": f"{programs}:/usr/bin:/bin", "BUCKETS": str(self.buckets), "no_proxy": "127.0.0.1",
            "ETCD_ASG_ETCD_RELEASES": f"http://127.0.0.1:{server.server_port}",
        }

    def put(self, *words):
        command = [REPOSITORY / "tools" / "put-etcd-archive.sh", *words]
        return subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False, timeout=120)

    def test_the_archive_is_put_and_the_parameters_that_are_printed_fit_the_example(self):
        done = self.put("v3.6.16", "arm64", "tools")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual((self.buckets / "tools" / "etcd" / NAME).read_bytes(), b"an archive")
        parameters = dict(word.split("=", 1) for word in done.stdout.split())
        self.assertEqual(parameters["EtcdSha256"], self.sum)
        for egress in ("ipv6", "interface-endpoints"):
            template = Template.cluster(Egress=egress, **parameters)
            self.assertEqual(template.refusals(), [])
            self.assertIn(f'"s3://tools/etcd/{NAME}", "{self.sum}"', template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"])

    def test_each_failure_is_one_sentence_and_nothing_is_put(self):
        damaged = self.release / "SHA256SUMS"
        for words, told, prepare in (
            (("3.6.16",), "usage: put-etcd-archive.sh VERSION", None),
            (("latest", "arm64", "tools"), "'latest' must be a released version such as 3.6.16", None),
            (("3.6.16", "aarch64", "tools"), "'aarch64' must be the instances' architecture: arm64", None),
            (("3.6.16", "arm64", "s3://tools"), "'s3://tools' must be the name of a bucket", None),
            (("3.6.17", "arm64", "tools"), "is there such a release", None),
            (("3.6.16", "arm64", "others"), "cannot put", None),
            (("3.6.16", "arm64", "tools"), "is not that of the release's list: nothing was put", f"{'1' * 64}  {NAME}\n"),
            (("3.6.16", "arm64", "tools"), "does not name", "an error page\n"),
        ):
            with self.subTest(" ".join(words)):
                if prepare:
                    damaged.write_text(prepare)
                done = self.put(*words)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertTrue(done.stderr.splitlines()[-1].startswith("put-etcd-archive: "), done.stderr)
                self.assertIn(told, done.stderr)
                self.assertFalse(self.buckets.exists())

    def test_a_machine_without_the_aws_cli_is_told_so_before_anything_is_downloaded(self):
        (self.folder / "bin" / "aws").unlink()
        told = self.put("3.6.16", "arm64", "tools").stderr
        self.assertIn("the AWS CLI is not installed", told)


if __name__ == "__main__":
    unittest.main()
