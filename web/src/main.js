// The page: what is chosen, and the loop that runs the models on it.
import { loadCatalogue } from "./catalogue.js";
import { Detector } from "./detector.js";
import { hasWebGpu, mostThreads } from "./device.js";
import { draw } from "./draw.js";
import { prepareMeasuring } from "./measuring-form.js";
import { Camera, Clip, Picture } from "./sources.js";

const MOST_THREADS = 4; // more than phones have fast cores
const RATE_FRAMES = 15; // over which frames per second are counted
const element = (id) => document.getElementById(id);

/** What runs now: one or two detectors; `busy` while the loop must rest (loading, measuring). */
const state = { models: [], detectors: [], source: null, busy: 0, changed: true, finished: [] };
let turn = Promise.resolve(); // of the loop
let changes = Promise.resolve();

function report(error) {
  element("problem").textContent = error ? `${error.message ?? error}` : "";
  element("problem").hidden = !error;
}

/** Tell that what is shown is not yet of what is chosen. */
function tellBusy(busy) {
  document.body.setAttribute("aria-busy", busy);
}

/** Do something that changes what runs, after earlier changes and while the loop rests; tell a failure on the page. */
function change(work) {
  state.busy++;
  tellBusy(true);
  report(null);
  changes = changes
    .then(() => turn)
    .then(work)
    .catch(report)
    .finally(() => {
      state.busy--;
      state.changed = true;
      state.finished = [];
    });
  return changes;
}

// --- What is chosen -----------------------------------------------------------------------------------------------

function runsOn() {
  const [backend, threads] = element("runs").value.split(" ");
  return { backend, threads: Number(threads) };
}

async function loadDetectors() {
  const wanted = [element("first"), element("second")].map((select) => state.models[select.value]).filter(Boolean);
  for (const detector of state.detectors) detector.close();
  state.detectors = [];
  document.querySelectorAll(".stage").forEach((stage, index) => (stage.hidden = index > 0 && index >= wanted.length));
  for (const model of wanted) state.detectors.push(await Detector.load(model, runsOn()));
}

async function look(button, open) {
  for (const other of document.querySelectorAll("#sources button")) other.setAttribute("aria-pressed", other === button);
  const source = await open();
  state.source?.close();
  state.source = source;
}

function showThreshold() {
  const { score, score_from: from } = state.models[element("first").value].contract.threshold;
  element("confidence").value = score;
  element("own").textContent = `The model's own: ${score.toFixed(2)} (${from}).`;
  showConfidence();
}

function showConfidence() {
  element("shown").textContent = Number(element("confidence").value).toFixed(2);
  state.changed = true;
}

// --- The loop -----------------------------------------------------------------------------------------------------

/** Run all models on one frame, one after the other so that none slows the other, and show it. */
async function once() {
  const { source, detectors } = state;
  const frame = await source.frame();
  if (!frame) return;
  try {
    state.changed = false;
    const confidence = Number(element("confidence").value);
    const results = [];
    for (const detector of detectors) results.push(await detector.detect(frame, confidence));
    state.finished = [...state.finished, performance.now()].slice(-RATE_FRAMES);
    results.forEach((result, index) => show(index, detectors[index], frame, result, source));
    if (!state.busy) tellBusy(false);
  } finally {
    frame.close();
  }
}

function show(index, { model, loaded }, frame, { found, times }, source) {
  const stage = document.querySelectorAll(".stage")[index];
  draw(stage.querySelector("canvas"), frame, found, model.contract.labels, source.mirrored);
  stage.found = found;
  stage.dataset.boxes = found.length;
  const total = times.preprocess + times.inference + times.postprocess;
  const { name, backend, threads } = loaded.runtime;
  const count = `${found.length || "no"} ${found.length === 1 ? "box" : "boxes"}`;
  const rate = source.still || state.finished.length < 2 ? [] : [`${framesPerSecond().toFixed(1)} frames/s`];
  const where = backend === "webgpu" ? "GPU" : `${threads} thread${threads > 1 ? "s" : ""}`;
  caption(stage.querySelector("figcaption"), [
    ["file", model.file],
    ["total", `${total.toFixed(1)} ms`],
    ["part", [...rate, count, `${name} on ${where}`].join(" · ")],
    [
      "part",
      `pre-processing ${times.preprocess.toFixed(1)} + model ${times.inference.toFixed(1)} + post-processing ` +
        times.postprocess.toFixed(1),
    ],
  ]);
}

function framesPerSecond() {
  const { finished } = state;
  return ((finished.length - 1) * 1000) / (finished.at(-1) - finished[0]);
}

function caption(target, lines) {
  target.replaceChildren(
    ...lines.map(([kind, text]) => Object.assign(document.createElement("div"), { className: kind, textContent: text })),
  );
}

async function loop() {
  const wanted = state.source && state.detectors.length && (state.changed || !state.source.still);
  if (wanted && !state.busy) {
    turn = once().catch((error) => {
      state.changed = false; // the same again would fail again
      report(error);
    });
    await turn;
  }
  requestAnimationFrame(loop);
}

// --- The start ----------------------------------------------------------------------------------------------------

function fillChoices({ models, clip }) {
  const option = (text, value) => new Option(text, value);
  element("first").replaceChildren(...models.map((model, index) => option(model.file, index)));
  element("second").replaceChildren(option("nothing", ""), ...models.map((model, index) => option(model.file, index)));
  const threads = Math.min(mostThreads(), MOST_THREADS);
  const counts = [...new Set([threads, 1])];
  const runs = counts.map((count) => option(`CPU, ${count} thread${count > 1 ? "s" : ""}`, `wasm ${count}`));
  element("runs").replaceChildren(...runs);
  hasWebGpu().then((has) => has && element("runs").append(option("GPU (WebGPU)", "webgpu 1")));
  element("clip").hidden = !clip;
}

/** The test pictures of all bundles, each once. */
function pictureButtons(models) {
  const urls = new Set(models.flatMap((model) => model.pictures.map((picture) => picture.url)));
  return [...urls].map((url, index) => {
    const image = Object.assign(new Image(), { src: url, alt: `test picture ${index + 1}` });
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(image);
    button.onclick = () => change(() => look(button, () => Picture.open(url)));
    return button;
  });
}

function listen({ clip }) {
  for (const id of ["first", "second", "runs"]) element(id).onchange = () => change(loadDetectors);
  element("first").addEventListener("change", showThreshold);
  element("confidence").oninput = showConfidence;
  element("clip").onclick = () => change(() => look(element("clip"), () => Clip.open(clip)));
  element("camera").onclick = () => change(() => look(element("camera"), () => Camera.open()));
  element("controls").onsubmit = (event) => event.preventDefault();
}

async function start() {
  const catalogue = await loadCatalogue();
  state.models = catalogue.models;
  fillChoices(catalogue);
  const pictures = pictureButtons(catalogue.models);
  element("pictures").replaceChildren(...pictures);
  showThreshold();
  listen(catalogue);
  loop();
  // It starts with something to see: a test picture, or the clip where no bundle has one.
  (pictures[0] ?? (catalogue.clip ? element("clip") : null))?.click();
  await change(loadDetectors);
  await prepareMeasuring(catalogue, state, change, runsOn);
}

start().catch(report);
