// Measuring models on this device.
import { describeDevice } from "./device.js";
import { Detector } from "./detector.js";

const FORM = 1; // version of the form of timings: see docs/web.md
const WARMUP = 3; // inferences that do not count, before each model's turn
const NO_FRAME = 10; // milliseconds after which a source without a frame is asked again
const CONFIDENCE = 0.25; // of what post-processing has to do; times hardly depend on it

/**
 * Time models in turns: each round times each model once, in an order that changes from round to round.
 *
 * @param {object[]} models of the catalogue
 * @param {object} source of frames
 * @param {object} options `name` of the device; `backend`; `threads`; `rounds`; `inferences` of a model in a round;
 *   `seconds` of a longer run of the first model afterwards, or 0; `signal`, which ends it early
 * @param {(done: number, total: number, what: string) => void} progress
 * @returns the timings in the agreed form
 */
export async function measure(models, source, options, progress) {
  const detectors = [];
  try {
    for (const model of models) {
      progress(0, options.rounds, `loading ${model.file}`);
      detectors.push(await Detector.load(model, options));
    }
    const timed = detectors.map(entry);
    for (let round = 0; round < options.rounds; round++)
      for (let turn = 0; turn < detectors.length; turn++) {
        const index = (turn + round) % detectors.length;
        progress(round, options.rounds, detectors[index].model.file);
        await timeRound(detectors[index], source, options, timed[index]);
      }
    const device = { ...(await describeDevice()), name: options.name };
    const timings = { pinch_device_timings: FORM, measured_at: new Date().toISOString(), device, models: timed };
    if (options.seconds) timings.curve = await longRun(detectors[0], source, options, progress);
    return timings;
  } finally {
    for (const detector of detectors) detector.close();
  }
}

function entry({ model, loaded }) {
  return { file: model.file, sha256: model.sha256, ...loaded, rounds: [], preprocess_ms: [], postprocess_ms: [] };
}

async function timeRound(detector, source, { inferences, signal }, timed) {
  const round = [];
  for (let count = -WARMUP; count < inferences; count++) {
    const { times } = await detectOnce(detector, source, signal);
    if (count < 0) continue;
    round.push(times.inference);
    timed.preprocess_ms.push(times.preprocess);
    timed.postprocess_ms.push(times.postprocess);
  }
  timed.rounds.push(round);
}

/** One model without a pause: the median time of an inference in each second, since devices slow down as they warm. */
async function longRun(detector, source, { seconds, signal }, progress) {
  const curve = [];
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  while (elapsed() < seconds) {
    const second = elapsed();
    progress(second, seconds, `${detector.model.file} without a pause`);
    const times = [];
    while (times.length === 0 || elapsed() < second + 1) times.push((await detectOnce(detector, source, signal)).times.inference);
    curve.push({ file: detector.model.file, sha256: detector.model.sha256, second, ms: median(times) });
  }
  return curve;
}

async function detectOnce(detector, source, signal) {
  const frame = await nextFrame(source, signal);
  try {
    return await detector.detect(frame, CONFIDENCE);
  } finally {
    frame.close();
  }
}

/** A frame, as soon as the source has one: a video has none for a moment when it begins anew. */
async function nextFrame(source, signal) {
  for (;;) {
    signal.throwIfAborted();
    const frame = await source.frame();
    if (frame) return frame;
    await new Promise((resolve) => setTimeout(resolve, NO_FRAME));
  }
}

/** The value in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
