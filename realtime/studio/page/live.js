// The live pictures of all cameras, how each of them does, and who is seen where.

import { chip, figure, graph, intro, milliseconds, personName, pick } from "./parts.js";

const EVERY = 4; // times a second that figures come
const KEPT = 30 * EVERY; // of the graph
const SIDES = [320, 640, 960, 1280]; // pixels that the server offers
const HOW = [["", "as in the run"], ["outline", "as outlines"], ["only", "as the only skeletons"], ["off", "not at all"]];

export function open(root, studio) {
  const { make } = studio;
  const view = pick("View", [["", "as in the run"]], "live-view");
  const people3d = pick("3D people", HOW, "live-people3d");
  const controls = make("div", { className: "controls" }, view.label, people3d.label);
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
    "All cameras with the people that the program finds, each in the colour of their id. Record at the top keeps what is seen as a take; click a picture to enlarge it."), hint, body);

  let cards = [], pictures = null, shown = false, side = 0, awaited = false;

  // No more pixels than the largest picture shows: they cost the server and this page time.
  function wanted() {
    const most = devicePixelRatio * Math.max(0, ...cards.map(one => one.frame.clientWidth));
    return SIDES.find(one => one >= 0.9 * most) ?? SIDES.at(-1);
  }

  function again() {
    if (pictures !== null) pictures.onmessage = null;
    pictures?.close();
    pictures = null;
    watch();
  }

  // All pictures come over one connection: browsers allow six to a server. A hidden page lets go.
  function watch() {
    if (!shown || document.hidden || !studio.run) return pictures?.close();
    if (pictures !== null && pictures.readyState < WebSocket.CLOSING) return;
    const wish = { view: view.select.value, people3d: people3d.select.value, side: side = wanted() };
    pictures = studio.socket("pictures", Object.fromEntries(Object.entries(wish).filter(one => one[1])));
    pictures.binaryType = "arraybuffer";
    pictures.onmessage = message => {
      const one = cards[new DataView(message.data).getUint16(0)];
      if (!one) return;
      // While one is drawn only the newest of those that come is kept.
      one.next = new Blob([new Uint8Array(message.data, 2)], { type: "image/jpeg" });
      if (!one.drawing) draw(one);
    };
  }

  // Decoded while the page goes on; all that are ready are shown in the same frame of the page.
  async function draw(one) {
    one.drawing = true;
    while (one.next !== null) {
      const blob = one.next, began = performance.now();
      one.next = null;
      try {
        one.ready?.close();
        one.ready = await createImageBitmap(blob);
        one.drawingTime += performance.now() - began;
        if (!awaited) requestAnimationFrame(paint);
        awaited = true;
        await new Promise(requestAnimationFrame);
      } catch { /* the next one will do */ }
    }
    one.drawing = false;
  }

  function paint() {
    awaited = false;
    for (const one of cards.filter(card => card.ready)) {
      const { width, height } = one.ready;
      if (one.canvas.width !== width || one.canvas.height !== height) Object.assign(one.canvas, { width, height });
      one.pen.transferFromImageBitmap(one.ready);
      one.ready = null;
      one.drawn += 1;
    }
  }

  for (const select of [view.select, people3d.select]) {
    select.addEventListener("change", again);
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
    hint.textContent = "No cameras run. Start the program with some, for example: posestream studio webcam. Takes that were recorded are under Takes.";
    cards = (run?.cameras ?? []).map(camera => {
      const picture = make("canvas", { role: "img", ariaLabel: `live picture of ${camera.name}` });
      const frame = make("div", { className: "frame" }, picture);
      const health = make("span", { className: "health" }), figures = make("span", { className: "soft" });
      const card = make("figure", {}, frame, make("figcaption", {}, health, make("b", { textContent: camera.name }), figures));
      frame.addEventListener("click", () => {
        card.classList.toggle("large");
        if (wanted() !== side) again();
      });
      const pen = picture.getContext("bitmaprenderer");
      return { card, frame, canvas: picture, pen, health, figures, next: null, ready: null, drawing: false, drawn: 0, drawingTime: 0 };
    });
    root.cards = cards; // for measurements
    grid.style.setProperty("--columns", Math.ceil(Math.sqrt(cards.length)));
    grid.replaceChildren(...cards.map(one => one.card));
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

  new ResizeObserver(() => shown && side && wanted() !== side && again()).observe(grid);
  studio.on("run", showRun);
  studio.on("figures", show);
  document.addEventListener("visibilitychange", watch);
  showRun();
  return {
    show() { shown = true; watch(); },
    hide() { shown = false; watch(); },
  };
}
