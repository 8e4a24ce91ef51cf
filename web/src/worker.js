// A detector in a worker of its own, so that the page answers while a model computes.
import { decoding } from "./catalogue.js";
import { decode } from "./decode.js";
import { Letterbox } from "./letterbox.js";
import { numbers, pixelTable } from "./tensors.js";

/**
 * Answer the messages of `Detector` in detector.js.
 *
 * @param open async (bytes, contract, {backend, threads}) => a model with `run(input)`, which returns the output as
 *   an array in its own type, and `runtime`, which says {name, version, backend, threads}
 */
export function serve(open) {
  let detector;
  const methods = {
    load: async (...args) => {
      detector = await Detector.load(open, ...args);
      return detector.loaded;
    },
    detect: (frame, confidence) => detector.detect(frame, confidence),
  };
  self.onmessage = async ({ data: { id, method, args } }) => {
    try {
      self.postMessage({ id, result: await methods[method](...args) });
    } catch (error) {
      self.postMessage({ id, error: String(error?.message ?? error) });
    }
  };
}

class Detector {
  static async load(open, url, contract, options) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`the server does not give ${url} (${answer.status}): start web.py again`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const detector = new Detector(contract);
    const start = performance.now();
    detector.model = await open(bytes, contract, options);
    const ready = performance.now();
    await detector.model.run(detector.letterbox.input);
    const done = performance.now();
    detector.loaded = { runtime: detector.model.runtime, load_ms: ready - start, first_ms: done - ready };
    return detector;
  }

  constructor(contract) {
    this.contract = contract;
    this.decoding = decoding(contract);
    const { input, letterbox } = contract;
    const shape = [letterbox.height, letterbox.width];
    this.letterbox = new Letterbox(shape, input.layout === "NHWC", pixelTable(input), letterbox.pad_value);
    this.canvas = new OffscreenCanvas(1, 1);
  }

  /**
   * Find objects in a frame.
   *
   * @param {ImageBitmap} frame
   * @param {number} confidence detections must have a higher score
   * @returns `found` as `decode` does, and the milliseconds of the three steps
   */
  async detect(frame, confidence) {
    const start = performance.now();
    const { data, width, height } = this.#pixels(frame);
    const place = this.letterbox.fill(data, width, height);
    const ready = performance.now();
    const output = await this.model.run(this.letterbox.input);
    const done = performance.now();
    const found = decode(numbers(output, this.contract.output), { ...this.decoding, confidence }, place);
    const end = performance.now();
    return { found, times: { preprocess: ready - start, inference: done - ready, postprocess: end - done } };
  }

  #pixels(frame) {
    const { canvas } = this;
    if (canvas.width !== frame.width || canvas.height !== frame.height) {
      canvas.width = frame.width;
      canvas.height = frame.height;
      this.pen = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
    }
    this.pen.drawImage(frame, 0, 0);
    frame.close();
    return this.pen.getImageData(0, 0, canvas.width, canvas.height);
  }
}
