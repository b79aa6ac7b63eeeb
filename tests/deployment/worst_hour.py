"""Drives one local region through the states in which an operator looks at status and page, from `nothing` to `lost for good`.

    python3 tests/deployment/worst_hour.py FOLDER

writes what status says in each state into FOLDER, and with a Chromium also the page, wide and narrow. tests/deployment and
tests/page walk the same way and check what is said.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from local_region import REPOSITORY, LocalRegion

OPTIONS = ("--tick", "2", "--friendly", "--health-check-delay", "0.5")
SIZE = 3
#: Windows in which the page is pictured.
WIDTHS = {"wide": 1280, "narrow": 420}


class State:
    """One state: its name, its cluster, the exit status, and the words that status and page have in common."""

    def __init__(self, name, cluster, code, *words, note=None):
        self.name, self.cluster, self.code, self.words, self.note = name, cluster, code, words, note


def hooks():
    return [
        {"LifecycleHookName": name, "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}", "HeartbeatTimeout": 300}
        for name, transition in (("launch", "LAUNCHING"), ("terminate", "TERMINATING"))
    ]


def group(cluster, size):
    return {
        "MinSize": 0,
        "MaxSize": 5,
        "DesiredCapacity": size,
        "Tags": [{"Key": "etcd-asg:cluster", "Value": cluster, "PropagateAtLaunch": True}],
        "LifecycleHookSpecificationList": hooks(),
        "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
    }


class Walk:
    """A region on its way. `states` stops in each state until it is asked for the next."""

    def __init__(self, region):
        self.region = region

    def status(self, cluster, *more):
        """What tools/status.py prints, and its exit status."""
        command = [sys.executable, REPOSITORY / "tools" / "status.py", cluster, *more]
        variables = {**os.environ, **self.region.variables, "AWS_ENDPOINT_URL": self.region.endpoint}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
        return done.stdout + done.stderr, done.returncode

    def fault(self, name, **fields):
        self.region.request("/_region/faults", json.dumps({"fault": name, **fields}).encode())

    def tag(self, cluster, key, value=None):
        """Sets a tag of the cluster's group, or deletes it."""
        action = "DeleteTags" if value is None else "CreateOrUpdateTags"
        tag = {"ResourceId": cluster, "ResourceType": "auto-scaling-group", "Key": key, "PropagateAtLaunch": "false"}
        tag |= {} if value is None else {"Value": value}
        self.region.call("autoscaling", action, **{f"Tags.member.1.{name}": word for name, word in tag.items()})

    def alarm(self, instance, action):
        """Raises etcd's alarm NOSPACE, or disarms it, at the etcd of an instance."""
        address = self.region.state()["instances"][instance]["address"]
        url = f"http://{address}:2379/v3/maintenance/"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def post(path, body):
            with opener.open(urllib.request.Request(url + path, data=json.dumps(body).encode()), timeout=10) as answer:
                return json.load(answer)

        member = post("status", {})["header"]["member_id"]
        post("alarm", {"action": action, "memberID": member, "alarm": "NOSPACE"})

    def reached(self, state):
        """Waits until status says so, and returns the state."""

        def said():
            text, code = self.status(state.cluster)
            line = " ".join(text.split())
            return code == state.code and all(word in line for word in (*state.words, *([state.note] if state.note else [])))

        self.region.wait_for(f"status says {state.words} with {state.code}: {state.name}", said)
        return state

    def voters(self):
        """The instances with the followers first, the leader last."""
        told = json.loads(self.status("demo", "--json")[0])
        rows = [row for row in told["members"] if row["role"] in ("voter", "leader")]
        return [row["instance"] for row in sorted(rows, key=lambda row: row["role"] == "leader")]

    def states(self):
        healthy = State("healthy", "demo", 0, f"healthy: {SIZE} of {SIZE} voters proven; survives 1 more loss")
        self.region.create_group("empty", group("empty", 0))
        yield self.reached(State("nothing-there", "empty", 3, "nothing there: no ledger, and no instance in the group"))
        yield from self.forming()
        yield self.reached(healthy)
        yield from self.no_space()
        self.reached(healthy)
        yield from self.cut_off()
        self.reached(healthy)
        yield from self.lost_for_a_while()
        self.reached(healthy)
        yield from self.unreadable_settings()
        self.reached(healthy)
        yield from self.lost_for_good()

    def forming(self):
        """The last instance is held before it starts, so the cluster cannot form."""
        self.region.create_group("demo", group("demo", SIZE))
        self.region.wait_for("all launch", lambda: len(self.region.group("demo")) == SIZE)
        held = sorted(self.region.group("demo"))[-1]
        self.fault("pause", instance=held)
        yield self.reached(State("forming", "demo", 1, "forming: ", "of 3 desired voters"))
        self.fault("resume", instance=held)

    def no_space(self):
        instance = self.voters()[0]
        self.alarm(instance, "ACTIVATE")
        yield self.reached(State("nospace", "demo", 1, "degraded: 3 of 3 voters proven", "NO SPACE, so etcd refuses writes"))
        self.alarm(instance, "DEACTIVATE")

    def cut_off(self):
        instance = self.voters()[0]
        self.fault("isolate", instance=instance)
        yield self.reached(State("one-voter-cut-off", "demo", 1, "degraded: 2 of 3 voters proven; survives no loss", f"{instance} answers and"))
        self.fault("rejoin", instance=instance)

    def unreadable_settings(self):
        """A time that cannot be read counts as its default. Whether the group is paused is not guessed."""
        proven = f"healthy: {SIZE} of {SIZE} voters proven"
        self.tag("demo", "etcd-asg:join-patience", "soon")
        words = (proven, "a setting is not understood: its default counts")
        yield self.reached(State("unreadable-time", "demo", 0, *words, note="[setting-defaulted]"))
        self.tag("demo", "etcd-asg:join-patience")
        self.tag("demo", "etcd-asg:paused", "until monday")
        words = (proven, "a tag or setting is not understood: etcd-asg changes nothing")
        yield self.reached(State("unreadable-setting", "demo", 0, *words, note="[setting-wrong]"))
        self.tag("demo", "etcd-asg:paused")

    def lost_for_a_while(self):
        survivor, *others = self.voters()
        for instance in others:
            self.fault("pause", instance=instance)
        words = ("QUORUM LOST: 1 of 3 voters answers, 2 are needed", f"the survivor is {survivor}")
        yield self.reached(State("quorum-lost-for-a-while", "demo", 2, *words))
        self.tag("demo", "etcd-asg:paused", "true")
        yield self.reached(State("paused-while-lost", "demo", 2, *words, "paused: etcd-asg changes nothing"))
        self.tag("demo", "etcd-asg:paused")
        for instance in others:
            self.fault("resume", instance=instance)

    def lost_for_good(self):
        survivor, *others = self.voters()
        for instance in others:
            self.fault("kill-instance", instance=instance)
        words = ("QUORUM LOST for good: 2 of 3 voters are gone", f"the survivor is {survivor}")
        yield self.reached(State("quorum-lost-for-good", "demo", 2, *words, note="[quorum-lost]"))


