/* Two images of one scene, one above the other, the upper one cut at a line. */
(() => {
  "use strict";
  for (const root of document.querySelectorAll(".fl-wipe:not([data-alive])")) {
    root.dataset.alive = "";
    const addresses = JSON.parse(root.querySelector("script.fl-data").textContent);
    const find = (name) => root.querySelector(name);
    const frame = find(".fl-frame"), line = find(".fl-handle"), range = find('input[type="range"]');

    const draw = () => {
      const state = { wipe: Number(range.value) };
      for (const side of ["left", "right"]) {
        state[side] = find(`[data-control="${side}"]`).value;
        const picture = find(`[data-side="${side}"]`), name = line.querySelector(`.fl-${side}`);
        if (picture.alt !== state[side]) picture.src = addresses[state[side]];
        picture.alt = state[side];
        const wide = side === "left" ? state.wipe : 100 - state.wipe;
        name.textContent = wide > 20 ? state[side] : "";
      }
      find('[data-side="left"]').style.clipPath = `inset(0 ${100 - state.wipe}% 0 0)`;
      line.style.left = `${state.wipe}%`;
      range.setAttribute("aria-valuetext", `${state.wipe} %`);
      find("output").textContent = `${state.wipe} %`;
      root.dataset.drawn = JSON.stringify(state);
    };

    const follow = (event) => {
      const box = frame.getBoundingClientRect();
      range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
      draw();
    };
    line.addEventListener("pointerdown", (event) => {
      line.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    line.addEventListener("pointermove", (event) => {
      if (line.hasPointerCapture(event.pointerId)) follow(event);
    });
    /* A click or tap, not a scroll, takes the line there. */
    frame.addEventListener("click", follow);
    root.addEventListener("input", draw);
    draw();
  }
})();
