// A worker: the live pictures of all cameras, fetched, decoded and drawn beside the page's own thread.
//
// It is told { canvases } first (OffscreenCanvases by number), then { url, skeleton, by } whenever
// the page wants other pictures (url null: none). It tells { drawn, busy } a few times a second: how
// many pictures of each camera were drawn so far, and for how many milliseconds it worked.

import { drawOutlines, drawPeople } from "./skeleton.js";

const HEAD = 12; // bytes before what `people_bytes` on the server says
const TELL_MS = 250;

let canvases = [], pens = [], socket = null, wanted = {}, next = null, busy = false, told = 0, spent = 0;
const drawn = [];

onmessage = ({ data }) => {
  if (data.canvases) {
    canvases = data.canvases;
    pens = canvases.map(one => one.getContext("2d", { alpha: false }));
    drawn.length = 0;
    drawn.push(...canvases.map(() => 0));
    return;
  }
  const other = data.url !== wanted.url;
  wanted = data;
  if (other) follow();
};

// The one before goes on until the first picture of the next is there.
function follow() {
  const old = socket, mine = socket = wanted.url === null ? null : new WebSocket(wanted.url);
  if (!mine) return old?.close();
  mine.binaryType = "arraybuffer";
  mine.onmessage = message => {
    old?.close();
    if (mine !== socket) return;
    next = message.data; // while one is drawn only the newest of those that come is kept
    if (!busy) draw();
  };
  mine.onclose = () => {
    old?.close();
    if (mine === socket) setTimeout(() => mine === socket && follow(), 1000);
  };
}

async function draw() {
  busy = true;
  while (next !== null) {
    const views = [...parsed(next)];
    next = null;
    try {
      const images = await Promise.all(views.map(one => createImageBitmap(one.picture)));
      const began = performance.now();
      views.forEach((one, n) => {
        paint(one, images[n]);
        images[n].close();
      });
      spent += performance.now() - began;
    } catch { /* the next one will do */ }
    if (performance.now() - told > TELL_MS) {
      told = performance.now();
      postMessage({ drawn, busy: spent });
    }
  }
  busy = false;
}

// See realtime/web/pictures/people_bytes.py.
function* parsed(buffer) {
  const view = new DataView(buffer);
  for (let at = 0; at < buffer.byteLength;) {
    const [number, keypoints, people, outlined] = [0, 2, 4, 6].map(n => view.getUint16(at + n, true));
    const bytes = view.getUint32(at + 8, true);
    const ids = new Int32Array(buffer, at += HEAD, people + outlined);
    const seen = new Float32Array(buffer, at += 4 * ids.length, people * keypoints * 3);
    const outlines = new Float32Array(buffer, at += 4 * seen.length, outlined * keypoints * 2);
    const picture = new Blob([new Uint8Array(buffer, at += 4 * outlines.length, bytes)], { type: "image/jpeg" });
    at += bytes + (-bytes & 3);
    yield { number, picture, people: persons(ids, seen, keypoints, 3), outlines: persons(ids.subarray(people), outlines, keypoints, 2) };
  }
}

function persons(ids, numbers, keypoints, each) {
  return Array.from({ length: numbers.length / keypoints / each || 0 }, (_, n) => ({
    id: ids[n],
    points: Array.from({ length: keypoints }, (_, k) => {
      const at = (n * keypoints + k) * each;
      return Number.isNaN(numbers[at]) ? null : [numbers[at], numbers[at + 1], each === 3 && numbers[at + 2]];
    }),
  }));
}

function paint({ number, people, outlines }, image) {
  const pen = pens[number], canvas = canvases[number];
  if (!pen) return;
  if (canvas.width !== image.width || canvas.height !== image.height) Object.assign(canvas, { width: image.width, height: image.height });
  pen.drawImage(image, 0, 0);
  drawOutlines(pen, outlines, wanted.skeleton, image);
  drawPeople(pen, people, wanted.skeleton, wanted.by);
  drawn[number] += 1;
}