class Album:
    """Pictures of the region's page."""

    def __init__(self, region, browser):
        self.tabs = {name: browser.open(f"{region.endpoint}/_region/", width, 1000) for name, width in WIDTHS.items()}

    @staticmethod
    def verdict(tab, cluster):
        """The sentence that the page shows for the cluster; the groups here are named as their clusters."""
        script = """(name) => [...document.querySelectorAll('.group')].find(
            (one) => one.querySelector('h2')?.firstChild.data.trim() === name)?.querySelector('.verdict')?.innerText ?? ''"""
        return tab.value(f"({script})({json.dumps(cluster)})")

    def shows(self, state):
        for tab in self.tabs.values():
            tab.wait_for(f"the page says {state.words}", lambda tab=tab: all(w in self.verdict(tab, state.cluster) for w in state.words))

    def take(self, state, folder):
        for name, tab in self.tabs.items():
            tab.value("scrollTo(0, 0)")
            shot = tab.call("Page.captureScreenshot", format="png")
            (folder / f"{state.name}-{name}.png").write_bytes(base64.b64decode(shot["data"]))


def main(folder):
    sys.path.insert(0, str(REPOSITORY / "tests" / "page"))
    import browser as chromium  # pylint: disable=import-outside-toplevel

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    region, program = LocalRegion(*OPTIONS), chromium.find()
    browser = chromium.Browser(program) if program else None
    try:
        album = Album(region, browser) if browser else None
        walk = Walk(region)
        for state in walk.states():
            text, code = walk.status(state.cluster)
            command = f"$ tools/status.py {state.cluster}"
            (folder / f"{state.name}.txt").write_text(f"{command}\n{text}(exit status {code})\n", encoding="utf-8")
            if album:
                album.shows(state)
                album.take(state, folder)
            print(f"{state.name}: {text.splitlines()[0]}", flush=True)
    finally:
        if browser:
            browser.close()
        region.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: worst_hour.py FOLDER")
    main(sys.argv[1])
