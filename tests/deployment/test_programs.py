"""The programs for people: a reader that leaves early, and an operator that interrupts, break nothing and spoil nothing."""

import pathlib
import signal
import subprocess
import tempfile
import unittest

from local_region import BUILT

PATIENCE = 120


class LeavingEarly(unittest.TestCase):
    """`PROGRAM | head -1`: whoever reads has left before everything was written."""

    def first_line_of(self, *command):
        """The first line, and what the program says after the reader has left. Its output has to be longer than a pipe."""
        with tempfile.TemporaryFile("w+") as errors:
            program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1)
            line = program.stdout.readline()
            program.stdout.close()
            program.wait(timeout=PATIENCE)
            errors.seek(0)
            return line, errors.read()

    def test_chaos_tells_its_plan(self):
        line, errors = self.first_line_of(BUILT / "chaos", "--plan", "--faults", "20000", "--seed", "1")
        self.assertIn(" s  for ", line)
        self.assertEqual(errors, "")


class Interrupted(unittest.TestCase):
    def demo(self, ending):
        """Starts the demo beside the timeline of an earlier run, reads its first lines, and ends it by this signal."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        timeline = folder / "timeline.html"
        timeline.write_text("the last good run")
        with tempfile.TemporaryFile("w+") as errors:
            demo = subprocess.Popen([BUILT / "demo", "--timeline", timeline], stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1)
            said = []
            for line in demo.stdout:
                said.append(line)
                if "CREATE a group" in line:
                    break
            demo.send_signal(ending)
            said += demo.stdout.readlines()
            demo.stdout.close()
            code = demo.wait(timeout=PATIENCE)
            errors.seek(0)
            return code, "".join(said), errors.read(), {path.name: path.read_text() for path in folder.iterdir()}

    def test_the_demo_judges_nothing_and_spoils_no_timeline(self):
        for ending in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(ending):
                code, said, errors, files = self.demo(ending)
                self.assertEqual((code, errors), (130, ""), said)
                self.assertNotIn("NOT AS PROMISED", said)
                self.assertIn("Interrupted: ", said)
                self.assertEqual(files, {"timeline.html": "the last good run"})


if __name__ == "__main__":
    unittest.main()
