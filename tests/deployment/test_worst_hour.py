"""What status says, and ends with, in each state of a cluster, on a real region with real etcd."""

import unittest

from local_region import LocalRegion
from worst_hour import OPTIONS, Walk


class Status(unittest.TestCase):
    def test_in_each_state(self):
        region = LocalRegion(*OPTIONS)
        self.addCleanup(region.close)
        walk, seen = Walk(region), []
        # `states` itself waits until status says what it must, with the right exit status.
        for state in walk.states():
            seen.append(state.name)
            text, code = walk.status(state.cluster)
            with self.subTest(state.name):
                self.assertEqual(code, state.code, text)
                self.assertLess(max(map(len, text.splitlines())), 120, text)
                self.assertNotIn("waiting-", text)
        self.assertEqual(len(seen), 10, seen)

    def test_nothing_there_is_no_verdict(self):
        region = LocalRegion(*OPTIONS)
        self.addCleanup(region.close)
        text, code = Walk(region).status("nowhere")
        self.assertEqual((code, text.count("\n")), (3, 1), text)
        self.assertIn("no group has the tag etcd-asg:cluster with the value nowhere", text)


if __name__ == "__main__":
    unittest.main()
