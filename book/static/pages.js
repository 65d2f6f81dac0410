/* Two things that style sheets cannot do; without this script pages are complete. */
(() => {
  "use strict";

  /* Figures link to themselves: on a phone their labels are small, and the picture
   * alone can be enlarged. */
  document.addEventListener("DOMContentLoaded", () => {
    for (const picture of document.querySelectorAll(".bd-article figure img")) {
      if (picture.closest("a")) continue;
      const link = document.createElement("a");
      link.className = "figure-link";
      link.href = picture.src;
      link.title = "Show this figure alone";
      picture.replaceWith(link);
      link.append(picture);
    }
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
