// Drives the page in a real browser for tests/test_web.py and tests/web_benchmark.py: node drive.js '{"url": ...}'.
// What it saw goes to standard output as JSON.
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
];

/** What each step does; it gets the page and the step, and returns what is told of it. */
const STEPS = {
  /** Wait until there are boxes of what is chosen, and tell them. */
  async boxes(page, { stage = 0 }) {
    const shown = page.locator(".stage").nth(stage);
    await shown.and(page.locator("[aria-busy=false] [data-boxes]:not([data-boxes='0'])")).waitFor();
    const found = await shown.evaluate((element) => element.found);
    return { found, caption: await shown.locator("figcaption").innerText(), ms: await page.evaluate(() => performance.now()) };
  },
  click: (page, { selector, nth = 0 }) => page.locator(selector).nth(nth).click(),
  select: async (page, { selector, label }) => void (await page.locator(selector).selectOption({ label })),
  fill: (page, { selector, text }) => page.locator(selector).fill(text),
  /** Wait for what is there only when something is done; tell its text. */
  text: async (page, { selector }) => {
    await page.locator(selector).waitFor();
    return page.locator(selector).innerText();
  },
  viewport: (page, { width, height }) => page.setViewportSize({ width, height }),
  screenshot: async (page, { path }) => void (await page.screenshot({ path, fullPage: true })),
  evaluate: (page, { script }) => page.evaluate(script),
};

async function drive({ browser: executablePath, url, camera, seconds, steps }) {
  const args = camera ? [...FLAGS, `--use-file-for-fake-video-capture=${camera}`] : FLAGS;
  const browser = await chromium.launch({ executablePath, headless: true, args });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(seconds * 1000);
    const seen = { requests: [], problems: [], steps: [] };
    page.context().on("request", (request) => seen.requests.push(request.url()));
    // LiteRT writes all that it says to the console of errors.
    const isError = (message) => message.type() === "error" && !/^(INFO|WARNING):/.test(message.text());
    page.on("console", (message) => isError(message) && seen.problems.push(message.text()));
    page.on("pageerror", (error) => seen.problems.push(String(error)));
    await page.goto(url);
    for (const { kind, ...step } of steps) seen.steps.push((await STEPS[kind](page, step)) ?? null);
    return seen;
  } finally {
    await browser.close();
  }
}

console.log(JSON.stringify(await drive(JSON.parse(process.argv[2]))));
