"""docs/OPERATIONS.md explains every sentence of the boot script and the installer, every exit status, and every alarm.

The codes of the functions are checked in Rust: shared/tests/operations.rs.
"""

import pathlib
import re
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def plain(text):
    """A message with … wherever the script fills something in."""
    text = text.replace('\\"', '"')
    text = re.sub(r"\$\([^()]*\)|\$\{[^{}]*\}|\$[a-zA-Z_]+|\$\d", "…", text)
    text = re.sub(r"…+", "…", text)
    return re.sub(r"\s+", " ", text).strip()


def script(*verbs):
    found = []
    for path in sorted((REPOSITORY / "instance").glob("*.sh")) + sorted((REPOSITORY / "instance" / "lib").glob("*.sh")):
        if path.name.startswith("render-"):
            continue
        text = path.read_text()
        pattern = rf'(?:^|[;&|{{ ]){"(?:" + "|".join(verbs) + ")"} (?:"\$[A-Z_]+" )?"((?:[^"\\]|\\.)*)"'
        found += [plain(t) for t in re.findall(pattern, text, re.M)]
    return [text for text in found if not text.endswith("$*")]


SOURCES = {
    "The boot script refuses": script("refuse", "refuse_configuration"),
    "The boot script waits or tries again": script("again", "say", "say_once"),
    "Installing etcd": script("fail"),
}


def documented():
    """The first cell of each row, by section."""
    found, section = {}, None
    for line in (REPOSITORY / "docs" / "OPERATIONS.md").read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if row := re.match(r"\| `(.*?)` \|.* \|.* \|$", line):
            found.setdefault(section, []).append(row.group(1).replace("\\|", "|"))
    return found


class Operations(unittest.TestCase):
    maxDiff = None

    def test_everything_that_can_be_said_is_explained_and_nothing_else(self):
        rows = documented()
        for section, texts in SOURCES.items():
            with self.subTest(section):
                self.assertEqual(sorted(rows[section]), sorted(set(texts)))
                self.assertGreater(len(texts), 5, "the code was not understood")

    def test_every_status_of_the_boot_script_is_explained(self):
        script_text = (REPOSITORY / "instance" / "etcd-asg.sh").read_text()
        names = "\n".join(re.findall(r"^readonly .*$", script_text, re.M)[:2])
        statuses = {n for name, n in re.findall(r"([A-Z_]+)=(\d+)", names) if name not in ("AGAIN", "USAGE")}
        self.assertGreater(len(statuses), 5)
        text = (REPOSITORY / "docs" / "OPERATIONS.md").read_text()
        paragraph = re.search(r"The status is that of(.*?)\n\n", text, re.S).group(1)
        self.assertEqual(set(re.findall(r"\b\d\d\b", paragraph)), statuses)

    def test_every_alarm_of_the_stack_is_explained(self):
        alarms = re.findall(r"^  (\w+)Alarm:$", (REPOSITORY / "template.yaml").read_text(), re.M)
        text = (REPOSITORY / "docs" / "OPERATIONS.md").read_text()
        paragraph = re.search(r"\*\*Alarms of the stack\*\*(.*?)\n\n", text, re.S).group(1)
        self.assertEqual(set(re.findall(r"`(\w+)` \(", paragraph)), set(alarms))


if __name__ == "__main__":
    unittest.main()
