// The timeline: lanes against time, with a tooltip for the thing that is pointed at or stepped to.

const ZOOMS = [
  { key: "1", label: "all" },
  { key: "2", label: "2 ×" },
  { key: "4", label: "4 ×" },
  { key: "8", label: "8 ×" },
  { key: "16", label: "16 ×" },
];

class TimelineView {
  constructor(chooseLane) {
    this.chooseLane = chooseLane;
    this.zoom = 1;
    this.rows = [];
    this.current = null;
    this.records = null;
    this.scroll = byId("scroll");
    this.tip = byId("tip");
    choices(byId("zoom"), ZOOMS, (key) => this.zoomTo(Number(key)));
    press(byId("zoom"), (key) => key === "1");
    this.listen();
    this.legend();
  }

  listen() {
    this.scroll.addEventListener("pointerover", (event) => this.point(event.target.closest(".thing")));
    this.scroll.addEventListener("pointerleave", () => this.point(null));
    this.scroll.addEventListener("focusin", (event) => this.step(event.target.closest(".thing")?.dataset.key));
    this.scroll.addEventListener("focusout", () => this.hide());
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.scroll.addEventListener("scroll", () => this.hide());
    new ResizeObserver(() => this.draw(this.records)).observe(this.scroll);
  }

  /** Keeps the middle of the view in place, or its right end where the view is at the end. */
  zoomTo(zoom) {
    const { scrollLeft, clientWidth, scrollWidth } = this.scroll;
    const atEnd = scrollLeft + clientWidth >= scrollWidth - 4;
    const middle = (scrollLeft + clientWidth / 2) / scrollWidth;
    this.zoom = zoom;
    press(byId("zoom"), (key) => key === String(zoom));
    this.draw(this.records);
    this.scroll.scrollLeft = atEnd ? this.scroll.scrollWidth : middle * this.scroll.scrollWidth - clientWidth / 2;
  }

  draw(records) {
    if (!records?.view) return;
    this.records = records;
    const all = lanes(records);
    this.names(all);
    const atEnd = this.scroll.scrollLeft + this.scroll.clientWidth >= this.scroll.scrollWidth - 4;
    const left = this.scroll.scrollLeft;
    const focused = this.scroll.contains(document.activeElement)
      ? document.activeElement.closest(".thing")?.dataset.key
      : null;
    this.paint(all, Math.max(this.scroll.clientWidth, 300) * this.zoom);
    this.scroll.scrollLeft = atEnd ? this.scroll.scrollWidth : left;
    if (focused) this.find(focused)?.node.focus({ preventScroll: true });
  }

