// The live pictures of all cameras, how each of them does, and who is seen where.

import { chip, figure, graph, intro, milliseconds, personName, pick } from "./parts.js";

const EVERY = 4; // times a second that figures come
const KEPT = 30 * EVERY; // of the graph
const SIDES = [320, 640, 960, 1280]; // pixels that the server offers
const FEW = 2, ENOUGH = 0.9, COARSE = 0.65; // pictures that are worth their pixels; of these, so many; of those of more
const HOW = [["", "as in the run"], ["outline", "as outlines"], ["only", "as the only skeletons"], ["off", "not at all"]];

export function open(root, studio) {
  const { make } = studio;
  const view = pick("View", [["", "as in the run"]], "live-view");
  const people3d = pick("3D people", HOW, "live-people3d");
  const colours = pick("Colours", [["limb", "of limbs"], ["id", "of people"]], "live-colours");
  const controls = make("div", { className: "controls" }, view.label, people3d.label, colours.label);
  const hint = make("p", { className: "about" });
  const grid = make("div", { className: "pictures" });
  const people = figure("people"), fps = figure("fps"), latency = figure("latency"), dropped = figure("frames dropped");
  const history = graph("fps over the last 30 seconds", KEPT);
  const stages = make("div", { className: "stages" }), who = make("div", { className: "who" });
  const aside = make("aside", {},
    make("section", { className: "card figures" }, people.box, fps.box, latency.box, dropped.box, history.element),
    make("section", { className: "card" }, make("h3", { textContent: "People, and the keypoints found" }), who),
    make("section", { className: "card" }, make("h3", { textContent: "Time in each stage" }), stages));
  const body = make("div", { className: "live" }, make("div", {}, controls, grid), aside);
  root.replaceChildren(intro("live",
    "All cameras with the people that the program finds; the number of each is their id. Record at the top keeps what is seen as a take; click a picture to enlarge it."), hint, body);

  let cards = [], shown = false, asked = null, worker = null;
  const seen = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      const one = cards.find(card => card.frame === target);
      if (one) one.seen = isIntersecting;
    }
    watch();
  });

  // No more pixels than each picture shows, none of those that are scrolled away: they cost the
  // server and this page time.
  function sides() {
    const share = cards.length > FEW ? COARSE : ENOUGH;
    return cards.map(one => {
      const wide = devicePixelRatio * one.frame.clientWidth * (one.card.className === "large" ? ENOUGH : share);
      return one.seen && wide ? SIDES.find(side => side >= wide) ?? SIDES.at(-1) : 0;
    });
  }

  // What the worker fetches and draws. A hidden page lets go.
  function watch() {
    if (worker === null) return;
    const wish = { view: view.select.value, people3d: people3d.select.value, side: sides().join() };
    const none = !shown || document.hidden || !studio.run || !/[1-9]/.test(wish.side);
    const url = none ? null : studio.socketAddress("frames", Object.fromEntries(Object.entries(wish).filter(one => one[1]))).href;
    const next = { url, by: colours.select.value, skeleton: studio.run?.skeleton };
    if (JSON.stringify(next) === asked) return;
    asked = JSON.stringify(next);
    worker.postMessage(next);
  }

  for (const select of [view.select, people3d.select, colours.select]) {
    select.addEventListener("change", watch);
  }

  async function offerViews() {
    const answer = await fetch(studio.address("views"));
    const names = answer.ok ? await answer.json() : [];
    view.offer([["", "as in the run"], ...names.map(name =>
      [name, name.replace("part:", "").replace("paf:", "fields at ").replaceAll("_", " ")])]);
  }

  function showRun() {
    const { run } = studio;
    hint.hidden = body.hidden = Boolean(run) === false;
    hint.hidden = Boolean(run);
    hint.replaceChildren("No cameras run. Start the program with some, for example: posestream studio webcam. Takes that were recorded are under ",
      make("a", { href: "#takes", textContent: "Takes" }), ".");
    cards = (run?.cameras ?? []).map(camera => {
      const picture = make("canvas", { role: "img", ariaLabel: `live picture of ${camera.name}` });
      const frame = make("div", { className: "frame", role: "button", tabIndex: 0, title: "enlarge it, or make it small again" }, picture);
      const health = make("span", { className: "health" }), figures = make("span", { className: "soft" });
      const card = make("figure", {}, frame, make("figcaption", {}, health, make("b", { textContent: camera.name }), figures));
      frame.addEventListener("click", () => {
        card.classList.toggle("large");
        watch();
      });
      frame.addEventListener("keydown", event => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        frame.click();
      });
      return { card, frame, canvas: picture, health, figures, seen: false, drawn: 0 };
    });
    seen.disconnect();
    worker?.terminate();
    worker = null;
    const able = "transferControlToOffscreen" in HTMLCanvasElement.prototype;
    if (cards.length && !able) studio.note("This browser is too old for live pictures; they need Chrome or Edge 80, Firefox 114 or Safari 17.", true);
    if (cards.length && able) {
      const canvases = cards.map(one => one.canvas.transferControlToOffscreen());
      worker = new Worker("studio/page/pictures.js", { type: "module" });
      asked = null;
      worker.postMessage({ canvases }, canvases);
      worker.onmessage = ({ data }) => {
        cards.forEach((one, n) => { one.drawn = data.drawn[n]; });
        root.busy = data.busy;
      };
    }
    root.cards = cards; // for measurements
    grid.style.setProperty("--columns", Math.ceil(Math.sqrt(cards.length)));
    grid.replaceChildren(...cards.map(one => one.card));
    for (const one of cards) seen.observe(one.frame);
    people3d.label.hidden = !run?.space;
    if (run) offerViews().catch(() => {});
    watch();
  }

  function showCamera(one, source, ended) {
    if (source.size) one.frame.style.setProperty("--shape", source.size.join(" / "));
    const tone = ended ? "soft" : source.up ? "good" : "bad";
    one.health.style.setProperty("--tone", `var(--${tone})`);
    one.health.title = ended ? "the run has ended" : source.up ? "pictures come" : source.age === null ? "no picture yet" : `no picture for ${Math.round(source.age)} s`;
    const count = source.people.length;
    const words = [`${count} ${count === 1 ? "person" : "people"}`];
    if (ended) words.unshift("ended");
    else if (!source.up) words.unshift(one.health.title);
    else words.unshift(`${source.fps.toFixed(1)} fps`, `${milliseconds(source.latency)} ms`);
    one.figures.textContent = words.join(" · ");
  }

  function showPeople(now) {
    const views = now.people.reduce((sum, one) => sum + one.views.length, 0);
    const noun = now.people.length === 1 ? "person" : "people";
    // A person whom several cameras see is one where there is a rig; without one nobody can tell.
    people.show(now.people.length, "", now.sources.length < 2 ? noun
      : now.space ? `${noun} in ${views} ${views === 1 ? "view" : "views"}` : `${noun}, each camera’s own`);
    const rows = now.people.map((one, n) => make("div", {}, chip(one.id, personName(one, n)),
      ...one.views.map(seen => make("span", { className: "soft" }, make("i", { textContent: seen.camera }), seen.keypoints.join(" / "))),
      ...one.views.length ? [] : [make("span", { className: "soft", textContent: "hidden from all cameras" })]));
    who.replaceChildren(...rows.length ? rows : [make("p", { className: "soft", textContent: "Nobody is in the pictures." })]);
  }

  function show(now) {
    watch();
    if (!shown) return;
    cards.forEach((one, n) => now.sources[n] && showCamera(one, now.sources[n], now.ended));
    if (now.silence === null) return;
    showPeople(now);
    fps.show(now.fps.toFixed(1));
    latency.show(milliseconds(now.age), "ms");
    dropped.show(now.dropped);
    history.add(now.fps);
    const most = Math.max(...Object.values(now.stages), 1e-6);
    stages.replaceChildren(...Object.entries(now.stages).map(([name, seconds]) => {
      const bar = make("i");
      bar.style.setProperty("--part", `${100 * seconds / most}%`);
      return make("div", {}, make("b", { textContent: name }), bar, make("span", { className: "soft", textContent: `${milliseconds(seconds)} ms` }));
    }));
  }

  new ResizeObserver(watch).observe(grid);
  studio.on("run", showRun);
  studio.on("figures", show);
  document.addEventListener("visibilitychange", watch);
  showRun();
  return {
    show() { shown = true; watch(); },
    hide() { shown = false; watch(); },
  };
}
