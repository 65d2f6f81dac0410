/* The network in a worker: onnxruntime-web on the processor or, over http, on the
 * graphics card; one tile at a time. */
globalThis.__fusionlibNetwork = globalThis.__fusionlibNetwork || (function make() {
  "use strict";

  const address = (bytes, type) => URL.createObjectURL(new Blob([bytes], { type }));

  function create(report) {
    const A = globalThis.__fusionlibArithmetic;
    let session = null;

    async function download(url, what) {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`the ${what} could not be loaded (status ${response.status})`);
      const total = Number(response.headers.get("content-length")), parts = [];
      const reader = response.body.getReader();
      let done = 0;
      for (;;) {
        const { value, done: end } = await reader.read();
        if (end) break;
        parts.push(value);
        done += value.length;
        /* A compressed answer is longer than its header says. */
        report({ what, done, total: Math.max(total, done) });
      }
      return new Uint8Array(await new Blob(parts).arrayBuffer());
    }

    /* Everything that `load` needs, as bytes: from addresses over http, or unpacked from
     * a bundle on file://, where nothing can be fetched. */
    async function gather(files, bundle) {
      const parts = {};
      for (const name of ["ort", "mjs", "wasm", "model"]) {
        const what = name === "model" ? "network" : "runtime";
        parts[name] = bundle ? await A.through(A.fromBase64(bundle[name]), new DecompressionStream("gzip")) : await download(files[name], what);
      }
      return parts;
    }

    /* `threads`: more than one needs a page that is cross-origin isolated. `gpu`: by WebGPU. */
    async function load({ ort, mjs, wasm, model }, { threads, gpu }) {
      importScripts(address(ort, "text/javascript"));
      const { env, InferenceSession } = globalThis.ort;
      env.logLevel = "error";
      env.wasm.numThreads = threads;
      env.wasm.wasmBinary = wasm;
      env.wasm.wasmPaths = { mjs: address(mjs, "text/javascript") };
      session = await InferenceSession.create(model, { executionProviders: [gpu ? "webgpu" : "wasm"] });
    }

    /* Activity maps of one tile by name, before ("conv") and after ("relu") the ReLU. */
    async function run(detail, height, width) {
      const tensor = new globalThis.ort.Tensor("float32", detail, [1, 1, height, width]);
      const outputs = await session.run({ [session.inputNames[0]]: tensor });
      const maps = {};
      for (const [name, output] of Object.entries(outputs)) {
        maps[name] = Float32Array.from(output.data);
        output.dispose();
      }
      tensor.dispose();
      return maps;
    }

    return { gather, load, run };
  }

  return { create, make };
})();
