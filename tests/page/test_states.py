"""The page in each state of a cluster: it gives the verdict of status, and nothing on it is cut off or covers anything."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "deployment"))
from browser import Browser, find
from local_region import LocalRegion
from worst_hour import OPTIONS, SIZE, Album, Walk

CHROMIUM = find()
#: Boxes that lie over each other without being nested, among the parts that carry text.
OVERLAPS = """(() => {
  const parts = [...document.querySelectorAll('#groups :is(h2, .badge, .verdict, .errors li, .capacity > *, h3, .role, dt, dd)')];
  const boxes = parts.map((part) => [part, part.getBoundingClientRect()]).filter(([, box]) => box.width > 0 && box.height > 0);
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
    .filter(([other, b]) => !one.contains(other) && !other.contains(one) && over(a, b))
    .map(([other]) => `${one.innerText} / ${other.innerText}`));
})()"""


def setUpModule():
    if CHROMIUM is None:
        raise unittest.SkipTest(
            "the region's page is NOT tested here: there is no Chromium (apt-get install chromium, or name one with CHROMIUM)"
        )


class States(unittest.TestCase):
    def test_each_state_is_shown_as_status_tells_it(self):
        region = LocalRegion(*OPTIONS)
        self.addCleanup(region.close)
        browser = Browser(CHROMIUM)
        self.addCleanup(browser.close)
        album = Album(region, browser)
        for state in Walk(region).states():
            album.shows(state)
            for name, tab in album.tabs.items():
                with self.subTest(state.name, window=name):
                    self.assertFalse(tab.value("document.documentElement.scrollWidth > innerWidth"), "wider than the window")
                    self.assertEqual(tab.value(OVERLAPS), [])
                    if state.code != 0:
                        self.assertEqual(tab.count(".badge.good, .verdict.good"), 0, "green where not all is well")
            errors = album.tabs["wide"].texts(".errors li")
            if state.note in ("[setting-wrong]", "[setting-defaulted]"):
                self.assertTrue(any(state.note in error for error in errors), errors)
                self.assertEqual(album.tabs["wide"].count(".badge.good, .verdict.good"), 0, "green beside an error")
                self.assertEqual(len(album.tabs["wide"].texts(".card .role")), SIZE)
            if state.name == "quorum-lost-for-good":
                self.assertEqual(album.tabs["wide"].texts(".card .role").count("voter, machine gone"), 2)
            if state.name == "one-voter-cut-off":
                self.assertIn("voter, no leader", album.tabs["wide"].texts(".card .role"))


if __name__ == "__main__":
    unittest.main()
