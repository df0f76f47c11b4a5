// The 3D people: live, the last minute once more, or a run that has ended.

import { chip, intro, pick, tick } from "./parts.js";
import { createScene } from "./scene.js";
import { openTake } from "./take.js";

const KEPT_S = 60; // seconds of what is live that can be looked at again
const PAST_S = 2; // seconds of trails and ghosts
const PICTURE_MS = 200; // between two pictures of a camera in its place
const VIEWS = { Home: [], Top: [-Math.PI / 2, 1.5], Front: [-Math.PI / 2, 0.1], Side: [0, 0.1] };

export function open(root, studio) {
  const { make } = studio;
  const options = { cameras: true, pictures: true, names: true, trails: false, ghosts: false, floor: true, axes: true, trailOf: 0, hidden: new Set() };
  const canvas = make("canvas", { ariaLabel: "the 3D people; arrow keys turn, plus and minus zoom" });
  const stage = make("div", { className: "stage" }, canvas);
  const scene = createScene(canvas, options);
  const hint = make("p", { className: "about" });
  const state = make("span", { className: "soft state" });

  const toggles = [["cameras", "Cameras"], ["pictures", "Pictures"], ["names", "Names"], ["floor", "Floor"], ["axes", "Axes"], ["ghosts", "Ghosts"], ["trails", "Trails"]]
    .map(([name, words]) => {
      const { box, label } = tick(words, options[name]);
      box.name = name;
      box.addEventListener("change", () => {
        options[name] = box.checked;
        scene.wake();
      });
      return label;
    });
  const trailOf = pick("Trail of", [], "trail-of");
  trailOf.select.addEventListener("change", () => {
    options.trailOf = Number(trailOf.select.value);
    scene.wake();
  });
  const views = Object.entries(VIEWS).map(([name, angles]) => {
    const button = make("button", { type: "button", textContent: name });
    button.addEventListener("click", () => scene.home(...angles));
    return button;
  });
  const who = make("div", { className: "controls" });
  const play = make("button", { type: "button", textContent: "Pause" }), goLive = make("button", { type: "button", textContent: "Live", hidden: true });
  const place = make("input", { type: "range", min: 0, max: 0, value: 0, ariaLabel: "frame" });
  const speed = pick("Speed", [[0.25, "¼"], [0.5, "½"], [1, "1"], [2, "2"], [4, "4"]], "space-speed");
  speed.select.value = "1";
  const loop = tick("Loop", true);
  const player = make("div", { className: "controls player" }, play, goLive, place, speed.label, loop.label, state);
  const body = make("div", {}, make("div", { className: "controls" }, ...views, ...toggles, trailOf.label), who, stage, player);
  root.replaceChildren(intro("space",
    "Drag to turn, right-drag or shift-drag to move, scroll to zoom, double-click to begin anew. The bar below goes back through the last minute, or through a run that has ended."),
  hint, body);

  // live: whether the newest instant is shown. at: the place of the one that is.
  let frames = [], live = true, playing = false, over = false, at = -1, head = 0, last = 0, socket = null, shown = false, ids = "";

  let recorded = null, pictured = 0; // the take that is shown in place of the run

  async function openRecorded(id) {
    try {
      const mine = recorded = { id, take: null };
      follow();
      watch();
      body.hidden = false;
      hint.hidden = false;
      hint.textContent = "reading …";
      const opened = await openTake(studio, id);
      if (!opened.card.space) throw new Error("This take has no 3D people: it was recorded without --rig.");
      const all = await opened.all();
      if (recorded !== mine) return;
      mine.take = opened;
      scene.setScene({ skeleton: opened.card.skeleton, ...opened.card.scene });
      const start = all[0][0].time;
      frames = all.map(lines => {
        const line = lines.find(one => one.space);
        const people = (line?.space ?? []).map(one => ({ ...one, filled: one.filled.flatMap((carried, k) => carried ? [k] : []) }));
        return { time: lines[0].time - start, ground: opened.card.floor, people };
      });
      offerTrails(opened.card.skeleton.keypoints);
      const back = studio.run ? [make("a", { href: "#space/live", textContent: "back to the cameras" })] : [];
      hint.replaceChildren(`“${opened.card.name}” · `, make("a", { href: `#takes/${id}`, textContent: "the take" }), ...back.length ? [" · ", ...back] : []);
      [live, at] = [false, -1];
      seek(0);
      setPlaying(true);
      goLive.hidden = true;
    } catch (error) {
      hint.textContent = error.message;
    }
  }

  function leaveRecorded() {
    recorded = null;
    over = false;
    socket?.close();
    setPlaying(false);
    showRun();
  }

  // What the cameras saw then, where they are.
  async function showPictures(n) {
    const { take } = recorded, moment = performance.now();
    if (!take?.card.filmed || !options.pictures || !options.cameras || moment - pictured < PICTURE_MS) return;
    pictured = moment;
    try {
      const all = await take.pictured(take.card.span[0] + n);
      all.forEach(async (one, camera) => one && scene.setPicture(camera, await createImageBitmap(one, { resizeWidth: 480 })));
    } catch { /* the next one will do */ }
  }

  function seek(n) {
    at = Math.max(0, Math.min(frames.length - 1, n));
    const one = frames[at];
    if (!one) return;
    let first = at;
    while (first > 0 && frames[first - 1].time > one.time - PAST_S) first -= 1;
    scene.show(one, options.trails || options.ghosts ? frames.slice(first, at) : []);
    place.max = frames.length - 1;
    place.value = at;
    state.textContent = `${one.time.toFixed(2)} s`;
    showPeople(one);
    if (recorded) showPictures(at);
  }

  function showPeople(one) {
    const all = [...new Set([...one.people.map(p => p.id), ...options.hidden])].sort((a, b) => a - b);
    if (all.join() === ids) return;
    ids = all.join();
    who.replaceChildren(make("span", { className: "soft", textContent: all.length ? "People" : "Nobody is seen in 3D." }), ...all.map(id => {
      const { box, label } = tick("", !options.hidden.has(id));
      box.ariaLabel = `show id ${id}`;
      label.append(chip(id, `id ${id}`));
      box.addEventListener("change", () => {
        options.hidden[box.checked ? "delete" : "add"](id);
        scene.wake();
      });
      return label;
    }));
  }

  function setPlaying(wanted) {
    playing = wanted;
    play.textContent = live || playing ? "Pause" : "Play";
    goLive.hidden = live || over || Boolean(recorded);
    if (!playing) return;
    head = frames[at]?.time ?? 0;
    last = performance.now();
    requestAnimationFrame(step);
  }

  function step(moment) {
    if (!playing || !frames.length) return;
    head += Math.max(0, moment - last) / 1000 * Number(speed.select.value);
    last = moment;
    const end = frames.at(-1).time;
    if (head > end) {
      if (loop.box.checked) [head, at] = [frames[0].time, 0];
      else {
        seek(frames.length - 1);
        return setPlaying(false);
      }
    }
    let n = Math.max(0, at);
    while (n + 1 < frames.length && frames[n + 1].time <= head) n += 1;
    if (n !== at || head === frames[0].time) seek(n);
    requestAnimationFrame(step);
  }

  play.addEventListener("click", () => {
    if (live) {
      live = false;
      setPlaying(false);
    } else setPlaying(!playing);
  });
  goLive.addEventListener("click", () => {
    live = true;
    setPlaying(false);
    seek(frames.length - 1);
  });
  place.addEventListener("input", () => {
    live = false;
    setPlaying(false);
    seek(Number(place.value));
  });

  function take(line) {
    if (frames.length && line.time < frames.at(-1).time) frames = []; // files that begin anew
    frames.push(line);
    let old = 0;
    while (frames[old].time < line.time - KEPT_S) old += 1;
    if (old) {
      frames.splice(0, old);
      at -= old;
    }
    place.max = frames.length - 1;
    if (live) seek(frames.length - 1);
  }

  function follow() {
    if (!shown || document.hidden || over || recorded || !studio.run?.space) return socket?.close();
    if (socket !== null && socket.readyState < WebSocket.CLOSING) return;
    socket = studio.socket("space/ws");
    let first = true;
    socket.onmessage = message => {
      const line = JSON.parse(message.data);
      if (recorded) return;
      if (line.over) return again();
      if (!first) return take(line);
      first = false;
      scene.setScene(line);
      offerTrails(line.skeleton.keypoints);
    };
  }

  function offerTrails(names) {
    const usual = ["mid_hip", "neck", "nose"].map(name => names.indexOf(name)).find(n => n >= 0) ?? 0;
    trailOf.offer(names.map((name, n) => [String(n), name.replaceAll("_", " ")]));
    if (!options.trailOf) trailOf.select.value = String(options.trailOf = usual);
  }

  // A run that has ended, as the server kept it.
  async function again() {
    if (over) return;
    over = true;
    live = false;
    try {
      const text = (await (await fetch(studio.address("space/recording"))).text()).trim();
      if (text) frames = text.split("\n").map(line => JSON.parse(line));
    } catch { /* what was seen here can be played all the same */ }
    hint.hidden = false;
    hint.textContent = frames.length ? `The run has ended: all of its ${frames.length} frames can be played.` : "The run has ended, without 3D people.";
    if (!frames.length) return;
    seek(0);
    setPlaying(true);
  }

  let pictures = null;
  function watch() {
    if (!shown || document.hidden || over || recorded || !options.pictures || !options.cameras || !studio.run?.space || !studio.run.pictures) return pictures?.close();
    if (pictures !== null && pictures.readyState < WebSocket.CLOSING) return;
    pictures = studio.socket("pictures", { side: 320, fps: 1000 / PICTURE_MS });
    pictures.binaryType = "arraybuffer";
    pictures.onmessage = async message => {
      const camera = new DataView(message.data).getUint16(0);
      if (!live) return;
      try {
        const blob = new Blob([new Uint8Array(message.data, 2)], { type: "image/jpeg" });
        scene.setPicture(camera, await createImageBitmap(blob));
      } catch { /* the next one will do */ }
    };
  }

  function showRun() {
    if (recorded) return;
    const known = studio.run?.space;
    body.hidden = !known;
    hint.hidden = Boolean(known);
    const link = (href, textContent) => make("a", { href, textContent });
    hint.replaceChildren(...!studio.run ? ["No cameras run; takes with 3D people are under ", link("#takes", "Takes"), "."]
      : ["3D people need calibrated cameras. ", link("#calibrate", "Calibrate"), " makes a rig file of the cameras that run; then start the program with --rig and that file."]);
    if (!over) [frames, at, live] = [[], -1, true];
    over = false;
    root.scene = scene; // for measurements
    follow();
    watch();
  }
  studio.on("run", showRun);
  studio.on("figures", () => {
    follow();
    watch();
  });
  document.addEventListener("visibilitychange", () => {
    follow();
    watch();
  });
  showRun();
  return {
    show(rest) {
      shown = true;
      const id = rest && rest !== "live" ? rest : null;
      if (id && recorded?.id !== id) openRecorded(id);
      if (rest === "live" && recorded) leaveRecorded();
      follow();
      watch();
      scene.wake();
    },
    hide() {
      shown = false;
      if (recorded) setPlaying(false);
      follow();
      watch();
    },
  };
}
