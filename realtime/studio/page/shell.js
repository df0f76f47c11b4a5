// What all panes share: the server, the tabs, what the run is, notes at the edge of the page.
//
// A pane is a module with `open(root, studio)`, called once when its tab is first shown, which may
// give { show(rest), hide() }: called whenever the tab comes (rest: what follows its name in the
// address, `#takes/ID`) and goes.

const PANES = { live: "live.js", space: "space.js", plots: "plots.js", takes: "takes.js", calibrate: "calibrate.js" };
const EVERY = 250; // ms between questions about how the run goes

const at = id => document.getElementById(id);

export function make(tag, given = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...inside);
  return element;
}

// The printed address has the token; a tab keeps it while it is open.
const token = new URLSearchParams(location.search).get("token") ?? sessionStorage.getItem("token") ?? "";
if (token) sessionStorage.setItem("token", token);

// An address of this server, relative to the page, with the token.
export function address(path, params = {}) {
  const url = new URL(path, location.origin + location.pathname);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  if (token) url.searchParams.set("token", token);
  return url;
}

export function socketAddress(path, params = {}) {
  const url = address(path, params);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}
export const socket = (path, params) => new WebSocket(socketAddress(path, params));

// JSON of the studio; `body` makes it a request that changes something. An Error has the sentence.
export async function ask(path, body) {
  const headers = { Authorization: `Bearer ${token}`, "X-Posestream": "studio" };
  const how = body === undefined ? { headers } : {
    method: "POST", body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" },
  };
  const url = new URL(`studio/api/${path}`, location.origin + location.pathname);
  const answer = await fetch(url, how);
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let sentence = text.trim() || answer.statusText;
  try { sentence = JSON.parse(text).error ?? sentence; } catch { /* plain text says it */ }
  throw Object.assign(new Error(sentence), { status: answer.status });
}

export function note(text, bad = false) {
  const line = make("p", { textContent: text, className: bad ? "bad" : "" });
  at("notes").append(line);
  setTimeout(() => line.remove(), bad ? 9000 : 5000);
}

