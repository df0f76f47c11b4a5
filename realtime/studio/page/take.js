// A take's frames and pictures, fetched as they are needed.

const BLOCK = 300, KEPT = 24; // frames of one answer; frames whose pictures are kept

// card: what the server knows of the take, with `times` in seconds from its first frame.
export async function openTake(studio, id) {
  const card = await studio.ask(`takes/${id}`);
  const blocks = new Map(), pictures = new Map();

  function block(k) {
    if (!blocks.has(k)) {
      const url = studio.address(`studio/api/takes/${id}/frames`, { first: k * BLOCK, count: BLOCK });
      blocks.set(k, fetch(url).then(answer => {
        if (!answer.ok) throw new Error("The frames of this take cannot be read.");
        return answer.json();
      }).catch(error => { blocks.delete(k); throw error; }));
    }
    return blocks.get(k);
  }

  // The lines of a frame, one for each camera that was there.
  async function frame(n) {
    return (await block(Math.floor(n / BLOCK)))[n % BLOCK] ?? [];
  }

  // A bitmap for each camera, null where there is none.
  function pictured(n) {
    if (!card.filmed || n < 0 || n >= card.frames) return Promise.resolve(card.cameras.map(() => null));
    if (!pictures.has(n)) {
      pictures.set(n, Promise.all(card.cameras.map(async (_, camera) => {
        const answer = await fetch(studio.address(`studio/api/takes/${id}/picture/${camera}/${n}`));
        return answer.ok ? createImageBitmap(await answer.blob()) : null;
      })).catch(error => { pictures.delete(n); throw error; }));
      if (pictures.size > KEPT) {
        const [oldest] = pictures.keys();
        pictures.get(oldest).then(all => all.forEach(one => one?.close()), () => {});
        pictures.delete(oldest);
      }
    }
    return pictures.get(n);
  }

  // All frames that were not cut off; progress: told the share that is there.
  async function all(progress = () => {}) {
    const [first, end] = card.span, frames = [];
    for (let k = Math.floor(first / BLOCK); k * BLOCK < end; k++) {
      frames.push(...(await block(k)).slice(Math.max(0, first - k * BLOCK), end - k * BLOCK));
      progress(frames.length / (end - first));
    }
    return frames;
  }
  return { id, card, frame, pictured, all };
}

// The number of the frame that is shown at a time, by bisection.
export function frameAt(times, time) {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time) low = middle; else high = middle - 1;
  }
  return low;
}
