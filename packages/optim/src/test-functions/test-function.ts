import { ShapeError, scope, show, type Tensor } from "@descent/core";
import "@descent/core/methods";

/** A function of the plane or of n dimensions that optimizers are tried on, with what is known of it. */
export interface TestFunction {
  readonly name: string;
  /** The number of coordinates. */
  readonly dimension: number;
  /** The values at points `[…, dimension]`, as `[…]`: a scalar at one point. Differentiable any number of times. */
  readonly f: (x: Tensor) => Tensor;
  /** The global minima; none where the function is not bounded from below. */
  readonly minima: readonly { readonly at: readonly number[]; readonly value: number }[];
  /** Where it is usually looked at, as bounds per coordinate. */
  readonly domain: readonly (readonly [low: number, high: number])[];
  /** Where optimizers usually begin. */
  readonly start: readonly number[];
}

/** What a definition says; a number stands for all coordinates, and for a domain from its negative to itself. */
export interface Definition {
  readonly minima: TestFunction["minima"];
  readonly domain: number;
  readonly start: number | readonly number[];
}

/** A function of points in n dimensions. */
export function inSpace(
  name: string,
  dimension: number,
  fn: (x: Tensor) => Tensor,
  { minima, domain, start }: Definition,
): TestFunction {
  return {
    name,
    dimension,
    f(x) {
      if (x.shape.at(-1) !== dimension)
        throw new ShapeError(name, `expected points […,${dimension}], got ${show(x.shape)}`);
      return scope(() => fn(x));
    },
    minima,
    domain: Array.from({ length: dimension }, () => [-domain, domain] as const),
    start: typeof start === "number" ? everywhere(start, dimension) : start,
  };
}

/** A function of the plane, of its two coordinates. */
export const inPlane = (name: string, fn: (x: Tensor, y: Tensor) => Tensor, definition: Definition): TestFunction =>
  inSpace(name, 2, (point) => fn(point.select(-1, 0), point.select(-1, 1)), definition);

/** The point whose coordinates are all the same. */
export const everywhere = (x: number, dimension: number): number[] => new Array<number>(dimension).fill(x);
