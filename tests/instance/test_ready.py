"""ready: when it completes the launch hook, when it does not, and that it always ends with the unit."""

import http.server
import json
import threading
import unittest

from cloud import INSTANCE, NO_ACTION
from machine import ENDPOINTS, Case

CLUSTER_ID = "14841639068965178418"


class LocalEtcd:
    """A stand-in for the etcd that ready asks; a test sets the answers."""

    def __init__(self):
        outer = self
        self.leader, self.healthy, self.gets = None, False, []
        self.refuses_status = False

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                outer.gets.append(self.path)
                self.answer(200, {"health": "true"})

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v3/kv/range" and not outer.healthy:
                    self.answer(503, {"code": 14, "message": "etcdserver: request timed out"})
                    return
                if outer.refuses_status:
                    self.answer(400, {"code": 3, "message": "etcdserver: user name is empty"})
                    return
                header = {"cluster_id": CLUSTER_ID, "member_id": "7", "raft_term": "2"}
                self.answer(200, {"header": header} | ({"leader": outer.leader} if outer.leader else {}))

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class WithEtcd(Case):
    environment = {}

    def setUp(self):
        super().setUp()
        self.etcd = LocalEtcd()
        self.addCleanup(self.etcd.close)
        self.start_etcd(**self.environment)

    def start_etcd(self, **changes):
        self.put_env(**{"ETCD_ADVERTISE_CLIENT_URLS": self.etcd.url, **changes})
        self.assertEqual(self.machine.prepare(), (0, ""))
        self.running = self.machine.start("run")
        self.in_background(self.running)

    def ready(self):
        return self.machine.finish(self.machine.start("ready"))

    def is_voter(self):
        self.etcd.leader, self.etcd.healthy = "7", True
        self.cloud.put_parameter(ENDPOINTS, f"http://127.0.0.9:2379,{self.etcd.url}")


