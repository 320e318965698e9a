import { type Browser, chromium, type Page } from "playwright";
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

describe("the page", () => {
  test.each([
    ["wasm", "images=512&steps=40", /WebAssembly.*Threads[1-9]/],
    ["webgpu", "images=16&batchSize=16&steps=8", /webgpu.*Launches per step[1-9].*On the hostnothing/],
    ["webgl2", "images=16&batchSize=16&steps=8", /webgl2.*Launches per step[1-9].*On the hostnothing/],
    ["cpu", "images=16&batchSize=16&steps=8", /plain TypeScript/],
  ])("trains on %s, and shows how it reads", async (backend, query, facts) => {
    await open(`backend=${backend}&optimizer=adam&lr=0.003&tests=40&${query}`);
    expect(await page.locator("input[name=backend]:enabled").count()).toBe(4);
    await page.locator("#start").click();
    await becomes("Done.");

    const steps = Number(/steps=(\d+)/.exec(query)![1]);
    expect(await text("step")).toMatch(new RegExp(` · ${steps}$`));
    expect(Number(await text("speed"))).toBeGreaterThan(0);
    expect(await text("facts")).toMatch(facts);
    const dots = page.locator("#loss-chart circle");
    const heights = await dots.evaluateAll((all) => all.map((dot) => Number(dot.getAttribute("cy"))));
    expect(heights.length).toBe(steps);
    expect(heights.at(-1)! - heights[0]!).toBeGreaterThan(5); // pixels downwards

    const readings = await page.locator("#digits li").allTextContents();
    expect(readings.every((reading) => /^\d( ✗)?$/.test(reading))).toBe(true);
    const wrong = readings.filter((reading) => reading.endsWith("✗")).length;
    expect([readings.length, await text("accuracy")]).toEqual([40, `${(100 - 2.5 * wrong).toFixed(1)}%`]);
    expect(await page.locator("#misread li").count()).toBe(Math.min(20, wrong));
    if (backend === "wasm") expect(wrong).toBeLessThan(20);
  });
});
