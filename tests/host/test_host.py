"""The example's user data in real machines: cloud-init's final stage makes them members, systemd keeps them so.

Each machine is a Debian root in QEMU with disks like EBS's. It reaches a small AWS at AWS's own names and addresses, with
TLS, and nothing else. `make test-host` runs it; run.sh says where it cannot.
"""

import hashlib
import io
import os
import pathlib
import ssl
import subprocess
import sys
import tarfile
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(REPOSITORY / "tests" / "instance"), str(REPOSITORY / "tests" / "deployment")]

from cloud import INSTANCE, Cloud  # noqa: E402
from machine import CLUSTER, ENDPOINTS, PARAMETER, environment  # noqa: E402
from template import Template  # noqa: E402
from vm import Machine  # noqa: E402

# QEMU's network gives its first machine this address.
ADDRESS = "169.254.169.15"
CLIENT, PEER = f"http://{ADDRESS}:2379", f"http://{ADDRESS}:2380"
ROLE = "role.RoleId"  # what the resolved template has in the place of the role's ID
DISK = 1 << 30


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Host:
    """The tests of one suite; its subclasses name the suite."""

    suite = None

    @classmethod
    def setUpClass(cls):
        made = subprocess.run([HERE / "image.sh", cls.suite], stdout=subprocess.PIPE, text=True, check=True)
        cls.image = pathlib.Path(made.stdout.strip())
        versions = dict(line.split("\t") for line in (cls.image / "packages").read_text().splitlines())
        parts = ("systemd", "cloud-init", "curl", "xfsprogs")
        print(f"Debian {cls.suite}: " + ", ".join(f"{name} {versions[name]}" for name in parts), file=sys.stderr)
        etcd = pathlib.Path(os.environ["ETCD_BIN_DIR"])
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
            for name in ("etcd", "etcdctl"):
                tar.add(etcd / name, f"etcd-of-the-test/{name}")
        cls.archive = archive.getvalue()

    def setUp(self):
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="etcd-asg-host.")))
        self.cloud = Cloud()
        self.addCleanup(self.cloud.close)
        self.cloud.role = ROLE
        self.cloud.objects["/tools/etcd.tar.gz"] = self.archive
        self.cloud.pages["/seed/meta-data"] = f"instance-id: {INSTANCE}\nlocal-hostname: member\n".encode()
        self.cloud.pages["/seed/vendor-data"] = b""
        self.tls_port, close = self.cloud.serve_tls(self.certificate())
        self.addCleanup(close)

    def certificate(self):
        """A certificate for AWS's names, from the authority that the image trusts."""
        key, certificate = self.place / "tls.key", self.place / "tls.crt"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=aws",
             "-addext", "subjectAltName=DNS:*.eu-central-1.amazonaws.com", "-CA", self.image / "ca.crt",
             "-CAkey", self.image / "ca.key", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def user_data(self, **parameters):
        """The example's, as CloudFormation fills it in."""
        template = Template.cluster(ClusterName=CLUSTER, ReportsBucket="words", **parameters)
        self.assertEqual(template.refusals(), [])
        text = template.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"]
        self.assertLess(len(text.encode()), 16384)
        self.cloud.pages["/seed/user-data"] = text.encode()

    def from_s3(self):
        self.user_data(
            EtcdArchiveBucket="tools", EtcdArchiveKey="etcd.tar.gz", EtcdSha256=hashlib.sha256(self.archive).hexdigest(),
            Egress="interface-endpoints",
        )

    def put_env(self, **changes):
        own = {
            "ETCD_INITIAL_CLUSTER": f"{INSTANCE}={PEER}", "ETCD_INITIAL_CLUSTER_STATE": "new",
            "ETCD_LISTEN_PEER_URLS": PEER, "ETCD_INITIAL_ADVERTISE_PEER_URLS": PEER,
            "ETCD_LISTEN_CLIENT_URLS": CLIENT, "ETCD_ADVERTISE_CLIENT_URLS": CLIENT,
        }
        self.cloud.put_parameter(PARAMETER, environment(**{**own, **changes}))

    def boot(self, *disks):
        machine = Machine(self.image, self.cloud, self.tls_port, self.place, disks)
        self.addCleanup(machine.close)
        return machine

    def blank(self):
        disk = self.place / "data.img"
        with disk.open("wb") as file:
            file.truncate(DISK)
        return disk

    def last_report(self):
        if not self.cloud.puts:
            return {"says": ""}
        path, body = self.cloud.puts[-1]
        self.assertEqual(path, f"/words/reports/{CLUSTER}/{ROLE}:{INSTANCE}")
        return dict(line.split("=", 1) for line in body.decode().splitlines())

    def call(self, machine, path, body):
        return machine.run(f"curl -sS --max-time 10 -d '{body}' {CLIENT}{path}")

    def assert_no_emergency(self, machine):
        self.assertNotIn("emergency mode", machine.console())
        self.assertEqual(machine.run("systemctl is-active emergency.target || true").strip(), "inactive")

    def wait_for_refusal(self, machine, status):
        """The unit ends, shows the status, and is not started again: its state is not auto-restart."""
        machine.wait_for_unit("failed")
        self.assertEqual(machine.unit("SubState", "ExecMainStatus", "NRestarts"), ("failed", str(status), "0"))
        shown = machine.run("systemctl status etcd-asg --no-pager --full || true")
        self.assertIn(f"status={status}", shown)
        self.assertIn("refusing to start etcd", shown)
        self.assertIn("etcd-asg: refusing to start etcd", machine.console())

    def test_a_member_from_its_first_boot_on(self):
        disk = self.blank()
        self.from_s3()
        self.put_env()
        self.cloud.put_parameter(ENDPOINTS, CLIENT)
        machine = self.boot(disk)
        machine.wait(lambda: self.cloud.actions, "the boot script completes the launch")
        self.assertEqual(self.cloud.bad_signatures, [])
        self.assertIn("done", machine.run("cloud-init status --wait"))
        self.assertEqual(machine.run("findmnt -no SOURCE,FSTYPE,LABEL /var/lib/etcd").split(), ["/dev/nvme1n1", "xfs", "etcd-asg"])
        self.assertEqual(machine.unit("ActiveState", "NRestarts"), ("active", "0"))
        self.assertEqual(machine.run("stat -c %U /proc/$(pidof etcd)").strip(), "etcd")
        self.assertIn("Active: active (running)", machine.run("systemctl status etcd-asg --no-pager"))
        machine.wait(lambda: "published voter" in self.last_report()["says"], "the report says that it is well")
        self.assert_no_emergency(machine)

        self.call(machine, "/v3/kv/put", '{"key":"YQ==","value":"Yg=="}')
        ids = dict(line.split("=") for line in machine.run("cat /var/lib/etcd/joined").split())
        sealed = {"ETCD_INITIAL_CLUSTER_STATE": "existing", "ETCD_ASG_DATA": "present",
                  "ETCD_ASG_CLUSTER_ID": ids["CLUSTER_ID"], "ETCD_ASG_MEMBER_ID": ids["MEMBER_ID"]}
        self.put_env(**sealed)
        self.assert_the_same_member_after(machine, machine.reboot, ids)

        machine.run("kill -KILL $(pidof etcd)")
        machine.wait(lambda: machine.unit("ActiveState", "NRestarts") == ("active", "1"), "systemd starts etcd again")
        self.assertIn("etcd ended with status 137: starting it again", machine.console())

        self.put_env(ETCD_ASG_FORMAT="2")
        machine.run("systemctl restart --no-block etcd-asg")
        self.wait_for_refusal(machine, 80)
        machine.wait(lambda: self.last_report().get("status") == "80", "the refusal is reported")
        machine.power_off()

        self.put_env(**sealed)
        reads = len(self.cloud.reads)
        machine = self.boot()
        machine.wait_for_console("etcd is not started without its data volume: the data volume /dev/sdf is not there")
        self.assertEqual(machine.unit("ActiveState"), ("activating",))
        self.assert_no_emergency(machine)
        self.assertEqual(len(self.cloud.reads), reads, "it does not ask for its place without its data")
        machine.power_off()
        machine = self.boot(disk)
        self.assert_the_same_member_after(machine, lambda: None, ids)

    def assert_the_same_member_after(self, machine, act, ids):
        act()
        machine.wait_for_unit("active")
        self.assertEqual(machine.run("findmnt -no SOURCE /var/lib/etcd").strip(), "/dev/nvme1n1")
        self.assertEqual(dict(line.split("=") for line in machine.run("cat /var/lib/etcd/joined").split()), ids)
        kept = self.call(machine, "/v3/kv/range", '{"key":"YQ=="}')
        self.assertIn('"value":"Yg=="', kept)
        self.assertIn(f'"member_id":"{ids["MEMBER_ID"]}"', kept)
        self.assert_no_emergency(machine)

    def test_where_github_is_out_of_reach_it_is_told_at_once(self):
        self.user_data()
        self.put_env()
        machine = self.boot(self.blank())
        machine.wait_for_console("install-etcd: cannot download https://github.com/etcd-io/etcd/releases/download/v")
        self.wait_for_refusal(machine, 78)
        self.assertIn("GitHub has no IPv6", machine.console())
        machine.wait(lambda: self.cloud.puts, "the refusal is reported")
        self.assertIn("cannot download https://github.com/", self.last_report()["says"])
        self.assertEqual(self.cloud.reads, [], "it is refused before it waits for its turn")
        self.assert_no_emergency(machine)

    def test_a_volume_with_anything_on_it_is_left_as_it_is(self):
        """A partition table, whose partition is empty: nothing in it looks like data. Nobody named this disk."""
        disk = self.blank()
        entry = bytes([0, 0, 2, 0, 0x83, 0xFF, 0xFF, 0xFF]) + (2048).to_bytes(4, "little") + (1 << 20).to_bytes(4, "little")
        with disk.open("r+b") as file:
            file.seek(446)
            file.write(entry)
            file.seek(510)
            file.write(b"\x55\xaa")
        before = digest(disk)
        self.from_s3()
        self.put_env()
        machine = self.boot(disk)
        machine.wait_for_console("no EBS disk is free (/dev/nvme1n1 has partitions or a file system without the label etcd-asg, so it is left alone)")
        self.assertEqual(machine.unit("ActiveState"), ("activating",))
        self.assert_no_emergency(machine)
        machine.power_off()
        self.assertEqual(digest(disk), before)


class Bookworm(Host, unittest.TestCase):
    suite = "bookworm"


class Trixie(Host, unittest.TestCase):
    suite = "trixie"


if __name__ == "__main__":
    unittest.main()
