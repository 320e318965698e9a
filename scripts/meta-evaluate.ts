import { readFileSync, writeFileSync } from "node:fs";
import { setBackend, wasm } from "descent";
import {
  CLASSICS,
  type Contender,
  compete,
  type Family,
  forTuning,
  heldOut,
  median,
  quantile,
  type Result,
  shown,
  tuned,
  wins,
} from "../examples/learned/compare.ts";
import { drawRace } from "../examples/learned/pictures.ts";
import { FAMILIES, type FamilyName, RECIPES, type RecipeName } from "./learned/recipes.ts";
import { SHIPPED } from "./learned/shipped.ts";

// Measures the shipped learned optimizers beside tuned classics on problems that nothing was trained or tuned on, and writes the figures into
// docs/learned-optimizers.md and docs/images/learned: `npm run meta-evaluate`.

const PAGE = new URL("../docs/learned-optimizers.md", import.meta.url);
const [FROM, TO] = ["<!-- figures of npm run meta-evaluate -->\n", "<!-- end of figures -->"];

/** An optimizer in a table: how it does in as many steps as it was trained or tuned for, and in twice as many. */
interface Row {
  readonly title: string;
  readonly isAtHome: boolean;
  readonly result: Result;
  readonly longer: Result;
}

setBackend(wasm({ relaxedSimd: false, threads: 1 }));
const sections: string[] = [];
for (const name of Object.keys(FAMILIES) as FamilyName[]) {
  const family = FAMILIES[name];
  const rows = await rowsOf(name, family);
  sections.push(section(name, family, rows));
  console.log(sections.at(-1));
  const results = new Map(rows.map(({ title, result }) => [title, result]));
  const picture = drawRace(`median loss on ${family.title}`, results);
  writeFileSync(new URL(`../docs/images/learned/${name}.svg`, import.meta.url), picture);
}
const page = readFileSync(PAGE, "utf8");
const [start, end] = [page.indexOf(FROM) + FROM.length, page.indexOf(TO)];
if (start < FROM.length || end < start) throw new Error(`${PAGE.pathname} has no place for figures: ${FROM}${TO}`);
writeFileSync(PAGE, `${page.slice(0, start)}\n${sections.join("\n")}\n${page.slice(end)}`);

/** Classics with the best of their learning rates, and learned optimizers as they are shipped. */
async function rowsOf(name: FamilyName, family: Family): Promise<Row[]> {
  const row = async (title: string, isAtHome: boolean, contender: Contender): Promise<Row> => ({
    title,
    isAtHome,
    result: await compete(family, contender, heldOut()),
    longer: await compete({ ...family, steps: 2 * family.steps }, contender, heldOut()),
  });
  const rows: Row[] = [];
  for (const [title, make] of Object.entries(CLASSICS)) {
    const lr = await tuned(family, make, forTuning());
    rows.push(await row(`${title}, lr ${lr}`, false, (parameters) => make(parameters, lr)));
  }
  for (const [key, contender] of Object.entries(SHIPPED)) {
    const { rule, family: home } = RECIPES[key as RecipeName];
    rows.push(await row(rule.name, home === name, contender));
  }
  return rows;
}

function section(name: string, { title, steps }: Family, rows: readonly Row[]): string {
  const [sgd] = rows;
  const body = rows.map(({ title, isAtHome, result, longer }) => {
    const { finals } = result;
    const cells = [
      ...[median(finals), quantile(finals, 0.25), quantile(finals, 0.75)].map(shown),
      result === sgd!.result ? "–" : `${wins(result, sgd!.result)} of ${finals.length}`,
      shown(median(longer.finals)),
    ];
    return `| ${isAtHome ? `**${title}**` : title} | ${cells.join(" | ")} |`;
  });
  return [
    `### ${title[0]!.toUpperCase()}${title.slice(1)}`,
    "",
    `![Median losses on ${title}, step by step](images/learned/${name}.svg)`,
    "",
    `| ${steps} steps | median of final losses | lower quartile | upper quartile | better than SGD | median after ${2 * steps} steps |`,
    "| --- | --- | --- | --- | --- | --- |",
    ...body,
    "",
  ].join("\n");
}
