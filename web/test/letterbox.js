// Letterboxes frames for tests/test_web.py: node letterbox.js '[{"frame", "width", "height", "shape", "channelsLast", "input"}]'.
// It reads RGBA bytes from the file "frame" and writes the network's input, 0 to 255 as float32, to the file "input".
import { readFileSync, writeFileSync } from "node:fs";
import { Letterbox } from "../src/letterbox.js";

const table = Float32Array.from({ length: 256 }, (_, value) => value);
for (const { frame, width, height, shape, channelsLast, input } of JSON.parse(process.argv[2])) {
  const letterbox = new Letterbox(shape, channelsLast, table, 114);
  letterbox.fill(new Uint8ClampedArray(readFileSync(frame)), width, height);
  writeFileSync(input, letterbox.input);
}
