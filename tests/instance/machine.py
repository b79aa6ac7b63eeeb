"""The disk and environment of one instance, and the boot script's subcommands, run on them as the unit runs them."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from cloud import INSTANCE, Cloud

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "instance" / "etcd-asg.sh"
CLUSTER = "red"
PARAMETER = f"/etcd-asg/{CLUSTER}/instances/{INSTANCE}"
ENDPOINTS = f"/etcd-asg/{CLUSTER}/endpoints"
TOKEN = f"{CLUSTER}-1"


def environment(**changes):
    """A learner's parameter as the controller creates it; None removes a line."""
    lines = {
        "ETCD_NAME": INSTANCE,
        "ETCD_INITIAL_CLUSTER": f"{INSTANCE}=http://127.0.0.1:2380",
        "ETCD_INITIAL_CLUSTER_STATE": "existing",
        "ETCD_INITIAL_CLUSTER_TOKEN": TOKEN,
        "ETCD_LISTEN_PEER_URLS": "http://127.0.0.1:2380",
        "ETCD_LISTEN_CLIENT_URLS": "http://127.0.0.1:2379",
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": "http://127.0.0.1:2380",
        "ETCD_ADVERTISE_CLIENT_URLS": "http://127.0.0.1:2379",
        "ETCD_STRICT_RECONFIG_CHECK": "true",
        "ETCD_PRE_VOTE": "true",
        "ETCD_ASG_FORMAT": "1",
        "ETCD_ASG_CLUSTER": CLUSTER,
        "ETCD_ASG_GROUP": "the group",
        "ETCD_ASG_GENERATION": "1",
        "ETCD_ASG_DATA": "empty",
        "ETCD_ASG_LAUNCH_HOOK": "etcd-asg-launch",
        "ETCD_ASG_ENDPOINTS": ENDPOINTS,
    }
    lines.update(changes)
    return "".join(f"{key}={value}\n" for key, value in lines.items() if value is not None)


class Machine:
    """A new instance. `fake_etcd` replaces etcd by a shell script."""

    def __init__(self, cloud):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="etcd-asg-instance."))
        self.data, self.run_dir, self.bin = self.root / "data", self.root / "run", self.root / "bin"
        self.member_data = self.data / "member-data"
        self.bin.mkdir()
        (self.root / "config").write_text(f"ETCD_ASG_CLUSTER={CLUSTER}\n")
        self.processes = []
        self.variables = {
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "ETCD_ASG_CONFIG": str(self.root / "config"),
            "ETCD_ASG_DATA_DIR": str(self.data),
            "ETCD_ASG_RUN_DIR": str(self.run_dir),
            "ETCD_ASG_POLL_SECONDS": "0.05",
            "ETCD_ASG_PARAMETER_PATIENCE": "0",
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.endpoint,
        }
        self.fake_etcd("exec sleep 600")

    def fake_etcd(self, body, version="3.6.16"):
        path = self.bin / "etcd"
        path.write_text(
            f'#!/bin/bash\n[ "$1" = --version ] && {{ echo "etcd Version: {version}"; exit; }}\n{body}\n'
        )
        path.chmod(0o755)

    def start(self, command):
        """Starts a subcommand in a process group of its own."""
        process = subprocess.Popen(
            [SCRIPT, command],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A test that runs in the background ignores SIGINT, and a shell cannot trap a signal that was ignored before.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.processes.append(process)
        return process

    def finish(self, process, seconds=60):
        """Waits for the end; returns the status and the output."""
        out, err = process.communicate(timeout=seconds)
        return process.returncode, out + err

    def prepare(self):
        return self.finish(self.start("prepare"))

    def run(self):
        return self.finish(self.start("run"))

    def start_unit(self):
        """One start of the unit: prepare, and then run if prepare succeeded."""
        status, said = self.prepare()
        if status != 0:
            return status, said
        status, more = self.run()
        return status, said + more

    def began(self, log=True, joined=None, **stamp):
        """Creates the disk as an earlier start left it."""
        lines = {"CLUSTER": CLUSTER, "GENERATION": "1", "TOKEN": TOKEN, "INSTANCE": INSTANCE, **stamp}
        self.member_data.mkdir(parents=True, exist_ok=True)
        (self.data / "stamp").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        if log:
            wal = self.member_data / "member" / "wal"
            wal.mkdir(parents=True)
            (wal / "0000000000000000-0000000000000000.wal").write_text("log")
        if joined:
            (self.data / "joined").write_text(f"CLUSTER_ID={joined}\nMEMBER_ID=7\n")

    def close(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            for pipe in (process.stdout, process.stderr):
                pipe.close()
            process.wait()
        shutil.rmtree(self.root)


class Case(unittest.TestCase):
    """A test with its own cloud and its own instance."""

    def setUp(self):
        self.cloud = Cloud()
        self.addCleanup(self.cloud.close)
        self.machine = Machine(self.cloud)
        self.addCleanup(self.machine.close)

    def tearDown(self):
        self.assertEqual(self.cloud.bad_signatures, [])

    def put_env(self, **changes):
        self.cloud.put_parameter(PARAMETER, environment(**changes))

    def in_background(self, process):
        """Collects the output of a running process; the function that it returns gives the output so far."""
        lines = []
        threads = [threading.Thread(target=lines.extend, args=(pipe,), daemon=True) for pipe in (process.stdout, process.stderr)]
        for thread in threads:
            thread.start()
        return lambda: "".join(lines)

    def wait_for(self, condition, said, seconds=30):
        """Polls until the condition holds; a failure prints the output."""
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"not within {seconds} s; said: {said()}")
            time.sleep(0.01)

    def assert_refused(self, status, *words):
        """The unit ends with this status, prints each of the words, and did not start etcd."""
        self.machine.fake_etcd(f"touch {self.machine.root}/started")
        got, said = self.machine.start_unit()
        self.assertEqual(got, status, said)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(said.count("refusing to start etcd"), 1, said)
        self.assertFalse((self.machine.root / "started").exists(), said)
        return said
