// A canvas with 3D people, their cameras and the floor, that mouse and fingers turn. World axes are
// turned to ones of which the third is up.

import { rim, tint } from "./colours.js";
import { turnable } from "./turning.js";

const NEAR = 0.05, SPAN = 6; // metres: what is nearer is not drawn; of the floor to each side
const HEAD = 0.11; // metres, its radius
const FACE = { 17: [0, 1, 2, 3, 4], 18: [0, 14, 15, 16, 17], 25: [0, 15, 16, 17, 18] };
const AXES = [["X", "#cd3c3c"], ["Y", "#329646"], ["Z", "#286ec8"]];
const AXIS = 0.5; // metres, their length
const GHOSTS = 4; // of the last seconds, so many
const BARS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]; // metres of the scale bar
const BAR_PX = 60; // at least

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const plus = (a, b, s = 1) => a.map((x, n) => x + s * b[n]);
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = a => a.map(x => x / Math.hypot(...a));
const mean = list => list.reduce((sum, a) => plus(sum, a, 1 / list.length), [0, 0, 0]);
const known = one => one.xyz.filter(p => p);

// canvas: fills its parent, or the window. options: { cameras, pictures, names, trails, ghosts, floor, axes, scale: whether they are
// drawn; trailOf: a keypoint; hidden: a Set of ids }. An instant is { time, ground, people: [{ id, xyz,
// filled }] } as the server sends it.
export function createScene(canvas, options) {
  const pen = canvas.getContext("2d"), dark = matchMedia("(prefers-color-scheme: dark)");
  let scene = { limbs: [], keypoints: [], cameras: [], dots: [], up: [0, 0, 1] }, basis = [], eye = null, awaited = false;
  let now = { people: [] }, before = []; // instants of the last seconds, the oldest first
  const drawn = { frames: 0, time: 0 }; // ms
  const turned = p => basis.map(axis => dot(axis, p));

  // next: { up, cameras, skeleton: { limbs, keypoints } }, of the server. A rig alone may have { step,
  // reach, corners }: metres of a square of the floor, and of the cameras' sights; corners of boards
  // as [x, y, z, how wrong from 0 to 1]. Its cameras have colours of their own.
  function setScene(next) {
    const up = next.up, side = unit(cross(up, Math.abs(up[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0]));
    basis = [side, cross(up, side), up];
    scene = {
      limbs: next.skeleton?.limbs ?? [], keypoints: next.skeleton?.keypoints ?? [], up, step: next.step,
      dots: (next.corners ?? []).map(([x, y, z, share]) => ({ at: turned([x, y, z]), share })),
      cameras: next.cameras.map(one => ({ ...one, image: null, at: turned(one.centre), ends: one.corners.map(turned) })),
    };
    const centres = scene.cameras.map(one => one.at);
    const span = Math.max(0, ...[0, 1, 2].map(k => Math.max(...centres.map(p => p[k])) - Math.min(...centres.map(p => p[k]))));
    scene.reach = next.reach ?? (span > 1e-6 ? 0.18 * span : 0.35);
    eye = null;
    wake();
  }

  function home(yaw = -0.7, pitch = 0.45) {
    const people = now.people.flatMap(known).map(turned), cameras = scene.cameras.map(one => one.at);
    const middle = mean(people.length ? people : cameras.length ? cameras : [[0, 0, 0]]);
    const least = scene.step ? 2.5 * scene.step : people.length ? 2.5 : Math.min(2.5, 10 * scene.reach); // small rigs are looked at from near by
    const far = Math.max(least, ...[...cameras, ...people].map(p => Math.hypot(...plus(p, middle, -1))));
    eye = { yaw, pitch, far: far * 2.1, target: middle, people: people.length > 0 };
    wake();
  }

  // An instant, and those before it that trails and ghosts are made of.
  function show(next, past = []) {
    now = next;
    before = past;
    if (!eye || (!eye.people && now.people.length && !eye.moved)) home();
    wake();
  }

  function wake() {
    if (!awaited) requestAnimationFrame(draw);
    awaited = true;
  }

  function draw() {
    awaited = false;
    const box = canvas.parentElement.getBoundingClientRect(), wide = box.width, high = box.height;
    if (!wide || !basis.length) return;
    const began = performance.now();
    if (!eye) home();
    const ratio = devicePixelRatio || 1;
    const size = [wide, high].map(side => Math.round(side * ratio));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    pen.lineCap = pen.lineJoin = "round";
    const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name);
    const view = seen(wide, high), ground = now.ground === undefined ? 0 : now.ground;
    const floor = ground === null || !options.floor ? null : ground;
    const people = now.people.filter(one => !options.hidden.has(one.id));
    if (floor !== null) drawFloor(view, floor, colour("--line"));
    if (options.axes) drawAxes(view);
    drawDots(view);
    if (options.cameras) drawCameras(view, colour("--soft"));
    if (floor !== null) drawShadows(view, people, floor, colour("--track"));
    if (options.ghosts) drawGhosts(view);
    drawPeople(view, people, 1);
    if (options.trails) drawTrails(view);
    if (options.names) drawNames(view, people, colour("--ink"));
    if (options.scale !== false) drawScale(view, wide, high, colour("--ink"));
    drawn.frames += 1;
    drawn.time += performance.now() - began;
  }

  // How the eye sees: places before it, spots on the canvas, lines.
  function seen(wide, high) {
    const c = Math.cos, s = Math.sin, { yaw, pitch } = eye, zoom = 0.9 * Math.min(wide, high * 1.4);
    const ahead = [c(pitch) * c(yaw), c(pitch) * s(yaw), -s(pitch)];
    const right = [s(yaw), -c(yaw), 0], up = cross(right, ahead), from = plus(eye.target, ahead, -eye.far);
    const look = p => (p = plus(p, from, -1), [dot(p, right), dot(p, up), dot(p, ahead)]);
    const spot = p => [wide / 2 + zoom * p[0] / p[2], high / 2 - zoom * p[1] / p[2]];
    const line = (a, b, colour, thick) => {
      [a, b] = [look(a), look(b)];
      if (a[2] < NEAR && b[2] < NEAR) return;
      if (a[2] < NEAR) [a, b] = [b, a];
      if (b[2] < NEAR) b = plus(a, plus(b, a, -1), (a[2] - NEAR) / (a[2] - b[2]));
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(...spot(a));
      pen.lineTo(...spot(b));
      pen.stroke();
    };
    const label = (p, text, colour) => {
      p = look(p);
      if (p[2] < NEAR) return;
      pen.fillStyle = colour;
      pen.fillText(text, ...spot(p));
    };
    return { zoom, from, look, spot, line, label };
  }

  function drawFloor({ line }, floor, colour) {
    const step = scene.step ?? 1, side = SPAN * step, [x, y] = eye.target.map(p => Math.round(p / step) * step);
    for (let n = -side; n <= side + step / 2; n += step) {
      line([x + n, y - side, floor], [x + n, y + side, floor], colour, 1);
      line([x - side, y + n, floor], [x + side, y + n, floor], colour, 1);
    }
  }

  // Corners of boards, from green to red.
  function drawDots({ zoom, look, spot }) {
    for (const { at, share } of scene.dots) {
      const seen = look(at);
      if (seen[2] < NEAR) continue;
      const [u, v] = spot(seen), wide = Math.min(6, Math.max(2, 0.02 * scene.reach * zoom / seen[2]));
      pen.fillStyle = `hsl(${130 * (1 - share)} 80% 45%)`;
      pen.fillRect(u - wide / 2, v - wide / 2, wide, wide);
    }
  }

  function drawAxes({ line, label }) {
    pen.textAlign = "center";
    pen.font = "600 12px system-ui, sans-serif";
    AXES.forEach(([name, colour], n) => {
      const end = turned([0, 1, 2].map(k => k === n ? scene.step ?? AXIS : 0));
      line([0, 0, 0], end, colour, 2);
      label(end.map(p => 1.15 * p), name, colour);
    });
  }

  function drawCameras(view, colour) {
    const { line, label, from, look, spot } = view;
    const far = one => Math.hypot(...plus(one.at, from, -1));
    const corners = one => one.ends.map(p => plus(one.at, p, scene.reach));
    if (options.pictures) {
      const hung = scene.cameras.filter(one => one.image?.width);
      for (const one of hung.sort((a, b) => far(b) - far(a))) hang(one.image, one.lattice, corners(one).map(look), spot);
    }
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    scene.cameras.forEach((one, k) => {
      const ends = corners(one), own = scene.step ? `hsl(${(0.58 + 0.618034 * k) % 1 * 360} 67% ${dark.matches ? 60 : 41}%)` : colour;
      ends.forEach((end, n) => {
        line(one.at, end, own, 1);
        line(end, ends[(n + 1) % 4], own, n ? 1 : 3); // the thick side is the picture's top
      });
      if (options.names) label(plus(one.at, [0, 0, (scene.step ? 0.2 : 0.43) * scene.reach]), one.name, own);
    });
  }

  // A picture before its camera, in triangles: a canvas knows no perspective, but small pieces need
  // none. lattice: where in the picture the points of a square grid are, as its lens bends them.
  function hang(image, lattice, ends, spot) {
    if (!lattice || ends.some(end => end[2] < NEAR)) return;
    const N = Math.round(Math.sqrt(lattice.length)) - 1, wide = image.width, high = image.height;
    const at = (u, v) => ends[0].map((_, k) => (1 - v) * ((1 - u) * ends[0][k] + u * ends[1][k]) +
      v * ((1 - u) * ends[3][k] + u * ends[2][k]));
    const points = lattice.map(([u, v], n) => [...spot(at(n % (N + 1) / N, Math.floor(n / (N + 1)) / N)), u * wide, v * high]);
    pen.globalAlpha = 0.9;
    for (let n = 0; n < N * (N + 1); n += 1) {
      if (n % (N + 1) === N) continue;
      for (const corners of [[n, n + 1, n + N + 1], [n + N + 2, n + N + 1, n + 1]]) {
        const [a, b, c] = corners.map(k => points[k]);
        const [bu, bv, cu, cv] = [b[2] - a[2], b[3] - a[3], c[2] - a[2], c[3] - a[3]], det = bu * cv - cu * bv;
        if (Math.abs(det) < 1e-9) continue;
        const [bx, by, cx, cy] = [b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]];
        const m = [(bx * cv - cx * bv) / det, (by * cv - cy * bv) / det, (cx * bu - bx * cu) / det, (cy * bu - by * cu) / det];
        // A little more than the triangle, lest the ground shines through between two.
        const middle = [0, 1].map(k => (a[k] + b[k] + c[k]) / 3);
        pen.save();
        pen.beginPath();
        for (const p of [a, b, c]) {
          const away = [p[0] - middle[0], p[1] - middle[1]], more = 1 + 0.7 / Math.max(1, Math.hypot(...away));
          pen.lineTo(middle[0] + away[0] * more, middle[1] + away[1] * more);
        }
        pen.clip();
        pen.transform(...m, a[0] - m[0] * a[2] - m[2] * a[3], a[1] - m[1] * a[2] - m[3] * a[3]);
        pen.drawImage(image, 0, 0);
        pen.restore();
      }
    }
    pen.globalAlpha = 1;
  }

  // Shadows tell where on the floor people are.
  function drawShadows({ line }, people, floor, colour) {
    for (const one of people) {
      const p = one.xyz.map(q => q && [...turned(q).slice(0, 2), floor]);
      for (const [a, b] of scene.limbs) if (p[a] && p[b]) line(p[a], p[b], colour, 5);
    }
  }

  // Far limbs first, so that near ones cover them.
  function drawPeople({ zoom, look, line, spot }, people, opacity) {
    const limbs = people.flatMap(one => {
      const p = one.xyz.map(q => q && turned(q)), filled = new Set(one.filled);
      return scene.limbs.filter(([a, b]) => p[a] && p[b]).map(([a, b]) => ({
        a: p[a], b: p[b], id: one.id, faint: filled.has(a) || filled.has(b), depth: look(p[a])[2] + look(p[b])[2],
      }));
    });
    const heads = people.flatMap(one => {
      const face = (FACE[one.xyz.length] ?? []).map(n => one.xyz[n]).filter(p => p).map(turned);
      const middle = mean(face), deep = look(middle)[2];
      return face.length < 2 || deep < NEAR ? [] : [{ middle, id: one.id, depth: 2 * deep - HEAD }];
    });
    for (const limb of [...limbs, ...heads].sort((a, b) => b.depth - a.depth)) {
      pen.globalAlpha = opacity * (limb.faint ? 0.45 : 1);
      if (limb.middle) {
        pen.beginPath();
        pen.arc(...spot(look(limb.middle)), HEAD * zoom * 2 / limb.depth, 0, 2 * Math.PI);
        pen.fillStyle = tint(limb.id);
        pen.strokeStyle = rim(limb.id);
        pen.lineWidth = 2;
        pen.fill();
        pen.stroke();
        continue;
      }
      const thick = Math.min(30, Math.max(2, 0.045 * zoom / Math.max(limb.depth / 2, NEAR)));
      if (opacity === 1) line(limb.a, limb.b, rim(limb.id), thick + 2);
      line(limb.a, limb.b, tint(limb.id), thick);
    }
    pen.globalAlpha = 1;
  }

  function drawGhosts(view) {
    for (let n = GHOSTS; n >= 1; n -= 1) {
      const one = before[Math.round(before.length * (1 - n / (GHOSTS + 0.5)))];
      if (one) drawPeople(view, one.people.filter(p => !options.hidden.has(p.id)), 0.32 * (1 - n / (GHOSTS + 1)));
    }
  }

  // The way of a keypoint in the last seconds, which fades into the past.
  function drawTrails({ line }) {
    const key = options.trailOf, last = new Map(), all = [...before, now];
    all.forEach((instant, n) => {
      const age = (n + 1) / all.length;
      for (const one of instant.people) {
        const p = options.hidden.has(one.id) || !one.xyz[key] ? null : turned(one.xyz[key]), from = last.get(one.id);
        if (p && from && from.n === n - 1) {
          pen.globalAlpha = age;
          line(from.p, p, dark.matches ? tint(one.id) : rim(one.id), 3);
        }
        last.set(one.id, { p, n: p ? n : -1 });
      }
    });
    pen.globalAlpha = 1;
  }

  function drawNames({ label }, people, ink) {
    pen.font = "600 15px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const one of people) {
      if (!known(one).length) continue;
      const top = known(one).map(turned).reduce((a, b) => a[2] > b[2] ? a : b);
      label(plus(top, [0, 0, 0.2]), one.id, ink);
    }
  }

  // How long a metre is, at the point that the eye turns around.
  function drawScale({ zoom }, wide, high, ink) {
    const metre = zoom / eye.far, length = BARS.find(one => one * metre >= BAR_PX) ?? BARS.at(-1), px = length * metre;
    pen.strokeStyle = pen.fillStyle = ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(16, high - 20);
    pen.lineTo(16, high - 14);
    pen.lineTo(16 + px, high - 14);
    pen.lineTo(16 + px, high - 20);
    pen.stroke();
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillText(length < 1 ? `${Math.round(100 * length)} cm` : `${length} m`, 22, high - 20);
  }

  turnable(canvas, () => eye, home, wake);
  new ResizeObserver(wake).observe(canvas.parentElement);
  dark.addEventListener("change", wake);

  return {
    setScene, show, wake, home, drawn,
    // image: an ImageBitmap or Image, or null.
    setPicture(camera, image) {
      scene.cameras[camera]?.image?.close?.();
      if (scene.cameras[camera]) scene.cameras[camera].image = image;
      wake();
    },
    get eye() { return eye; },
  };
}
