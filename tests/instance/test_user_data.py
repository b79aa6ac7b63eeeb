"""The user data contains exactly the files of the boot script, and what it installs runs."""

import contextlib
import functools
import hashlib
import http.server
import io
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import threading
import unittest

from cloud import Cloud
from machine import REPOSITORY

INSTANCE = REPOSITORY / "instance"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


def render(*arguments):
    return subprocess.run(
        [INSTANCE / "render-user-data.sh", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


class UserData(unittest.TestCase):
    def unpacked(self):
        """What the user data itself unpacks, with its own program."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        text = render("red").stdout
        bundle = re.search(r"^  - path: /usr/local/lib/etcd-asg/bundle\n    content: \|\n      (\S{1000,})\n", text, re.M)
        (folder / "bundle").write_text(bundle.group(1) + "\n")
        program = re.search(r"^    - -c\n    - \|\n(.*?)^  - ", text, re.M | re.S).group(1)
        program = textwrap.dedent(program).replace("/usr/local/lib/etcd-asg", str(folder))
        subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=30)
        (folder / "bundle").unlink()
        return folder

    def test_nothing_in_the_bundle_is_a_reference(self):
        """Fn::Sub reads a dollar sign before a brace, and YAML ends the text at a line break only."""
        bundle = max(render("red").stdout.splitlines(), key=len)
        self.assertGreater(len(bundle), 5000)
        self.assertEqual(set("$@ \t") & set(bundle.strip()), set())

    def test_every_file_of_the_boot_script_is_in_it_without_its_comments(self):
        folder = self.unpacked()
        wanted = ["setup.sh", "etcd-asg.sh", "etcd-asg.service", "install-etcd.sh"]
        wanted += [f"lib/{path.name}" for path in (INSTANCE / "lib").iterdir()]
        self.assertEqual(
            {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}, set(wanted)
        )
        for name in wanted:
            lines = (INSTANCE / name).read_text().splitlines(keepends=True)
            code = [line for line in lines if line.strip() and (line.startswith("#!") or not line.lstrip().startswith("#"))]
            self.assertEqual((folder / name).read_text(), "".join(line.lstrip(" ") for line in code), name)

    def test_a_line_that_looks_like_a_comment_is_one(self):
        """bash must read the same functions from a file with its comments and without them."""
        folder = self.unpacked()
        for path in (folder / "lib").iterdir():
            texts = [
                subprocess.run(
                    ["bash", "-c", 'source "$1"; declare -f', "-", file],
                    capture_output=True, text=True, check=True, timeout=30,
                ).stdout
                for file in (path, INSTANCE / "lib" / path.name)
            ]
            # A program of awk keeps its indents in a string.
            shown = [re.sub(r"^ +", "", text, flags=re.M) for text in texts]
            self.assertEqual(shown[0], shown[1], path.name)
            self.assertIn("()", shown[0])

    def test_it_runs_from_a_link_as_it_is_installed(self):
        folder = self.unpacked()
        link = folder / "etcd-asg"
        link.symlink_to(folder / "etcd-asg.sh")
        (folder / "etcd-asg.sh").chmod(0o755)
        done = subprocess.run([link], capture_output=True, text=True, check=False, timeout=30)
        self.assertEqual(done.returncode, 64)
        self.assertEqual(done.stderr, "etcd-asg: usage: etcd-asg prepare|run|ready\n")

    def test_it_is_filled_in_and_fits(self):
        text = render(
            "red", "--prefix", "/other", "--etcd", "s3://bucket/etcd.tgz", "--sha256", "a" * 64, "--device", "/dev/sdf",
            "--set", "ETCD_QUOTA_BACKEND_BYTES=8589934592", "--set", "AWS_USE_DUALSTACK_ENDPOINT=true",
        ).stdout
        for line in (
            "      ETCD_ASG_CLUSTER=red\n",
            "      ETCD_ASG_PREFIX=/other\n",
            "      ETCD_QUOTA_BACKEND_BYTES=8589934592\n      AWS_USE_DUALSTACK_ENDPOINT=true\n",
            "      ETCD_ASG_DATA_DEVICE=/dev/sdf\n",
            f'setup.sh, "s3://bucket/etcd.tgz", "{"a" * 64}"]',
        ):
            self.assertTrue(line in text, line)
        self.assertIsNone(re.search(r"@[A-Z_]+@", text))
        self.assertLess(len(text.encode()), 16384)

    def test_the_same_files_give_the_same_bytes(self):
        self.assertEqual(render("red").stdout, render("red").stdout)

    def test_wrong_arguments_are_refused(self):
        for arguments, word in (
            (["r d"], "name 'r d'"),
            (["red", "--prefix", "x"], "prefix 'x'"),
            (["red", "--etcd", "3"], "--etcd '3'"),
            (["red", "--etcd", "https://host/etcd.tgz"], "needs its --sha256"),
            (["red", "--etcd", "3.6.16", "--sha256", "abc"], "--sha256 'abc'"),
            (["red", "--device", "sdf"], "--device 'sdf'"),
            (["red", "--set", "PATH=/x"], "--set 'PATH=/x'"),
            (["red", "--prefix"], "--prefix needs a value"),
            (["red", "--colour", "x"], "--colour is not known"),
        ):
            done = render(*arguments)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(word, done.stderr)

    def test_the_unit_names_only_commands_and_statuses_that_the_script_has(self):
        unit = (INSTANCE / "etcd-asg.service").read_text()
        script = (INSTANCE / "etcd-asg.sh").read_text()
        commands = re.findall(r"^Exec\w+=/usr/local/bin/etcd-asg (\w+)$", unit, re.M)
        self.assertEqual(commands, ["prepare", "run", "ready"])
        prevented = set(re.search(r"^RestartPreventExitStatus=(.*)$", unit, re.M).group(1).split())
        declared = dict(re.findall(r"\b([A-Z_]+)=(\d+)\b", "\n".join(re.findall(r"^readonly .*$", script, re.M)[:2])))
        refusals = {status for name, status in declared.items() if name != "AGAIN"}
        self.assertEqual(prevented, refusals)


@unittest.skipIf(ARCHITECTURE is None, "there is no etcd release for this machine")
class InstallEtcd(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bin = self.root / "bin"
        self.bin.mkdir()
        self.release("9.9.1")
        handler = functools.partial(Quiet, directory=self.root)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"

    def release(self, version):
        folder = self.root / f"v{version}"
        folder.mkdir()
        name = f"etcd-v{version}-linux-{ARCHITECTURE}"
        self.archive = folder / f"{name}.tar.gz"
        with tarfile.open(self.archive, "w:gz") as archive:
            for program in ("etcd", "etcdctl"):
                text = f"#!/bin/sh\nprintf 'etcd Version: {version}\\nGit SHA: x\\n'\n".encode()
                member = tarfile.TarInfo(f"{name}/{program}")
                member.size, member.mode = len(text), 0o755
                archive.addfile(member, io.BytesIO(text))
        self.sum = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        (folder / "SHA256SUMS").write_text(f"{'0' * 64}  other.tar.gz\n{self.sum}  {self.archive.name}\n")

    def install(self, *arguments, **more):
        variables = {"PATH": "/usr/bin:/bin", "ETCD_ASG_ETCD_RELEASES": self.url, "ETCD_ASG_BIN_DIR": str(self.bin), **more}
        return subprocess.run(
            [INSTANCE / "install-etcd.sh", *arguments],
            env=variables, capture_output=True, text=True, check=False, timeout=60,
        )

    def test_installs_an_archive_whose_checksum_matches_and_only_once(self):
        for arguments in (["9.9.1"], ["9.9.1", self.sum]):
            done = self.install(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual({path.name for path in self.bin.iterdir()}, {"etcd", "etcdctl"})
        self.archive.unlink()
        self.assertEqual(self.install("9.9.1").returncode, 0)

    def test_a_damaged_archive_is_not_installed(self):
        self.archive.write_bytes(self.archive.read_bytes()[:-1] + b"x")
        done = self.install("9.9.1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing was installed", done.stderr)
        self.assertEqual(list(self.bin.iterdir()), [])

    def test_a_pinned_checksum_takes_precedence_over_that_of_the_release(self):
        done = self.install("9.9.1", "1" * 64)
        self.assertIn("nothing was installed", done.stderr)
        self.assertEqual(list(self.bin.iterdir()), [])

    def test_an_archive_at_a_url_needs_its_checksum(self):
        url = f"{self.url}/v9.9.1/{self.archive.name}"
        self.assertIn("needs its SHA-256", self.install(url).stderr)
        self.assertEqual(list(self.bin.iterdir()), [])
        done = self.install(url, self.sum)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual({path.name for path in self.bin.iterdir()}, {"etcd", "etcdctl"})

    def test_an_archive_without_etcd(self):
        with tarfile.open(self.root / "other.tar.gz", "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("README"))
        total = hashlib.sha256((self.root / "other.tar.gz").read_bytes()).hexdigest()
        self.assertIn("there is no etcd in", self.install(f"{self.url}/other.tar.gz", total).stderr)

    def test_an_image_with_etcd_and_an_image_without(self):
        done = self.install("image", PATH=f"{self.bin}:/usr/bin:/bin")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the image must contain etcd", done.stderr)
        self.install("9.9.1")
        self.archive.unlink()
        self.assertEqual(self.install("image", PATH=f"{self.bin}:/usr/bin:/bin").returncode, 0)

    def test_an_object_in_s3_is_read_with_the_signature_of_the_role(self):
        cloud = Cloud()
        self.addCleanup(cloud.close)
        cloud.objects["/my-bucket/tools/etcd.tar.gz"] = self.archive.read_bytes()
        config = self.root / "config"
        config.write_text(f"ETCD_ASG_CLUSTER=red\nAWS_ENDPOINT_URL_S3={cloud.endpoint}\nETCD_QUOTA_BACKEND_BYTES=1\n")
        where = {"ETCD_ASG_CONFIG": str(config), "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.endpoint}
        done = self.install("s3://my-bucket/tools/etcd.tar.gz", self.sum, **where)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(cloud.bad_signatures, [])
        self.assertEqual({path.name for path in self.bin.iterdir()}, {"etcd", "etcdctl"})
        done = self.install("s3://my-bucket/none.tar.gz", self.sum, **where)
        self.assertIn("may the instance's role read it (s3:GetObject)", done.stderr)

    def copy_of_the_installer(self):
        home = self.root / "home"
        shutil.copytree(INSTANCE, home)
        return home

    def test_packets_that_are_dropped_are_told_soon_and_kept_for_the_boot_script(self):
        home = self.copy_of_the_installer()
        with dropped() as url:
            done = subprocess.run(
                [home / "install-etcd.sh", "9.9.9"], capture_output=True, text=True, check=False, timeout=100,
                env={"PATH": "/usr/bin:/bin", "ETCD_ASG_ETCD_RELEASES": url, "ETCD_ASG_BIN_DIR": str(self.bin)},
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn("GitHub has no IPv6", done.stderr)
        self.assertIn(f"cannot download {url}/v9.9.9/", (home / "install-failed").read_text())
        cloud = Cloud()
        self.addCleanup(cloud.close)
        (self.root / "config").write_text("ETCD_ASG_CLUSTER=red\nETCD_ASG_REPORTS_BUCKET=ledgers\n")
        refused = subprocess.run(
            [home / "etcd-asg.sh", "prepare"], capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": "/usr/bin:/bin", "ETCD_ASG_CONFIG": str(self.root / "config"), "AWS_ENDPOINT_URL": cloud.endpoint,
                 "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.endpoint, "ETCD_ASG_DATA_DIR": str(self.root / "data"),
                 "ETCD_ASG_RUN_DIR": str(self.root / "run")},
        )
        self.assertEqual((self.root / "run" / "refused").read_text(), "78\n", refused.stderr)
        self.assertIn(f"there is no working etcd on PATH (/usr/bin:/bin): cannot download {url}", refused.stderr)
        self.assertIn(b"cannot download", cloud.puts[-1][1], "the report has the reason")
        self.assertEqual(cloud.reads, [], "it does not wait for its turn first")

    def test_a_later_success_is_not_shadowed_by_an_earlier_failure(self):
        home = self.copy_of_the_installer()
        (home / "install-failed").write_text("cannot download x\n")
        done = subprocess.run(
            [home / "install-etcd.sh", "9.9.1"], capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": "/usr/bin:/bin", "ETCD_ASG_ETCD_RELEASES": self.url, "ETCD_ASG_BIN_DIR": str(self.bin)},
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse((home / "install-failed").exists())

    def test_a_release_that_is_not_there(self):
        done = self.install("9.9.2")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot download", done.stderr)


@contextlib.contextmanager
def dropped():
    """A URL whose server answers no connection: its queue is full, so the kernel drops what comes."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    unittest.main()
