import { Generator, standardNormal, tensor } from "@descent/core";
import { atLeastTwo, type Check, count, optional } from "../checks.ts";
import { settled } from "../tools/arguments.ts";
import { everywhere, inSpace, type TestFunction } from "./test-function.ts";

/** Options of `quadratic`. */
export interface QuadraticOptions {
  /** The number of coordinates. Default 2. */
  readonly dimension?: number;
  /** The ratio of the largest to the least curvature. Default 10. */
  readonly condition?: number;
  /** Rotates the axes at random, from this seed. Default: they are those of the coordinates. */
  readonly seed?: number | undefined;
}

const atLeastOne: Check = {
  expected: "a number ≥ 1",
  test: (value) => Number.isFinite(value) && (value as number) >= 1,
};

/** A bowl `½ xᵀAx`, whose curvatures, the eigenvalues of A, go in equal ratios from 1 to `condition`. */
export function quadratic(options: QuadraticOptions = {}): TestFunction {
  const { dimension, condition, seed } = settled<Required<QuadraticOptions>>(
    "quadratic",
    options,
    { dimension: 2, condition: 10, seed: undefined },
    { dimension: atLeastTwo, condition: atLeastOne, seed: optional(count) },
  );
  const curvatures = Array.from({ length: dimension }, (_, i) => condition ** (i / (dimension - 1)));
  const axes = seed === undefined ? null : randomAxes(dimension, new Generator(seed));
  return inSpace(
    "quadratic",
    dimension,
    (x) => {
      const on = { dtype: x.dtype, backend: x.backend };
      const along = axes === null ? x : x.matmul(tensor(axes, on));
      return along.square().mul(tensor(curvatures, on)).sum(-1).mul(0.5);
    },
    { minima: [{ at: everywhere(0, dimension), value: 0 }], domain: 2, start: 1 },
  );
}

/** A square matrix with orthonormal rows, and so columns, evenly distributed over all rotations and reflections: Gram and Schmidt's of normal numbers. */
function randomAxes(n: number, random: Generator): number[][] {
  const bits = random.bits(2 * n * n);
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const rows: number[][] = [];
  for (let i = 0; i < n; i++) {
    let row = Array.from({ length: n }, (_, j) => standardNormal(bits, 2 * (i * n + j)));
    // Twice, because the first time leaves rounding errors of what it takes away.
    for (const other of [...rows, ...rows]) {
      const shared = dot(row, other);
      row = row.map((x, j) => x - shared * other[j]!);
    }
    const size = Math.sqrt(dot(row, row));
    rows.push(row.map((x) => x / size));
  }
  return rows;
}
