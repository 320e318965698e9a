import { readdirSync, readFileSync, statSync } from "node:fs";
import { optim } from "descent";
import { describe, expect, test } from "vitest";

// Every optimizer has a page, whose table of options is true, and whose picture is there.

const folder = new URL("optimizers/", import.meta.url);
const images = new URL("images/optimizers/", import.meta.url);
const MOST_BYTES = 25_000;

const read = (page: string): string => readFileSync(new URL(page, folder), "utf8");
const pages = readdirSync(folder).filter((name) => name !== "README.md");

/** Classes of `optim` that make steps along gradients, but for those that others are made from. */
const classes = Object.entries<unknown>(optim).filter(
  (entry): entry is [string, { prototype: object }] =>
    typeof entry[1] === "function" && isOptimizer(entry[1].prototype),
);
const optimizers = classes.filter(
  ([, base]) => !classes.some(([, other]) => Object.prototype.isPrototypeOf.call(base.prototype, other.prototype)),
);
function isOptimizer(prototype: unknown): boolean {
  return typeof prototype === "object" && prototype !== null && "step" in prototype && "zeroGrad" in prototype;
}

/** Options and defaults that a rule has, or as the comments of a wrapper's options tell them. */
function optionsOf(name: string): Record<string, unknown> {
  const rule = Object.values<unknown>(optim).find(
    (value) =>
      typeof value === "object" && value !== null && "defaults" in value && "name" in value && value.name === name,
  );
  if (rule !== undefined) return (rule as { defaults: Record<string, unknown> }).defaults;
  const source = readFileSync(
    new URL(`../packages/optim/src/optimizers/${name.toLowerCase()}.ts`, import.meta.url),
    "utf8",
  );
  const [, members = ""] = new RegExp(`interface ${name}Options \\{(.*?)^\\}`, "ms").exec(source) ?? [];
  const defaults = [...members.matchAll(/Default (\S+)\. \*\/\s*readonly (\w+)\?:/g)];
  return Object.fromEntries(defaults.map(([, value, option]) => [option!, parsed(value!)]));
}

/** The tables of options in a page: class by class, what they say is the default. */
function tablesOf(page: string): [name: string, options: Record<string, unknown>][] {
  const sections = [...read(page).matchAll(/^## Options of `(\w+)`\n(.*?)(?=^## )/gms)];
  return sections.map(([, name, text]) => {
    const rows = [...text!.matchAll(/^\| `(\w+)` \| `(.+?)` \|/gm)];
    return [name!, Object.fromEntries(rows.map(([, option, value]) => [option!, parsed(value!)]))];
  });
}
const parsed = (text: string): unknown => (text === "Infinity" ? Number.POSITIVE_INFINITY : JSON.parse(text));

const documented = pages.flatMap(tablesOf);

test("every optimizer has one page, and pages are about optimizers that exist", () => {
  expect(documented.map(([name]) => name).sort()).toEqual(optimizers.map(([name]) => name).sort());
});

test.each(documented)("the options of %s are those of its page", (name, options) => {
  expect(options).toEqual(optionsOf(name));
});

describe.each(pages)("%s", (page) => {
  const text = read(page);

  test("shows a picture that is there and not too large", () => {
    const picture = `${page.replace(".md", "")}.svg`;
    expect(text).toContain(`](../images/optimizers/${picture})`);
    const { size } = statSync(new URL(picture, images));
    expect(size).toBeGreaterThan(1000);
    expect(size).toBeLessThanOrEqual(MOST_BYTES);
  });

  test("has its parts, and is in the index", () => {
    expect(text).toMatch(/^# .+\n\n.+\([^)]*(19|20)\d\d[^)]*\)/); // a paper
    for (const part of ["When to use it", "Example", "In PyTorch"]) expect(text).toContain(`\n## ${part}\n`);
    expect(text).toMatch(/\bfails\b/);
    expect(read("README.md")).toContain(`](${page})`);
  });

  test("links to pages that exist", () => {
    for (const [, target] of text.matchAll(/\]\(([\w-]+\.md)\)/g)) expect(pages).toContain(target);
  });
});

test("there is no picture without a page", () => {
  expect(readdirSync(images).sort()).toEqual(pages.map((page) => page.replace(".md", ".svg")).sort());
});

test("every optimizer is in the race of the examples", () => {
  const source = readFileSync(new URL("../examples/race/contenders.ts", import.meta.url), "utf8");
  const raced = new Set([...source.matchAll(/new optim\.(\w+)/g)].map(([, name]) => name!));
  expect([...raced].sort()).toEqual(optimizers.map(([name]) => name).sort());
});
