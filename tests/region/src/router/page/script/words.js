// The region's terms in words: states, times, identifiers, sentences.

/** The looks of lifecycle states, each with a short description. */
const LOOKS = {
  launching: "launching",
  "launch-wait": "waits at the launch hook",
  service: "in service",
  "terminate-wait": "waits at the terminate hook",
  terminating: "terminating",
  standby: "stands by, or detached",
  disk: "root volume replaced",
  warm: "in the warm pool",
  retained: "retained after ABANDON",
  gone: "gone",
};

const LIFECYCLE = {
  Pending: "launching",
  "Pending:Wait": "launch-wait",
  "Pending:Proceed": "launching",
  InService: "service",
  Terminating: "terminating",
  "Terminating:Wait": "terminate-wait",
  "Terminating:Proceed": "terminating",
  "Terminating:Retained": "retained",
  Terminated: "gone",
  EnteringStandby: "standby",
  Standby: "standby",
  Detaching: "standby",
  Detached: "standby",
  ReplacingRootVolume: "disk",
  "ReplacingRootVolume:Wait": "terminate-wait",
  "ReplacingRootVolume:Proceed": "disk",
  RootVolumeReplaced: "disk",
  "Warmed:Pending": "warm",
  "Warmed:Pending:Wait": "launch-wait",
  "Warmed:Pending:Proceed": "warm",
  "Warmed:Running": "warm",
  "Warmed:Stopped": "warm",
  "Warmed:Terminating": "terminating",
  "Warmed:Terminating:Wait": "terminate-wait",
  "Warmed:Terminating:Proceed": "terminating",
};

/** What the ledger records of an instance's member. */
const MEMBERSHIP = {
  open: "its env is open: its member has not been seen started",
  sealed: "its member has started and its env is sealed; it has not voted yet",
  voter: "its member has answered as a voter",
  foreign: "something else starts its member",
  removed: "its member was removed; the record is kept until the instance is gone",
};

/** The lifecycle state that an entry of the timeline enters; `null` for other entries. */
function enteredState(entry) {
  if (entry.kind !== "lifecycle") return null;
  const word = entry.text.split(" ", 1)[0].replace(/:$/, "");
  return Object.hasOwn(LIFECYCLE, word) ? word : null;
}

/** Shortens instance IDs to their last four digits. */
function short(text) {
  return String(text).replace(/\bi-([0-9a-f]{4,})([0-9a-f]{4})\b/g, "i-…$2");
}

/** A time after the region's start: 7.3 s, 1:07.3, 1:02:07. */
function clock(millis) {
  const tenths = Math.max(0, Math.round(millis / 100));
  const seconds = (tenths % 600) / 10;
  const minutes = Math.floor(tenths / 600);
  if (minutes === 0) return `${seconds.toFixed(1)} s`;
  const padded = seconds.toFixed(1).padStart(4, "0");
  if (minutes < 60) return `${minutes}:${padded}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${padded.slice(0, 2)}`;
}

/** How long something takes or took. */
function lasted(millis) {
  if (millis < 1_000) return `${Math.round(millis)} ms`;
  if (millis < 60_000) return `${(millis / 1_000).toFixed(1)} s`;
  return `${Math.floor(millis / 60_000)} min ${Math.floor((millis % 60_000) / 1_000)} s`;
}

function bytes(count) {
  const value = Number(count);
  if (!Number.isFinite(value)) return "?";
  return value < 1_048_576 ? `${Math.round(value / 1_024)} KiB` : `${(value / 1_048_576).toFixed(1)} MiB`;
}

/** The ledger's conditions in words. */
const CONDITIONS = {
  "waiting-launch": "launch hook waits",
  "waiting-terminate": "terminate hook waits",
  unproven: "voter has not proven itself",
  gone: "machine is gone",
  joining: "joining without progress",
  "given-up": "given up as a joiner",
  silent: "no member list",
  stalled: "nothing more launches",
  removed: "last removal of a member",
  version: "every member has the version",
};

/** `i-…def0: machine is gone` for `gone/i-0123456789abcdef0`. */
function conditionWords(key) {
  const [kind, about] = key.split("/");
  const words = CONDITIONS[kind] ?? kind;
  return about === undefined ? words : `${short(about)}: ${words}`;
}

/** A 64-bit ID in hexadecimal, as etcd writes it. */
function hex(id) {
  try {
    return BigInt(id).toString(16);
  } catch {
    return String(id ?? "?");
  }
}

/** A claim's proposal: `promote i-…def0`. */
function proposed(proposal) {
  if (!proposal) return "a change";
  const change = String(proposal.change).replaceAll("-", " ");
  const about = proposal.instance ?? (proposal.member ? `member ${hex(proposal.member)}` : "");
  return `${change} ${about}`.trim();
}

/** What a function answered, in a sentence. */
function answered(text) {
  const answer = parsed(text);
  if (answer === null || typeof answer !== "object") return text;
  if (Array.isArray(answer.clusters)) {
    return answer.clusters.length === 0 ? "there is no cluster" : answer.clusters.map(outcome).join("; ");
  }
  return outcome(answer);
}

function outcome(answer) {
  if (!answer.outcome) return answer.decision ? `${answer.cluster}: a dry run: ${answer.summary?.health.text}` : JSON.stringify(answer);
  if (answer.reason) return `${answer.outcome}: ${answer.reason}`;
  const notes = (answer.notes ?? []).map((note) => `${note.about}: ${note.text}`).join("; ");
  return `${answer.cluster} ${answer.outcome}${notes ? `: ${notes}` : ""}`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A fault as it was set: `pause instance=i-…`. */
function faultWords(fault) {
  const { fault: name, ...rest } = fault;
  const details = Object.entries(rest).filter(([, value]) => value !== null && value !== false);
  return [
    name,
    ...details.map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`),
  ].join(" ");
}

/** An entry of the timeline as a sentence about `who`. */
function sentence(entry) {
  if (entry.kind === "function") {
    const [, request, text] = /^(\S+) answered (.*)$/s.exec(entry.text) ?? [];
    return request ? `answered: ${answered(text)}` : entry.text.replace(/^[0-9a-f-]{36} /, "");
  }
  if (entry.kind === "fault") {
    const fault = parsed(entry.text);
    return fault && typeof fault === "object" ? faultWords(fault) : entry.text;
  }
  if (entry.kind === "ec2" && /^[a-z-]+$/.test(entry.text)) return `${entry.text} in EC2`;
  const state = enteredState(entry);
  if (state && state !== "Terminated") return entry.text.replace(state, `${state} (${LOOKS[LIFECYCLE[state]]})`);
  return entry.text;
}
