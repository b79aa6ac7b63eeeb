// What the polls have told so far. The region keeps a limited number of entries and invocations, and forgets what is
// gone; a page that was open meanwhile does not.

class Records {
  constructor() {
    /** Whether nothing more will be told. */
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

  /** The number of the last entry, to be asked for what follows. */
  get last() {
    return this.entries.at(-1)?.number ?? null;
  }

  /** How many entries the region had dropped before the first that is known here. */
  get dropped() {
    return this.entries[0]?.number ?? 0;
  }

  /**
   * Takes a poll's answer. False where another region has come up on the same port: it was asked for less than all,
   * so everything is forgotten and the next poll begins anew.
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

  /** The ledgers with the names of their clusters: `{prefix}/{cluster}/ledger.json`. */
  ledgers() {
    return Object.entries(this.view.ledgers).map(([key, last]) => ({
      key,
      cluster: key.split("/").at(-2) ?? key,
      body: last?.body ?? {},
      version: last,
      story: this.view.stories[key] ?? { claims: [], outcomes: [], instances: {} },
    }));
  }

  /** The ledger that is about a group. */
  ledgerOf(group) {
    return this.ledgers().find((ledger) => ledger.body.group?.name === group) ?? null;
  }

  /** The groups, also those that were deleted, in the order in which they came. */
  groupNames() {
    const told = this.entries.filter((entry) => entry.kind === "group").map((entry) => entry.who);
    return [...new Set([...told, ...Object.keys(this.view.groups), ...this.groupsOf.values()])];
  }

  /** The group that an instance is, or was last, in. */
  groupOf(instance) {
    return this.groupsOf.get(instance) ?? null;
  }
}
