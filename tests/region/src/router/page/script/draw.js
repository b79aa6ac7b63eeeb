// Draws the lanes: the place and the shape of each thing. The style sheets have the colours and patterns.

const ROW = 18;
/** A slow machine has many concurrent invocations, so their rows are thin. */
const THIN_ROW = 11;
const STRIP = 5;
const LANE_PAD = 7;
const SIGN_ROW = 12;
const AXIS = 26;
const EDGE = 14;

/** Steps of the axis, in milliseconds. */
const STEPS = [
  100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/** The height of a lane in pixels. */
function measure(lane) {
  const strips = lane.strips.length > 0 ? STRIP + 2 : 0;
  return SIGN_ROW + lane.rows * rowOf(lane) + strips + LANE_PAD;
}

function rowOf(lane) {
  return lane.kind === "function" ? THIN_ROW : ROW;
}

/** Maps a time to an x coordinate: the whole time span fits the given width. */
function scale(span, width) {
  return (time) => EDGE + (time / Math.max(span, 1)) * (width - 2 * EDGE);
}

/** Patterns that tell the states apart without colour. */
function patterns() {
  const hatch = (id, turn, gap) =>
    svg(
      "pattern",
      { id, width: gap, height: gap, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${turn})` },
      svg("rect", { width: gap, height: gap, class: `ground ${id}` }),
      svg("line", { x1: 0, y1: 0, x2: 0, y2: gap, class: `ink ${id}` }),
    );
  const dots = (id) =>
    svg(
      "pattern",
      { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      svg("rect", { width: 6, height: 6, class: `ground ${id}` }),
      svg("circle", { cx: 3, cy: 3, r: 1.1, class: `ink ${id}` }),
    );
  return svg(
    "defs",
    {},
    hatch("p-launch-wait", 45, 7),
    hatch("p-terminate-wait", -45, 7),
    dots("p-launching"),
    hatch("p-terminating", 90, 5),
    hatch("p-standby", 0, 6),
    dots("p-warm"),
    hatch("p-claim-open", 45, 6),
  );
}

function axis(span, x, width, height, floor) {
  const step = STEPS.find((one) => x(one) - x(0) >= 74) ?? Math.ceil(span / 10 / 3_600_000) * 3_600_000;
  const ticks = [];
  for (let time = 0; time <= span; time += step) {
    const at = x(time);
    const anchor = at > width - 40 ? "end" : at < 30 ? "start" : "middle";
    ticks.push(
      svg("line", { x1: at, x2: at, y1: floor, y2: height, class: "tick" }),
      svg("text", { x: at, y: 16, class: "tick-label", "text-anchor": anchor }, axisWords(time, step)),
    );
  }
  return svg("g", { "aria-hidden": "true" }, ticks);
}

function axisWords(time, step) {
  const seconds = time / 1_000;
  if (time < 60_000) return step < 1_000 ? `${seconds.toFixed(1)} s` : `${seconds} s`;
  return clock(time).replace(/\.0$/, "");
}

/** A bar of a lane; it has a label only where the label fits. */
function bar(span, x, top, height) {
  const [left, right] = [x(span.from), x(span.to)];
  const width = Math.max(right - left, 2);
  const fits = span.label && width > span.label.length * 6.1 + 10;
  return [
    svg("rect", { x: left, y: top, width, height, rx: Math.min(3, height / 2), class: `bar ${span.look}` }),
    fits && svg("text", { x: left + 6, y: top + height - 5, class: `bar-label ${span.look}` }, span.label),
  ];
}

/** The shape of a sign, around a point. */
function shape(sign, x, y) {
  const at = (...points) => points.map(([dx, dy]) => `${x + dx},${y + dy}`).join(" ");
  const attributes = { class: `sign ${sign}` };
  switch (sign) {
    case "fault":
      return svg("polygon", { points: at([0, -6], [6, 5], [-6, 5]), ...attributes });
    case "change":
      return svg("polygon", { points: at([0, -5.5], [5.5, 0], [0, 5.5], [-5.5, 0]), ...attributes });
    case "hook":
      return svg("polyline", { points: at([-4.5, 0], [-1.5, 4], [5, -5]), ...attributes });
    case "group":
      return svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8, ...attributes });
    case "host":
      return svg("line", { x1: x, x2: x, y1: y - 5, y2: y + 5, ...attributes });
    case "event":
      return svg("circle", { cx: x, cy: y, r: 3.4, ...attributes });
    default:
      return svg("circle", { cx: x, cy: y, r: 1.6, ...attributes });
  }
}

/** The end of an instance: a cross where its bars end. */
function cross(x, y) {
  return svg("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, class: "end" });
}

/** Something that can be pointed at and stepped to. */
function thing(key, words, time, place, ...shapes) {
  const node = svg("g", { class: "thing", "data-key": key, tabindex: "-1", role: "img", "aria-label": words }, shapes);
  return { key, words, time, node, ...place };
}

/** The things of a lane, ordered by time: its bars, its strips, the signs above them, and its end. */
function drawLane(lane, told, top, x) {
  const things = [];
  const rows = top + SIGN_ROW;
  lane.spans.forEach((span, index) => {
    const y = rows + (span.row ?? 0) * rowOf(lane);
    const words = `${clock(span.from)} to ${span.open ? "now" : clock(span.to)} (${lasted(span.to - span.from)})\n${span.text}`;
    const place = { x: Math.max(x(span.from), 0), y };
    things.push(thing(`${lane.key}/bar/${index}`, words, span.from, place, bar(span, x, y, rowOf(lane) - 3)));
  });
  lane.strips.forEach((span, index) => {
    const y = rows + lane.rows * rowOf(lane);
    const words = `${clock(span.from)} to ${span.open ? "now" : clock(span.to)}\n${span.text}`;
    things.push(thing(`${lane.key}/strip/${index}`, words, span.from, { x: x(span.from), y }, bar(span, x, y, STRIP)));
  });
  for (const cluster of gathered(told, x, 8)) {
    const words = cluster.marks.slice(0, 12).map((mark) => `${clock(mark.time)}  ${mark.text}`);
    if (cluster.marks.length > 12) words.push(`… and ${cluster.marks.length - 12} more: zoom in, or see the account`);
    const hit = svg("rect", { x: cluster.x - 6, y: top, width: 12, height: SIGN_ROW, class: "hit" });
    const key = `${lane.key}/sign/${Math.round(cluster.time)}`;
    things.push(
      thing(
        key,
        words.join("\n"),
        cluster.time,
        { x: cluster.x, y: top },
        hit,
        shape(cluster.sign, cluster.x, top + 6),
      ),
    );
  }
  if (lane.ended !== null && lane.ended !== undefined) {
    const words = `${clock(lane.ended)}\n${lane.title} is out of its group`;
    things.push(
      thing(`${lane.key}/end`, words, lane.ended, { x: x(lane.ended), y: rows }, cross(x(lane.ended) + 7, rows + 7)),
    );
  }
  return things.sort((a, b) => a.time - b.time);
}
