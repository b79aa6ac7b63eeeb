"""A member that was removed from its cluster stays stopped, whatever etcd's log shows: the other members tell."""

import http.server
import json
import threading
import unittest

from machine import ENDPOINTS, PARAMETER, Case, environment

LINE = json.dumps({"level": "error", "error": "the member has been permanently removed from the cluster"})


class Other:
    """Another member: it answers a linearizable read and the member list."""

    def __init__(self, cluster="14", members=("7", "8"), readable=True, listable=True):
        self.asked = []
        other = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                other.asked.append((self.path, body))
                header = {"cluster_id": cluster, "member_id": "8", "raft_term": "2"}
                status, answer = 200, {"header": header, "count": "1"}
                if self.path == "/v3/kv/range" and not readable:
                    status, answer = 503, {"error": "etcdserver: request timed out", "code": 14}
                if self.path == "/v3/cluster/member/list":
                    answer = {"header": header, "members": [{"ID": id, "name": f"i-{id}"} for id in members]}
                    if not listable:
                        status, answer = 503, {"error": "etcdserver: no leader", "code": 14}
                data = json.dumps(answer, separators=(",", ":")).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Removed(Case):
    def setUp(self):
        super().setUp()
        self.put_env()
        self.assertEqual(self.machine.prepare(), (0, ""))
        (self.machine.data / "joined").write_text("CLUSTER_ID=14\nMEMBER_ID=7\n")

    def other(self, **answers):
        other = Other(**answers)
        self.addCleanup(other.close)
        # The member's own URL comes first: it is never asked.
        self.cloud.put_parameter(ENDPOINTS, f"http://127.0.0.1:2379,{other.url}")
        return other

    def run_etcd(self, body):
        self.machine.fake_etcd(body)
        return self.machine.run()

    def test_a_silent_log_hides_nothing(self):
        for status in (0, 1):
            other = self.other(members=("8", "9"))
            got, said = self.run_etcd(f"exit {status}")
            self.assertEqual(got, 87, said)
            self.assertIn("was removed from cluster red", said)
            self.assertEqual(
                [path for path, _ in other.asked], ["/v3/kv/range", "/v3/cluster/member/list"],
                "the read comes first: it makes the list as new as the cluster",
            )
            self.assertEqual(other.asked[1][1], {"linearizable": True})

    def test_a_member_that_is_still_listed_is_started_again(self):
        self.other()
        self.assertEqual(self.run_etcd("exit 3")[0], 3)

    def test_words_in_a_log_that_the_cluster_contradicts_are_not_believed(self):
        """A slow request's key stands in etcd's log, and anybody may have written that key."""
        self.other()
        self.assertEqual(self.run_etcd(f"echo '{LINE}' >&2; exit 3")[0], 3)

    def test_where_the_others_cannot_tell_the_log_counts(self):
        for answers in ({"readable": False}, {"listable": False}, {"cluster": "15", "members": ("8",)}, {"members": ()}):
            with self.subTest(answers):
                self.other(**answers)
                self.assertEqual(self.run_etcd("exit 3")[0], 3)
                self.assertEqual(self.run_etcd(f"echo '{LINE}' >&2; exit 3")[0], 87)

    def test_another_id_with_the_same_beginning_is_another_member(self):
        self.other(members=("71", "17", "8"))
        self.assertEqual(self.run_etcd("exit 1")[0], 87)

    def test_a_silent_member_is_passed_over(self):
        other = self.other(members=("8",))
        self.cloud.put_parameter(ENDPOINTS, f"http://127.0.0.1:9,{other.url}")
        self.assertEqual(self.run_etcd("exit 1")[0], 87)

    def test_where_the_parameter_is_gone_too_the_unit_says_that_the_member_was_removed(self):
        self.machine.began(joined=14)
        self.other(members=("8",))
        del self.cloud.parameters[PARAMETER]
        status, said = self.machine.start_unit()
        self.assertEqual(status, 87, said)
        self.assertIn("was removed from cluster red", said)

    def test_where_only_the_parameter_is_gone_it_waits(self):
        self.machine.began(joined=14)
        self.other()
        del self.cloud.parameters[PARAMETER]
        status, said = self.machine.start_unit()
        self.assertEqual(status, 75, said)
        self.cloud.put_parameter(PARAMETER, environment(ETCD_ASG_DATA="present"))
        self.assertEqual(self.machine.prepare(), (0, ""))


if __name__ == "__main__":
    unittest.main()
