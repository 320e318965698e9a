import { existsSync, readFileSync } from "node:fs";
import { optim } from "descent";
import { expect, test } from "vitest";

const page = readFileSync(new URL("schedules.md", import.meta.url), "utf8");
const sections = [...page.matchAll(/^## (\w+)\n\n!\[\1\]\((images\/schedules\/\1\.svg)\)$/gm)];

test("every scheduler has a section with a plot", () => {
  const names = Object.entries(optim as Record<string, unknown>)
    .filter(([, value]) => typeof value === "function" && value.prototype instanceof optim.LRScheduler)
    .map(([name]) => name);
  expect(names.length).toBeGreaterThan(15);
  expect(sections.map(([, name]) => name!).sort()).toEqual(names.sort());
});

test("every plot is there, and `scripts/plot-schedules.ts` draws it", () => {
  const script = readFileSync(new URL("../scripts/plot-schedules.ts", import.meta.url), "utf8");
  expect(
    sections.filter(
      ([, name, image]) => !existsSync(new URL(image!, import.meta.url)) || !script.includes(`\n  ${name}: {`),
    ),
  ).toEqual([]);
});
