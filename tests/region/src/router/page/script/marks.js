// Marks on the lanes: what happened at one moment, and the sign that is drawn for it.

/** The signs, the most important first: where several fall on one place, the most important is drawn. */
const SIGNS = {
  fault: "a fault, or something that failed",
  change: "the ledger records an outcome",
  hook: "a lifecycle hook is completed, or times out",
  group: "the group is changed",
  host: "EC2, or the host itself",
  event: "an event is delivered",
  beat: "a heartbeat, or a parameter written",
};

/** Every mark with the key of its lane, ordered by time. */
function marks(records, all) {
  const keys = new Set(all.map((lane) => lane.key));
  const place = (...wanted) => wanted.find((key) => keys.has(key)) ?? "region";
  const told = [];
  for (const entry of records.entries) {
    const sign = signOf(entry);
    if (sign === null) continue;
    const lane = place(`instance ${entry.who}`, `group ${entry.who}`, `function ${entry.who}`);
    told.push({ lane, time: entry.time, sign, text: `${short(entry.who)}: ${short(sentence(entry))}` });
  }
  for (const name of records.groupNames()) {
    const ledger = records.ledgerOf(name);
    for (const one of ledger?.story.outcomes ?? []) told.push(...outcomeMarks(records, name, one, place));
  }
  return told.sort((a, b) => a.time - b.time);
}

/** An outcome is marked on the ledger's lane and on the lane of each instance that it names. */
function outcomeMarks(records, group, one, place) {
  const mark = { time: records.time(one.at), sign: "change", text: `Ledger: ${short(one.text)}` };
  const named = [...new Set(one.text.match(/\bi-[0-9a-f]{8,17}\b/g) ?? [])].map((id) => place(`instance ${id}`));
  return [`ledger ${group}`, ...named.filter((lane) => lane !== "region")].map((lane) => ({ ...mark, lane }));
}

/** The sign of an entry; `null` for what a span already shows. */
function signOf(entry) {
  switch (entry.kind) {
    case "fault":
      return "fault";
    case "lifecycle":
      if (enteredState(entry)) return null;
      if (/kept alive/.test(entry.text)) return "beat";
      return /^hook /.test(entry.text) ? "hook" : "host";
    case "function":
      return /^\S+ answered /.test(entry.text) ? null : "fault";
    case "group":
    case "refresh":
      return "group";
    case "event":
      return "event";
    case "ssm":
    case "s3":
      return "beat";
    default:
      return "host";
  }
}

/** Groups marks that would overlap; a group keeps the texts of all its marks. */
function gathered(told, x, width) {
  const order = Object.keys(SIGNS);
  const clusters = [];
  for (const mark of told) {
    const at = x(mark.time);
    const last = clusters.at(-1);
    if (last && at - last.x < width) {
      last.marks.push(mark);
      if (order.indexOf(mark.sign) < order.indexOf(last.sign)) last.sign = mark.sign;
    } else {
      clusters.push({ x: at, time: mark.time, sign: mark.sign, marks: [mark] });
    }
  }
  return clusters;
}
