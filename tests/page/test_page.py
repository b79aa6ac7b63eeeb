"""The region's page in a real browser: what it shows, that text from outside stays text, and the end of the region."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "deployment"))
from browser import Browser, find
from local_region import LocalRegion

CHROMIUM = find()
HOSTILE = "<img src=x onerror=\"document.title='broken'\"></script><script>document.title='broken'</script>"
#: It has both hooks, so that the functions form a cluster. The functions do not use the second tag.
GROUP = {
    "MinSize": 0,
    "MaxSize": 4,
    "DesiredCapacity": 2,
    "Tags": [
        {"Key": "etcd-asg:cluster", "Value": "page", "PropagateAtLaunch": True},
        {"Key": "owner", "Value": HOSTILE, "PropagateAtLaunch": False},
    ],
    "LifecycleHookSpecificationList": [
        {"LifecycleHookName": name, "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}", "HeartbeatTimeout": 300}
        for name, transition in (("launch", "LAUNCHING"), ("terminate", "TERMINATING"))
    ],
    "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
}


def setUpModule():
    if CHROMIUM is None:
        raise unittest.SkipTest(
            "the region's page is NOT tested here: there is no Chromium (apt-get install chromium, or name one with CHROMIUM)"
        )


class Page(unittest.TestCase):
    """All tests share one region; their order is the order of events in it."""

    @classmethod
    def setUpClass(cls):
        cls.region = LocalRegion("--tick", "2", "--friendly", "--health-check-delay", "0.5")
        cls.addClassCleanup(cls.end_region)
        cls.browser = Browser(CHROMIUM)
        cls.addClassCleanup(cls.browser.close)
        cls.region.create_group("page", GROUP)
        parameter = {"Name": "/hostile/value", "Value": HOSTILE, "Type": "String"}
        cls.region.call_json("ssm", "AmazonSSM.PutParameter", parameter)
        cls.tab = cls.browser.open(f"{cls.region.endpoint}/")

    @classmethod
    def end_region(cls):
        if cls.region is not None:
            cls.region.close()
            cls.region = None

    def lanes(self, tab=None):
        return (tab or self.tab).names(".lane-name.instance")

    def roles(self):
        return sorted(self.tab.texts(".card .role"))

    def test_1_a_group_appears_with_its_instances_and_their_lanes(self):
        tab = self.tab
        tab.wait_for("the port itself leads to the page", lambda: tab.value("location.pathname") == "/_region/")
        tab.wait_for("two cards", lambda: tab.count(".card") == 2)
        tab.wait_for("two lanes", lambda: tab.count(".lane-name.instance") == 2)
        ids = list(self.region.group("page"))
        for instance in ids:
            self.assertIn(instance, tab.text("#groups"))
            self.assertTrue(any(instance[-4:] in name for name in self.lanes()), self.lanes())
        self.assertIn("between 0 and 4", tab.text(".capacity"))
        self.wait_until_live()

    def wait_until_live(self):
        # On a busy machine a poll may take longer than the page waits.
        self.tab.wait_for("the region answers", lambda: self.tab.text("#condition") == "live" and not self.tab.text("#gone"))

    def test_2_the_cluster_forms_on_the_page(self):
        tab = self.tab
        tab.wait_for("a leader and a voter", lambda: self.roles() == ["leader", "voter"], 240)
        tab.wait_for("all in service", lambda: "2 of 2" in tab.text(".capacity"), 240)
        tab.wait_for("its phase", lambda: "generation 1, formed" in tab.text(".badges"))
        states = json.dumps(tab.names('#scroll [data-key^="instance "][data-key*="/bar/"]'))
        for words in ("waits at the launch hook", "in service"):
            self.assertIn(words, states)
        claims = json.dumps(tab.names('#scroll [data-key^="ledger "][data-key*="/bar/"]'))
        self.assertIn("Claim by", claims)
        self.assertIn("promote", claims)
        calls = json.dumps(tab.names('#scroll [data-key^="function "]'))
        self.assertIn("instance-launch, process", calls)
        # The hosts' reports stand in the same bucket, and are no ledgers.
        self.assertEqual(tab.count("#ledgers > article"), 1)
        self.assertEqual(tab.count("#ledgers tbody tr"), 2)
        self.assertIn("voter, leads", tab.text("#ledgers tbody"))
        self.assertIn("generation 1 formed", tab.text("#account-list"))
        endpoints = tab.texts('#parameters details[data-key="/etcd-asg/page/endpoints"] li')
        self.assertEqual(len(endpoints), 2, endpoints)

    def test_3_hostile_text_stays_text(self):
        tab = self.tab
        tab.value("[...document.querySelectorAll('details')].forEach((one) => { one.open = true; })")
        self.assertIn(HOSTILE, tab.text("#parameters"))
        self.assertIn(HOSTILE, tab.text("#groups"))
        self.assert_unbroken(tab)

    def assert_unbroken(self, tab):
        self.assertEqual(tab.count("img"), 0)
        self.assertEqual(tab.count("script"), 2)
        self.assertNotEqual(tab.value("document.title"), "broken")

    def test_4_an_instance_that_is_terminated_shows_as_such(self):
        tab, victim = self.tab, list(self.region.group("page"))[0]
        # The instance is terminated through Auto Scaling: of two voters, neither may be killed without leaving first.
        terminate = {"InstanceId": victim, "ShouldDecrementDesiredCapacity": "false"}
        self.region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", **terminate)
        tab.wait_for("its lane says that it is gone", lambda: any(victim[-4:] in name and "gone" in name for name in self.lanes()), 240)
        told = json.dumps(tab.names(f'#scroll [data-key^="instance {victim}/"]'))
        for words in ("waits at the terminate hook", "is out of its group", "its member was removed"):
            self.assertIn(words, told)
        self.assertIn(victim[-4:], tab.text(".gone-ones"))
        self.assertNotIn(victim, tab.texts(".card h3"))

    def test_5_the_keyboard_reaches_what_is_on_the_timeline(self):
        tab = self.tab
        tab.value("document.querySelector('.lane-name:last-child').focus()")
        tab.press("Tab")
        tab.wait_for("the chart has the focus", lambda: tab.value("document.activeElement.closest('#scroll') !== null"))
        while not tab.value("document.activeElement.matches('.thing')"):
            tab.press("Tab")
        self.assert_told(tab)
        for key in ("ArrowDown", "End"):
            before = tab.value("document.activeElement.dataset.key")
            tab.press(key)
            tab.wait_for(f"{key} steps on", lambda: tab.value("document.activeElement.dataset.key") != before)
            self.assert_told(tab)

    def assert_told(self, tab):
        words, shown = tab.value("[document.activeElement.ariaLabel, document.getElementById('tip').textContent]")
        self.assertEqual((words, tab.value("document.getElementById('tip').hidden")), (shown, False))
        self.assertTrue(words)

    def test_6_the_account_is_narrowed(self):
        tab = self.tab
        instance = list(self.region.group("page"))[0]
        tab.value(f"document.querySelector('.lane-name[data-key=\"instance {instance}\"]').click()")
        tab.wait_for("only its lines", lambda: tab.value("document.getElementById('account-who').value") == instance)
        lines = tab.texts("#account-list li")
        self.assertTrue(lines)
        self.assertEqual([line for line in lines if instance[-4:] not in line], [])
        tab.value("document.querySelector('#account-kinds [data-key=lifecycle]').click()")
        self.assertNotIn("lifecycle", tab.texts("#account-list .kind"))

    def test_7_nothing_is_cut_off_where_the_window_is_narrow(self):
        for width in (1280, 800, 400):
            with self.subTest(width):
                self.tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
                self.assertEqual(self.tab.value("document.documentElement.scrollWidth > innerWidth"), False)

    def test_8_a_snapshot_shows_the_same_from_a_file(self):
        live = self.tab
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "region.html")
            file.write_text(self.region.request("/_region/page/snapshot"), encoding="utf-8")
            tab = self.browser.open(file.as_uri())
            tab.wait_for("it says what it is", lambda: tab.text("#condition") == "a snapshot")
            self.assertEqual(self.lanes(tab), self.lanes())
            self.assertEqual(tab.texts(".card h3"), live.texts(".card h3"))
            self.assertIn(HOSTILE, tab.value("document.getElementById('parameters').textContent"))
            self.assertIn("generation 1 formed", tab.text("#account-list"))
            self.assert_unbroken(tab)
            self.assertEqual(tab.errors(), [])

    def test_9_when_the_region_is_gone_the_page_says_so_and_keeps_what_it_showed(self):
        tab = self.tab
        self.assertEqual(tab.errors(), [])
        self.wait_until_live()
        cards, lanes = tab.texts(".card h3"), self.lanes()
        self.end_region()
        tab.wait_for("it says so", lambda: "does not answer any more" in tab.text("#gone"))
        self.assertEqual(tab.text("#condition"), "gone")
        self.assertEqual((tab.texts(".card h3"), self.lanes()), (cards, lanes))
        # The browser reports a closed port as a network error; that is no error of the page.
        self.assertEqual([error for error in tab.errors() if not error.startswith("network: ")], [])


if __name__ == "__main__":
    unittest.main()