  paint(all, width) {
    const heights = all.map(measure);
    const height = AXIS + heights.reduce((sum, one) => sum + one, 0);
    const x = scale(this.records.now, width);
    const told = Map.groupBy(marks(this.records, all), (mark) => mark.lane);
    const grounds = [];
    let top = AXIS;
    this.rows = all.map((lane, index) => {
      grounds.push(svg("rect", { x: 0, y: top, width, height: heights[index], class: `lane ${lane.kind}` }));
      const things = drawLane(lane, told.get(lane.key) ?? [], top + 2, x);
      top += heights[index];
      return things;
    });
    const now = svg("line", {
      x1: x(this.records.now),
      x2: x(this.records.now),
      y1: AXIS - 6,
      y2: height,
      class: "now",
    });
    const nodes = this.rows.flat().map((one) => one.node);
    const label = "Lanes against time; the arrow keys step from one thing to the next";
    const drawing = svg(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label },
      patterns(),
      grounds,
      axis(this.records.now, x, width, height, AXIS),
      now,
      nodes,
    );
    this.scroll.replaceChildren(drawing);
    const reachable = this.find(this.current) ?? this.rows.flat()[0];
    reachable?.node.setAttribute("tabindex", "0");
  }

  names(all) {
    const facts = all.map((lane) => [
      lane.key,
      lane.title,
      lane.note,
      lane.state,
      lane.rows,
      lane.strips.length > 0,
      lane.ended !== null,
    ]);
    refresh(byId("lane-names"), facts, () => all.map((lane) => this.name(lane)));
  }

  name(lane) {
    const row = svg("svg", { class: "spacer", width: 1, height: measure(lane), "aria-hidden": "true" });
    const state = lane.kind === "instance" && (lane.state ?? "gone");
    const words =
      lane.kind === "region"
        ? lane.title
        : [lane.kind === "instance" ? "" : lane.kind, lane.title, lane.note, state].filter(Boolean).join(", ");
    const button = el(
      "button",
      {
        type: "button",
        "data-key": lane.key,
        class: `lane-name ${lane.kind}${state === "gone" ? " out" : ""}`,
        title: `${lane.who ?? lane.title}: show only this in the account`,
        "aria-label": words,
      },
      row,
      el("span", { class: "lane-title" }, lane.title),
      el("span", { class: "lane-note" }, lane.note ?? ""),
    );
    button.addEventListener("click", () => this.chooseLane(lane.who ?? ""));
    return button;
  }

  find(key) {
    return this.rows.flat().find((one) => one.key === key) ?? null;
  }

  point(node) {
    const found = node && this.find(node.dataset.key);
    if (found) this.show(found);
    else this.hide();
  }

  /** Tab reaches only the thing that was stepped to last. */
  step(key) {
    const found = key ? this.find(key) : null;
    if (!found) return;
    this.find(this.current)?.node.setAttribute("tabindex", "-1");
    this.current = key;
    found.node.setAttribute("tabindex", "0");
    this.show(found);
  }

  key(event) {
    const row = this.rows.findIndex((things) => things.some((one) => one.key === this.current));
    if (row === -1) return;
    const things = this.rows[row];
    const index = things.findIndex((one) => one.key === this.current);
    const steps = {
      ArrowRight: () => things[index + 1],
      ArrowLeft: () => things[index - 1],
      Home: () => things[0],
      End: () => things.at(-1),
      ArrowDown: () => this.nearest(row, 1, things[index].time),
      ArrowUp: () => this.nearest(row, -1, things[index].time),
      Escape: () => this.hide(),
    };
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const next = steps[event.key]();
    if (!next) return;
    next.node.focus({ preventScroll: true });
    next.node.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.show(next);
  }

  /** The thing nearest in time on the next lane that has any. */
  nearest(row, direction, time) {
    for (let at = row + direction; at >= 0 && at < this.rows.length; at += direction) {
      const sorted = [...this.rows[at]].sort((a, b) => Math.abs(a.time - time) - Math.abs(b.time - time));
      if (sorted.length > 0) return sorted[0];
    }
    return null;
  }

  show(found) {
    const chart = byId("chart");
    this.tip.textContent = found.words;
    this.tip.hidden = false;
    const left = this.scroll.offsetLeft + found.x - this.scroll.scrollLeft;
    this.tip.style.left = `${Math.max(4, Math.min(left, chart.clientWidth - this.tip.offsetWidth - 4))}px`;
    this.tip.style.top = `${found.y + ROW + SIGN_ROW + 8}px`;
  }

  hide() {
    this.tip.hidden = true;
  }

  legend() {
    const swatch = (shapes, words) =>
      el("span", { class: "swatch" }, svg("svg", { width: 30, height: 15, "aria-hidden": "true" }, shapes), words);
    const bars = Object.entries(LOOKS).map(([look, words]) =>
      swatch(
        look === "gone"
          ? cross(15, 7)
          : svg("rect", { x: 1, y: 1, width: 28, height: 13, rx: 3, class: `bar ${look}` }),
        words,
      ),
    );
    const strips = [
      ["member-open", "env open"],
      ["member-sealed", "learner: started, sealed"],
      ["member-voter", "voter"],
      ["member-removed", "removed"],
    ].map(([look, words]) =>
      swatch(svg("rect", { x: 1, y: 5, width: 28, height: STRIP, rx: 2, class: `bar ${look}` }), words),
    );
    const signs = Object.entries(SIGNS).map(([sign, words]) => swatch(shape(sign, 15, 7.5), words));
    byId("legend").replaceChildren(
      el("p", {}, el("b", {}, "Bars: the lifecycle"), el("span", {}, bars)),
      el("p", {}, el("b", {}, "Strips: the ledger"), el("span", {}, strips)),
      el("p", {}, el("b", {}, "Signs"), el("span", {}, signs)),
    );
  }
}
