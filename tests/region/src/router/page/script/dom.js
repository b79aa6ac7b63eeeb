// All elements are built here. Text is inserted as text: nothing from the region is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element; attributes and children that are null or false are left out. */
function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const byId = (id) => document.getElementById(id);

const shown = new WeakMap();

/**
 * Rebuilds the children of a node, but only where the facts that they show have changed, so that a selection, an open
 * part and the focus survive a poll without news.
 */
function refresh(node, facts, build) {
  const key = JSON.stringify(facts);
  if (shown.get(node) === key) return;
  shown.set(node, key);
  const toggled = new Map([...node.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]));
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  node.replaceChildren(...[build()].flat(Infinity).filter(Boolean));
  for (const one of node.querySelectorAll("details[data-key]")) one.open = toggled.get(one.dataset.key) ?? one.open;
  if (focused) [...node.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
}

/** A row of toggle buttons; `choose` gets the key of the button that was clicked. */
function choices(container, options, choose) {
  container.replaceChildren(
    ...options.map(({ key, label, title, className }) => {
      const button = el(
        "button",
        { type: "button", "data-key": key, title, class: className, "aria-pressed": "false" },
        label,
      );
      button.addEventListener("click", () => choose(key));
      return button;
    }),
  );
}

/** Shows which of these buttons are pressed. */
function press(container, isPressed) {
  for (const button of container.children) button.setAttribute("aria-pressed", String(isPressed(button.dataset.key)));
}

/** Names and values beside each other. */
function facts(pairs) {
  return el(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, value, title]) => [el("dt", {}, name), el("dd", { title }, value)]),
  );
}
