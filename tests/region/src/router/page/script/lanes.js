// Turns the records into lanes and the spans on them. Times are milliseconds since the region's start.

/** All lanes from top to bottom: a group's own, its ledger's, its instances'; then the functions, then the region's. */
function lanes(records) {
  const all = [];
  for (const name of records.groupNames()) {
    all.push(groupLane(records, name));
    const ledger = records.ledgerOf(name);
    if (ledger) all.push(ledgerLane(records, name, ledger));
    for (const id of instancesOf(records, name)) all.push(instanceLane(records, id, ledger));
  }
  for (const name of [...new Set([...records.invocations.values()].map((one) => one.function))].sort()) {
    all.push(functionLane(records, name));
  }
  all.push({ key: "region", kind: "region", title: "everything else", spans: [], strips: [], rows: 1 });
  return all;
}

/** A group's instances in the order of their launches. */
function instancesOf(records, group) {
  const told = records.entries.filter((entry) => enteredState(entry)).map((entry) => entry.who);
  const all = new Set([...told, ...Object.keys(records.view.instances)]);
  return [...all].filter((id) => groupOfInstance(records, id) === group);
}

function groupOfInstance(records, id) {
  const known = records.groupOf(id);
  if (known) return known;
  const launched = records.entries.find(
    (entry) => entry.who === id && entry.kind === "lifecycle" && / in /.test(entry.text),
  );
  return launched?.text.split(" in ").at(-1) ?? null;
}

function groupLane(records, name) {
  const spans = [];
  for (const entry of records.entries) {
    if (entry.kind !== "group" || entry.who !== name) continue;
    const told = /^(?:created|updated): (\d+) of|^desired capacity (\d+)$/.exec(entry.text);
    if (told)
      follow(spans, entry.time, {
        look: "desired",
        label: `desired ${told[1] ?? told[2]}`,
        text: `${name}: ${entry.text}`,
      });
    if (entry.text === "deleted") follow(spans, entry.time, null);
  }
  return {
    key: `group ${name}`,
    kind: "group",
    group: name,
    title: name,
    note: "group",
    who: name,
    spans: closed(spans, records.now),
    strips: [],
    rows: 1,
  };
}

function ledgerLane(records, name, ledger) {
  const spans = ledger.story.claims.map((claim) => {
    const until = claim.until === null ? records.now : records.time(claim.until);
    const words = short(proposed(claim.proposal));
    return {
      from: records.time(claim.from),
      to: until,
      look: claim.until === null ? "claim-open" : "claim",
      label: words,
      text: `Claim by ${claim.caller}: ${words}${claim.until === null ? ", in flight" : `. Closed: ${short(claim.outcome) || "without an outcome"}`}`,
    };
  });
  return {
    key: `ledger ${name}`,
    kind: "ledger",
    title: "ledger",
    note: "claims",
    who: ledger.key,
    spans,
    strips: [],
    rows: 1,
  };
}

function instanceLane(records, id, ledger) {
  const spans = [];
  const record = records.view.instances[id];
  for (const entry of records.entries) {
    const state = entry.who === id ? enteredState(entry) : null;
    if (state === null) continue;
    const look = LIFECYCLE[state];
    const next =
      state === "Terminated"
        ? null
        : { look, state, label: LOOKS[look], text: `${short(id)}: ${state}, ${LOOKS[look]}` };
    follow(spans, entry.time, next);
  }
  const began = records.entries.some((entry) => entry.who === id && enteredState(entry));
  if (!began && record?.lifecycle) {
    // The region has dropped its entries: only the present state is known.
    const look = LIFECYCLE[record.lifecycle] ?? "standby";
    follow(spans, records.time(record.launched), {
      look,
      state: record.lifecycle,
      label: LOOKS[look],
      text: `${short(id)}: ${record.lifecycle} (its earlier entries were dropped)`,
    });
  }
  const done = closed(spans, records.now);
  const ended = spans.at(-1)?.look === null ? spans.at(-1).from : null;
  return {
    key: `instance ${id}`,
    kind: "instance",
    instance: id,
    title: short(id),
    note: records.addresses.get(id) ?? "",
    who: id,
    spans: done,
    strips: membership(records, id, ledger),
    ended,
    rows: 1,
    state: record?.lifecycle ?? null,
  };
}

/**
 * What the ledger recorded of its member: env, start, vote, removal. The ledger keeps a record for a while after the
 * removal.
 */
function membership(records, id, ledger) {
  const removed = (ledger?.story.claims ?? []).filter(
    (claim) =>
      claim.proposal?.change === "remove" && claim.proposal.instance === id && claim.outcome?.endsWith(": done"),
  );
  const told = [
    ...(ledger?.story.instances[id] ?? []).map(({ at, record }) => [
      at,
      record === null ? null : record.voted ? "voter" : record.env,
    ]),
    ...removed.map((claim) => [claim.until, "removed"]),
  ];
  const spans = [];
  let last = null;
  for (const [at, look] of told.sort(([a], [b]) => a.localeCompare(b))) {
    if (look === last || (last === "removed" && look !== null)) continue;
    last = look;
    follow(
      spans,
      records.time(at),
      look === null
        ? null
        : { look: `member-${look}`, text: `The ledger on ${short(id)}: ${MEMBERSHIP[look] ?? look}` },
    );
  }
  return closed(spans, records.now);
}

/** Concurrent invocations are drawn in rows of their own. */
function functionLane(records, name) {
  const ends = [];
  const spans = [...records.invocations.values()]
    .filter((one) => one.function === name)
    .sort((a, b) => a.time - b.time)
    .map((one) => {
      const to = one.millis === null ? records.now : one.time + one.millis;
      let row = ends.findIndex((end) => end <= one.time);
      if (row === -1) row = ends.length;
      ends[row] = to;
      return { from: one.time, to, row, look: invocationLook(one), label: "", text: invocationWords(one) };
    });
  return {
    key: `function ${name}`,
    kind: "function",
    title: name,
    note: "",
    who: name,
    spans,
    strips: [],
    rows: Math.max(1, ends.length),
  };
}

function invocationLook(one) {
  if (one.millis === null) return "call-open";
  return one.outcome?.result === "failed" ? "call-failed" : "call";
}

function invocationWords(one) {
  const head = `${one.function}, process ${one.process}, ${one.calls} calls`;
  if (one.millis === null) return `${head}: still runs`;
  const end =
    one.outcome?.result === "failed"
      ? `failed: ${one.outcome.error_type}: ${one.outcome.message}`
      : answered(one.outcome?.answer ?? "");
  return `${head}, ${lasted(one.millis)}: ${short(end)}`;
}

/** Ends the last span and begins the next; with `null` no span begins. */
function follow(spans, time, next) {
  const last = spans.at(-1);
  if (last && last.to === undefined) last.to = time;
  spans.push(next === null ? { from: time, look: null } : { from: time, ...next });
}

function closed(spans, now) {
  return spans
    .filter((span) => span.look !== null)
    .map((span) => ({ ...span, to: span.to ?? now, open: span.to === undefined }));
}
