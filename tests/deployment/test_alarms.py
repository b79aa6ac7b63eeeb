"""The alarms: what each listens to exists, what is serious rings, and what is ordinary does not."""

import re
import unittest

from template import REPOSITORY, Template, filters_that_match

PAGE = (REPOSITORY / "docs" / "OPERATIONS.md").read_text()
#: The page's list of the codes that are logged at ERROR; shared/tests/operations.rs compares it with the code.
(ERRORS,) = re.findall(r"^- ERROR: (.*?)\.$", PAGE, re.M | re.S)
ERRORS = set(re.findall(r"`([a-z0-9-]+)`", ERRORS))
#: What rings beside the alarm on ERROR lines, with the codes for which it exists.
BESIDE = {
    "QuorumNotes": {"quorum-lost", "quorum-not-proven", "no-member-list"},
    "RetainedNotes": {"retained"},
    "DataNotes": {"voter-will-die", "copy-will-be-lost", "corrupt", "hashes-differ", "nospace"},
}


def sources():
    """The text of the functions and of their core."""
    return "".join(path.read_text() for path in sorted((REPOSITORY / "shared").rglob("src/**/*.rs")))


def variants_of_the_source():
    """Each variant that has a code, with the code."""
    tables = re.findall(r"codes!\(\w+ \{(.*?)\}\);", sources(), re.S)
    return {variant: code for table in tables for variant, code in re.findall(r'(\w+::\w+)[^=]*=> "([a-z0-9-]+)"', table)}


def codes_of_the_source():
    """Every code that the functions can write."""
    return set(variants_of_the_source().values())


def levels_of_the_source():
    """The level of each code that is said at a level of its own: `impl Graded for …` says which."""
    variants, levels = variants_of_the_source(), {}
    for graded, body in re.findall(r"impl Graded for (\w+) \{(.*?)\n\}", sources(), re.S):
        arms = re.findall(r"((?:\w+::\w+(?:\([^)]*\)| \{[^}]*\})?[\s|]*)+|_ )=> Severity::(\w+)", body)
        named = {variant: level for arm, level in arms for variant in re.findall(r"\w+::\w+", arm)}
        rest = [level for arm, level in arms if arm == "_ "]
        for variant, code in variants.items():
            if variant in named or (rest and variant.startswith(f"{graded}::")):
                levels[code] = named.get(variant, *rest).upper()
    return levels


def verdict_of(code):
    """What a note with this code says, by the section of the page that has its row."""
    return "refused" if PAGE.index(f'<a id="{code}"></a>') > PAGE.index("## Refusals") else "waiting"


