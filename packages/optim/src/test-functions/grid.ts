import { linspace, meshgrid, noGrad, scope, stack, type Tensor } from "@descent/core";
import { atLeastTwo } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import type { TestFunction } from "./test-function.ts";

/** Options of `evaluateOnGrid`. */
export interface GridOptions {
  /** The number of points along each coordinate. Default 100. */
  readonly size?: number;
  /** The bounds of both coordinates. Default: those of the function. */
  readonly domain?: TestFunction["domain"];
}

/** A function on a grid, as contour plots want it. */
export interface Grid {
  /** The first coordinates, `[size]`. */
  readonly x: Tensor;
  /** The second coordinates, `[size]`. */
  readonly y: Tensor;
  /** The values `[size, size]`: row `i` and column `j` belong to `y[i]` and `x[j]`. */
  readonly values: Tensor;
}

/** Computes a function of the plane on a grid, in float32. */
export function evaluateOnGrid(fn: TestFunction, options: GridOptions = {}): Grid {
  const op = "evaluateOnGrid";
  const { size, domain } = settled(
    op,
    options,
    { size: 100, domain: fn.domain },
    { size: atLeastTwo, domain: { expected: "bounds [[low, high], [low, high]]", test: isDomain } },
  );
  return noGrad(() =>
    scope(() => {
      const [x, y] = domain.map(([low, high]) => linspace(low, high, size)) as [Tensor, Tensor];
      return { x, y, values: fn.f(stack(meshgrid([x, y], { indexing: "xy" }), -1)) };
    }),
  );
}

const isDomain = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length === 2 &&
  value.every((bounds) => Array.isArray(bounds) && bounds.length === 2 && bounds.every(Number.isFinite));
