// How cameras are calibrated.

export function open(root, studio) {
  root.replaceChildren(studio.make("p", {
    className: "about",
    textContent: "Cameras are calibrated in the terminal: posestream calibrate --help says how.",
  }));
}