// Whether the user says yes.
export function confirmed(sentence, yes) {
  const dialog = at("asking");
  dialog.querySelector("p").textContent = sentence;
  dialog.querySelector("button[value=yes]").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(done => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

// Those who want to know: of "figures" (how the run goes, four times a second), "line" (each line
// of JSON as at /ws), "recording" (null, or what is being recorded), "takes" (their list changed).
const listeners = new Map();
export function on(what, listener) {
  if (!listeners.has(what)) listeners.set(what, new Set());
  listeners.get(what).add(listener);
  if (what === "line") follow();
  return () => {
    listeners.get(what).delete(listener);
    if (what === "line" && !listeners.get(what).size) lines?.close();
  };
}
export function tell(what, value) {
  for (const listener of listeners.get(what) ?? []) listener(value);
}

let lines = null;
function follow() {
  if (lines !== null && lines.readyState < WebSocket.CLOSING) return;
  lines = socket("ws");
  let first = true;
  lines.onmessage = message => {
    const line = JSON.parse(message.data);
    tell(first ? "header" : "line", line);
    first = false;
  };
  lines.onclose = () => setTimeout(() => listeners.get("line")?.size && follow(), 1000);
}

// run: null where the studio shows takes alone; see /studio/api/run. ended: whether the run has.
export const studio = { address, socket, socketAddress, ask, note, confirmed, on, tell, make, run: null, ended: false, recording: null, token };

export function showState(text, tone) {
  at("state").textContent = text;
  at("state").style.setProperty("--tone", `var(--${tone})`);
}

let lost = null; // whether the server was away; null before it answered
async function look() {
  try {
    const answer = await fetch(address("figures"), { signal: AbortSignal.timeout(3000) });
    if (answer.status === 401) return refuse();
    if (!answer.ok) throw new Error(answer.statusText);
    const figures = await answer.json();
    if (lost !== false) await meet();
    lost = false;
    showFigures(figures);
    tell("figures", figures);
    await lookAtRecording();
  } catch {
    lost = true;
    showState("no connection", "bad");
    tell("lost");
  }
  setTimeout(look, lost ? 1000 : EVERY);
}

function showFigures(figures) {
  studio.ended = at("start").disabled = Boolean(figures.ended);
  at("start").title = figures.ended ? "The run has ended: there is nothing to record." : "";
  if (tokenless) return showState("no token", "warn");
  if (studio.recording) return showState(`recording ${clock(studio.recording.seconds)}`, "bad");
  if (!studio.run) return showState("takes only", "good");
  if (figures.ended) return showState("ended", "warn");
  if (figures.silence === null) return showState("starting", "warn");
  showState(...figures.silence > 2 ? [`no frame for ${Math.round(figures.silence)} s`, "warn"] : ["live", "good"]);
}

// The run, anew after every connection: it may be another one.
async function meet() {
  let answer;
  try {
    answer = await ask("run");
  } catch (error) {
    if (error.status !== 401) throw error;
    at("record").hidden = true;
    return needToken();
  }
  tokenless?.remove();
  tokenless = null;
  studio.run = answer.run;
  studio.folder = answer.folder;
  studio.joints = answer.joints;
  at("record").hidden = !answer.run;
  at("model").textContent = answer.run ? answer.run.model : `folder ${answer.folder}`;
  tell("run", answer.run);
  const wanted = answer.run ? "live" : "takes";
  if (!location.hash) location.replace(`#${wanted}`);
  showRecording(answer.recording);
}

let turn = 0;
async function lookAtRecording() {
  if (!studio.run || !token || turn++ % (studio.recording ? 1 : 8)) return;
  showRecording(await ask("recording"));
}

function showRecording(recording) {
  const before = studio.recording;
  studio.recording = recording;
  at("start").hidden = at("name").hidden = Boolean(recording);
  at("stop").hidden = !recording;
  tell("recording", recording);
  if (before && !recording) tell("takes");
}

at("start").addEventListener("click", async () => {
  try {
    showRecording(await ask("record", { name: at("name").value.trim() }));
    at("name").value = "";
  } catch (error) { note(error.message, true); }
});
at("name").addEventListener("keydown", event => event.key === "Enter" && at("start").click());
at("stop").addEventListener("click", async () => {
  at("stop").disabled = true;
  try {
    const take = await ask("stop", {});
    showRecording(null);
    note(`“${take.name}” is in Takes: ${take.seconds.toFixed(1)} s, ${take.frames} frames.`);
    location.hash = `#takes/${take.id}`;
  } catch (error) { note(error.message, true); }
  at("stop").disabled = false;
});

let tokenless = null; // the form that asks for a token, where it is wanted
function needToken() {
  if (tokenless) return;
  const field = make("input", { type: "password", placeholder: "token", ariaLabel: "token" });
  const box = make("form", { className: "card" },
    make("p", { className: "about", textContent: "This address lacks its token, without which takes cannot be recorded or seen. Open the address that the program has printed, or paste the token:" }),
    field, " ", make("button", { textContent: "Go on", className: "main" }));
  box.addEventListener("submit", event => {
    event.preventDefault();
    sessionStorage.setItem("token", field.value.trim());
    const url = new URL(location.href);
    url.searchParams.set("token", field.value.trim());
    location.replace(url);
  });
  document.querySelector("main").prepend(box);
  tokenless = box;
  if (!location.hash) location.replace("#live");
}

function refuse() {
  showState("no token", "bad");
  needToken();
}

const opened = new Map();
let current = null;
async function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  if (!(name in PANES)) return;
  for (const link of document.querySelectorAll("nav a")) {
    link.setAttribute("aria-selected", String(link.hash === `#${name}`));
  }
  for (const pane of document.querySelectorAll(".pane")) pane.hidden = pane.id !== name;
  if (current !== name) opened.get(current)?.hide?.();
  current = name;
  if (!opened.has(name)) {
    const module = await import(`./${PANES[name]}`);
    if (!opened.has(name)) opened.set(name, (await module.open(at(name), studio)) ?? {});
  }
  if (current === name) opened.get(name).show?.(rest.map(decodeURIComponent).join("/"));
}
addEventListener("hashchange", route);

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
studio.clock = clock;

route();
look();
