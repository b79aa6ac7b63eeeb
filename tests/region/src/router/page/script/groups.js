// The groups and their instances as they are now: according to AWS, to the ledger, and to etcd itself.

function drawGroups(records) {
  const { groups, instances, members, machines } = records.view;
  const answers = Object.entries(members).map(([id, said]) => [id, etcdWords(said), said.leader, said.list]);
  const told = {
    groups,
    instances: Object.entries(instances).map(([id, one]) => [id, quiet(records, one)]),
    answers,
    machines,
    ledgers: records.view.ledgers,
    verdicts: Object.entries(records.view.clusters).map(([name, one]) => [name, one.health, one.members, errors(one)]),
  };
  refresh(byId("groups"), told, () => {
    const names = Object.keys(groups);
    if (names.length === 0)
      return el(
        "p",
        { class: "empty" },
        "There is no Auto Scaling group yet. The region prints a command that creates one.",
      );
    return names.map((name) => groupPanel(records, name, groups[name]));
  });
}

/** An instance without the seconds that a wait has left: they change at every poll. */
function quiet(records, instance) {
  return {
    ...instance,
    waits: instance.waits.map((wait) => ({
      hook: wait.hook,
      result: wait.result,
      deadline: deadlineOf(records, wait),
    })),
  };
}

function deadlineOf(records, wait) {
  return clock(Math.round(records.time(wait.deadline) / 1_000) * 1_000).replace(/\.0( s)?$/, "$1");
}

function groupPanel(records, name, group) {
  const ids = Object.entries(records.view.instances)
    .filter(([, one]) => one.group === name)
    .sort(([, a], [, b]) => a.launched.localeCompare(b.launched))
    .map(([id]) => id);
  const living = ids.filter((id) => records.view.instances[id].lifecycle);
  const serving = living.filter((id) => records.view.instances[id].lifecycle === "InService").length;
  const cluster = group.tags["etcd-asg:cluster"];
  const ledger = records.ledgerOf(name);
  return el(
    "article",
    { class: "panel group" },
    el(
      "header",
      { class: "section-head" },
      el(
        "h2",
        {},
        name,
        el(
          "span",
          { class: "quiet" },
          cluster === undefined ? " no tag etcd-asg:cluster: etcd-asg leaves this group alone" : ` cluster ${cluster}`,
        ),
      ),
      el("p", { class: "badges" }, badges(group, ledger, records.view.clusters[name])),
    ),
    verdict(records.view.clusters[name]),
    errorList(records.view.clusters[name]),
    el(
      "p",
      { class: "capacity" },
      el("b", { class: serving === group.desired ? "right" : "short" }, `${serving} of ${group.desired}`),
      " in service",
      el("span", { class: "quiet" }, `between ${group.min} and ${group.max}`),
      el(
        "span",
        { class: "quiet" },
        group.hooks
          .map((hook) => `hook ${hook.LifecycleHookName}: ${hook.HeartbeatTimeout} s, then ${hook.DefaultResult}`)
          .join(" · "),
      ),
    ),
    living.length > 0 &&
      el(
        "ul",
        { class: "cards" },
        living.map((id) => card(records, id, ledger)),
      ),
    gone(
      records,
      ids.filter((id) => !living.includes(id)),
    ),
    tags(name, group.tags),
  );
}

/** How loudly a verdict is shown. */
const TONES = { healthy: "good", degraded: "wait", forming: "wait", lost: "bad", unknown: "wait", nothing: "quiet" };

/** The verdict on the group's cluster, as `make status` gives it. It is no good news while a note is an error. */
function verdict(summary) {
  if (!summary) return null;
  const { standing, text } = summary.health;
  const said = standing === "healthy" && errors(summary).length > 0 ? "wait" : TONES[standing];
  return el("p", { class: `verdict ${said ?? "wait"}`, "data-standing": standing }, unbroken(text));
}

/** A text whose instance IDs are not broken at their hyphen. */
function unbroken(text) {
  return text.split(/\b(i-[0-9a-f]{8,17})\b/).map((part, at) => (at % 2 === 1 ? el("span", { class: "unbroken" }, part) : part));
}

/** The notes that the functions log as errors. */
function errors(summary) {
  return summary?.notes.filter((note) => note.level === "ERROR") ?? [];
}

function errorList(summary) {
  const all = errors(summary);
  if (all.length === 0) return null;
  const words = (note) => [unbroken(`${note.about}: ${note.text} `), el("span", { class: "mono" }, `[${note.code}]`)];
  return el(
    "ul",
    { class: "errors" },
    all.map((note) => el("li", {}, words(note))),
  );
}

function badges(group, ledger, summary) {
  const well = summary?.health.standing === "healthy" && errors(summary).length === 0;
  const phase = ledger?.body.generation?.phase;
  const all = [
    group.deleting && ["bad", "being deleted"],
    group.failedLaunches > 0 && ["bad", `${group.failedLaunches} launches failed in a row`],
    summary?.paused && ["wait", "paused"],
    ledger?.body.claim && ["wait", `in flight: ${short(proposed(ledger.body.claim.proposal))}`],
    ledger?.body.unanswered?.length > 0 && ["bad", `${ledger.body.unanswered.length} unanswered`],
    phase && [well ? "good" : "plain", `generation ${ledger.body.generation.number}, ${phase}`],
    group.tags["etcd-asg:cluster"] !== undefined && !ledger && ["wait", "no ledger yet"],
  ];
  return all.filter(Boolean).map(([tone, words]) => el("span", { class: `badge ${tone}` }, words));
}

