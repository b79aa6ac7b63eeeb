"""The whole unit with a real etcd: start, join, complete the launch, restart, lose the disk, be removed."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

from cloud import INSTANCE
from machine import ENDPOINTS, REPOSITORY, Case

ETCD = pathlib.Path(os.environ.get("ETCD_BIN_DIR", REPOSITORY / ".tools" / "etcd" / "3.6.16")) / "etcd"


def free_url():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def post(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class RealEtcd(Case):
    def setUp(self):
        super().setUp()
        self.assertTrue(ETCD.is_file(), f"there is no {ETCD}: make etcd")
        (self.machine.bin / "etcd").unlink()
        (self.machine.bin / "etcd").symlink_to(ETCD)
        self.client, self.peer = free_url(), free_url()

    def put_seed_env(self, **changes):
        urls = {
            "ETCD_INITIAL_CLUSTER": f"{INSTANCE}={self.peer}",
            "ETCD_INITIAL_CLUSTER_STATE": "new",
            "ETCD_LISTEN_PEER_URLS": self.peer,
            "ETCD_INITIAL_ADVERTISE_PEER_URLS": self.peer,
            "ETCD_LISTEN_CLIENT_URLS": self.client,
            "ETCD_ADVERTISE_CLIENT_URLS": self.client,
        }
        self.put_env(**{**urls, **changes})

    def start_seed(self):
        self.assertEqual(self.machine.prepare(), (0, ""))
        running = self.machine.start("run")
        said = self.in_background(running)
        ready = self.machine.start("ready")
        return running, ready, said

    def joined(self, said):
        file = self.machine.data / "joined"
        self.wait_for(file.exists, said)
        return dict(line.split("=") for line in file.read_text().split())

    def stop(self, running):
        running.terminate()
        self.assertEqual(running.wait(timeout=60), 143)

    def test_a_seed_from_its_parameter_to_its_hook_and_back_after_a_stop(self):
        self.put_seed_env()
        running, ready, said = self.start_seed()
        ids = self.joined(said)
        self.assertEqual(self.cloud.actions, [])
        self.cloud.put_parameter(ENDPOINTS, self.client)
        self.assertEqual(self.machine.finish(ready)[0], 0)
        self.assertEqual(len(self.cloud.actions), 1)
        self.assertNotIn("unrecognized environment variable", said())
        post(self.client, "/v3/kv/put", {"key": "YQ==", "value": "Yg=="})
        self.stop(running)

        sealed = {"ETCD_INITIAL_CLUSTER_STATE": "existing", "ETCD_ASG_DATA": "present"}
        self.put_seed_env(**sealed, ETCD_ASG_CLUSTER_ID=ids["CLUSTER_ID"], ETCD_ASG_MEMBER_ID=ids["MEMBER_ID"])
        running, ready, said = self.start_seed()
        self.assertEqual(self.machine.finish(ready)[0], 0)
        kept = post(self.client, "/v3/kv/range", {"key": "YQ=="})
        self.assertEqual(kept["kvs"][0]["value"], "Yg==")
        self.assertEqual(kept["header"]["cluster_id"], ids["CLUSTER_ID"])
        self.stop(running)

        shutil.rmtree(self.machine.data)
        process = self.machine.start("prepare")
        reads = len(self.cloud.reads)
        self.cloud.wait_until(lambda: len(self.cloud.reads) > reads + 3)
        self.assertFalse((self.machine.run_dir / "environment").exists(), "etcd is not started on a lost disk")
        self.assertIsNone(process.poll(), "it waits until it may join as a new member, or is replaced")

    def test_a_wrong_string_ends_at_once_and_the_repaired_one_starts(self):
        self.put_seed_env(ETCD_INITIAL_CLUSTER=f"{INSTANCE}=http://127.0.0.1:1")
        status, said = self.machine.start_unit()
        self.assertEqual(status, 75, said)
        self.assertIn("before it had joined", said)
        self.put_seed_env()
        running, _, said = self.start_seed()
        self.joined(said)
        self.stop(running)

    def test_a_removed_member_is_not_started_again(self):
        self.put_seed_env()
        running, _, said = self.start_seed()
        self.joined(said)
        other = self.second_member()
        try:
            own = self.member_id(said)
            self.wait_for(lambda: self.removed(own), said, seconds=60)
            self.assertEqual(running.wait(timeout=60), 87, said())
            self.wait_for(lambda: "was removed from cluster red" in said(), said)
            # After another start, as after a reboot, etcd itself reports its removal again.
            self.put_seed_env(ETCD_ASG_DATA="present")
            status, again = self.machine.start_unit()
            self.assertEqual(status, 87, again)
        finally:
            other.close()

    def test_a_removed_member_is_not_started_again_where_etcd_logs_nothing_of_it(self):
        log = self.machine.root / "etcd.log"
        for settings in ("ETCD_LOG_LEVEL=error\n", f"ETCD_LOG_OUTPUTS={log}\n"):
            with self.subTest(settings):
                self.setUp()
                (self.machine.root / "config").write_text(f"ETCD_ASG_CLUSTER=red\nETCD_LOGGER=zap\n{settings}")
                self.put_seed_env()
                running, _, said = self.start_seed()
                self.joined(said)
                other = self.second_member()
                try:
                    own = self.member_id(said)
                    self.cloud.put_parameter(ENDPOINTS, f"{self.client},{other.client}")
                    self.wait_for(lambda own=own: self.removed(own), said, seconds=60)
                    self.assertEqual(running.wait(timeout=60), 87, said())
                    self.wait_for(lambda said=said: "was removed from cluster red" in said(), said)
                    self.assertNotIn("permanently removed", said())
                finally:
                    other.close()

    def member_id(self, said):
        """The ID of this instance's member, which gets its name once its etcd has started."""
        found = []

        def named():
            members = post(self.client, "/v3/cluster/member/list", {})["members"]
            found[:] = [member["ID"] for member in members if member.get("name") == INSTANCE]
            return found

        self.wait_for(named, said)
        return found[0]

    def second_member(self):
        client, peer = free_url(), free_url()
        post(self.client, "/v3/cluster/member/add", {"peerURLs": [peer]})
        return Second(client, peer, f"{INSTANCE}={self.peer},second={peer}", self)

    def removed(self, member):
        """Asks the member itself to remove it, and returns whether it is removed.

        etcd refuses the removal of a live voter until its connections are 5 s old, and the removed member may stop
        before it has answered.
        """
        try:
            post(self.client, "/v3/cluster/member/remove", {"ID": member})
            return True
        except urllib.error.HTTPError as refused:
            text = refused.read().decode()
            if "server stopped" in text:
                return True
            self.assertRegex(text, "unhealthy cluster|not enough started members")
            return False


class Second:
    """A second voter, which runs without the boot script."""

    def __init__(self, client, peer, string, case):
        self.client = client
        self.data = case.machine.root / "second"
        environment = {
            "PATH": "/usr/bin:/bin",
            "ETCD_NAME": "second",
            "ETCD_DATA_DIR": str(self.data),
            "ETCD_INITIAL_CLUSTER": string,
            "ETCD_INITIAL_CLUSTER_STATE": "existing",
            "ETCD_INITIAL_CLUSTER_TOKEN": "red-1",
            "ETCD_LISTEN_PEER_URLS": peer,
            "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
            "ETCD_LISTEN_CLIENT_URLS": client,
            "ETCD_ADVERTISE_CLIENT_URLS": client,
        }
        self.process = subprocess.Popen(
            [ETCD], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def close(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    unittest.main()
