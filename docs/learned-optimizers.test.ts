import { existsSync, readdirSync, readFileSync } from "node:fs";
import { optim, setBackend, wasm } from "descent";
import { expect, test } from "vitest";
import { type Contender, compete, heldOut, median } from "../examples/learned/compare.ts";
import { FAMILIES, type FamilyName, RECIPES, type RecipeName } from "../scripts/learned/recipes.ts";
import { SHIPPED } from "../scripts/learned/shipped.ts";

// The page has figures of every learned optimizer, and what they promise is so.

const page = readFileSync(new URL("learned-optimizers.md", import.meta.url), "utf8");
const NAMES = Object.keys(RECIPES) as RecipeName[];

/** The rows of the table that follows a family's picture: titles, and medians of final losses. */
function figuresOf(name: FamilyName): Map<string, string> {
  const [, table = ""] = page.split(`(images/learned/${name}.svg)`);
  const rows = /^\|(?:.*\n\|)*.*$/m.exec(table)?.[0].split("\n").slice(2) ?? [];
  return new Map(rows.map((row) => row.split(" | ")).map(([title, loss]) => [title!.slice(2), loss!]));
}

test.each(Object.keys(FAMILIES) as FamilyName[])("every optimizer has figures on %s", (name) => {
  const titles = [...figuresOf(name).keys()];
  expect(titles.slice(0, 3)).toEqual([
    expect.stringMatching(/^SGD, lr \S+$/),
    expect.stringMatching(/^SGD, momentum 0.9, lr \S+$/),
    expect.stringMatching(/^Adam, lr \S+$/),
  ]);
  const expected = NAMES.map((key) =>
    RECIPES[key].family === name ? `**${RECIPES[key].rule.name}**` : RECIPES[key].rule.name,
  );
  expect(titles.slice(3)).toEqual(expected);
});

test("every recipe has its curve, its command and its weights, and there are no others", () => {
  const weights = new URL("../packages/optim/src/learned/weights/", import.meta.url);
  expect(readdirSync(weights).sort()).toEqual(NAMES.map((name) => `${name}.ts`).sort());
  for (const name of NAMES) {
    const { steps, training } = RECIPES[name];
    const command = `npm run meta-train -- ${name} --steps ${steps} --seed ${training.seed}`;
    expect(readFileSync(new URL(`${name}.ts`, weights), "utf8")).toContain(`made by \`${command}\``);
    expect(page).toContain(`npm run meta-train -- ${name}`);
    expect(page).toContain(`(images/learned/meta-training-${name}.svg)`);
    expect(existsSync(new URL(`images/learned/meta-training-${name}.svg`, import.meta.url))).toBe(true);
  }
});

test.each(NAMES)("%s beats a tuned SGD on problems that it has not seen", async (name) => {
  setBackend(wasm({ relaxedSimd: false, threads: 1 }));
  const figures = figuresOf(RECIPES[name].family);
  const lr = Number(/^SGD, lr (\S+)$/.exec([...figures.keys()][0]!)![1]);
  const loss = async (contender: Contender): Promise<number> =>
    median((await compete(FAMILIES[RECIPES[name].family], contender, heldOut())).finals);
  const sgd = await loss((parameters) => new optim.SGD(parameters, { lr }));
  const learned = await loss(SHIPPED[name]);
  expect(learned).toBeLessThan(sgd);
  // The figures of the page, to as many digits as other machines compute too.
  for (const [found, title] of [
    [sgd, `SGD, lr ${lr}`],
    [learned, `**${RECIPES[name].rule.name}**`],
  ] as const)
    expect(found / Number(figures.get(title))).toBeCloseTo(1, 1);
});
