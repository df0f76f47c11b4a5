// The 3D people.

export function open(root, studio) {
  const { make } = studio;
  function showRun() {
    const known = studio.run?.space;
    root.replaceChildren(known
      ? make("p", {}, make("a", { className: "button", href: studio.address("space"), textContent: "Open the 3D view" }))
      : make("p", { className: "about", textContent: "3D people need calibrated cameras: start the program with --rig rig.toml." }));
  }
  studio.on("run", showRun);
  showRun();
}
