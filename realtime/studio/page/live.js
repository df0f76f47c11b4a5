// The live pictures of all cameras.

export function open(root, studio) {
  const { make } = studio;
  const words = make("p", { className: "about" });
  const grid = make("div", { className: "pictures" });
  root.replaceChildren(words, grid);
  let cards = [], pictures = null, shown = false;

  function watch() {
    if (!shown || document.hidden || !studio.run) return pictures?.close();
    if (pictures !== null && pictures.readyState < WebSocket.CLOSING) return;
    pictures = studio.socket("pictures");
    pictures.binaryType = "arraybuffer";
    pictures.onmessage = message => {
      const one = cards[new DataView(message.data).getUint16(0)];
      if (!one) return;
      one.next = new Blob([new Uint8Array(message.data, 2)], { type: "image/jpeg" });
      if (!one.drawing) draw(one);
    };
  }

  function draw(one) {
    one.drawing = one.next !== null;
    if (!one.drawing) return;
    const before = one.picture.src, url = URL.createObjectURL(one.next);
    one.next = null;
    one.picture.onload = one.picture.onerror = () => {
      if (before) URL.revokeObjectURL(before);
      draw(one);
    };
    one.picture.src = url;
  }

  function showRun() {
    words.textContent = studio.run ? "" : "No cameras run. Start the program with some, for example: posestream studio webcam";
    const cameras = studio.run?.cameras ?? [];
    cards = cameras.map(camera => {
      const picture = make("img", { alt: `live picture of ${camera.name}` });
      const card = make("figure", {}, picture, make("figcaption", { textContent: camera.name }));
      return { card, picture, next: null, drawing: false };
    });
    grid.replaceChildren(...cards.map(one => one.card));
    watch();
  }
  studio.on("run", showRun);
  studio.on("figures", watch);
  document.addEventListener("visibilitychange", watch);
  showRun();
  return {
    show() { shown = true; watch(); },
    hide() { shown = false; watch(); },
  };
}
