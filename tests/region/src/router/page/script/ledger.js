// The ledgers: what the functions have recorded, with the members that etcd lists beside it.

function drawLedgers(records) {
  const told = [records.ledgers().map((one) => [one.key, one.version?.number]), membersNow(records)];
  refresh(byId("ledgers"), told, () => records.ledgers().map((ledger) => ledgerPanel(records, ledger)));
}

function membersNow(records) {
  const answers = Object.entries(records.view.members).map(([id, said]) => [
    id,
    said.answers,
    said.leader,
    said.term,
    said.list,
  ]);
  return answers;
}

function ledgerPanel(records, ledger) {
  const { body, version, key } = ledger;
  if (!body.generation) {
    return el(
      "article",
      { class: "panel" },
      el("h2", {}, key),
      el("p", { class: "quiet" }, "This document is not a ledger."),
      el("pre", {}, JSON.stringify(body, null, 2)),
    );
  }
  return el(
    "article",
    { class: "panel ledger" },
    el(
      "header",
      { class: "section-head" },
      el("h2", {}, "Ledger ", el("span", { class: "quiet" }, key)),
      el(
        "p",
        { class: "quiet" },
        `revision ${body.revision}, by ${version.caller}, ${clock(records.time(version.at))}`,
      ),
    ),
    el(
      "div",
      { class: "columns" },
      el(
        "div",
        {},
        generation(records, body),
        el("h3", {}, "In flight"),
        inFlight(records, body),
        el("h3", {}, "Conditions"),
        conditionTable(records, body.conditions),
      ),
      el("div", {}, el("h3", {}, "Members"), memberTable(records, body)),
    ),
    el("h3", {}, "History"),
    el(
      "ol",
      { class: "history", tabindex: "0", "data-key": `history ${key}`, "aria-label": "History" },
      [...(body.history ?? [])]
        .reverse()
        .map((one) =>
          el("li", {}, el("time", {}, clock(records.time(one.at))), el("span", { title: one.text }, short(one.text))),
        ),
    ),
  );
}

function generation(records, { generation: one }) {
  const identity = one.identity;
  return facts([
    ["generation", `${one.number}, ${one.phase}`],
    ["token", one.token],
    ["seed", one.seed ? `${short(one.seed.instance)} at ${one.seed.peer_url}` : "no seed: the cluster was adopted", one.seed?.instance],
    ["identity", identity ? `cluster ${hex(identity.cluster)}, etcd ${identity.version}` : "not known yet"],
    ["opened", `${clock(records.time(one.opened_at))}, by ${short(one.opened_by)}`],
  ]);
}

function inFlight(records, { claim, unanswered }) {
  const lines = (unanswered ?? []).map((one) =>
    el(
      "li",
      { class: "bad" },
      `unanswered, may still take effect: ${short(proposed(one.change))}, deadline ${clock(records.time(one.deadline))}`,
    ),
  );
  if (claim) {
    const last = records.time(claim.expires);
    lines.unshift(
      el("li", {}, `${short(proposed(claim.proposal))}, by request ${claim.request}; expires ${clock(last)}`),
    );
  }
  return lines.length > 0 ? el("ul", {}, lines) : el("p", { class: "quiet" }, "No claim and no unanswered change.");
}

/** What the ledger remembers, in words; a mark that no longer means anything is left out, as in `make status`. */
function conditionTable(records, conditions) {
  const entries = Object.entries(conditions ?? {}).filter(([key]) => holds(records, key));
  if (entries.length === 0) return el("p", { class: "quiet" }, "No condition: nothing is waited for.");
  return facts(
    entries.map(([key, condition]) => [
      conditionWords(key),
      `since ${clock(records.time(condition.since))}${condition.applied === undefined ? "" : `, index ${condition.applied}`}`,
      key,
    ]),
  );
}

/** The ledger keeps a condition that has ended until it is written for another reason. */
function holds(records, key) {
  const [kind, id] = key.split("/");
  const lifecycle = records.view.instances[id]?.lifecycle;
  if (kind === "waiting-launch") return lifecycle === "Pending:Wait";
  if (kind === "waiting-terminate") return /^(Terminating|ReplacingRootVolume):Wait$/.test(lifecycle ?? "");
  return true;
}

/** The ledger's instances beside the list of the etcd with the highest applied index; neither fills gaps of the other. */
function memberTable(records, body) {
  const answers = Object.values(records.view.members).filter((said) => said.answers === "yes");
  const newest = [...answers].sort((a, b) => Number(b.applied) - Number(a.applied))[0];
  const list = newest?.list ?? [];
  const recorded = Object.entries(body.instances ?? {});
  const known = new Set(recorded.map(([, one]) => one.member));
  const row = (cells, className) =>
    el(
      "tr",
      { class: className },
      cells.map((cell) => el("td", {}, cell)),
    );
  const listedWords = (member) => {
    if (!newest) return "no etcd answers";
    const one = list.find((each) => each.id === member);
    if (!one) return "not listed";
    return `${one.name ? "" : "unstarted "}${one.learner ? "learner" : "voter"}${newest.leader === one.id ? ", leads" : ""}`;
  };
  const rows = recorded.map(([id, one]) =>
    row([
      el("span", { title: id }, short(id)),
      one.member ? hex(one.member) : "–",
      `${one.env}${one.voted ? ", voted" : ""}`,
      listedWords(one.member),
    ]),
  );
  const strangers = list
    .filter((one) => !known.has(one.id))
    .map((one) =>
      row([one.name ? short(one.name) : "unstarted", hex(one.id), "not in the ledger", listedWords(one.id)], "bad"),
    );
  const head = el(
    "tr",
    {},
    ["instance", "member", "ledger: env", "etcd's list"].map((word) => el("th", { scope: "col" }, word)),
  );
  return el(
    "div",
    { class: "wide", tabindex: "0", "data-key": `members ${body.group?.name}`, role: "group", "aria-label": "Members" },
    el("table", {}, el("thead", {}, head), el("tbody", {}, rows, strangers)),
    el(
      "p",
      { class: "quiet" },
      newest
        ? `${answers.length} etcds answer; the list is from the etcd with the highest applied index (${newest.applied}).`
        : "No etcd answers.",
    ),
  );
}
