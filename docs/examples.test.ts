import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Every TypeScript block of the documentation is a program. It runs as a real process, and prints what the text block behind it says.

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

describe.each(
  pages.map((page) => ({ page, examples: examplesOf(page) })).filter(({ examples }) => examples.length > 0),
)("$page", ({ page, examples }) => {
  test.each(examples)("line $line", { timeout: 60_000 }, ({ line, code, output }) => {
    const file = new URL(`${page.replaceAll(/\W/g, "-")}-${line}.mts`, scratch);
    writeFileSync(file, code);
    const printed = execFileSync(process.execPath, ["--import", "tsx", fileURLToPath(file)], {
      cwd: root,
      encoding: "utf8",
    });
    if (output !== null) expect(printed).toBe(output);
  });
});
