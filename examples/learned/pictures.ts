import * as Plot from "@observablehq/plot";
import type { MetaStep } from "descent/learned";
import { draw } from "../plots/draw.ts";
import type { Result } from "./compare.ts";

/** Median losses of contenders, step by step. */
export function drawRace(title: string, results: ReadonlyMap<string, Result>): string {
  const points = [...results].flatMap(([optimizer, { curve }]) =>
    curve.map((loss, step) => ({ step, loss, optimizer })).filter(({ loss }) => loss > 0 && loss < Infinity),
  );
  const least = Math.min(...points.map(({ loss }) => loss));
  const most = 2 * Math.max(...points.filter(({ step }) => step === 0).map(({ loss }) => loss));
  const ticks = powersOfTen(least, most);
  const tickFormat = (loss: number): string => (loss < 0.01 ? loss.toExponential() : String(loss));
  const line = { x: "step", y: "loss", stroke: "optimizer", strokeWidth: 1.6 } as const;
  return draw({
    width: 720,
    height: 340,
    marginLeft: 52,
    marginTop: 28,
    color: { legend: false, scheme: "observable10", domain: [...results.keys()] },
    x: { label: "step" },
    // What goes up is cut off at twice the loss that all begin with.
    y: { type: "log", label: title, grid: true, domain: [least, most], clamp: true, ticks, tickFormat },
    marks: [Plot.lineY(points, line), ...labels(results, [least, most])],
    marginRight: 230,
  });
}

const powersOfTen = (low: number, high: number): number[] =>
  Array.from({ length: 40 }, (_, i) => Number(`1e${i - 20}`)).filter((x) => x >= low && x <= high);

/** The names of the contenders, at the ends of their lines, or as near as they can be read. */
function labels(results: ReadonlyMap<string, Result>, [least, most]: readonly [number, number]): Plot.Text[] {
  const height = (loss: number): number => Math.log(most / loss) / Math.log(most / least);
  const ends = [...results]
    .map(([optimizer, { curve }]) => ({ optimizer, step: curve.length - 1, loss: curve.at(-1)! }))
    .map((end) => ({ ...end, loss: end.loss > 0 ? Math.max(least, Math.min(most, end.loss)) : most }))
    .sort((a, b) => a.loss - b.loss); // from the bottom, where the good ones crowd, upwards
  let free = PANEL;
  return ends.map((end) => {
    const at = Math.min(PANEL * height(end.loss), free);
    free = at - LINE;
    const dy = at - PANEL * height(end.loss);
    return Plot.text([end], {
      x: "step",
      y: "loss",
      text: "optimizer",
      fill: "optimizer",
      dx: 6,
      dy,
      textAnchor: "start",
    });
  });
}

/** Pixels that losses have, and those that a line of text needs. */
const [PANEL, LINE] = [340 - 28 - 30, 14];

/** Meta-losses, averaged over neighbouring windows. */
export function drawTraining(curve: readonly MetaStep[]): string {
  const size = Math.ceil(curve.length / 150);
  const points = Array.from({ length: Math.floor(curve.length / size) }, (_, i) => {
    const group = curve.slice(i * size, (i + 1) * size).filter((step) => !step.skipped);
    return { step: (i + 1) * size, loss: group.reduce((sum, { loss }) => sum + loss, 0) / group.length };
  });
  return draw({
    width: 480,
    height: 260,
    marginLeft: 46,
    x: { label: "window of meta-training", nice: true },
    y: { label: "meta-loss (mean log loss)", grid: true },
    marks: [Plot.lineY(points, { x: "step", y: "loss", stroke: "#4269d0", strokeWidth: 1.5 })],
  });
}
