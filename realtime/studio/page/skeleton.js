// People drawn over a picture, as the program's own pictures have them: by the live pictures' worker and by the player of takes.

import { tint } from "./colours.js";

const OPACITY = 0.6; // of limbs, as in OpenPose
const WIDTH = 0.11, LEAST = 2, MOST = 1 / 55; // of a limb: of the person's longest one; pixels; of the picture's short side
const FINE = 0.024, LEAST_FINE = 1, SEEN_PX = 16; // of hands and faces: of their longer side; pixels; longer side below which they are left out
const PLATE = "600 {px}px system-ui, sans-serif";

// people: [{ id, points: [x, y, whether it was carried over, or null] }] in pixels of the canvas.
// skeleton: { limbs, colours, fine } as the server describes it. by: "limb", or "id" for one colour a person.
export function drawPeople(pen, people, skeleton, by = "limb") {
  const { width, height } = pen.canvas, plates = [];
  pen.lineCap = "round";
  for (const { id, points } of people) {
    const fine = fineWidths(points, skeleton.fine), there = k => points[k] && fine.get(k) !== 0;
    const limbs = skeleton.limbs.filter(([a, b]) => there(a) && there(b));
    const long = limbs.map(([a, b]) => Math.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]));
    const longest = Math.max(0, ...long.filter((_, n) => !fine.has(limbs[n][1])));
    const thick = Math.max(LEAST, Math.min(WIDTH * longest, MOST * Math.min(width, height)));
    const colour = k => by === "id" ? tint(id) : skeleton.colours[k];
    pen.globalAlpha = OPACITY;
    limbs.forEach(([a, b], n) => {
      pen.strokeStyle = colour(b);
      pen.lineWidth = fine.get(b) ?? Math.max(LEAST, Math.min(thick, long[n] / 2));
      pen.beginPath();
      pen.moveTo(points[a][0], points[a][1]);
      pen.lineTo(points[b][0], points[b][1]);
      pen.stroke();
    });
    pen.globalAlpha = 1;
    points.forEach((point, k) => {
      if (!there(k)) return;
      pen.beginPath();
      pen.arc(point[0], point[1], 0.55 * (fine.get(k) ?? thick), 0, 7);
      pen.fillStyle = pen.strokeStyle = colour(k);
      pen.lineWidth = 1.5;
      if (point[2]) pen.stroke();
      else pen.fill();
    });
    if (id >= 0) drawPlate(pen, id, points, longest, plates);
  }
}

// Of keypoints of hands and faces, the width of their lines; 0 = too small to be seen.
function fineWidths(points, groups) {
  const widths = new Map();
  for (const group of groups) {
    const known = group.map(k => points[k]).filter(one => one);
    const side = known.length ? Math.max(...[0, 1].map(n => Math.max(...known.map(p => p[n])) - Math.min(...known.map(p => p[n])))) : 0;
    for (const k of group) widths.set(k, side < SEEN_PX ? 0 : Math.max(LEAST_FINE, FINE * side));
  }
  return widths;
}

// The id above the head, within the picture, and above the plates of others.
function drawPlate(pen, id, points, longest, plates) {
  const { width, height } = pen.canvas, known = points.filter(one => one);
  if (!known.length) return;
  const px = Math.max(10, Math.min(0.26 * longest, Math.min(width, height) / 30)), pad = px / 4;
  pen.font = PLATE.replace("{px}", px);
  const wide = pen.measureText(id).width + 2 * pad, high = px + pad;
  const top = known.reduce((a, b) => a[1] < b[1] ? a : b);
  const x = Math.max(0, Math.min(width - wide, top[0] - wide / 2));
  let y = Math.max(0, Math.min(height - high, top[1] - 0.3 * longest - high));
  for (const _ of plates) {
    const covered = plates.filter(one => one.x < x + wide && x < one.x + one.wide && one.y < y + high && y < one.y + one.high);
    const above = Math.min(...covered.map(one => one.y)) - high;
    if (!covered.length || above < 0) break;
    y = above;
  }
  plates.push({ x, y, wide, high });
  pen.fillStyle = tint(id);
  pen.fillRect(x, y, wide, high);
  pen.fillStyle = "#000";
  pen.textBaseline = "middle";
  pen.fillText(id, x + pad, y + high / 2);
}

// A thin line around each 3D person; what it encloses stays as the picture, of the canvas's size, has it.
export function drawOutlines(pen, people, skeleton, picture) {
  const { width, height } = pen.canvas, inside = people.length && pen.createPattern(picture, "no-repeat");
  pen.lineCap = pen.lineJoin = "round";
  for (const { id, points } of people) {
    const limbs = skeleton.limbs.filter(([a, b]) => points[a] && points[b]);
    const longest = Math.max(0, ...limbs.map(([a, b]) => Math.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1])));
    const reach = 2 * Math.max(4, 0.14 * longest), line = Math.max(3, Math.min(width, height) / 130);
    pen.beginPath();
    for (const [a, b] of limbs) {
      pen.moveTo(points[a][0], points[a][1]);
      pen.lineTo(points[b][0], points[b][1]);
    }
    for (const [wide, colour] of [[reach + line + 2, "#000"], [reach + line, tint(id)], [reach, inside]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = wide;
      pen.stroke();
    }
  }
}
