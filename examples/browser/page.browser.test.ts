import { type Browser, chromium, type Page, type Route } from "playwright";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launchOptions } from "../../scripts/chromium.ts";

const configFile = `${import.meta.dirname}/vite.config.ts`;
let server: ViteDevServer;
let browser: Browser;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  server = await createServer({ configFile, logLevel: "error", server: { port: 0 } });
  await server.listen();
  browser = await chromium.launch(launchOptions);
});
afterEach(async () => {
  await page.close();
  expect(problems.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** The page with a query, when it knows which backends there are. */
async function open(query: string, prepare?: (page: Page) => Promise<unknown>): Promise<void> {
  page = await browser.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  await prepare?.(page);
  await page.goto(`${server.resolvedUrls!.local[0]}?${query}`);
  await page.locator("#start:enabled").waitFor();
}

const text = async (id: string): Promise<string> => (await page.locator(`#${id}`).textContent())!;
const becomes = (state: string): Promise<void> => page.locator("#state", { hasText: state }).waitFor();

/** Serves the worker with a first line that hides WebGPU. */
async function withoutWebGpu(route: Route): Promise<void> {
  const response = await route.fetch();
  const hide = 'Object.defineProperty(navigator, "gpu", { value: undefined });';
  await route.fulfill({ response, body: `${hide}${await response.text()}` });
}

describe("the page", () => {
  test.each([
    ["wasm", "images=512&steps=40&tests=40", /WebAssembly.*Threads[1-9]/],
    ["webgpu", "images=8&batchSize=8&steps=5&tests=8", /webgpu.*Launches per step[1-9].*On the hostnothing/],
    [
      "webgl2",
      "images=8&batchSize=8&steps=5&tests=8",
      /webgl2AdapterANGLE.*SwiftShader.*Launches per step[1-9].*On the hostnothing/,
    ],
    ["cpu", "images=8&batchSize=8&steps=5&tests=8", /plain TypeScript/],
  ])("trains on %s, and shows how it reads", async (backend, query, facts) => {
    await open(`backend=${backend}&optimizer=adam&lr=0.003&${query}`);
    expect(await page.locator("input[name=backend]:enabled").count()).toBe(4);
    await page.locator("#start").click();
    await becomes("Done.");

    const [steps, tests] = ["steps", "tests"].map((name) => Number(new URLSearchParams(query).get(name)));
    expect(await text("step")).toMatch(new RegExp(` · ${steps}$`));
    expect(Number((await text("speed")).replace(",", ""))).toBeGreaterThan(0);
    expect(await text("facts")).toMatch(facts);
    // Charts are drawn in the next frame.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
    const dots = page.locator("#loss-chart circle");
    const heights = await dots.evaluateAll((all) => all.map((dot) => Number(dot.getAttribute("cy"))));
    expect(heights.length).toBe(steps);
    expect(heights.at(-1)! - heights[0]!).toBeGreaterThan(5); // pixels downwards

    const readings = await page.locator("#digits li").allTextContents();
    expect(readings.every((reading) => /^\d( ✗)?$/.test(reading))).toBe(true);
    const wrong = readings.filter((reading) => reading.endsWith("✗")).length;
    expect([readings.length, await text("accuracy")]).toEqual([tests, `${(100 - (100 * wrong) / tests!).toFixed(1)}%`]);
    expect(await page.locator("#misread li").count()).toBe(Math.min(20, wrong));
    if (backend === "wasm") expect(wrong).toBeLessThan(20);
  });

  test("pauses, goes on, takes another learning rate, and begins anew", async () => {
    await open("images=640&tests=10");
    await page.locator("#start").click();
    await page.locator("#step", { hasText: /· [1-9]/ }).waitFor();
    await page.locator("#start", { hasText: "Pause" }).click();
    await becomes("Paused.");
    expect(await page.locator("input[name=batchSize]").isDisabled()).toBe(true);
    await page.locator("input[name=lr]").fill("1e20");
    await page.locator("#start", { hasText: "Resume" }).click();
    await becomes("Stopped by an error.");
    expect(await text("failure")).toMatch(
      /^Training: the loss is \w+ in step \d+\.Press “Reset” and try a smaller learning rate\.$/,
    );
    await page.locator("#reset").click();
    await becomes("Ready.");
    expect([await page.locator("#failure").isHidden(), await text("step"), await text("facts")]).toEqual([
      true,
      "–",
      "",
    ]);
  });

  test("says what is wrong with its address, and where images are missing", async () => {
    await open("batchSize=0", (page) => page.route("**/t10k-images-*", (route) => route.fulfill({ status: 404 })));
    expect(await text("failure")).toBe(
      "The batch size must be a whole number from 1 to 1000, and is “0”.Change it and start again.",
    );
    expect(await page.locator("input[name=batchSize]").inputValue()).toBe("64");

    await page.locator("#start").click();
    await becomes("Stopped by an error.");
    expect(await text("failure")).toMatch(
      /^MNIST: http.*\/t10k-images-idx3-ubyte cannot be fetched \(404.*\)\.Serve the page by “npm run browser”/,
    );
  });

  test("shows why a backend cannot be chosen", async () => {
    // Of a page that did not come from localhost or by https.
    await open("backend=webgpu", (page) => page.route("**/worker.ts*", withoutWebGpu));
    const radio = page.locator("input[value=webgpu]");
    expect([await radio.isDisabled(), await radio.isChecked()]).toEqual([true, false]);
    expect(await page.locator(".problem").allTextContents()).toEqual([
      "Not here: there is no navigator.gpu (in Node, the package webgpu makes one). It needs a browser with WebGPU, and https or localhost.",
    ]);
  });

  test("says so where the device is lost", async () => {
    await open("backend=webgpu&images=8&batchSize=8&tests=1");
    await page.locator("#start").click();
    await page.locator("#step", { hasText: /· [1-9]/ }).waitFor();
    const devtools = await browser.newBrowserCDPSession();
    await devtools.send("Browser.crashGpuProcess");
    await becomes("Stopped by an error.");
    expect(await text("failure")).toMatch(/\.Press “Reset” and start again, or choose another backend\.$/);
  });
});
