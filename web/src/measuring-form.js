// The form "Measure this device", its results, and where they go.
import { describeDevice } from "./device.js";
import { measure, median } from "./measure.js";

const LONGER_RUN = 120; // seconds
const element = (id) => document.getElementById(id);

/**
 * @param catalogue what `loadCatalogue` returned
 * @param state of the page: what is measured on, and the detectors that rest meanwhile
 * @param change of the page: does work while the page's own loop rests
 * @param runsOn tells the chosen backend and threads
 */
export async function prepareMeasuring(catalogue, state, change, runsOn) {
  element("name").value = (await describeDevice()).name;
  let controller;
  element("stop").onclick = () => controller.abort(new Error("measuring was stopped: nothing is kept of it"));
  element("measure").onsubmit = (event) => {
    event.preventDefault();
    controller = new AbortController();
    const options = {
      ...runsOn(),
      name: element("name").value.trim(),
      rounds: Number(element("rounds").value),
      inferences: Number(element("inferences").value),
      seconds: element("longer").checked ? LONGER_RUN : 0,
      signal: controller.signal,
    };
    change(() => run(catalogue, state.source, options));
  };
}

async function run(catalogue, source, options) {
  if (!source) throw new Error("there is nothing to measure on: choose a picture, the clip or the camera first");
  if (!options.name) throw new Error("the device has no name: type one, such as the phone's model");
  toggle(true);
  try {
    const timings = await measure(catalogue.models, source, options, showProgress);
    element("times").replaceChildren(...rows(timings));
    element("times").hidden = false;
    showCurve(timings.curve ?? []);
    element("saved").textContent = catalogue.saves ? await send(timings) : download(timings);
  } finally {
    toggle(false);
  }
}

function toggle(running) {
  element("start").disabled = running;
  element("stop").hidden = element("progress").hidden = !running;
  if (running) element("saved").textContent = "";
  if (!running) element("status").textContent = "";
}

function showProgress(done, total, what) {
  element("progress").value = done / total;
  element("status").textContent = what;
}

/** Rows of the table of results; times relative to the first model. */
function rows({ models }) {
  const medians = models.map((model) => median(model.rounds.flat()));
  const cells = models.map(({ file, runtime, rounds, ...model }, index) => [
    file,
    medians[index].toFixed(1),
    (medians[index] / medians[0]).toFixed(2),
    spread(rounds),
    median(model.preprocess_ms).toFixed(1),
    median(model.postprocess_ms).toFixed(1),
    model.load_ms.toFixed(0),
    runtime.backend === "webgpu" ? "GPU" : `${runtime.threads}`,
    `${runtime.name} ${runtime.version}`,
  ]);
  const steps = ["Pre-processing ms", "Post-processing ms", "Load ms"];
  const head = ["Model", "Model ms", "To the first", "Rounds ms", ...steps, "Threads", "Runtime"];
  return [row("th", head), ...cells.map((texts) => row("td", texts))];
}

/** The medians of the fastest and of the slowest round. */
function spread(rounds) {
  const medians = rounds.map(median);
  return `${Math.min(...medians).toFixed(1)} to ${Math.max(...medians).toFixed(1)}`;
}

function row(kind, texts) {
  const line = document.createElement("tr");
  line.append(...texts.map((text) => Object.assign(document.createElement(kind), { textContent: text })));
  return line;
}

function showCurve(points) {
  const figure = element("curve");
  figure.hidden = points.length === 0;
  if (points.length === 0) return;
  const [width, height, margin] = [640, 160, 34];
  const most = Math.max(...points.map(({ ms }) => ms));
  const end = points.at(-1).second || 1;
  const x = (second) => margin + (second / end) * (width - margin - 8);
  const y = (ms) => height - 20 - (ms / most) * (height - 32);
  const line = points.map(({ second, ms }) => `${x(second).toFixed(1)},${y(ms).toFixed(1)}`).join(" ");
  const svg = (kind, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "time over the longer run" });
  drawing.append(
    svg("line", { x1: margin, x2: width - 8, y1: y(0), y2: y(0) }),
    svg("polyline", { points: line }),
    svg("text", { x: 0, y: y(most) + 4 }, `${most.toFixed(0)} ms`),
    svg("text", { x: 0, y: y(0) + 4 }, "0 ms"),
    svg("text", { x: width - 60, y: height - 4 }, `${end.toFixed(0)} s`),
  );
  figure.replaceChildren(drawing);
}

/** Give the timings to the command that serves this page; returns what it says. */
async function send(timings) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("timings", { method: "POST", headers, body: JSON.stringify(timings) });
  const text = await answer.text();
  if (!answer.ok) return `The server refuses them (${text}). ${download(timings)}`;
  return text;
}

function download(timings) {
  const name = `timings_${timings.device.name.replace(/\W+/g, "_")}.json`;
  const blob = new Blob([JSON.stringify(timings)], { type: "application/json" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return `Saved as ${name}: read it with import_timings.py.`;
}
