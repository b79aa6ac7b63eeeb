// What the polls have answered so far. The region drops old entries and invocations and instances that are gone; a page
// that was open at the time keeps them.

class Records {
  constructor() {
    /** Whether this is a snapshot, which gets no more answers. */
    this.snapshot = false;
    this.started = null;
    this.forget();
  }

  forget() {
    this.view = null;
    this.entries = [];
    this.invocations = new Map();
    this.addresses = new Map();
    this.groupsOf = new Map();
  }

  /** The number of the last entry; the next poll asks for the entries after it. */
  get last() {
    return this.entries.at(-1)?.number ?? null;
  }

  /** How many entries the region had dropped before the first entry known here. */
  get dropped() {
    return this.entries[0]?.number ?? 0;
  }

  /**
   * Takes a poll's answer. Returns false where another region has started on the same port: that region was asked for
   * only its newest entries, so the page forgets everything and the next poll asks for all.
   */
  take(view) {
    const another = this.started !== null && view.started !== this.started;
    if (another) {
      this.started = null;
      this.forget();
      return false;
    }
    this.started = view.started;
    this.start = Date.parse(view.started);
    this.now = this.time(view.now);
    this.view = view;
    const last = this.last ?? -1;
    for (const entry of view.timeline)
      if (entry.number > last) this.entries.push({ ...entry, time: this.time(entry.at) });
    for (const one of view.invocations) {
      this.invocations.set(`${one.request}/${one.process}/${one.began}`, { ...one, time: one.began - this.start });
    }
    for (const [id, instance] of Object.entries(view.instances)) {
      this.addresses.set(id, instance.address);
      if (instance.group) this.groupsOf.set(id, instance.group);
    }
    return true;
  }

  /** Milliseconds since the region's start. */
  time(at) {
    return (typeof at === "number" ? at : Date.parse(at)) - this.start;
  }

  /**
   * The ledgers with the names of their clusters: `{prefix}/{cluster}/ledger.json`. The bucket holds other objects, too,
   * such as what hosts report of themselves.
   */
  ledgers() {
    const ledgers = Object.entries(this.view.ledgers).filter(([key]) => key.endsWith("/ledger.json"));
    return ledgers.map(([key, last]) => ({
      key,
      cluster: key.split("/").at(-2) ?? key,
      body: last?.body ?? {},
      version: last,
      story: this.view.stories[key] ?? { claims: [], outcomes: [], instances: {} },
    }));
  }

  /** The ledger of a group. */
  ledgerOf(group) {
    return this.ledgers().find((ledger) => ledger.body.group?.name === group) ?? null;
  }

  /** The names of the groups, deleted groups included, in the order of their creation. */
  groupNames() {
    const told = this.entries.filter((entry) => entry.kind === "group").map((entry) => entry.who);
    return [...new Set([...told, ...Object.keys(this.view.groups), ...this.groupsOf.values()])];
  }

  /** The group that an instance is in, or was in last. */
  groupOf(instance) {
    return this.groupsOf.get(instance) ?? null;
  }
}
