import * as Plot from "@observablehq/plot";
import type { TestFunction } from "descent/test-functions";
import { contours, HEIGHT_SCALE, isSeen, landmarks, type Point, untilLost, type View } from "./contours.ts";
import { draw } from "./draw.ts";

/** A way over the map. */
export interface Path {
  readonly label: string;
  readonly color: string;
  readonly points: readonly Point[];
}

const AXIS = { label: null, tickSize: 4, ticks: 5 };
const [WIDTH, HEIGHT, LINE] = [440, 350, 15];

/** Draws paths over the map of a function, a dot for every step, the first path on top. */
export function drawPaths(fn: TestFunction, view: View, title: string, paths: readonly Path[]): string {
  const legend = paths.map(({ label, color }, i) => ({ label, color, i }));
  const marginTop = 30 + LINE * Math.ceil(legend.length / 2);
  const place = { frameAnchor: "top-left", fontSize: 11 } as const;
  return draw({
    width: WIDTH,
    height: HEIGHT - 45 + marginTop,
    margin: 12,
    marginTop,
    marginLeft: 38,
    marginBottom: 24,
    x: { ...AXIS, domain: view[0] },
    y: { ...AXIS, domain: view[1] },
    color: HEIGHT_SCALE,
    marks: [
      ...contours(fn, view),
      ...[...paths].reverse().flatMap((path) => trail(path, view)),
      ...landmarks(fn),
      Plot.frame({ stroke: "#444" }),
      Plot.text([title], { ...place, dy: 11 - marginTop, fontWeight: "bold", fontSize: 12 }),
      ...legend.flatMap(({ label, color, i }) => {
        const [dx, dy] = [(i % 2) * ((WIDTH - 50) / 2), 29 - marginTop + LINE * Math.floor(i / 2)];
        const key = Plot.text(["●"], { ...place, fill: color, dx, dy });
        return [key, Plot.text([label], { ...place, dx: dx + 12, dy })];
      }),
    ],
  });
}

/** A line with a dot for every step, and a square where it ends. */
function trail({ color, points }: Path, view: View): Plot.Markish[] {
  const seen = points.filter((point) => isSeen(point, view));
  const end = points.slice(-1).filter((point) => isSeen(point, view));
  return [
    Plot.line(untilLost(points, view), { stroke: color, strokeWidth: 1.5, strokeLinejoin: "round", clip: true }),
    Plot.dot(apart(seen), { fill: color, r: 1.8, clip: true }),
    Plot.dot(end, { symbol: "square", fill: color, stroke: "white", strokeWidth: 1, r: 4, clip: true }),
  ];
}

/** Points without those that nobody can tell from the one before. */
function apart(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    const last = kept.at(-1);
    if (last === undefined || Math.hypot(point[0] - last[0], point[1] - last[1]) > 0.02) kept.push(point);
  }
  return kept;
}
