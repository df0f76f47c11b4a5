// Lenses and rigs, calibrated with a board before the cameras that run; rigs checked and mended.

import { intro, pick, tick } from "./parts.js";
import { createScene } from "./scene.js";

const EVERY_MS = 300; // between questions about how it goes
const PICTURE_MS = 60; // between two pictures of the guide
const HOLDS = [["0.3", "0.3 s"], ["1", "1 s"], ["2", "2 s"], ["0", "not at all"]];
const ROWS = ["upper", "middle", "lower"], COLUMNS = ["left", "middle", "right"];
const KEYS = { " ": "take", u: "drop", Enter: "finish" };
const TITLES = { lens: "Lens of", rig: "Where the cameras stand", check: "Check of", "board-check": "Check of" };

export function open(root, studio) {
  const { make } = studio;
  const button = (text, work, given = {}) => {
    const element = make("button", { type: "button", textContent: text, ...given });
    element.addEventListener("click", work);
    return element;
  };
  const act = async (path, body) => {
    try {
      show(await studio.ask(`calibrate/${path}`, body));
    } catch (error) { studio.note(error.message, true); }
  };
  let state = null, shown = false, timer = 0, closed = "", told = "";

  // What is under way, or came of it.
  const title = make("h2"), words = make("p", { className: "words", role: "status" });
  const picture = make("img", { alt: "what the guide sees", className: "guide" });
  const meters = make("div", { className: "stages meters" }), cells = make("div", { className: "cells", role: "img" });
  const table = make("table", { className: "shared" }), report = make("pre"), chart = make("img", { alt: "where the lens is known, and how well it fits", className: "chart" });
  const verdict = make("p", { className: "words" });
  const keys = make("div", { className: "controls" },
    button("Take it now", () => act("press", { key: "take" }), { className: "main", name: "take" }),
    button("Remove the last one", () => act("press", { key: "drop" }), { name: "drop" }),
    button("Finish", () => act("press", { key: "finish" }), { name: "finish" }),
    button("Cancel", () => act("press", { key: "cancel" }), { name: "cancel" }));
  const mend = button("Mend it", () => act("mend", {}));
  const more = button("Take more", () => begin("more", {}));
  const after = make("div", { className: "controls" }, mend, more, button("Close", () => {
    closed = told;
    show(state);
  }));
  const session = make("div", { className: "card session", hidden: true }, title, words, keys,
    make("div", { className: "guiding" }, picture, make("div", {}, meters, cells, table)), verdict, report, chart, after);

  // The board.
  const kind = pick("Kind", [["charuco", "ChArUco"], ["chessboard", "chessboard"]], "board-kind");
  const number = (name, label, value, step) => {
    const input = make("input", { type: "number", name, value, step, min: step });
    return { input, label: make("label", { className: "soft" }, `${label} `, input) };
  };
  const fields = {
    columns: number("columns", "Columns", 8, 1), rows: number("rows", "Rows", 5, 1),
    square: number("square", "Side of a square, mm", 30, 0.01), marker: number("marker", "of a marker, mm", 22.5, 0.01),
  };
  const dictionary = make("input", { name: "dictionary", value: "DICT_4X4_50", size: 14 });
  const ofMarkers = make("label", { className: "soft" }, "Dictionary ", dictionary);
  const inverted = tick("black and white are swapped", false), legacy = tick("printed by OpenCV before 4.6", false);
  inverted.box.name = "inverted";
  legacy.box.name = "legacy";
  const counted = make("p", { className: "soft" });
  const boardWords = make("p");
  const sheets = make("p", { className: "soft" });
  const board = make("form", { className: "card" }, make("h3", { textContent: "1 · The board" }),
    make("p", { className: "about", textContent: "Which board do you hold before the cameras? Measure a square of the print: all lengths come from it." }),
    make("div", { className: "controls" }, kind.label, ...Object.values(fields).map(one => one.label), ofMarkers, inverted.label, legacy.label,
      make("button", { textContent: "Use this board", className: "main" })), counted, boardWords, sheets);
  const ofKind = () => {
    const marked = kind.select.value === "charuco";
    fields.marker.label.hidden = ofMarkers.hidden = legacy.label.hidden = !marked;
    counted.textContent = marked ? "Columns and rows count the squares." : "Columns and rows count the inner corners; one of them odd, the other even.";
  };
  kind.select.addEventListener("change", ofKind);
  board.addEventListener("submit", event => {
    event.preventDefault();
    const given = { kind: kind.select.value, dictionary: dictionary.value.trim(), inverted: inverted.box.checked, legacy: legacy.box.checked };
    for (const [name, one] of Object.entries(fields)) given[name] = Number(one.input.value);
    act("board", given);
  });

  // Lenses and the rig.
  const hold = pick("Hold the board still for", HOLDS, "hold");
  hold.select.value = "1";
  const held = () => Number(hold.select.value);
  const lenses = make("div", { className: "rows" }), rigWords = make("p", { className: "about" });
  const origin = tick("the first board lies on the floor: the world begins there", false);
  const rigButton = button("Calibrate the rig", () => act("rig", { hold: held(), origin: origin.box.checked }), { className: "main" });
  const lensWords = make("p", { className: "about" });
  const lensCard = make("div", { className: "card" }, make("h3", { textContent: "2 · Lenses" }), lensWords,
    make("div", { className: "controls" }, hold.label), lenses);
  const rigCard = make("div", { className: "card" }, make("h3", { textContent: "3 · Where the cameras stand" }), rigWords,
    make("div", { className: "controls" }, rigButton, origin.label));

  // Rigs that there are.
  const rigs = make("div", { className: "rows" });
  const canvas = make("canvas", { ariaLabel: "the cameras of a rig in 3D" });
  const stage = make("div", { className: "stage", hidden: true }, canvas);
  const scene = createScene(canvas, { cameras: true, pictures: false, names: true, floor: true, axes: true, hidden: new Set() });
  const rigsCard = make("div", { className: "card" }, make("h3", { textContent: "Rigs" }), rigs, stage);

  root.replaceChildren(intro("calibrate",
    "3D people need to know what each lens is like and where the cameras stand. Tell which board you have, calibrate each lens, then all cameras together. What comes of it are rig files, which --rig takes and which are checked here when something may have been moved."),
  session, make("div", { className: "columns" }, board, lensCard, rigCard, rigsCard));
  ofKind();

  function showSession(one) {
    told = one ? JSON.stringify([one.kind, one.camera ?? one.rig ?? "", one.phase, one.report]) : "";
    session.hidden = !one || one.phase === "cancelled" || told === closed;
    if (session.hidden) return;
    const guiding = one.phase === "guiding", over = one.phase === "done" || one.phase === "failed";
    title.textContent = `${TITLES[one.kind]}${one.camera || one.rig ? ` ${one.camera ?? one.rig}` : ""}`;
    const left = one.left === null ? "" : ` … ${Math.ceil(one.left)}`;
    words.textContent = { guiding: one.words + left, solving: "calculating …", done: "Done.", failed: one.sentence }[one.phase];
    words.className = `words ${one.phase === "failed" ? "wrong" : guiding && one.ready ? "fine" : ""}`;
    keys.hidden = !guiding;
    keys.querySelector("[name=take]").hidden = keys.querySelector("[name=drop]").hidden = one.kind === "check";
    session.querySelector(".guiding").hidden = over;
    picture.hidden = one.kind === "check" || !picture.src;
    meters.replaceChildren(...(one.meters ?? []).map(([name, share]) => {
      const bar = make("i");
      bar.style.setProperty("--part", `${100 * share}%`);
      bar.style.setProperty("--tone", share >= 1 ? "var(--good)" : "var(--warn)");
      return make("div", {}, make("b", { textContent: name }), bar);
    }));
    showCells(one.covered);
    showShared(one);
    verdict.textContent = one.report === null ? "" : one.kind.endsWith("check") ? (one.good ? "The rig still is right." : "Something is wrong, or cannot be told yet.")
      : one.good ? "This is good." : "This is poor: see the verdict below.";
    verdict.className = `words ${one.good ? "fine" : "wrong"}`;
    verdict.hidden = report.hidden = one.report === null;
    report.textContent = one.report ?? "";
    if (one.file) report.textContent += `saved as ${one.file}`;
    if (one.chart && !chart.src) chart.src = studio.address("studio/api/calibrate/chart");
    chart.hidden = !one.chart;
    if (!one.chart) chart.removeAttribute("src");
    after.hidden = !over;
    more.hidden = one.kind === "check" || !state.pictures;
    mend.hidden = one.kind !== "check" || one.phase !== "done" || one.file !== null;
  }

  // The ninths of the picture, and in words those that lack a board.
  function showCells(covered) {
    cells.hidden = !covered;
    if (!covered) return;
    const lacking = [];
    cells.replaceChildren(...covered.flatMap((row, y) => row.map((full, x) => {
      if (!full) lacking.push(`${ROWS[y]} ${COLUMNS[x]}`);
      return make("i", { className: full ? "full" : "" });
    })));
    cells.ariaLabel = lacking.length ? `no board yet in the ${lacking.join(", ")} of the picture` : "boards in all parts of the picture";
    cells.title = cells.ariaLabel;
  }

  // Boards that two cameras share, a cell for each two.
  function showShared({ shared, names, link, joined }) {
    table.hidden = !shared;
    if (!shared) return;
    const head = make("tr", {}, make("th"), ...names.slice(0, -1).map(name => make("th", { textContent: name })));
    const rows = names.map((name, n) => make("tr", {}, make("th", { textContent: name, className: joined.length > 1 && joined.includes(name) ? "fine" : "" }),
      ...names.slice(0, -1).map((_, a) => make("td", a < n ? { textContent: shared[a][n], className: shared[a][n] >= link ? "full" : shared[a][n] ? "some" : "" } : {}))));
    table.replaceChildren(make("caption", { className: "soft", textContent: `shared boards; ${link} join two cameras` }), head, ...rows.slice(1));
  }

  function showBoard(now) {
    boardWords.textContent = now ? `In use: ${now.words}.` : "No board is told yet.";
    if (!now) return sheets.replaceChildren();
    sheets.replaceChildren("Print it in true size: ", ...["a4", "a3", "letter"].flatMap((paper, n) => [n ? " · " : "",
      make("a", { href: studio.address("studio/api/calibrate/board.pdf", { paper }), textContent: paper.length < 3 ? paper.toUpperCase() : "Letter" })]));
    kind.select.value = now.kind;
    for (const [name, one] of Object.entries(fields)) if (name !== "marker" || now.marker) one.input.value = now[name];
    dictionary.value = now.dictionary;
    inverted.box.checked = now.inverted;
    legacy.box.checked = now.legacy;
    ofKind();
  }

  function showLenses({ cameras, board, pictures, refusal }, busy) {
    const can = pictures && !refusal;
    lensWords.textContent = !cameras.length ? "" : refusal ?? (!pictures ? "No pictures come: the run has ended, or its sources are keypoints."
      : board ? "One camera after the other: show it the board near and far, in all parts of the picture, tilted to all sides."
        : "First say which board you have.");
    lenses.replaceChildren(...cameras.length ? cameras.map(({ name, lens }) => make("div", {}, make("b", { textContent: name }),
      make("span", { className: "soft", textContent: lens ? `${lens.size.join("×")}, focal length ${lens.focal} px${lens.fisheye ? ", fisheye" : ""}${lens.here ? "" : ", of the run’s rig"}` : "not calibrated yet" }),
      button(lens ? "Calibrate again" : "Calibrate", () => begin("lens", { camera: name, hold: held() }), { disabled: busy || !board || !can })))
      : [make("p", { className: "soft", textContent: "No cameras run. Start the program with those to be calibrated, for example: posestream studio webcam:0 webcam:1" })]);
    const lacking = cameras.filter(one => !one.lens).map(one => one.name);
    rigWords.textContent = !cameras.length || refusal ? "" : !board ? "First say which board you have." : cameras.length < 2 ? "A rig has two cameras at least."
      : lacking.length ? `First the ${lacking.length === 1 ? "lens" : "lenses"} of ${lacking.join(", ")}.`
        : "Carry the board through the space, so that two cameras see it at once, again and again.";
    rigButton.disabled = busy || !board || !can || cameras.length < 2 || lacking.length > 0;
  }

  async function begin(path, body) {
    closed = "";
    chart.removeAttribute("src");
    await act(path, body);
    session.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  function showRigs({ rigs: all, cameras, board, pictures, refusal }, busy) {
    const running = cameras.map(one => one.name).join();
    const check = (one, by, words, why) => {
      const not = one.cameras.join() !== running ? "these cameras do not run" : refusal ?? why;
      return button(words, () => begin("check", { rig: one.id, board: by === "board", hold: held() }), { disabled: busy || Boolean(not), title: not ?? "" });
    };
    rigs.replaceChildren(...all.length ? all.map(one => make("div", {}, make("b", { textContent: one.id }),
      make("span", { className: "soft", textContent: `${one.cameras.join(", ")}; ${new Date(1000 * one.saved).toLocaleString()}` }),
      button("Look", () => look(one.id)),
      check(one, "people", "Check by people"),
      check(one, "board", "Check by the board", !pictures ? "no pictures come" : board ? null : "first say which board you have"),
      make("a", { className: "button", href: studio.address(`studio/api/calibrate/rigs/${one.id}`), textContent: "Download" })))
      : [make("p", { className: "soft", textContent: "None yet. Rigs that you calibrate come here." })]);
    if (all.length) rigs.append(make("p", { className: "soft", textContent: `To see people in 3D, start the program again with --rig ${studio.folder ?? "takes"}/rigs/${all[0].id}.` }));
  }

  async function look(id) {
    try {
      const next = await studio.ask(`calibrate/rigs/${id}/scene`);
      stage.hidden = false;
      scene.setScene({ ...next, skeleton: { limbs: [], keypoints: [] } });
      scene.show({ people: [] });
      stage.scrollIntoView({ behavior: "smooth", block: "nearest" });
    } catch (error) { studio.note(error.message, true); }
  }

  let before = {};
  function show(next) {
    state = next;
    const busy = ["guiding", "solving"].includes(next.session?.phase);
    showSession(next.session);
    // What did not change stays as it is: fields that are being filled in, buttons that are pressed.
    const changed = (name, value) => {
      const text = JSON.stringify(value), other = before[name] !== text;
      before[name] = text;
      return other;
    };
    if (changed("board", next.board)) showBoard(next.board);
    if (changed("lenses", [next.cameras, Boolean(next.board), next.pictures, next.refusal, busy])) showLenses(next, busy);
    if (changed("rigs", [next.rigs, next.cameras.map(one => one.name), Boolean(next.board), next.pictures, next.refusal, busy])) showRigs(next, busy);
  }

  async function ask() {
    clearTimeout(timer);
    if (!shown) return;
    try {
      show(await studio.ask("calibrate"));
    } catch { /* the state at the top says that the server is away */ }
    timer = setTimeout(ask, EVERY_MS);
  }

  // Pictures of the guide, one after the other.
  let watching = false;
  async function watch() {
    if (watching) return;
    watching = true;
    while (shown) {
      const { kind, phase } = state?.session ?? {};
      if (phase === "guiding" && kind !== "check" && !document.hidden) {
        try {
          const answer = await fetch(studio.address("studio/api/calibrate/picture"));
          if (answer.status === 200) {
            const old = picture.src;
            picture.src = URL.createObjectURL(await answer.blob());
            if (old) URL.revokeObjectURL(old);
          }
        } catch { /* the next one will do */ }
      } else if (picture.src) {
        URL.revokeObjectURL(picture.src);
        picture.removeAttribute("src");
      }
      await new Promise(done => setTimeout(done, phase === "guiding" ? PICTURE_MS : EVERY_MS));
    }
    watching = false;
  }

  addEventListener("keydown", event => {
    if (!shown || event.repeat || state?.session?.phase !== "guiding" || event.target.closest("input, select, button, a")) return;
    const key = KEYS[event.key];
    if (!key) return;
    event.preventDefault();
    act("press", { key });
  });
  return {
    show() { shown = true; ask(); watch(); },
    hide() { shown = false; },
  };
}
