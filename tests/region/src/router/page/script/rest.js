// Parameters, faults, and the functions.

function drawParameters(records) {
  const { parameters } = records.view;
  refresh(byId("parameters"), parameters, () =>
    el(
      "article",
      { class: "panel" },
      el("h2", {}, "Parameters ", el("span", { class: "quiet" }, "SSM, the true state without stale reads")),
      Object.keys(parameters).length === 0 ? el("p", { class: "quiet" }, "There are no parameters.") : null,
      Object.entries(parameters).map(([name, one]) => parameter(records, name, one)),
    ),
  );
}

function parameter(records, name, one) {
  const listed = /\/(endpoints|initial-cluster)$/.test(name);
  return el(
    "details",
    { "data-key": name, open: listed },
    el(
      "summary",
      {},
      el("span", { class: "mono", title: name }, short(name)),
      el("span", { class: "quiet" }, `version ${one.version}, ${clock(records.time(one.modified))}`),
    ),
    readable(one.value, listed),
  );
}

/** An env as names and values, a list as its items, any other value unchanged. */
function readable(value, listed) {
  if (listed)
    return el(
      "ul",
      { class: "mono" },
      value.split(",").map((item) => el("li", {}, item)),
    );
  const lines = value.split("\n").filter((each) => each !== "");
  const pairs = lines.map((each) => /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(each));
  if (lines.length > 0 && pairs.every(Boolean)) return facts(pairs.map(([, key, text]) => [key, text]));
  return el("pre", {}, value);
}

function drawFaults(records) {
  const { faults, links, events, functions, machines, hostile } = records.view;
  const asynchronous = functions.asynchronous;
  refresh(byId("faults"), [faults, links, events, asynchronous, functions.processes.length, machines], () =>
    el(
      "article",
      { class: "panel" },
      el("h2", {}, "Faults"),
      facts([
        ["mode", hostile ? "hostile: stale reads, and events as below" : "friendly"],
        ["events", `delivered ${events.delivery}; ${events.sent} sent`],
        ["schedule", events.schedule ? "reaches reconcile" : "switched off"],
      ]),
      faultList(
        "Rules in force",
        faults.map(
          (rule) =>
            `${rule.id}: ${faultWords(rule.fault)}, fired ${rule.fired} times${rule.last ? `, last at ${rule.last}` : ""}`,
        ),
      ),
      faultList("Links cut", links.cut),
      faultList("Hidden from the functions", links["hidden from functions"]),
      faultList(
        "Paused",
        machines.filter((one) => one.paused).map((one) => one.instance),
      ),
      el("h2", {}, "Functions"),
      facts([
        ["processes", String(functions.processes.length)],
        [
          "asynchronous",
          `${asynchronous.accepted} accepted, ${asynchronous.answered} answered, ${asynchronous.retried} tried again, ${asynchronous.deadLettered} given up`,
        ],
      ]),
      calls(records.view.calls),
    ),
  );
}

function faultList(title, items) {
  return [
    el("h3", {}, title),
    items.length > 0
      ? el(
          "ul",
          { class: "bad" },
          items.map((item) => el("li", {}, item)),
        )
      : el("p", { class: "quiet" }, "None."),
  ];
}

/** The counts grow every second; they are redrawn only when something else in this panel changes. */
function calls(counts) {
  const rows = Object.entries(counts).flatMap(([caller, services]) =>
    Object.entries(services).map(([service, operations]) => [
      `${caller} → ${service}`,
      Object.entries(operations)
        .map(([operation, count]) => `${operation} ${count}`)
        .join(", "),
    ]),
  );
  return el("details", { "data-key": "calls" }, el("summary", {}, "Calls so far"), facts(rows));
}
