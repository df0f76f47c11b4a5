// A user's own JSON lines, as --jsonl writes them, read here: they do not leave this computer.

const TELL = 4e6; // bytes between two words about how far it is

// file: what the user chose. joints: { joint: [three keypoints] } as the server names them. progress:
// told the share that was read. Gives what openTake does, without pictures; an Error has a sentence.
export async function readJsonl(file, joints, progress = () => {}) {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  const frames = [];
  let header = null, rest = "", read = 0, told = 0, last = Infinity;

  function take(text) {
    if (!text.trim()) return;
    const line = JSON.parse(text);
    if (header === null) {
      if (!Array.isArray(line?.sources) || !line.skeleton?.keypoints) throw new Error("its first line does not say what it is");
      header = line;
      return;
    }
    const camera = header.sources.indexOf(line.source);
    if (camera < 0 || !Array.isArray(line.people)) throw new Error("a line is of another program");
    // A frame of several cameras is as many lines; only the first has the 3D people.
    if (camera <= last || line.space) frames.push([]);
    last = camera;
    frames.at(-1).push({ time: line.time, source: line.source, people: line.people, ...line.space && { space: line.space } });
  }

  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      lines.forEach(take);
      read += value.length;
      if (read - told > TELL) {
        told = read;
        progress(Math.min(1, read / file.size));
      }
    }
    try { take(rest); } catch { /* a line that a killed program left torn */ }
    if (!header || !frames.length) throw new Error("it has no frames");
  } catch (error) {
    const why = error instanceof SyntaxError ? "it is not JSON lines" : error.message;
    throw new Error(`${file.name} cannot be plotted: ${why}. Choose a file that --jsonl wrote.`, { cause: error });
  }
  const { keypoints, limbs } = header.skeleton;
  const card = {
    name: file.name, cameras: header.sources, span: [0, frames.length], frames: frames.length,
    space: frames.some(lines => lines.some(line => line.space)),
    skeleton: { keypoints, limbs, joints: jointsOf(keypoints, joints) },
  };
  return { id: null, card, all: () => Promise.resolve(frames) };
}

function jointsOf(keypoints, joints) {
  const found = {};
  for (const side of ["left", "right"]) {
    for (const [joint, parts] of Object.entries(joints)) {
      const three = parts.map(part => keypoints.indexOf(`${side}_${part}`));
      if (!three.includes(-1)) found[`${side}_${joint}`] = three;
    }
  }
  return found;
}
