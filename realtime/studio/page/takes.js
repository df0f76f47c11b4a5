// Takes: a list, and a player that scrubs, cuts and exports.

import { drawPeople } from "./skeleton.js";
import { frameAt, openTake } from "./take.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2];
const AHEAD = 3; // frames whose pictures are fetched while one is shown
const readable = name => name.replaceAll("_", " ");

export function open(root, studio) {
  const { make, ask, note, confirmed, clock, on } = studio;
  const list = make("div", { className: "list" });
  const stage = make("div", { className: "desk" });
  root.replaceChildren(make("div", { className: "takes-page" }, list, stage));
  let takes = [], chosen = null, player = null;

  async function refresh() {
    try {
      takes = await ask("takes");
    } catch (error) {
      list.replaceChildren(make("p", { className: "soft", textContent: error.message }));
      return;
    }
    draw();
  }

  function draw() {
    if (!takes.length) {
      const words = studio.run
        ? "No takes yet. Press Record above to make one: the poses and the pictures of all cameras are kept until you press Stop."
        : "No takes here yet. Start the program with cameras to record some, for example: posestream studio webcam";
      list.replaceChildren(make("p", { className: "about", textContent: words }));
      stage.replaceChildren();
      return;
    }
    list.replaceChildren(make("h3", { textContent: takes.length === 1 ? "1 take" : `${takes.length} takes` }),
      ...takes.map(take => {
        const about = [`${take.lasts.toFixed(1)} s${take.cut ? " (cut)" : ""}`, counted(take.cameras.length, "camera"), counted(take.people, "person", "people")];
        if (take.space) about.push("3D");
        return make("a", { href: `#takes/${take.id}`, className: take.id === chosen ? "take chosen" : "take", ariaCurrent: take.id === chosen ? "true" : null },
          make("b", { textContent: take.name }),
          make("span", { textContent: about.join(" · ") }),
          make("span", { textContent: new Date(take.recorded).toLocaleString() }));
      }));
    if (!chosen) stage.replaceChildren(make("p", { className: "about", textContent: "Choose a take to play it, to cut it, and to export it." }));
  }

  async function choose(id, frame) {
    if (id === chosen && player) return frame !== undefined && player.seek(frame);
    player?.close();
    player = null;
    chosen = id || null;
    await refresh();
    if (!chosen) return;
    try {
      const take = await openTake(studio, chosen);
      if (take.id !== chosen) return;
      player = play(take);
      stage.replaceChildren(player.element);
      await player.seek(frame ?? take.card.span[0]);
      if (matchMedia("(max-width: 860px)").matches) stage.scrollIntoView();
    } catch (error) {
      stage.replaceChildren(make("p", { className: "about", textContent: error.message }));
    }
  }

  function play(take) {
    const { card } = take;
    const names = take.card.skeleton.keypoints;
    let now = -1, playing = false, wanted = null, busy = false, began = 0, from = 0, speed = 1, picked = false;
    let [first, end] = card.span; // what is marked: the frames that a cut would keep

    const views = card.views.map(view => {
      const canvas = make("canvas", { width: view.size?.[0] ?? 1280, height: view.size?.[1] ?? 720, role: "img", ariaLabel: `picture of ${view.name}` });
      return { view, canvas, pen: canvas.getContext("2d") };
    });
    const slider = make("input", { type: "range", className: "slider", min: 0, max: card.frames - 1, step: 1, ariaLabel: "frame" });
    const marked = make("i");
    const toggle = make("button", { textContent: "Play", className: "main", type: "button", title: "space" });
    const back = make("button", { textContent: "◂", type: "button", title: "one frame back (←)", ariaLabel: "one frame back" });
    const on1 = make("button", { textContent: "▸", type: "button", title: "one frame on (→)", ariaLabel: "one frame on" });
    const where = make("span", { className: "where" });
    const pace = make("select", { ariaLabel: "speed" }, ...SPEEDS.map(one => make("option", { value: one, textContent: `${one}×`, selected: one === 1 })));
    const who = make("select", { ariaLabel: "person" });
    const table = make("table");

    async function seek(n) {
      n = Math.max(0, Math.min(card.frames - 1, Math.round(Number(n)) || 0));
      wanted = n;
      if (busy) return;
      busy = true;
      try {
        while (wanted !== null) {
          const next = wanted;
          wanted = null;
          await show(next);
        }
      } catch (error) {
        stop();
        note(error.message, true);
      }
      busy = false;
    }

    async function show(n) {
      const [lines, pictures] = await Promise.all([take.frame(n), take.pictured(n)]);
      for (let more = 1; playing && more <= AHEAD; more++) take.pictured(n + more).catch(() => {});
      now = n;
      views.forEach((one, camera) => paint(one, lines.find(line => line.source === one.view.name), pictures[camera]));
      slider.value = n;
      where.textContent = `frame ${n} of ${card.frames} · ${card.times[n].toFixed(2)} s`;
      showTable(lines);
      element.dataset.frame = n;
      studio.tell("frame", { take, n, lines });
    }

    function paint({ view, canvas, pen }, line, picture) {
      const [width, height] = view.size ?? [1280, 720];
      const [wide, high] = picture ? [picture.width, picture.height] : [width, height];
      if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
      if (picture) pen.drawImage(picture, 0, 0);
      else { pen.fillStyle = "#08090b"; pen.fillRect(0, 0, wide, high); }
      const scale = wide / width;
      const people = (line?.people ?? []).map(({ id, keypoints }) => ({
        id, points: keypoints.map(([x, y, score]) => score > 0 ? [x * scale, y * scale] : null),
      }));
      drawPeople(pen, people, card.skeleton, "id");
    }

    function showTable(lines) {
      const space = lines.find(line => line.space)?.space;
      const people = [];
      for (const person of space ?? []) people.push({ key: `3D ${person.id}`, said: `person ${person.id} in 3D, metres`, rows: person.xyz });
      for (const line of lines) {
        line.people.forEach((person, place) => people.push({
          key: `${line.source} ${person.id < 0 ? `#${place}` : person.id}`,
          said: `${person.id < 0 ? `person ${place + 1}` : `person ${person.id}`} at ${line.source}, pixels`,
          rows: person.keypoints.map(one => one[2] > 0 ? one : null),
        }));
      }
      const before = picked ? who.value : "";
      who.replaceChildren(...people.map(one => make("option", { value: one.key, textContent: one.said })));
      if (people.some(one => one.key === before)) who.value = before;
      else if (before) { // stays chosen though nobody of that name is here now
        who.prepend(make("option", { value: before, textContent: `${before}: not here` }));
        who.value = before;
      }
      const one = people.find(person => person.key === who.value);
      table.replaceChildren(...(one?.rows ?? []).map((row, k) => make("tr", {},
        make("th", { textContent: readable(names[k]) }),
        ...(row ?? ["–", "–", "–"]).map(cell => make("td", { textContent: typeof cell === "number" ? +cell.toFixed(4) : cell })))));
    }

    function tick() {
      if (!playing) return;
      const time = card.times[from] + speed * (performance.now() - began) / 1000;
      let n = frameAt(card.times, time);
      if (n >= end - 1) {
        if (time > card.times[end - 1] + 0.1) { from = first; began = performance.now(); }
        n = Math.min(n, end - 1);
      }
      if (n !== now) seek(n);
      requestAnimationFrame(tick);
    }

    function start() {
      if (playing) return;
      from = now >= end - 1 || now < first ? first : now;
      began = performance.now();
      playing = true;
      toggle.textContent = "Pause";
      tick();
    }
    function stop() {
      playing = false;
      toggle.textContent = "Play";
    }
    const step = by => { stop(); seek((wanted ?? now) + by); };

    toggle.addEventListener("click", () => playing ? stop() : start());
    back.addEventListener("click", () => step(-1));
    on1.addEventListener("click", () => step(1));
    slider.addEventListener("input", () => { stop(); seek(slider.value); });
    pace.addEventListener("change", () => { from = Math.max(now, 0); began = performance.now(); speed = Number(pace.value); });
    who.addEventListener("change", () => {
      picked = true;
      take.frame(now).then(showTable);
    });

    // The cut.
    const cutWords = make("span", { className: "soft" });
    const from1 = make("button", { textContent: "Start here", type: "button", title: "i" });
    const to1 = make("button", { textContent: "End here", type: "button", title: "o" });
    const keep = make("button", { textContent: "Cut", type: "button" });
    const another = make("button", { textContent: "Save as a new take", type: "button" });
    const whole = make("button", { textContent: "Undo the cut", type: "button" });

    function showCut() {
      const share = n => `${100 * n / Math.max(1, card.frames - 1)}%`;
      marked.style.left = share(first);
      marked.style.width = share(end - 1 - first);
      const seconds = card.times[end - 1] - card.times[first];
      const all = first === 0 && end === card.frames;
      cutWords.textContent = all ? "Go to a frame and press Start here or End here to cut what lies outside."
        : `${counted(end - first, "frame")}, ${seconds.toFixed(2)} s are marked`;
      const same = first === card.span[0] && end === card.span[1];
      keep.disabled = same;
      another.disabled = all;
      whole.hidden = !card.cut;
    }
    const mark = at => { // "Start here" after the end moves the end to the last frame, and back
      if (at === "first") { first = now; if (end <= first) end = card.frames; }
      else { end = now + 1; if (first >= end) first = 0; }
      showCut();
    };
    from1.addEventListener("click", () => mark("first"));
    to1.addEventListener("click", () => mark("end"));

    async function cut(span, copy) {
      try {
        const made = await ask(`takes/${take.id}/cut`, copy === undefined ? { span } : { span, copy });
        if (copy !== undefined) {
          note(`“${made.name}” is a take of its own now.`);
          location.hash = `#takes/${made.id}`;
          return;
        }
        card.cut = made.cut;
        card.span = made.span;
        [first, end] = card.span;
        showCut();
        await refresh();
      } catch (error) { note(error.message, true); }
    }
    keep.addEventListener("click", () => cut([first, end]));
    whole.addEventListener("click", () => cut(null));
    another.addEventListener("click", () => cut([first, end], `${card.name}, ${card.times[first].toFixed(1)}–${card.times[end - 1].toFixed(1)} s`));

    // Exports.
    const made = make("div", { className: "made" });
    const exports = make("div", { className: "row" }, ...card.formats.map(({ format, title }) => {
      const button = make("button", { textContent: title, type: "button", value: format });
      button.addEventListener("click", async () => {
        button.disabled = true;
        const line = make("p", { className: "soft", textContent: `Making ${title} …` });
        made.prepend(line);
        try {
          const { file, bytes } = await ask(`takes/${take.id}/export`, { format });
          const href = studio.address(`studio/api/takes/${take.id}/export/${format}`);
          const link = make("a", { href, download: file, textContent: file });
          line.replaceChildren(link, ` (${size(bytes)}), also in ${studio.folder}/${take.id}/exports`);
          link.click();
        } catch (error) {
          line.textContent = `${title}: ${error.message}`;
          line.className = "bad";
        }
        button.disabled = false;
      });
      return button;
    }));

    // The take itself.
    const title = make("input", { value: card.name, maxLength: 80, className: "title", ariaLabel: "name of the take" });
    title.addEventListener("change", async () => {
      try {
        const renamed = await ask(`takes/${take.id}/rename`, { name: title.value });
        title.value = card.name = renamed.name;
        await refresh();
      } catch (error) { note(error.message, true); }
    });
    title.addEventListener("keydown", event => event.key === "Enter" && title.blur());
    const remove = make("button", { textContent: "Delete …", className: "bad", type: "button" });
    remove.addEventListener("click", async () => {
      if (!await confirmed(`Delete “${card.name}”, its pictures and its exports for good?`, "Delete")) return;
      try {
        await ask(`takes/${take.id}/delete`, { delete: take.id });
        note(`“${card.name}” was deleted.`);
        location.hash = "#takes";
      } catch (error) { note(error.message, true); }
    });

    const element = make("div", { className: "deck" },
      make("div", { className: "row" }, title,
        make("a", { className: "button", href: `#plots/${take.id}`, textContent: "Plots" }),
        ...card.space ? [make("a", { className: "button", href: `#space/${take.id}`, textContent: "3D" })] : [],
        remove),
      make("div", { className: "films" }, ...views.map(one => make("figure", {}, one.canvas, make("figcaption", { textContent: one.view.name })))),
      make("div", { className: "transport" },
        make("div", { className: "track" }, slider, make("div", { className: "marked" }, marked)),
        make("div", { className: "row" }, back, toggle, on1, pace, where)),
      make("div", { className: "card" }, make("h3", { textContent: "Cut" }), make("div", { className: "row" }, from1, to1, keep, another, whole), cutWords),
      make("div", { className: "card" }, make("h3", { textContent: "Export" }), exports, made),
      make("details", { className: "card" }, make("summary", { textContent: "Coordinates of this frame" }), who, make("div", { className: "scroll" }, table)),
    );
    element.querySelector(".films").style.setProperty("--columns", Math.ceil(Math.sqrt(views.length)));
    showCut();

    function press(event) {
      if (root.hidden || event.target.closest?.("input:not([type=range]), select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
      const does = {
        " ": () => toggle.click(), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
        Home: () => { stop(); seek(first); }, End: () => { stop(); seek(end - 1); },
        i: () => from1.click(), o: () => to1.click(),
      }[event.key];
      if (!does || (event.key === " " && event.target.closest?.("button, a, summary"))) return;
      event.preventDefault();
      does();
    }
    addEventListener("keydown", press);
    return { element, seek, stop, close() { stop(); removeEventListener("keydown", press); } };
  }

  on("takes", refresh);
  on("run", refresh);
  return {
    show(rest) {
      const [id, frame] = rest.split("/");
      choose(id, frame);
    },
    hide() { player?.stop(); },
  };
}

const counted = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
const size = bytes => bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
