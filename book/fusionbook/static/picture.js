/* A picture of an explorer in JupyterLab. The kernel computes its pixels; here are the
 * line between two halves, the ring around the marked pixel, a ring at the same place of
 * the other pictures of the explorer, and a link to the file. */
const A = globalThis.__fusionlibArithmetic, W = globalThis.__fusionlibWidgets;
/* What shows the place of the mouse in each picture, by explorer. */
const linked = (globalThis.__fusionlibLinked ||= new Map());

function render({ model, el }) {
  el.classList.add("fl-explorer", "fl-alone");
  const canvas = W.make("canvas"), name = model.get("name");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", model.get("alt"));
  const file = W.make("a", { className: "fl-file", download: `${name}.png`, textContent: "Download" });
  file.setAttribute("aria-label", `Download the picture ${name}`);
  file.dataset.lmSuppressShortcuts = "true";
  el.append(W.make("div", { className: "fl-frame" }, canvas), file);

  const send = (values) => {
    model.set(values);
    model.save_changes();
    place();
  };
  const pixel = (x, y) => ({
    x: A.clip(Math.floor(x * canvas.width), 0, canvas.width - 1),
    y: A.clip(Math.floor(y * canvas.height), 0, canvas.height - 1),
  });

  /* The place of the mouse in this picture or in one that belongs to it. */
  let under = null;
  const group = model.get("group"), peers = linked.get(group) || new Set();
  linked.set(group, peers);
  const show = (at) => { under = at; place(); };
  peers.add(show);
  const tell = (...at) => peers.forEach((peer) => peer(at.length ? pixel(...at) : null));

  const line = model.get("split") === null ? null
    : W.handle(canvas, (x) => send({ split: A.clip(Math.round(100 * x), 0, 100) }));
  const rings = model.get("x") === null ? null
    : W.cursor(canvas, (...at) => send(pixel(...at)), tell);
  const ring = rings ? null : W.ring(canvas, "fl-cursor fl-ghost");
  if (ring) {
    canvas.addEventListener("pointermove", (event) => tell(...W.where(event, canvas)));
    canvas.addEventListener("pointerleave", () => tell());
  }

  function place() {
    if (line) line(model.get("split"), ...model.get("halves"));
    if (rings) rings({ x: model.get("x"), y: model.get("y") }, under);
    else ring(under);
  }

  let turn = 0;
  async function draw() {
    const mine = ++turn, content = new Blob([model.get("png")], { type: "image/png" });
    const picture = await createImageBitmap(content);
    if (mine !== turn) return;
    Object.assign(canvas, { height: picture.height, width: picture.width });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    W.sharpen(canvas);
    URL.revokeObjectURL(file.href);
    file.href = URL.createObjectURL(content);
    place();
  }

  model.on("change:png", draw);
  model.on("change:split change:halves change:x change:y", place);
  const resized = new ResizeObserver(() => W.sharpen(canvas));
  resized.observe(el);
  draw();
  return () => {
    peers.delete(show);
    resized.disconnect();
    URL.revokeObjectURL(file.href);
  };
}

export default { render };
