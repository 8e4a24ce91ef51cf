// A detector at work in its worker.

const WORKERS = {
  onnx: { wasm: "worker-onnx.js", webgpu: "worker-onnx-webgpu.js" },
  tflite: { wasm: "worker-tflite.js", webgpu: "worker-tflite.js" },
};

export class Detector {
  #worker;
  #waiting = new Map();
  #count = 0;

  /**
   * Load a model of the catalogue.
   *
   * @param model an entry of `loadCatalogue`
   * @param {{backend: "wasm"|"webgpu", threads: number}} options
   * @returns {Promise<Detector>} whose `loaded` says {runtime, load_ms, first_ms}
   */
  static async load(model, { backend, threads }) {
    const detector = new Detector(model, backend);
    try {
      detector.loaded = await detector.#ask("load", [model.url, model.contract, { backend, threads }]);
    } catch (error) {
      detector.close();
      throw new Error(`${model.file} does not run in this browser (${error.message}): choose another model`);
    }
    return detector;
  }

  constructor(model, backend) {
    this.model = model;
    this.#worker = new Worker(WORKERS[model.format][backend]);
    this.#worker.onmessage = ({ data: { id, result, error } }) => this.#settle(id, result, error);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const id of this.#waiting.keys()) this.#settle(id, null, event.message || "its script cannot be loaded");
    };
  }

  /**
   * Find objects in a frame: see worker.js.
   *
   * @param {ImageBitmap} frame, which stays whole
   * @param {number} confidence
   */
  detect(frame, confidence) {
    return this.#ask("detect", [frame, confidence]);
  }

  close() {
    this.#worker.terminate();
    for (const id of this.#waiting.keys()) this.#settle(id, null, "it was closed");
  }

  #ask(method, args) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(++this.#count, { resolve, reject });
      this.#worker.postMessage({ id: this.#count, method, args });
    });
  }

  #settle(id, result, error) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error));
    else waiting?.resolve(result);
  }
}
