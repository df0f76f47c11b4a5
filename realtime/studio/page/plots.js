// Angles, speeds and positions over time, live and of takes.

import uPlot from "./uplot.js";
import { rim, tint } from "./colours.js";
import { readJsonl } from "./jsonl.js";
import { instantsOf, series } from "./series.js";
import { openTake } from "./take.js";

const WINDOWS = [10, 30, 60, 180]; // seconds of live plots
const REDRAW = 100; // ms between two drawings of live plots
const KINDS = { angle: "Angle", speed: "Speed", position: "Position" };
const DASHES = [[], [8, 4], [2, 4]]; // of x, y and z
const dark = matchMedia("(prefers-color-scheme: dark)");
const FILE = "file"; // what follows #plots/ for a file of the user's; with :NAME one that lies beside the takes
const readable = name => name.replaceAll("_", " ");

export function open(root, studio) {
  const { make, on, note } = studio;
  const from = make("select", { ariaLabel: "from" }), of = make("select", { ariaLabel: "of" });
  const span = make("select", { ariaLabel: "length" }, ...WINDOWS.map(one => make("option", { value: one, textContent: `last ${one} s`, selected: one === 30 })));
  const hold = make("button", { textContent: "Pause", type: "button" });
  const more = make("button", { textContent: "Add a plot", type: "button" });
  const chooser = make("input", { type: "file", accept: ".jsonl", hidden: true });
  const file = make("button", { textContent: "Open a file …", type: "button", title: "JSON lines that --jsonl wrote; the file stays on this computer" });
  const words = make("p", { className: "soft" });
  const charts = make("div", { className: "charts" });
  root.replaceChildren(
    make("p", { className: "about", textContent: "How joints bend and how fast keypoints move. Drag over a plot to enlarge a time, double-click to see all of it; a click on the plot of a take goes to that frame. Files of JSON lines can be opened too, or dropped here." }),
    make("div", { className: "row bar" }, make("label", {}, "From ", from), file, chooser, make("label", {}, "of ", of), span, hold, more),
    words, charts);

  let opened = null; // a file of the user's
  let take = null, frames = [], live = [], plots = [], shown = false, held = false, unfollow = null, drawn = 0;

  const skeleton = () => take ? take.card.skeleton : studio.run?.skeleton ?? null;
  const cameras = () => (take ? take.card.cameras : studio.run?.cameras.map(one => one.name)) ?? [];
  const space = () => Boolean(take ? take.card.space : studio.run?.space);
  const camera = () => of.value === "" ? null : of.value;

  async function offer(wanted) {
    let takes = [], files = [];
    try { [takes, files] = await Promise.all([studio.ask("takes"), studio.ask("files")]); } catch { /* live plots need none */ }
    const options = [...takes.map(one => make("option", { value: one.id, textContent: one.name })),
      ...files.map(name => make("option", { value: `${FILE}:${name}`, textContent: name }))];
    if (studio.run) options.unshift(make("option", { value: "", textContent: "the cameras, live" }));
    if (opened) options.unshift(make("option", { value: FILE, textContent: opened.card.name }));
    from.replaceChildren(...options);
    const chosen = wanted || (studio.run ? "" : opened ? FILE : options[0]?.value ?? "");
    if ([...from.options].some(one => one.value === chosen)) from.value = chosen;
    await choose(from.value);
  }

  async function choose(id) {
    frames = [];
    if (!id) {
      take = null;
    } else if (id === FILE) {
      take = opened;
      frames = await opened.all();
    } else if (take?.id !== id) {
      words.textContent = "reading …";
      try {
        take = id.startsWith(`${FILE}:`) ? await openBeside(id) : await openTake(studio, id);
        const mine = take;
        const all = await mine.all(share => { words.textContent = `reading, ${Math.round(100 * share)} %`; });
        if (take !== mine) return;
        frames = all;
      } catch (error) {
        take = null;
        note(error.message, true);
      }
    } else {
      frames = await take.all();
    }
    span.hidden = hold.hidden = Boolean(take);
    const before = of.value, names = cameras();
    of.replaceChildren(
      ...space() ? [make("option", { value: "", textContent: "3D, in metres" })] : [],
      ...names.map(name => make("option", { value: name, textContent: `${name}, in pixels` })));
    if ([...of.options].some(one => one.value === before)) of.value = before;
    words.textContent = !skeleton() ? "There is nothing to plot: start the program with cameras, record a take, or open a file that --jsonl wrote." : "";
    if (skeleton() && !plots.length) {
      const joints = Object.keys(skeleton().joints);
      const first = joints.find(name => name === "right_elbow") ?? joints[0];
      if (first) addPlot("angle", first);
      addPlot("speed", skeleton().keypoints.find(name => name === "right_wrist") ?? skeleton().keypoints[0]);
    }
    for (const plot of plots) plot.offer();
    redraw();
    listen();
  }

  function addPlot(kind = "position", name = null) {
    const what = make("select", { ariaLabel: "what" }, ...Object.entries(KINDS).map(([value, text]) => make("option", { value, textContent: text, selected: value === kind })));
    const which = make("select", { ariaLabel: "of what" });
    const who = make("select", { ariaLabel: "person" });
    const away = make("button", { textContent: "×", type: "button", title: "remove this plot", ariaLabel: "remove this plot" });
    const place = make("div", { className: "plot" }), empty = make("p", { className: "soft" });
    const element = make("div", { className: "card" }, make("div", { className: "row" }, what, which, who, away), empty, place);
    const plot = { element, chart: null, shape: "", offer, draw, resize };

    function offer() {
      const known = skeleton();
      if (!known) return;
      const names = what.value === "angle" ? Object.keys(known.joints) : known.keypoints;
      const before = which.value || name;
      which.replaceChildren(...names.map(one => make("option", { value: one, textContent: readable(one) })));
      if (names.includes(before)) which.value = before;
    }

    function offerPeople(ids) {
      const listed = [...who.options].map(one => one.value).slice(1).join();
      if (listed === ids.join() && who.options.length) return;
      const before = who.value;
      who.replaceChildren(make("option", { value: "all", textContent: "everybody" }), ...ids.map(id => make("option", { value: id, textContent: id < 0 ? "somebody" : `person ${id}` })));
      who.value = ids.map(String).includes(before) ? before : "all";
    }

    function draw() {
      const known = skeleton();
      if (!known || !which.value) return;
      const instants = take ? instantsOf(frames, camera(), begin()) : recent();
      offerPeople([...new Set(instants.flatMap(one => one.people.map(person => person.id)))].sort((a, b) => a - b));
      const id = who.value === "all" ? null : Number(who.value);
      const { x, lines } = series(instants, known, { kind: what.value, name: which.value }, id);
      empty.textContent = lines.length ? "" : instants.length ? `${readable(which.value)}: not seen` : studio.ended ? "The run has ended: choose a take above." : "no frames yet";
      place.hidden = !lines.length;
      if (!lines.length) return;
      const unit = what.value === "angle" ? "degrees" : camera() === null ? (what.value === "speed" ? "m/s" : "m") : what.value === "speed" ? "px/s" : "px";
      const shape = [unit, ...lines.map(one => one.label)].join();
      if (plot.chart === null || shape !== plot.shape) {
        plot.chart?.destroy();
        plot.shape = shape;
        plot.chart = new uPlot(options(lines, unit, place), [x, ...lines.map(one => one.y)], place);
        plot.chart.over.addEventListener("click", () => {
          const n = plot.chart.cursor.idx;
          if (take?.card.times && n !== null && plot.chart.select.width === 0) goTo(n);
        });
      } else {
        plot.chart.setData([x, ...lines.map(one => one.y)], take === null);
      }
      element.dataset.points = x.length;
    }

    function resize() { plot.chart?.setSize({ width: place.clientWidth, height: 240 }); }

    for (const one of [what, which, who]) one.addEventListener("change", () => { offer(); draw(); });
    away.addEventListener("click", () => {
      plot.chart?.destroy();
      element.remove();
      plots = plots.filter(one => one !== plot);
    });
    plots.push(plot);
    charts.append(element);
    new ResizeObserver(resize).observe(place);
    offer();
    return plot;
  }

  function options(lines, unit, place) {
    const style = getComputedStyle(document.documentElement), tone = name => style.getPropertyValue(name).trim();
    const axis = { stroke: tone("--soft"), grid: { stroke: tone("--line"), width: 1 }, ticks: { stroke: tone("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    return {
      width: place.clientWidth || 600, height: 240,
      scales: { x: { time: false } },
      axes: [{ ...axis, label: "seconds", labelFont: axis.font, labelSize: 18, size: 32 }, { ...axis, label: unit, labelFont: axis.font, labelSize: 18, size: 52 }],
      cursor: { drag: { x: true, y: false } },
      legend: { live: true },
      series: [{ label: "s", value: (_, value) => value === null ? "–" : value.toFixed(2) }, ...lines.map(one => ({
        label: one.label, stroke: (dark.matches ? tint : rim)(one.id), width: 1.6, dash: DASHES[one.axis], spanGaps: false,
        value: (_, value) => value === null || value === undefined ? "–" : `${+value.toFixed(unit === "m" || unit === "m/s" ? 3 : 1)} ${unit}`,
      }))],
    };
  }

  const begin = () => frames[0]?.[0]?.time ?? 0;

  // The place in the plot as the number of a frame of the take.
  function goTo(n) {
    const kept = camera() === null ? frames.map(lines => lines.some(one => one.space)) : frames.map(lines => lines.some(one => one.source === camera()));
    let frame = -1;
    for (let left = n; left >= 0; left--) frame = kept.indexOf(true, frame + 1);
    location.hash = `#takes/${take.id}/${take.card.span[0] + frame}`;
  }

  // What the cameras saw in the last seconds, the newest at the right.
  function recent() {
    const wanted = camera(), found = [];
    for (const line of live) {
      if (wanted === null ? line.space : line.source === wanted) found.push({ time: line.time, people: wanted === null ? line.space : line.people });
    }
    const last = found.at(-1)?.time ?? 0;
    return found.filter(one => one.time > last - Number(span.value));
  }

  function listen() {
    const wanted = shown && !take && Boolean(studio.run);
    if (wanted && !unfollow) unfollow = on("line", add);
    if (!wanted && unfollow) { unfollow(); unfollow = null; }
  }

  function add(line) {
    // Another run, or the same after it was away, has times of its own.
    if (live.length && line.time < live.at(-1).time - 5) live = [];
    live.push(line);
    const oldest = line.time - WINDOWS.at(-1);
    if (live[0].time < oldest - 5) live = live.filter(one => one.time >= oldest);
    if (!held && performance.now() - drawn > REDRAW) redraw();
  }

  function redraw() {
    drawn = performance.now();
    if (!shown) return;
    for (const plot of plots) plot.draw();
    root.dataset.drawing = (performance.now() - drawn).toFixed(2);
  }

  async function openBeside(id) {
    const name = id.slice(FILE.length + 1);
    const answer = await fetch(studio.address(`studio/api/files/${encodeURIComponent(name)}`));
    if (!answer.ok) throw new Error(await answer.text());
    const size = Number(answer.headers.get("Content-Length")) || Infinity;
    return { ...await readJsonl({ name, size, stream: () => answer.body }, studio.joints), id };
  }

  async function openFile(chosen) {
    if (!chosen) return;
    words.textContent = "reading …";
    try {
      opened = await readJsonl(chosen, studio.joints, share => { words.textContent = `reading, ${Math.round(100 * share)} %`; });
      if (location.hash === `#plots/${FILE}`) offer(FILE);
      else location.hash = `#plots/${FILE}`;
    } catch (error) {
      words.textContent = "";
      note(error.message, true);
    }
  }
  file.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    openFile(chooser.files[0]);
    chooser.value = "";
  });
  root.addEventListener("dragover", event => event.preventDefault());
  root.addEventListener("drop", event => {
    event.preventDefault();
    openFile(event.dataTransfer.files[0]);
  });

  from.addEventListener("change", () => { location.hash = from.value ? `#plots/${from.value}` : "#plots/live"; });
  of.addEventListener("change", redraw);
  span.addEventListener("change", redraw);
  hold.addEventListener("click", () => {
    held = !held;
    hold.textContent = held ? "Go on" : "Pause";
  });
  more.addEventListener("click", () => { addPlot().draw(); });
  for (const what of ["run", "takes"]) on(what, () => shown && offer(take && (take.id ?? FILE)));
  dark.addEventListener("change", () => {
    for (const plot of plots) plot.shape = "";
    redraw();
  });
  return {
    show(rest) {
      shown = true;
      offer(rest === "live" ? "" : rest || (take && (take.id ?? FILE)));
    },
    hide() { shown = false; listen(); },
  };
}
