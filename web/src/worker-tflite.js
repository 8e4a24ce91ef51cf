// TFLite files in LiteRT.js.
import { Tensor, loadAndCompile, loadLiteRt, supportsFeature } from "@litertjs/core";
import { serve } from "./worker.js";

const FOLDER = new URL("litert/", self.location).href;

serve(async (bytes, contract, { backend, threads: wanted }) => {
  // LiteRT.js has no threads in browsers without relaxed SIMD.
  const threads = wanted > 1 && (await supportsFeature("relaxedSimd")) ? wanted : 1;
  // Its script takes this worker's address for its own, with which its threads would start this worker again.
  self.Module = {
    locateFile: (name) => FOLDER + name,
    mainScriptUrlOrBlob: `${FOLDER}litert_wasm_threaded_internal.js`,
  };
  await loadLiteRt(FOLDER, { threads: threads > 1 });
  const model = await loadAndCompile(bytes, { accelerator: backend, cpuOptions: { numThreads: threads } });
  return {
    runtime: {
      name: "LiteRT.js",
      version: LITERT_VERSION,
      // A model that it cannot run whole on the graphics processor runs on the CPU.
      backend: backend === "webgpu" && model.isFullyAccelerated ? "webgpu" : "wasm",
      threads,
    },
    async run(input) {
      const tensor = new Tensor(input, contract.input.shape);
      const [result] = await model.run([tensor]);
      const output = result.accelerator === "webgpu" ? await result.moveTo("wasm") : result;
      const values = output.toTypedArray().slice(); // what it shows is in the runtime's memory, which `delete` frees
      tensor.delete();
      output.delete();
      return values;
    },
  };
});
