import * as Plot from "@observablehq/plot";
import type { TestFunction } from "descent/test-functions";
import { contours, HEIGHT_SCALE, isSeen, landmarks, type Point, untilLost, type View } from "../plots/contours.ts";
import { draw } from "../plots/draw.ts";
import { drawPaths } from "../plots/paths.ts";
import type { Ranked } from "./results.ts";

const RED = "#c8102e";
const COLORS = [RED, "#1b7f3b", "#7a3db8", "#e07b00", "#0b3c8c", "#b3197e", "#5a4a00", "#00837d"];
const [ACROSS, PANEL] = [5, 170];

/** The paths of those who came down soonest, in one map; of paths that nobody can tell apart, the first. */
export function drawBest(fn: TestFunction, results: readonly Ranked[]): string {
  const best: Ranked[] = [];
  for (const result of [...results].sort((a, b) => a.places[0] - b.places[0]))
    if (best.length < COLORS.length && !best.some(({ descent }) => alike(descent.path, result.descent.path)))
      best.push(result);
  return drawPaths(
    fn,
    viewOf(fn),
    `${fn.name}: the ${best.length} soonest`,
    best.map(({ name, descent }, i) => ({
      label: Number.isNaN(descent.lr) ? name : `${name}, lr ${descent.lr}`,
      color: COLORS[i]!,
      points: descent.path,
    })),
  );
}

/** Everybody's path, each in a map of its own, in the order of their places. */
export function drawField(fn: TestFunction, results: readonly Ranked[]): string {
  const panels = [...results]
    .sort((a, b) => a.places[0] - b.places[0])
    .map(({ name, descent }, i) => ({
      title: `${i + 1}  ${name}`,
      descent,
      fx: i % ACROSS,
      fy: Math.floor(i / ACROSS),
    }));
  const view = viewOf(fn);
  const points = panels.flatMap(({ descent, fx, fy }) =>
    untilLost(descent.path, view).map(([x, y]) => ({ x, y, fx, fy })),
  );
  const at = { x: "x", y: "y", fx: "fx", fy: "fy", clip: true } as const;
  return draw({
    width: ACROSS * PANEL,
    height: Math.ceil(panels.length / ACROSS) * (PANEL + 14),
    margin: 6,
    marginTop: 20,
    x: { domain: view[0], axis: null },
    y: { domain: view[1], axis: null },
    fx: { axis: null, padding: 0.04 },
    fy: { axis: null, padding: 0.14 },
    color: HEIGHT_SCALE,
    marks: [
      ...contours(fn, view),
      Plot.line(points, { ...at, stroke: RED, strokeWidth: 1.3 }),
      Plot.dot(
        points.filter(({ x, y }) => isSeen([x, y], view)),
        { ...at, fill: RED, r: 1.2 },
      ),
      ...landmarks(fn, 0.7),
      Plot.frame({ stroke: "#888" }),
      Plot.text(panels, { fx: "fx", fy: "fy", text: "title", frameAnchor: "top-left", dy: -14, fontWeight: "bold" }),
    ],
  });
}

/** A square around start and minima. */
function viewOf({ start, minima }: TestFunction): View {
  const bounds = [0, 1].map((i) => {
    const all = [start[i]!, ...minima.map(({ at }) => at[i]!)];
    return [Math.min(...all), Math.max(...all)] as const;
  });
  const half = 0.9 * Math.max(...bounds.map(([low, high]) => high - low));
  return bounds.map(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half] as const) as unknown as View;
}

/** Whether two paths look the same at the beginning, where they have not yet come together. */
const alike = (a: readonly Point[], b: readonly Point[]): boolean =>
  a.slice(0, 20).every(([x, y], i) => {
    const [u, v] = b[i] ?? [Number.NaN, Number.NaN];
    return Math.hypot(x - u, y - v) < 0.1;
  });
