// Small things that several panes are made of.

import { make } from "./shell.js";
import { tint } from "./colours.js";

export const milliseconds = s => s === null ? "–" : s < 0.0995 ? (1000 * s).toFixed(1) : (1000 * s).toFixed(0);

export const personName = (one, n) => one.id >= 0 ? `id ${one.id}` : `person ${n + 1}`;

export function chip(id, text) {
  const element = make("b", { className: "chip", textContent: text });
  if (id >= 0) element.style.setProperty("--hue", tint(id));
  return element;
}

// What a pane is for, until it was read once.
export function intro(name, text) {
  const key = `understood ${name}`, box = make("div", { className: "card intro", hidden: stored(key) !== null });
  const done = make("button", { type: "button", textContent: "Got it" });
  done.addEventListener("click", () => {
    box.hidden = true;
    stored(key, "yes");
  });
  box.append(make("p", { textContent: text }), done);
  return box;
}

function stored(name, value) {
  try {
    return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value);
  } catch { return null; }
}

// A choice with its label; options are [value, text].
export function pick(text, options, id) {
  const select = make("select", { id });
  const label = make("label", { className: "soft" }, `${text} `, select);
  const offer = some => {
    const before = select.value;
    select.replaceChildren(...some.map(([value, words]) => make("option", { value, textContent: words })));
    if (some.some(([value]) => value === before)) select.value = before;
  };
  offer(options);
  return { label, select, offer };
}

export function tick(text, checked) {
  const box = make("input", { type: "checkbox", checked });
  return { box, label: make("label", { className: "soft tick" }, box, ` ${text}`) };
}

// A large number with what it is below.
export function figure(name) {
  const number = make("strong", { textContent: "–" }), words = make("span", { className: "soft", textContent: name });
  return {
    box: make("div", {}, number, words),
    show(value, unit = "", what = name) {
      number.replaceChildren(String(value), make("small", { textContent: unit && ` ${unit}` }));
      words.textContent = what;
    },
  };
}

const SVG = "http://www.w3.org/2000/svg";
export function graph(name, kept) {
  const element = document.createElementNS(SVG, "svg"), values = [];
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${kept - 1} 44`, preserveAspectRatio: "none", role: "img", "aria-label": name, class: "graph" })) {
    element.setAttribute(key, value);
  }
  const [under, over] = ["under", "over"].map(kind => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", kind);
    return element.appendChild(path);
  });
  return {
    element,
    add(value) {
      values.push(value);
      if (values.length > kept) values.shift();
      const top = Math.max(...values, 1) * 1.15, left = kept - values.length;
      const points = values.map((one, n) => `${left + n} ${(43 - 42 * one / top).toFixed(1)}`).join("L");
      over.setAttribute("d", `M${points}`);
      under.setAttribute("d", `M${left} 44L${points}L${kept - 1} 44Z`);
    },
  };
}
