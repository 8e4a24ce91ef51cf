// ONNX files in ONNX Runtime Web. The build makes a second copy of this worker with the runtime that knows WebGPU.
import * as ort from "onnxruntime-web/wasm";
import { serve } from "./worker.js";

serve(async (bytes, contract, { backend, threads }) => {
  const name = `ort-wasm-simd-threaded${backend === "webgpu" ? ".asyncify" : ""}`;
  const file = (ending) => new URL(`ort/${name}.${ending}`, self.location).href;
  ort.env.wasm.wasmPaths = { mjs: file("mjs"), wasm: file("wasm") };
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const executionProviders = backend === "webgpu" ? ["webgpu", "wasm"] : ["wasm"];
  const session = await ort.InferenceSession.create(bytes, { executionProviders });
  const { name: inputName, dtype, shape } = contract.input;
  return {
    runtime: { name: "onnxruntime-web", version: ONNXRUNTIME_VERSION, backend, threads },
    async run(input) {
      const outputs = await session.run({ [inputName]: new ort.Tensor(dtype, input, shape) });
      return outputs[contract.output.name].data;
    },
  };
});