class Ready(WithEtcd):
    def test_completes_the_launch_of_a_published_voter(self):
        self.is_voter()
        status, said = self.ready()
        self.assertEqual(status, 0)
        self.assertIn("launch completed", said)
        self.assertEqual(
            self.cloud.actions,
            [
                {
                    "Action": "CompleteLifecycleAction",
                    "Version": "2011-01-01",
                    "LifecycleActionResult": "CONTINUE",
                    "InstanceId": INSTANCE,
                    "AutoScalingGroupName": "the group",
                    "LifecycleHookName": "etcd-asg-launch",
                }
            ],
        )
        self.assertEqual((self.machine.data / "joined").read_text(), f"CLUSTER_ID={CLUSTER_ID}\nMEMBER_ID=7\n")

    def test_waits_for_its_own_health_and_the_publication(self):
        process = self.machine.start("ready")
        self.etcd.leader = "7"
        self.wait_for((self.machine.data / "joined").exists, str)
        self.etcd.healthy = True
        self.cloud.wait_until(lambda: self.cloud.reads.count(ENDPOINTS) > 2)
        # A longer URL that begins with this member's URL belongs to another member.
        self.cloud.put_parameter(ENDPOINTS, self.etcd.url + "0")
        self.cloud.wait_until(lambda: self.cloud.reads.count(ENDPOINTS) > 5)
        self.assertEqual(self.cloud.actions, [])
        self.is_voter()
        status, _ = self.machine.finish(process)
        self.assertEqual((status, len(self.cloud.actions)), (0, 1))

    def test_health_is_a_read_that_writes_nothing_into_the_log(self):
        self.is_voter()
        self.assertEqual(self.ready()[0], 0)
        self.assertEqual(self.etcd.gets, [], "3.4 writes a log entry for each /health, and 3.6 ends at it")

    def test_with_authentication_a_read_alone_shows_that_it_joined(self):
        self.etcd.refuses_status = True
        self.is_voter()
        self.assertEqual(self.ready()[0], 0)
        self.assertEqual(len(self.cloud.actions), 1)

    def test_throttling_and_server_errors_are_tried_again(self):
        self.is_voter()
        self.cloud.action_answers = [(400, "Throttling", "Rate exceeded"), (500, "ResourceContention", "busy")]
        status, said = self.ready()
        self.assertEqual((status, len(self.cloud.actions)), (0, 3))
        self.assertIn("launch completed", said)

    def test_no_action_counts_only_when_it_is_answered_repeatedly(self):
        self.is_voter()
        self.cloud.action_answers = [(400, "ValidationError", NO_ACTION)]
        status, said = self.ready()
        self.assertEqual((status, len(self.cloud.actions)), (0, 2))
        self.assertIn("launch completed", said)

    def test_where_there_is_no_action_there_is_nothing_to_do(self):
        self.is_voter()
        self.cloud.action_answers = [(400, "ValidationError", NO_ACTION)] * 30
        status, said = self.ready()
        self.assertEqual((status, len(self.cloud.actions)), (0, 3))
        self.assertIn("no lifecycle action left", said)
        self.assertNotIn("launch completed", said)

    def test_a_launch_that_cannot_be_completed_from_here_is_left_to_the_controller(self):
        self.is_voter()
        self.cloud.action_answers = [(403, "AccessDenied", "not authorized")] * 30
        status, said = self.ready()
        self.assertEqual((status, len(self.cloud.actions)), (0, 20))
        self.assertIn("the controller will do it", said)
        self.assertEqual({action["LifecycleActionResult"] for action in self.cloud.actions}, {"CONTINUE"})

    def test_after_a_reboot_it_ends_without_asking_aws(self):
        self.is_voter()
        self.ready()
        (self.machine.member_data / "member" / "wal").mkdir(parents=True)
        (self.machine.member_data / "member" / "wal" / "0-0.wal").write_text("log")
        self.running.terminate()
        self.running.wait(timeout=30)
        self.start_etcd()
        self.cloud.reads.clear()
        self.cloud.parameters.clear()
        self.assertEqual(self.ready(), (0, ""))
        self.assertEqual((self.cloud.reads, len(self.cloud.actions)), ([], 1))

    def test_it_ends_when_etcd_ends(self):
        for state in ("silent", "not published"):
            with self.subTest(state):
                if state == "not published":
                    self.etcd.leader, self.etcd.healthy = "7", True
                    self.start_etcd()
                process = self.machine.start("ready")
                self.running.terminate()
                self.running.wait(timeout=30)
                self.assertEqual(self.machine.finish(process)[0], 0)
                self.assertEqual(self.cloud.actions, [])

    def test_after_a_refused_start_there_is_nothing_to_do(self):
        self.cloud.put_parameter(ENDPOINTS, self.etcd.url)
        self.put_env(ETCD_ASG_FORMAT="9")
        self.machine.prepare()
        self.assertEqual(self.ready(), (0, ""))

    def test_without_a_hook_nothing_is_completed(self):
        self.running.terminate()
        self.running.wait(timeout=30)
        self.start_etcd(ETCD_ASG_LAUNCH_HOOK=None)
        self.is_voter()
        self.assertEqual(self.ready(), (0, ""))
        self.assertEqual(self.cloud.actions, [])


class AnotherCluster(WithEtcd):
    environment = {"ETCD_ASG_CLUSTER_ID": "13237690985026003711"}

    def test_an_etcd_of_another_cluster_is_stopped_and_then_refused(self):
        self.is_voter()
        status, said = self.ready()
        self.assertEqual(status, 75)
        self.assertIn("has joined the cluster with ID " + CLUSTER_ID, said)
        self.assertEqual(self.cloud.actions, [])
        self.running.terminate()
        self.running.wait(timeout=30)
        self.assert_refused(82, CLUSTER_ID)


if __name__ == "__main__":
    unittest.main()
