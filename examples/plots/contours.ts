import * as Plot from "@observablehq/plot";
import { evaluateOnGrid, type TestFunction } from "descent/test-functions";

export type Point = readonly [x: number, y: number];
/** What is seen of a function: the bounds of both coordinates. */
export type View = readonly [x: readonly [number, number], y: readonly [number, number]];

const [SIZE, LEVELS] = [72, 11];
/** From the bottom of a valley up: dark enough for white lines, light enough for coloured paths. */
const HEIGHTS = ["#6fa3d0", "#f3f7fb"];

/** The function as a map: contours in equal ratios of height above the lowest point, so that a valley shows its floor. */
export function contours(fn: TestFunction, [xs, ys]: View): Plot.Markish[] {
  const [x, y] = [xs, ys].map(([low, high]) => [low - (high - low) / SIZE, high + (high - low) / SIZE] as const) as [
    readonly [number, number],
    readonly [number, number],
  ]; // a little more than is seen, because contours end at the centres of the outermost samples
  const { values } = evaluateOnGrid(fn, { size: SIZE, domain: [x, y] });
  const heights = Array.from(values.dataSync());
  const bottom = fn.minima[0]?.value ?? Math.min(...heights);
  const span = Math.max(...heights) - bottom;
  const levels = heights.map((h) => Math.log10(Math.max(h - bottom, 0) / span + 1e-4));
  const at = { width: SIZE, height: SIZE, x1: x[0], x2: x[1], y1: y[0], y2: y[1] };
  return [
    Plot.contour(levels, {
      ...at,
      fill: Plot.identity,
      thresholds: LEVELS,
      stroke: "white",
      strokeWidth: 0.7,
      clip: true,
    }),
  ];
}

/** Whether a point is on the map. resvg does not survive marks that are all outside of what they are clipped to. */
export const isSeen = (point: Point, view: View): boolean =>
  view.every(([low, high], i) => point[i]! >= low && point[i]! <= high);

/** The path up to where it is lost: to a point that is no number, or a thousand maps away. */
export function untilLost(points: readonly Point[], view: View): readonly Point[] {
  const end = points.findIndex(
    (point) => !view.every(([low, high], i) => Math.abs(point[i]! - low) < 1000 * (high - low)),
  );
  return end < 0 ? points : points.slice(0, end);
}

/** The colours of the map. */
export const HEIGHT_SCALE: Plot.ScaleOptions = { type: "linear", range: HEIGHTS, interpolate: "rgb" };

/** Where everybody begins, and where the lowest points are. */
export function landmarks(fn: TestFunction, scale = 1): Plot.Markish[] {
  return [
    Plot.dot([fn.start as Point], { r: 5 * scale, fill: "white", stroke: "#222", strokeWidth: 1.5 }),
    Plot.dot(
      fn.minima.map(({ at }) => at as Point),
      { symbol: "star", r: 6 * scale, fill: "#ffd400", stroke: "#222", strokeWidth: 1 },
    ),
  ];
}
