"""docs/OPERATIONS.md tells of everything that the software can say, and of nothing that it cannot."""

import pathlib
import re
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SHARED = REPOSITORY / "shared"


def code(*parts):
    """A source file without its tests, its string literals' line continuations undone."""
    text = REPOSITORY.joinpath(*parts).read_text().split("#[cfg(test)]")[0]
    return re.sub(r"\\\n\s*", "", text)


def plain(text):
    """A message with … wherever the code fills something in."""
    text = text.replace('\\"', '"')
    text = re.sub(r"\{\{|\}\}", "", text)
    text = re.sub(r"\{[^{}]*\}|\$\([^()]*\)|\$\{[^{}]*\}|\$[a-zA-Z_]+|\$\d", "…", text)
    text = re.sub(r"…+", "…", text)
    return re.sub(r"\s+", " ", text).strip()


def displayed(enum):
    """What each variant of an enum in decision.rs reads as, by its Display."""
    text = code("shared", "membership", "src", "decision.rs")
    body = re.search(rf"pub enum {enum} \{{\n(.*?)\n\}}", text, re.S).group(1)
    variants = re.findall(r"^    ([A-Z]\w+)", body, re.M)
    shown = re.search(rf"impl fmt::Display for {enum} \{{\n(.*?)\n\}}\n", text, re.S).group(1)
    arms = re.findall(rf'{enum}::(\w+)(?:\s*\([^)]*\)|\s*\{{[^}}]*\}})? =>.*?"((?:[^"\\]|\\.)*)"', shown, re.S)
    assert variants == [name for name, _ in arms], f"{enum}: {set(variants) ^ {name for name, _ in arms}}"
    return [plain(text) for _, text in arms]


def errors(*paths):
    found = []
    for path in paths:
        found += [plain(t) for t in re.findall(r'#\[error\(\s*"((?:[^"\\]|\\.)*)"', code("shared", "src", *path.split("/")))]
    return found


def outcomes():
    text = "".join(code("shared", "src", name) for name in ("controller.rs", "event.rs", "config.rs"))
    return [
        plain(t)
        for t in re.findall(r'(?:Outcome::(?:ignored|refused)|LifecycleEvent::Ignored)\(\s*(?:format!\()?"([^"]*)"', text)
        + re.findall(r'map_err\(\|reason\| format!\("([^"]*)"', text)
    ]


def script(*verbs):
    found = []
    for path in sorted((REPOSITORY / "instance").glob("*.sh")) + sorted((REPOSITORY / "instance" / "lib").glob("*.sh")):
        if path.name.startswith("render-"):
            continue
        text = path.read_text()
        pattern = rf'(?:^|[;&|{{ ]){"(?:" + "|".join(verbs) + ")"} (?:"\$[A-Z_]+" )?"((?:[^"\\]|\\.)*)"'
        found += [plain(t) for t in re.findall(pattern, text, re.M)]
    return [text for text in found if not text.endswith("$*")]


def logged():
    """What is logged as a warning or an error under a message of its own."""
    found = []
    for path in sorted((SHARED / "src").rglob("*.rs")):
        text = code(path.relative_to(REPOSITORY))
        found += re.findall(r'tracing::(?:warn|error)!\([^;]*?, "([^"]*)"\)', text)
    return found


LOGGED_AS_SETTINGS = {"this tag is no setting", "the function cannot start"}
SOURCES = {
    "Waits": displayed("Wait"),
    "Refusals": displayed("Refusal"),
    "Events and settings": outcomes() + errors("event.rs", "config.rs") + sorted(LOGGED_AS_SETTINGS & set(logged())),
    "Errors of the functions": errors(
        "controller.rs", "execute.rs", "adapters/aws.rs", "adapters/autoscaling.rs", "adapters/ec2.rs",
        "adapters/ledger.rs", "adapters/parameters.rs", "adapters/etcd/error.rs",
    )
    + sorted(set(logged()) - LOGGED_AS_SETTINGS - {"ledger"}),
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
        self.assertEqual(set(rows), set(SOURCES))
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
