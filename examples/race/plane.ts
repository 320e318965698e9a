import { Parameter, scope, tensor } from "descent";
import type { TestFunction } from "descent/test-functions";
import type { Point } from "../plots/contours.ts";
import type { Contender } from "./contenders.ts";
import { move } from "./racer.ts";

/** How far above the minimum somebody has arrived. */
const NEAR = 1e-4;

/** How an optimizer went down a function of the plane. */
export interface Descent {
  readonly lr: number;
  readonly path: readonly Point[];
  /** Above the minimum, at the end. */
  readonly height: number;
  /** From the nearest minimum, at the end. */
  readonly distance: number;
  /** Evaluations until it was near the minimum for good, or `null`. */
  readonly arrived: number | null;
}

/** Goes down from the start of the function until it has been evaluated `budget` times. */
export function descend(fn: TestFunction, { make, closure }: Contender, lr: number, budget: number): Descent {
  const p = new Parameter(tensor([fn.start])); // a matrix, because some optimizers want one
  const racer = make([p], lr);
  const bottom = fn.minima[0]?.value ?? Number.NEGATIVE_INFINITY;
  const here = (): Point => {
    racer.eval();
    const [x = Number.NaN, y = Number.NaN] = p.dataSync();
    racer.train();
    return [x, y];
  };
  const heightOf = (point: Point): number => scope(() => fn.f(tensor(point)).item()) - bottom;
  const path = [here()];
  let height = heightOf(path[0]!);
  let [evaluations, arrived]: [number, number | null] = [0, null];
  while (evaluations < budget && Number.isFinite(height)) {
    const before = evaluations;
    move(
      racer,
      closure,
      () => fn.f(p).sum(),
      () => evaluations++,
    );
    path.push(here());
    height = heightOf(path.at(-1)!);
    arrived = height <= NEAR ? (arrived ?? evaluations) : null;
    if (evaluations === before) break; // it does not want to know more
  }
  const end = path.at(-1)!;
  const distances = fn.minima.map(({ at }) => Math.hypot(end[0] - at[0]!, end[1] - at[1]!));
  return { lr, path, height, distance: Math.min(...distances), arrived };
}

/** Who arrived goes by how soon, who did not by how deep. */
export const byDescent = (a: Descent, b: Descent): number =>
  (a.arrived ?? Infinity) - (b.arrived ?? Infinity) || order(a.height) - order(b.height);

const order = (x: number): number => (Number.isNaN(x) ? Infinity : x);
