/* What style sheets cannot do; without this script pages are complete. */
(() => {
  "use strict";

  document.addEventListener("DOMContentLoaded", () => {
    enlarge();
    allCode();
  });

  /* Figures link to themselves: on a phone their labels are small, and the picture
   * alone can be enlarged. */
  function enlarge() {
    for (const picture of document.querySelectorAll(".bd-article figure img")) {
      if (picture.closest("a")) continue;
      const link = document.createElement("a");
      link.className = "figure-link";
      link.href = picture.src;
      link.title = "Show this figure alone";
      picture.replaceWith(link);
      link.append(picture);
    }
  }

  /* A switch for all folded code; what was chosen holds for the next pages, too. */
  function allCode() {
    const folded = [...document.querySelectorAll(".bd-article div.cell details.above-input")];
    const title = document.querySelector(".bd-article h1");
    if (!folded.length || !title) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fl-all-code d-print-none";
    button.textContent = "Show all code";
    const set = (open) => {
      for (const details of folded) details.open = open;
      button.setAttribute("aria-pressed", open);
    };
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      set(open);
      try { localStorage.setItem("all-code", open ? "1" : ""); } catch { /* private */ }
    });
    title.after(button);
    let open = false;
    try { open = localStorage.getItem("all-code") === "1"; } catch { /* private */ }
    button.setAttribute("aria-pressed", open);
    if (open) set(true);
  }

  /* Formulas that are wider than a phone become smaller, down to two thirds. */
  addEventListener("load", () => {
    const ready = globalThis.MathJax?.startup?.promise;
    if (!ready) return;
    ready.then(() => {
      for (const box of document.querySelectorAll(".bd-article .math > mjx-container")) {
        // A formula with a number has a least width, so that its frame is what scrolls;
        // a formula in the text would be cut off.
        const frame = box.parentElement, room = frame.clientWidth;
        const inner = box.querySelector("mjx-math")?.getBoundingClientRect().width ?? 0;
        const needed = box.getAttribute("display")
          ? Math.max(box.scrollWidth, frame.scrollWidth) : Math.floor(inner);
        // MathJax has set a size already, to match the text around.
        const size = parseFloat(box.style.fontSize) || 100;
        if (needed > room && room) box.style.fontSize = `${Math.max(66, Math.floor((size * room) / needed))}%`;
      }
    });
  });

  /* Paper is white, and folded code cannot be unfolded on it. */
  const root = document.documentElement;
  let theme = null, opened = [];
  addEventListener("beforeprint", () => {
    if (theme === null) theme = root.dataset.theme;
    root.dataset.theme = "light";
    opened = opened.concat([...document.querySelectorAll("details:not([open])")]);
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    if (theme !== null) root.dataset.theme = theme;
    for (const details of opened) details.open = false;
    theme = null;
    opened = [];
  });
})();
