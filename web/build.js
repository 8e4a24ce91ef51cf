// Builds the page into dist/: bundles, the runtimes' WebAssembly, notices of licences, and a gzip copy of each file.
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const OUT = "dist";
const PAGE = ["index.html", "style.css"];
const RUNTIMES = {
  ort: {
    from: "node_modules/onnxruntime-web/dist",
    // The plain build, and the one that holds WebGPU.
    files: ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"].flatMap((name) => [`${name}.mjs`, `${name}.wasm`]),
  },
  litert: {
    from: "node_modules/@litertjs/core/wasm",
    // "compat" is for browsers without relaxed SIMD.
    files: ["litert_wasm", "litert_wasm_threaded", "litert_wasm_compat"].flatMap((name) => [
      `${name}_internal.js`,
      `${name}_internal.wasm`,
    ]),
  },
};

const version = async (name) => JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8")).version;

async function bundle() {
  const shared = {
    bundle: true,
    minify: true,
    target: "es2022",
    metafile: true,
    outdir: OUT,
    // Otherwise the runtimes would carry a second copy of their WebAssembly inside the script.
    conditions: ["onnxruntime-web-use-extern-wasm"],
    define: {
      ONNXRUNTIME_VERSION: JSON.stringify(await version("onnxruntime-web")),
      LITERT_VERSION: JSON.stringify(await version("@litertjs/core")),
    },
  };
  // LiteRT.js loads its script with importScripts, which module workers do not have.
  const worker = { ...shared, format: "iife" };
  return Promise.all([
    build({ ...shared, format: "esm", entryPoints: ["src/main.js"] }),
    build({ ...worker, entryPoints: ["src/worker-onnx.js", "src/worker-tflite.js"] }),
    build({
      ...worker,
      entryPoints: [{ in: "src/worker-onnx.js", out: "worker-onnx-webgpu" }],
      alias: { "onnxruntime-web/wasm": "onnxruntime-web/webgpu" },
    }),
  ]);
}

/** One line for each package of which something is in dist. */
async function notices(results) {
  const packages = new Set();
  for (const path of results.flatMap((result) => Object.keys(result.metafile.inputs))) {
    const found = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
    if (found) packages.add(found[1]);
  }
  const lines = [...packages].sort().map(async (name) => {
    const said = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
    return `${name} ${said.version}: ${said.license}`;
  });
  return `This page is part of Pinch, AGPL-3.0-only, and contains these packages under their licences:\n\n${(await Promise.all(lines)).join("\n")}\n`;
}

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT);
const results = await bundle();
await writeFile(join(OUT, "licences.txt"), await notices(results));
for (const name of PAGE) await cp(join("src", name), join(OUT, name));
for (const [folder, { from, files }] of Object.entries(RUNTIMES))
  for (const name of files) await cp(join(from, name), join(OUT, folder, name));
for (const entry of await readdir(OUT, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
}
