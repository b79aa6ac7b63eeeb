"""What two groups that can never form cost a healthy neighbour: `python3 tests/deployment/measure_loops.py --minutes 10`.

The instances of two groups have an etcd that ends at once. Beside them a healthy group of three has one instance
replaced after the other. The figures at the end: the calls of the functions a second, minute by minute, and how long
each replacement took. `--functions DIR` measures other function binaries, `--alone` the healthy group by itself.
`docs/RESULTS.md` has what was found.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
import time

from local_region import BUILT, REPOSITORY, LocalRegion

BROKEN = "ami-0badbadbadbadbad0"
ETCD = """#!/usr/bin/env bash
if [[ ${1:-} == --version ]]; then echo "etcd Version: 3.6.16"; exit; fi
echo '{"level":"fatal","msg":"this etcd never starts"}' >&2
exit 1
"""


def group(region, name, size, template, **settings):
    tags = {"etcd-asg:cluster": name} | {f"etcd-asg:{key}": value for key, value in settings.items()}
    parameters = {
        "AutoScalingGroupName": name, "VPCZoneIdentifier": "subnet-1", "MinSize": 0, "MaxSize": 9,
        "DesiredCapacity": size, "LaunchTemplate.LaunchTemplateName": template,
        "InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon": "retain",
    }
    for number, (key, value) in enumerate(tags.items(), 1):
        parameters |= {f"Tags.member.{number}.Key": key, f"Tags.member.{number}.Value": value}
        parameters[f"Tags.member.{number}.PropagateAtLaunch"] = "true"
    for number, transition in enumerate(("LAUNCHING", "TERMINATING"), 1):
        hook = f"LifecycleHookSpecificationList.member.{number}"
        parameters |= {f"{hook}.LifecycleHookName": transition.lower(), f"{hook}.HeartbeatTimeout": 300}
        parameters[f"{hook}.LifecycleTransition"] = f"autoscaling:EC2_INSTANCE_{transition}"
    region.call("autoscaling", "CreateAutoScalingGroup", **parameters)


def calls(region):
    return {f"{s} {op}": n for s, ops in region.state()["calls"].get("function", {}).items() for op, n in ops.items()}


def replace_one(region):
    """How many seconds it takes until the group is whole again without one of its instances."""
    gone = sorted(region.group("healthy"))[0]
    began = time.monotonic()
    region.call("autoscaling", "TerminateInstanceInAutoScalingGroup", InstanceId=gone, ShouldDecrementDesiredCapacity="false")
    region.wait_for("the replacement", lambda: region.settled("healthy", 3, [gone]))
    return time.monotonic() - began


def measure(region, minutes, alone):
    group(region, "healthy", 3, "any")
    region.wait_for("the healthy group", lambda: region.settled("healthy", 3))
    if not alone:
        region.call("ec2", "CreateLaunchTemplate", Version="2016-11-15", LaunchTemplateName="broken",
                    **{"LaunchTemplateData.ImageId": BROKEN})
        for name in ("broken-1", "broken-2"):
            group(region, name, 1, "broken", **{"join-patience": "20"})
    rows, replacements, before = [], [], calls(region)
    for minute in range(minutes):
        end = time.monotonic() + 60
        replacements.append(replace_one(region))
        time.sleep(max(0, end - time.monotonic()))
        now = calls(region)
        rows.append({op: now[op] - before.get(op, 0) for op in now})
        before = now
        parameters, total = rows[-1].get("ssm GetParametersByPath", 0), sum(rows[-1].values())
        print(f"minute {minute + 1}: {parameters / 60:.1f} GetParametersByPath and {total / 60:.1f} calls a second; "
              f"the replacement took {replacements[-1]:.0f} s", flush=True)
    return rows, replacements


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--functions", type=pathlib.Path, default=BUILT)
    parser.add_argument("--alone", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as image:
        etcd = pathlib.Path(image) / "etcd"
        etcd.write_text(ETCD)
        etcd.chmod(0o755)
        region = LocalRegion("--image", f"{BROKEN}={image}", "--seed", "1", functions=arguments.functions)
        try:
            rows, replacements = measure(region, arguments.minutes, arguments.alone)
            ledgers = json.dumps(region.state().get("ledgers", {}))
        finally:
            region.close()
    seconds = 60 * len(rows)
    every = {op: sum(row.get(op, 0) for row in rows) / seconds for op in sorted({op for row in rows for op in row})}
    for op, rate in sorted(every.items(), key=lambda item: -item[1])[:8]:
        print(f"{rate:8.2f} a second  {op}")
    print(f"{sum(every.values()):8.2f} a second  all calls of the functions")
    print(f"replacements: median {statistics.median(replacements):.1f} s, longest {max(replacements):.1f} s")
    print(f"generations opened by the broken groups: {ledgers.count('opened with seed')} in their histories")


if __name__ == "__main__":
    main()
