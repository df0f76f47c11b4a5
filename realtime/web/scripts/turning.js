// Mouse, fingers and keys that turn what a canvas shows.

const DEGREE_PX = 0.006, MOST_PITCH = 1.5; // radians
const NEAREST = 0.3, FARTHEST = 200; // metres from the eye to what it turns around

// eye: gives { yaw, pitch, far, target }, or null while nothing is shown; it is changed in place, and
// gets moved = true. home: looks at all anew. One finger or the mouse turns; right or shift, or two
// fingers, move; wheel or a pinch zooms; a double click begins anew; arrow keys, plus and minus do
// the same for who has no mouse.
export function turnable(canvas, eye, home, changed) {
  const down = new Map();
  const spread = () => {
    const [a, b] = [...down.values()];
    return Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
  };
  const turn = (yaw, pitch) => {
    eye().yaw += yaw;
    eye().pitch = Math.max(-MOST_PITCH, Math.min(MOST_PITCH, eye().pitch + pitch));
  };
  const zoom = factor => {
    eye().far = Math.max(NEAREST, Math.min(FARTHEST, eye().far * factor));
  };
  const move = (dx, dy) => {
    const { yaw, pitch, far, target } = eye(), step = far / Math.min(canvas.clientWidth, canvas.clientHeight);
    const right = [Math.sin(yaw), -Math.cos(yaw), 0];
    const up = [Math.sin(pitch) * Math.cos(yaw), Math.sin(pitch) * Math.sin(yaw), Math.cos(pitch)];
    eye().target = target.map((x, n) => x + step * (dy * up[n] - dx * right[n]));
  };
  const done = () => {
    eye().moved = true;
    changed();
  };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, [event.clientX, event.clientY]);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => down.delete(event.pointerId));
  canvas.addEventListener("pointermove", event => {
    const start = down.get(event.pointerId);
    if (!start || !eye()) return;
    const two = down.size === 2, gap = two && spread(), [dx, dy] = [event.clientX - start[0], event.clientY - start[1]];
    down.set(event.pointerId, [event.clientX, event.clientY]);
    if (two) {
      move(dx / 2, dy / 2);
      zoom(gap / spread());
    } else if (event.buttons & 2 || event.shiftKey) move(dx, dy);
    else turn(-DEGREE_PX * dx, DEGREE_PX * dy);
    done();
  });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (!eye()) return;
    zoom(Math.exp(event.deltaY * 0.0012));
    done();
  }, { passive: false });
  canvas.addEventListener("contextmenu", event => event.preventDefault());
  canvas.addEventListener("dblclick", () => home());
  canvas.tabIndex = 0;
  canvas.addEventListener("keydown", event => {
    const arrow = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    const nearer = { "+": 0.9, "-": 1.1 }[event.key];
    if (!eye() || !(arrow || nearer)) return;
    if (arrow) turn(...arrow);
    else zoom(nearer);
    done();
    event.preventDefault();
  });
}
