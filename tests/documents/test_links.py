"""What the documents point to is there: files, headings, and targets of make."""

import pathlib
import re
import subprocess
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LISTED = subprocess.run(
    ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=REPOSITORY, capture_output=True, text=True, check=True
)
DOCUMENTS = [REPOSITORY / name for name in LISTED.stdout.splitlines()]


def anchors(document):
    """The headings, as GitHub makes anchors of them, and the anchors with a name of their own."""
    text = document.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


class Links(unittest.TestCase):
    def test_every_relative_link_leads_to_a_file_and_a_heading_of_it(self):
        checked = 0
        for document in DOCUMENTS:
            for link in re.findall(r"\]\(((?!https?://)[^)\s]+)\)", document.read_text()):
                path, _, anchor = link.partition("#")
                with self.subTest(f"{document.relative_to(REPOSITORY)}: {link}"):
                    target = (document.parent / path).resolve() if path else document
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target))
                checked += 1
        self.assertGreater(checked, 20, "the documents were not understood")

    def test_every_target_of_make_that_is_named_exists(self):
        targets = set(re.findall(r"^([a-z][a-z-]*):", (REPOSITORY / "Makefile").read_text(), re.M))
        for document in DOCUMENTS:
            named = re.findall(r"(?:^ *|`)make ((?:[a-z][a-z-]* ?)+)", document.read_text(), re.M)
            for target in {word for words in named for word in words.split()}:
                with self.subTest(f"{document.relative_to(REPOSITORY)}: make {target}"):
                    self.assertIn(target, targets)


if __name__ == "__main__":
    unittest.main()
