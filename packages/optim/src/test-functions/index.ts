/**
 * Functions of a few variables that optimizers are tried on, with their minima, and their values on a grid for plots.
 *
 * @module @descent/optim/test-functions
 */
import {
  ackley,
  beale,
  booth,
  himmelblau,
  monkeySaddle,
  rastrigin,
  rosenbrock,
  saddle,
  styblinskiTang,
} from "./functions.ts";
import { quadratic } from "./quadratic.ts";
import type { TestFunction } from "./test-function.ts";

export { evaluateOnGrid, type Grid, type GridOptions } from "./grid.ts";
export type { QuadraticOptions } from "./quadratic.ts";
export type { TestFunction } from "./test-function.ts";
export { ackley, beale, booth, himmelblau, monkeySaddle, quadratic, rastrigin, rosenbrock, saddle, styblinskiTang };

/** All of them, in the plane. */
export const TEST_FUNCTIONS: readonly TestFunction[] = [
  quadratic(),
  booth,
  rosenbrock(),
  beale,
  himmelblau,
  saddle,
  monkeySaddle,
  rastrigin(),
  ackley(),
  styblinskiTang(),
];
