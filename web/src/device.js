// What the browser tells of the device.

const NAME_LENGTH = 80; // characters that a device's name may have

/** What is known without asking: see the form of timings in docs/web.md. */
export async function describeDevice() {
  const hints = navigator.userAgentData;
  const said = (await hints?.getHighEntropyValues(["model", "platformVersion", "architecture"]).catch(() => null)) ?? {};
  const platform = [hints?.platform || navigator.platform, said.platformVersion].filter(Boolean).join(" ");
  return {
    name: (said.model || platformOf(navigator.userAgent) || platform || "this device").slice(0, NAME_LENGTH),
    user_agent: navigator.userAgent,
    platform: [platform, said.architecture].filter(Boolean).join(", "),
    cores: navigator.hardwareConcurrency ?? null,
    memory_gb: navigator.deviceMemory ?? null,
    gpu: graphics(),
  };
}

/** The first words in brackets of a user agent: "iPhone", "X11; Linux x86_64". */
function platformOf(userAgent) {
  return userAgent.match(/\(([^;)]+)(?:; ([^;)]+))?/)?.slice(1).filter(Boolean).join(" ");
}

/** The name of the graphics processor as WebGL tells it, or null. */
function graphics() {
  const context = document.createElement("canvas").getContext("webgl");
  const asked = context?.getExtension("WEBGL_debug_renderer_info");
  return asked ? context.getParameter(asked.UNMASKED_RENDERER_WEBGL) : null;
}

/** Whether a model can run on the graphics processor. */
export async function hasWebGpu() {
  return Boolean(await navigator.gpu?.requestAdapter().catch(() => null));
}

/** The most threads that WebAssembly may use here: 1 where the page is not isolated from other pages. */
export function mostThreads() {
  return self.crossOriginIsolated ? Math.max(navigator.hardwareConcurrency ?? 1, 1) : 1;
}
