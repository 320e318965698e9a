import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Every TypeScript block of the documentation is a program. It runs as a real process, and prints what the text block behind it says. The
// pages of optimizers, which are many and small, share one process, and all their programs print something.

const root = new URL("../", import.meta.url);
const scratch = new URL("node_modules/.cache/documentation/", root);

interface Example {
  readonly line: number;
  readonly code: string;
  /** What it prints, where the page shows it. */
  readonly output: string | null;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(new URL(page, root), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length,
    code: match[1]!,
    output: match[2] ?? null,
  }));
}

const markdown = (folder: string): string[] =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}${name}`);

const pages = [
  ...markdown("./"),
  ...markdown("docs/"),
  ...readdirSync(new URL("packages", root)).flatMap((name) => markdown(`packages/${name}/`)),
];

beforeAll(() => mkdirSync(scratch, { recursive: true }));
afterAll(() => rmSync(scratch, { recursive: true }));

const withExamples = (pages: readonly string[]) =>
  pages.map((page) => ({ page, examples: examplesOf(page) })).filter(({ examples }) => examples.length > 0);

/** Writes a program, and gives the address of its file. */
function written(page: string, line: number, code: string): URL {
  const file = new URL(`${page.replaceAll(/\W/g, "-")}-${line}.mts`, scratch);
  writeFileSync(file, code);
  return file;
}

const run = (file: URL): string =>
  execFileSync(process.execPath, ["--import", "tsx", fileURLToPath(file)], { cwd: root, encoding: "utf8" });

describe.each(withExamples(pages))("$page", ({ page, examples }) => {
  test.each(examples)("line $line", { timeout: 60_000 }, ({ line, code, output }) => {
    const printed = run(written(page, line, code));
    if (output !== null) expect(printed).toBe(output);
  });
});

test("pages of optimizers", { timeout: 120_000 }, () => {
  const examples = withExamples(markdown("docs/optimizers/")).flatMap(({ page, examples }) =>
    examples.map((example) => ({ ...example, title: `${page}, line ${example.line}`, page })),
  );
  const files = examples.map(({ page, line, code }) => written(page, line, code));
  const all = files.map(
    (file, i) => `console.log("# ${i}"); await import("${file}").catch((error) => console.log(String(error)));`,
  );
  const printed = run(written("all", 0, all.join("\n"))).split(/^# \d+\n/m);
  const outputs = Object.fromEntries(examples.map(({ title }, i) => [title, printed[i + 1]]));
  const expected = Object.fromEntries(examples.map(({ title, output }) => [title, output]));
  expect(outputs).toEqual(expected);
});
