import { readFileSync, writeFileSync } from "node:fs";
import * as Plot from "@observablehq/plot";
import { setBackend, wasm } from "descent";
import { HierarchicalRNNOptimizer, LiMalikOptimizer, LSTMOptimizer } from "descent/learned";
import { draw } from "../examples/plots/draw.ts";
import { CLASSICS, type Contender, median, onHeldOut, quantile, type Result, tuned } from "./learned/compare.ts";
import { FAMILIES, type FamilyName, RECIPES } from "./learned/recipes.ts";

// Measures the shipped learned optimizers beside tuned classics on problems that nothing was trained or tuned on, and writes the figures into
// docs/learned-optimizers.md: `npm run meta-evaluate`.

const LEARNED: Readonly<Record<keyof typeof RECIPES, Contender>> = {
  lstm: (parameters) => new LSTMOptimizer(parameters),
  "li-malik": (parameters) => new LiMalikOptimizer(parameters),
  "hierarchical-rnn": (parameters) => new HierarchicalRNNOptimizer(parameters),
};

setBackend(wasm({ relaxedSimd: false, threads: 1 }));
const sections: string[] = [];
for (const [name, family] of Object.entries(FAMILIES)) {
  const results = new Map<string, Result>();
  for (const [title, make] of Object.entries(CLASSICS)) {
    const lr = await tuned(family, make);
    results.set(`${title}, lr ${lr}`, await onHeldOut(family, (parameters) => make(parameters, lr)));
  }
  for (const [learned, contender] of Object.entries(LEARNED)) {
    const home = RECIPES[learned as keyof typeof RECIPES].family === name;
    const { name: title } = RECIPES[learned as keyof typeof RECIPES].rule;
    results.set(home ? `**${title}**` : `${title} (trained elsewhere)`, await onHeldOut(family, contender));
  }
  const [sgd] = results.values();
  const rows = [...results].map(([title, { finals }]) => {
    const wins = finals.filter((loss, i) => loss < sgd!.finals[i]!).length;
    const cells = [median(finals), quantile(finals, 0.25), quantile(finals, 0.75)].map(shown);
    return `| ${title} | ${cells.join(" | ")} | ${title.startsWith("SGD, lr") ? "–" : `${wins} of ${finals.length}`} |`;
  });
  sections.push(
    `On ${family.title}, ${family.steps} steps:\n\n| optimizer | median final loss | lower quartile | upper quartile | better than SGD |\n| --- | --- | --- | --- | --- |\n${rows.join("\n")}\n`,
  );
  console.log(sections.at(-1));
  writeFileSync(new URL(`../docs/images/learned/${name}.svg`, import.meta.url), picture(name as FamilyName, results));
}

const page = new URL("../docs/learned-optimizers.md", import.meta.url);
const [before, , after] = readFileSync(page, "utf8").split(/(?<=<!-- figures -->\n)|(?=<!-- end of figures -->)/);
writeFileSync(page, `${before}\n${sections.join("\n")}\n${after}`);

function shown(loss: number): string {
  if (!Number.isFinite(loss)) return "diverges";
  return loss >= 1e5 || loss < 1e-3 ? loss.toExponential(1) : String(Number(loss.toPrecision(3)));
}

/** Median losses, step by step. */
function picture(name: FamilyName, results: ReadonlyMap<string, Result>): string {
  const points = [...results].flatMap(([title, { curve }]) =>
    curve.map((loss, step) => ({ step, loss, optimizer: title.replaceAll("*", "") })),
  );
  const start = points[0]!.loss;
  return draw({
    width: 720,
    height: 340,
    marginLeft: 52,
    color: { legend: false, scheme: "observable10" },
    x: { label: "step" },
    y: {
      type: "log",
      label: `median loss on held-out ${name}`,
      grid: true,
      domain: lossDomain(points, start),
      clamp: true,
    },
    marks: [
      Plot.lineY(points, { x: "step", y: "loss", stroke: "optimizer", strokeWidth: 1.6 }),
      Plot.text(
        points,
        Plot.selectLast({
          x: "step",
          y: "loss",
          z: "optimizer",
          text: "optimizer",
          fill: "optimizer",
          dx: 6,
          textAnchor: "start",
        }),
      ),
    ],
    marginRight: 220,
  });
}

/** From the least loss to twice that at the beginning. */
function lossDomain(points: readonly { readonly loss: number }[], start: number): [number, number] {
  return [Math.min(...points.map(({ loss }) => loss).filter((loss) => loss > 0)), 2 * start];
}