class Alarms(unittest.TestCase):
    def setUp(self):
        self.template = Template.functions()
        self.filters = {n: self.template.properties(n) for n in self.template.resources("AWS::Logs::MetricFilter")}
        self.alarms = {n: self.template.properties(n) for n in self.template.resources("AWS::CloudWatch::Alarm")}

    def codes(self, name):
        return set(re.findall(r'\$\.code = "([^"]*)"', self.filters[name]["FilterPattern"]))

    def test_whatever_the_source_says_at_error_rings(self):
        levels = levels_of_the_source()
        for variant, code in variants_of_the_source().items():
            if variant.split("::")[0] in ("Refusal", "Wait", "Problem", "EventError", "WrongInput") and variant != "Refusal::Setting":
                self.assertIn(code, levels, f"no level was found for {variant}")
        serious = {code for code, level in levels.items() if level == "ERROR"}
        self.assertLessEqual(ERRORS, serious)
        self.assertEqual({levels[code] for code in ("other-owner", "setting-wrong", "paused-misspelt", "event-wrapped")}, {"ERROR"})
        for code in serious:
            self.assertIn("ErrorLines", self.matching(level=levels[code], code=code), code)
            self.assertIn(f'<a id="{code}"></a>', PAGE)

    def test_what_rings_beside_it_is_what_its_filter_matches(self):
        levels = levels_of_the_source()
        for name, codes in BESIDE.items():
            self.assertEqual(self.codes(name), codes, name)
            for code in codes:
                self.assertIn(name, self.matching(level=levels[code], code=code, verdict=verdict_of(code)), code)
        others = {name for name in self.filters if self.codes(name)} - set(BESIDE)
        self.assertEqual(others, set(), "filters that match codes and are not in BESIDE")

    def test_every_code_of_a_filter_is_one_of_the_software_and_of_the_operators_page(self):
        known = codes_of_the_source()
        self.assertGreater(len(known), 60)
        for name in self.filters:
            for code in self.codes(name):
                self.assertIn(code, known, name)
                self.assertIn(f'<a id="{code}"></a>', PAGE, name)

    def matching(self, **line):
        return filters_that_match(self.template, line)

    def test_whatever_the_page_lists_at_error_rings(self):
        self.assertGreaterEqual(len(ERRORS), 9)
        self.assertLessEqual(ERRORS, codes_of_the_source())
        for code in ERRORS:
            self.assertIn("ErrorLines", self.matching(level="ERROR", code=code, verdict="refused"), code)
        self.assertEqual(self.matching(level="INFO", code="not-its-turn", verdict="waiting"), set())
        self.assertEqual(self.matching(level="WARN", code="given-up", verdict="refused"), {"RefusalNotes"})
        self.assertEqual(self.matching(level="ERROR", code="quorum-lost", verdict="refused"), {"ErrorLines", "RefusalNotes", "QuorumNotes"})

    def test_every_filter_feeds_an_alarm_and_every_own_metric_has_a_filter(self):
        fed = {t["MetricName"] for f in self.filters.values() for t in f["MetricTransformations"]}
        heard = {a["MetricName"] for a in self.alarms.values() if a.get("Namespace") == "etcd-asg"}
        self.assertEqual(fed, heard)

    def test_the_operators_page_lists_every_alarm(self):
        (listed,) = re.findall(r"\*\*Alarms of the stack\*\*:(.*?)\n\n", PAGE, re.S)
        self.assertEqual(set(re.findall(r"`([A-Z][A-Za-z]+)`", listed)), {name.removesuffix("Alarm") for name in self.alarms})

    def test_the_readme_has_what_they_cost(self):
        """CloudWatch pricing, us-east-1: $0.10 a month for each metric of an alarm, $0.30 for each metric of one's own."""
        heard = sum(sum("MetricStat" in m for m in a.get("Metrics", [])) or 1 for a in self.alarms.values())
        cost = f"${0.10 * heard + 0.30 * len(self.filters):.2f}"
        (told,) = re.findall(r"^\| the alarms and their metrics \| (\$[0-9.]+), ", (REPOSITORY / "README.md").read_text(), re.M)
        self.assertEqual(told, cost)

    def test_only_the_topic_is_notified_and_only_where_there_is_one(self):
        told = Template.functions(AlarmTopic="arn:aws:sns:us-east-1:123456789012:ops")
        for name in self.alarms:
            self.assertNotIn("AlarmActions", self.alarms[name])
            self.assertEqual(told.properties(name)["AlarmActions"], ["arn:aws:sns:us-east-1:123456789012:ops"])

    def test_a_retained_instance_rings_while_the_functions_are_away(self):
        cluster = Template.cluster()
        alarm, group = cluster.properties("RetainedAlarm"), cluster.properties("Group")
        collected = [metric for collection in group["MetricsCollection"] for metric in collection["Metrics"]]
        self.assertEqual((alarm["Namespace"], collected), ("AWS/AutoScaling", [alarm["MetricName"]]))
        self.assertEqual(alarm["Dimensions"], [{"Name": "AutoScalingGroupName", "Value": "group"}])


class Stalled(unittest.TestCase):
    """The alarm's arithmetic, with CloudWatch's rules (user guide: metric math; how alarms treat missing data)."""

    def setUp(self):
        self.alarm = Template.functions().properties("StalledAlarm")

    def state(self, minutes):
        """The state after the minutes that the alarm looks at; None is a minute without data."""
        self.assertEqual((self.alarm["TreatMissingData"], self.alarm.get("DatapointsToAlarm", 5)), ("missing", 5))
        self.assertEqual({m["MetricStat"]["Period"] for m in self.alarm["Metrics"] if "MetricStat" in m}, {60})
        if all(minute is None for minute in minutes):
            return "INSUFFICIENT_DATA"  # FILL has nothing to fill
        last = [minute or 0 for minute in minutes][-self.alarm["EvaluationPeriods"]:]
        return "ALARM" if len(last) == 5 and all(m < self.alarm["Threshold"] for m in last) else "OK"

    def test_a_first_deployment_does_not_ring(self):
        # An alarm begins in this state, so that nothing changes.
        self.assertEqual(self.state([None] * 8), "INSUFFICIENT_DATA")
        self.assertEqual(self.state([None] * 4 + [1]), "OK")
        self.assertEqual(self.state([None] * 3 + [1, None]), "OK")

    def test_five_minutes_without_a_run_ring(self):
        self.assertEqual(self.state([1, 1, None, None, None, None]), "OK")
        self.assertEqual(self.state([1, None, None, None, None, None]), "ALARM")
        self.assertEqual(self.state([1, 0, 0, 0, 0, 0]), "ALARM")
        self.assertEqual(self.state([None] * 8), "INSUFFICIENT_DATA")

    def test_a_deployment_that_has_no_runs_any_more_notifies(self):
        told = Template.functions(AlarmTopic="arn:aws:sns:us-east-1:123456789012:ops")
        for name in told.resources("AWS::CloudWatch::Alarm"):
            self.assertEqual("InsufficientDataActions" in told.properties(name), name == "StalledAlarm", name)


if __name__ == "__main__":
    unittest.main()
