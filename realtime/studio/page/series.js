// Numbers over time of the people in lines of JSON: angles, speeds and positions.

const HALF = 0.07, LONGEST = 1; // seconds to either side of a speed where frames come fast; between both at most

// A person's keypoint as [x, y] in pixels or [x, y, z] in metres, null where it was not found.
export function place(person, k) {
  if (person.xyz) return person.xyz[k];
  const [x, y, score] = person.keypoints[k];
  return score > 0 ? [x, y] : null;
}

// Degrees at b between a and c: 180 is straight; null where one is not known.
export function angle(a, b, c) {
  if (!a || !b || !c) return null;
  const u = a.map((x, n) => x - b[n]), v = c.map((x, n) => x - b[n]);
  const across = u.length === 2 ? Math.abs(u[0] * v[1] - u[1] * v[0])
    : Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
  if (!Math.hypot(...u) || !Math.hypot(...v)) return null;
  return Math.atan2(across, u.reduce((sum, x, n) => sum + x * v[n], 0)) * 180 / Math.PI;
}

// instants: [{ time, people }] in order. Gives { times, people: Map(id -> places or null each) } of
// one keypoint.
export function track(instants, k) {
  const people = new Map();
  instants.forEach((instant, n) => {
    for (const person of instant.people) {
      if (!people.has(person.id)) people.set(person.id, new Array(instants.length).fill(null));
      people.get(person.id)[n] = place(person, k);
    }
  });
  return { times: instants.map(one => one.time), people };
}

// Of a track: how fast it moves, in its unit a second, between the frames around each.
export function speeds(times, places) {
  return places.map((here, n) => {
    if (!here) return null;
    let a = n, b = n;
    // At least a frame to either side, as far as they are there.
    while (a > 0 && places[a - 1] && (a === n || times[n] - times[a - 1] < HALF)) a--;
    while (b < places.length - 1 && places[b + 1] && (b === n || times[b + 1] - times[n] < HALF)) b++;
    const seconds = times[b] - times[a];
    if (!(seconds > 0) || seconds > LONGEST) return null;
    return Math.hypot(...places[b].map((x, i) => x - places[a][i])) / seconds;
  });
}

const known = line => line.y.some(value => value !== null);

// Lines of those who were seen, for a plot: { x, lines: [{ label, id, axis, y }] }.
// wanted: { kind: "angle" | "speed" | "position", name } of a joint or a keypoint; id: one person,
// null = all; skeleton: as the server describes it.
export function series(instants, skeleton, wanted, id = null) {
  const x = instants.map(one => one.time), lines = [];
  const ids = [...new Set(instants.flatMap(one => one.people.map(person => person.id)))]
    .filter(one => id === null || one === id).sort((a, b) => a - b);
  const who = one => one < 0 ? "somebody" : `person ${one}`;
  if (wanted.kind === "angle") {
    const [a, b, c] = skeleton.joints[wanted.name].map(k => track(instants, k).people);
    for (const one of ids) {
      const y = x.map((_, n) => angle(a.get(one)[n], b.get(one)[n], c.get(one)[n]));
      lines.push({ label: who(one), id: one, axis: 0, y });
    }
    return { x, lines: lines.filter(known) };
  }
  const { people } = track(instants, skeleton.keypoints.indexOf(wanted.name));
  for (const one of ids) {
    const places = people.get(one);
    if (wanted.kind === "speed") {
      lines.push({ label: who(one), id: one, axis: 0, y: speeds(x, places) });
      continue;
    }
    const axes = places.find(place => place)?.length ?? 2;
    for (let axis = 0; axis < axes; axis++) {
      lines.push({ label: `${who(one)} ${"xyz"[axis]}`, id: one, axis, y: places.map(place => place && place[axis]) });
    }
  }
  return { x, lines: lines.filter(known) };
}

// Frames of lines as instants of one camera's people, or of those in 3D (camera null).
export function instantsOf(frames, camera, start = 0) {
  const found = [];
  for (const lines of frames) {
    const line = camera === null ? lines.find(one => one.space) : lines.find(one => one.source === camera);
    if (line) found.push({ time: line.time - start, people: camera === null ? line.space : line.people });
  }
  return found;
}
