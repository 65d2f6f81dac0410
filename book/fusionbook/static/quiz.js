/* Judges the answers of quick questions, on pages and in JupyterLab. */
(() => {
  const say = (field, right, text) => {
    const status = field.querySelector("[role=status]");
    status.textContent = `${right ? "✓ Right." : "✗ Not quite."} ${text}`;
    status.dataset.right = right;
    field.querySelector(".read").hidden = right;
  };

  const judge = (input) => {
    const field = input.closest("fieldset");
    if (input.type === "radio") {
      say(field, input.dataset.right === "true", input.dataset.say);
      return;
    }
    const given = Number(input.value.trim().replace(",", ".").replace("−", "-"));
    if (!input.value.trim() || Number.isNaN(given)) {
      say(field, false, "Give a number, such as 0.5.");
      return;
    }
    const away = Math.abs(given - Number(input.dataset.value));
    const right = away <= Number(input.dataset.tolerance) + 1e-9;
    say(field, right, right ? input.dataset.why : input.dataset.hint);
  };

  /* Pages and JupyterLab give other addresses to a heading, so it is found by its text. */
  const visit = (event) => {
    const wanted = event.target.textContent;
    const heading = [...document.querySelectorAll("h1, h2, h3")].find((one) =>
      one.textContent.replace(/[#¶]\s*$/, "").trim().replace(/[“”]/g, '"') === wanted);
    if (!heading) return;
    event.preventDefault();
    heading.scrollIntoView();
  };

  for (const quiz of document.querySelectorAll(".fl-quiz:not([data-ready])")) {
    quiz.dataset.ready = "";
    quiz.addEventListener("change", (event) => {
      if (event.target.type === "radio") judge(event.target);
    });
    quiz.addEventListener("click", (event) => {
      if (event.target.tagName === "BUTTON")
        judge(event.target.closest("fieldset").querySelector("input"));
      if (event.target.tagName === "A") visit(event);
    });
    quiz.addEventListener("keydown", (event) => {
      event.stopPropagation(); // JupyterLab's own keys
      if (event.key === "Enter" && event.target.type === "text") judge(event.target);
    });
  }
})();
