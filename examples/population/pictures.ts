import * as Plot from "@observablehq/plot";
import { type Lineage, type LineageRow, lineageEdges } from "descent/population";
import { draw } from "../plots/draw.ts";
import type { Hyper } from "./lenet.ts";

type Row = LineageRow<Hyper>;

const RATES = [0.001, 0.01, 0.1, 1];
const COLOR: Plot.ScaleOptions = {
  type: "log",
  domain: [0.001, 1],
  range: ["#2b4cc4", "#19a0a8", "#e0a100", "#d1222e"],
};
const ERRORS = [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 90];
const SIZE = { width: 640, height: 340, marginTop: 44, marginLeft: 52, marginBottom: 38 };
const TITLE = { frameAnchor: "top-left", fontWeight: "bold", fontSize: 12, dy: -32 } as const;
const NOTE = { frameAnchor: "top-left", dy: -14 } as const;

/** Errors in percent; half a digit where there is none, or no score. */
const errorOf = ({ score }: Row): number => Math.max(100 * (1 - (score ?? 0)), 0.025);

/** The tree: every line is what a member did in a generation, from the validation error that it began with to the one that it came to. */
export function drawLineage(lineage: Lineage<Hyper>, path: readonly Row[]): string {
  const generations = lineage.at(-1)!.generation + 1;
  const lines = lineageEdges(lineage).map(({ from, to, copied }) => ({
    x1: from.generation,
    y1: errorOf(from),
    x2: to.generation,
    y2: errorOf(to),
    lr: to.hyperparameters.lr,
    copied,
    isBest: path.includes(to),
  }));
  const at = { x1: "x1", y1: "y1", x2: "x2", y2: "y2" };
  const [low, high] = [0.94 * Math.min(...lineage.map(errorOf)), 1.06 * Math.max(...lineage.map(errorOf))];
  const dots = lineage.map((row) => ({ x: row.generation, y: errorOf(row), lr: row.hyperparameters.lr }));
  return draw({
    ...SIZE,
    x: {
      label: "generation",
      domain: [0, generations - 1],
      ticks: Math.min(generations, 12),
      tickFormat: "d",
      inset: 8,
    },
    y: {
      label: null,
      type: "log",
      domain: [low, high],
      ticks: ERRORS.filter((x) => x > low && x < high),
      tickFormat: "~g",
      grid: true,
    },
    color: COLOR,
    marks: [
      Plot.link(
        lines.filter(({ isBest }) => isBest),
        { ...at, stroke: "#222", strokeOpacity: 0.25, strokeWidth: 8 },
      ),
      Plot.link(
        lines.filter(({ copied }) => !copied),
        { ...at, stroke: "lr", strokeWidth: 1.6 },
      ),
      Plot.link(
        lines.filter(({ copied }) => copied),
        { ...at, stroke: "lr", strokeWidth: 1.6, strokeDasharray: "4 2.5" },
      ),
      Plot.dot(dots, { x: "x", y: "y", fill: "lr", r: 2.6, stroke: "white", strokeWidth: 0.6 }),
      Plot.text(["Who came from whom: validation error, %, after each generation"], TITLE),
      Plot.text(["dashed: a copy"], NOTE),
      Plot.text(["grey: the way of the best"], { ...NOTE, dx: 104 }),
      Plot.text(["learning rate"], { ...NOTE, dx: 282 }),
      ...RATES.flatMap((rate, i) => [
        Plot.text(["●"], { ...NOTE, dx: 372 + 58 * i, fill: colorOf(i) }),
        Plot.text([String(rate)], { ...NOTE, dx: 385 + 58 * i }),
      ]),
    ],
  });
}

/** The learning rates: of everybody, of the way that led to the best, and of the random search's best. */
export function drawSchedules(lineage: Lineage<Hyper>, path: readonly Row[], random: Row): string {
  const steps = (rows: readonly Row[]) =>
    rows.map(({ generation, hyperparameters: { lr } }) => ({ x1: generation, x2: generation + 1, lr }));
  const line = path.flatMap(({ generation, hyperparameters: { lr } }) => [
    { x: generation, lr },
    { x: generation + 1, lr },
  ]);
  const generations = path.length;
  return draw({
    ...SIZE,
    x: {
      label: "passes over the training digits",
      domain: [0, generations],
      ticks: Math.min(generations, 12),
      tickFormat: "d",
    },
    y: { label: null, type: "log", domain: [0.001, 1], grid: true, ticks: RATES, tickFormat: "~g" },
    marks: [
      Plot.ruleY(steps(lineage), { x1: "x1", x2: "x2", y: "lr", stroke: "#999", strokeOpacity: 0.7 }),
      Plot.ruleY([random.hyperparameters.lr], { stroke: "#2b4cc4", strokeWidth: 1.6, strokeDasharray: "6 4" }),
      Plot.line(line, { x: "x", y: "lr", stroke: "#d1222e", strokeWidth: 2.4 }),
      Plot.text(["The learning rate"], TITLE),
      Plot.text(["━"], { ...NOTE, fill: "#d1222e" }),
      Plot.text(["of the population's best"], { ...NOTE, dx: 16 }),
      Plot.text(["╍"], { ...NOTE, dx: 190, fill: "#2b4cc4" }),
      Plot.text(["of the random search's best"], { ...NOTE, dx: 206 }),
      Plot.text(["─"], { ...NOTE, dx: 400, fill: "#999" }),
      Plot.text(["of all members"], { ...NOTE, dx: 416 }),
    ],
  });
}

const colorOf = (i: number): string => (COLOR.range as string[])[i]!;
