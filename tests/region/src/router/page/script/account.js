// The account: every entry as a sentence, filtered by kind, by subject and by text.

/** How many lines are shown at most; the rest is counted. */
const LINES = 400;

class AccountView {
  constructor() {
    this.off = new Set(["event", "ssm", "s3"]);
    this.kinds = "";
    this.people = "";
    for (const id of ["account-text", "account-who", "account-first"]) {
      byId(id).addEventListener("input", () => this.draw(this.records));
    }
  }

  /** Shows only the entries about `who`; all entries where it is empty. */
  narrow(who) {
    byId("account-who").value = who;
    this.draw(this.records);
    byId("account").scrollIntoView({ block: "start" });
    byId("account-who").focus({ preventScroll: true });
  }

  draw(records) {
    if (!records?.view) return;
    this.records = records;
    const lines = this.lines(records);
    this.controls(records, lines);
    const [text, who] = [byId("account-text").value.toLowerCase(), byId("account-who").value];
    const wanted = lines.filter(
      (line) => !this.off.has(line.kind) && (!who || line.about.includes(who)) && line.searched.includes(text),
    );
    if (!byId("account-first").checked) wanted.reverse();
    const cut = wanted.slice(0, LINES);
    const rest = wanted.length - cut.length;
    byId("account-count").textContent =
      `${wanted.length} of ${lines.length} entries${rest > 0 ? `, the first ${LINES} shown` : ""}${records.dropped > 0 ? `; the region has dropped the ${records.dropped} oldest` : ""}`;
    refresh(
      byId("account-list"),
      cut.map((line) => line.key),
      () => cut.map(entryLine),
    );
  }

  lines(records) {
    const entries = records.entries.map((entry) =>
      line(entry.number, entry.time, entry.kind, entry.who, sentence(entry)),
    );
    const outcomes = records
      .ledgers()
      .flatMap((ledger) =>
        ledger.story.outcomes.map((one, index) =>
          line(
            `${ledger.key}/${one.version}/${index}`,
            records.time(one.at),
            "ledger",
            ledger.key,
            one.text,
            `ledger of ${ledger.cluster}`,
          ),
        ),
      );
    return [...entries, ...outcomes].sort((a, b) => a.time - b.time);
  }

  /** The choices of kinds and names; rebuilt only when they change, so that the user's selection stays. */
  controls(records, lines) {
    const kinds = [...new Set(lines.map((one) => one.kind))].sort();
    if (kinds.join() !== this.kinds) {
      this.kinds = kinds.join();
      choices(
        byId("account-kinds"),
        kinds.map((kind) => ({ key: kind, label: kind, className: `kind ${kind}` })),
        (kind) => this.toggle(kind),
      );
    }
    press(byId("account-kinds"), (kind) => !this.off.has(kind));
    const people = lanes(records)
      .filter((lane) => lane.who)
      .map((lane) => [lane.who, lane.kind === "ledger" ? "the ledger" : lane.title]);
    if (JSON.stringify(people) === this.people) return;
    this.people = JSON.stringify(people);
    const chosen = byId("account-who").value;
    byId("account-who").replaceChildren(
      el("option", { value: "" }, "anything"),
      ...people.map(([value, words]) => el("option", { value }, words)),
    );
    byId("account-who").value = chosen;
  }

  toggle(kind) {
    if (!this.off.delete(kind)) this.off.add(kind);
    this.draw(this.records);
  }
}

function line(key, time, kind, who, text, whoWords = short(who)) {
  const about = `${who} ${text}`;
  return { key, time, kind, who, whoWords, text, about, searched: `${about} ${short(about)}`.toLowerCase() };
}

function entryLine(one) {
  return el(
    "li",
    { class: one.kind },
    el("time", {}, clock(one.time)),
    el("span", { class: `kind ${one.kind}` }, one.kind),
    el("span", { class: "who", title: one.who }, one.whoWords),
    el("span", { class: "text", title: one.text === short(one.text) ? null : one.text }, short(one.text)),
  );
}