function card(records, id, ledger) {
  const instance = records.view.instances[id];
  const look = LIFECYCLE[instance.lifecycle] ?? "standby";
  const role = roleOf(records, id, ledger);
  // A completed hook is shown only until the instance is in service.
  const waits = instance.waits.filter((wait) => !wait.result || instance.lifecycle !== "InService");
  return el(
    "li",
    { class: `card ${look}` },
    el(
      "header",
      {},
      el("h3", { title: id }, short(id)),
      el("span", { class: `role ${role.key}`, title: role.why }, role.word),
    ),
    el(
      "p",
      { class: "state" },
      svg(
        "svg",
        { width: 18, height: 14, "aria-hidden": "true" },
        svg("rect", { x: 0, y: 0, width: 18, height: 14, rx: 3, class: `bar ${look}` }),
      ),
      el("b", {}, instance.lifecycle),
      instance.lifecycle === "InService" ? null : el("span", { class: "quiet" }, LOOKS[look]),
    ),
    facts([
      ["address", instance.address],
      ["EC2", `${instance.ec2}, ${instance.health === "Healthy" ? "healthy" : "UNHEALTHY"}`],
      ["processes", processes(records.view.machines, id)],
      ["etcd", etcdWords(records.view.members[id], memberRow(records, id))],
      ["ledger", ledgerWords(ledger?.body.instances?.[id])],
      ...waits.map((wait) => [
        "hook",
        wait.result ? `${wait.hook}: ${wait.result}` : `${wait.hook} is pending, until ${deadlineOf(records, wait)} at most`,
      ]),
    ]),
    el("a", { href: records.snapshot ? null : `console/${encodeURIComponent(id)}`, class: "quiet mono" }, id),
  );
}

function processes(machines, id) {
  const machine = (machines ?? []).find((one) => one.instance === id);
  if (!machine) return "no machine";
  const count = machine.processes.length;
  return `${machine.paused ? "PAUSED, " : ""}${count === 0 ? "none" : count}`;
}

/** The instance's role in its cluster: its own etcd's answer if there is one, otherwise the ledger's record. */
function roleOf(records, id, ledger) {
  const recorded = ledger?.body.instances?.[id];
  const row = memberRow(records, id);
  if (row?.role && row.answers && row.role !== "learner" && !row.proven)
    return {
      key: "unproven",
      word: `${row.role}, ${row.follows ? "not with the leader" : "no leader"}`,
      why: "its etcd answers, and it has not proven itself beside a leader: it serves no writes",
    };
  const what = row?.role === "learner" ? "learner" : "voter";
  if (row?.gone && row.role)
    return { key: "silent", word: `${what}, machine gone`, why: "its machine is gone, and the cluster still counts it" };
  const said = records.view.members[id];
  if (said?.answers === "yes") {
    if (said.leader === said.member) return { key: "leader", word: "leader", why: "its etcd says that it leads" };
    const own = said.list.find((member) => member.id === said.member);
    if (own?.learner) return { key: "learner", word: "learner", why: "its etcd lists it as a learner" };
    if (own) return { key: "voter", word: "voter", why: "its etcd lists it as a voter" };
    return { key: "silent", word: "removed", why: "its etcd no longer lists it" };
  }
  const listed = listedBy(records, recorded?.member);
  if (listed) {
    const what = listed.learner ? "learner" : "voter";
    if (!listed.name) return { key: "unstarted", word: "unstarted", why: "the other members list it, and it has not started" };
    return { key: "silent", word: `${what}, silent`, why: "the other members list it; its own etcd does not answer" };
  }
  if (recorded?.member)
    return { key: "silent", word: "silent", why: "the ledger has its member; the etcds that answer do not list it" };
  if (recorded) return { key: "unstarted", word: "unstarted", why: "the ledger has its env; no etcd answers" };
  return { key: "none", word: "no member", why: "neither the ledger nor an etcd knows it" };
}

/** The instance's row in the summary of its cluster. */
function memberRow(records, id) {
  const summary = records.view.clusters[records.view.instances[id]?.group];
  return summary?.members.find((row) => row.instance === id) ?? null;
}

/** The entry of a member in the list of the etcd with the highest applied index. */
function listedBy(records, member) {
  if (!member) return null;
  const answers = Object.values(records.view.members).filter((said) => said.answers === "yes");
  const newest = answers.sort((a, b) => Number(b.applied) - Number(a.applied))[0];
  return newest?.list.find((one) => one.id === member) ?? null;
}

function etcdWords(said, row) {
  if (!said) return "was not asked";
  if (said.answers !== "yes") return said.why;
  const all = row?.alarms ?? said.errors ?? [];
  const alarms = all.length > 0 ? `, ALARM ${all.join(", ")}` : "";
  return `${said.version}, term ${said.term}, ${bytes(said.size)}${alarms}`;
}

function ledgerWords(recorded) {
  if (!recorded) return "no record";
  return `${recorded.member ? `member ${hex(recorded.member).slice(0, 6)}…` : "no member"}, env ${recorded.env}${recorded.voted ? ", has voted" : ""}`;
}

function gone(records, ids) {
  if (ids.length === 0) return null;
  const what = (id) => `${short(id)} (${records.view.instances[id].ec2})`;
  return el("p", { class: "quiet gone-ones" }, `Out of the group: ${ids.map(what).join(", ")}`);
}

function tags(name, all) {
  const entries = Object.entries(all);
  if (entries.length === 0) return null;
  return el(
    "details",
    { "data-key": `tags ${name}` },
    el("summary", {}, `${entries.length} ${entries.length === 1 ? "tag" : "tags"}`),
    facts(entries),
  );
}
