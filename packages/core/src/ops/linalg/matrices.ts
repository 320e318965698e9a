import type { Spec } from "../../backend.ts";
import { allocate, type DType, type TypedArray } from "../../dtype.ts";
import { ShapeError } from "../../errors.ts";
import type { HostArray } from "../../op.ts";
import { broadcastShapes, type Shape, show, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { eye, fromTypedArray } from "../creation.ts";
import { add, mul, sub, where } from "../elementwise.ts";
import { expand, transpose, unsqueeze } from "../movement.ts";

// What the functions of linear algebra share. Matrices are computed one by one on the host, row by row, in doubles whatever the dtype.

/** The elements of a matrix, row by row. */
export type Matrix = Float64Array;

/** The identity `[n, n]`. */
export function unit(n: number): Matrix {
  const one = new Float64Array(n * n);
  for (let i = 0; i < n; i++) one[i * n + i] = 1;
  return one;
}

/** Computes some results for every matrix of some stacks, whose leading axes are those of the first. */
export function eachMatrix(
  inputs: readonly HostArray[],
  out: readonly Spec[],
  compute: (matrices: readonly Matrix[], which: string) => readonly ArrayLike<number>[],
): TypedArray[] {
  const results = out.map(({ shape, dtype }) => allocate(dtype, sizeOf(shape)));
  const lead = inputs[0]!.shape.slice(0, -2);
  for (let i = 0; i < sizeOf(lead); i++) {
    const matrices = inputs.map(({ shape, values }) => {
      const size = sizeOf(shape.slice(-2));
      return new Float64Array(values.subarray(i * size, (i + 1) * size));
    });
    const which = lead.length === 0 ? "the matrix" : `matrix ${i} of the stack`;
    for (const [k, values] of compute(matrices, which).entries()) results[k]!.set(values, i * values.length);
  }
  return results;
}

/** Rows and columns of a stack of matrices. */
export function sizesOf(op: string, shape: Shape): readonly [rows: number, columns: number] {
  if (shape.length < 2)
    throw new ShapeError(op, `expected a matrix or a stack of them, got ${show(shape)}`, "reshape() it");
  return [shape.at(-2)!, shape.at(-1)!];
}

/** The shape of a stack of square matrices. */
export function squareShape(op: string, shape: Shape): Shape {
  const [rows, columns] = sizesOf(op, shape);
  if (rows !== columns)
    throw new ShapeError(op, `expected square matrices, got ${show(shape)}`, "pinv() and lstsq() take any");
  return shape;
}

/** The shape of the solutions of systems `A X = B`. */
export function systemShape(op: string, a: Shape, b: Shape): Shape {
  if (squareShape(op, a).at(-1) !== b.at(-2))
    throw new ShapeError(op, `${show(a)} and ${show(b)} differ in their rows`, "transpose one of them");
  return b;
}

/** The difference of one and the next number. */
export const epsilonOf = (dtype: DType): number => (dtype === "float32" ? 2 ** -23 : 2 ** -52);

/** The matrices transposed. */
export const mT = (x: Tensor): Tensor => transpose(x, -2, -1);

/** Two stacks stretched to the same leading axes. */
export function sameLead(op: string, a: Tensor, b: Tensor): [a: Tensor, b: Tensor] {
  const lead = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  return [expand(a, [...lead, ...a.shape.slice(-2)]), expand(b, [...lead, ...b.shape.slice(-2)])];
}

/** The elements of `x` on one side of the main diagonal, which counts or not, and zeros elsewhere. */
const triangle =
  (side: 1 | -1) =>
  (x: Tensor, diagonal = true): Tensor => {
    const [rows, columns] = [x.shape.at(-2)!, x.shape.at(-1)!];
    const mask = Uint8Array.from({ length: rows * columns }, (_, i) =>
      Number(side * (Math.floor(i / columns) - (i % columns)) >= (diagonal ? 0 : 1)),
    );
    return where(fromTypedArray(mask, [rows, columns], "bool", { backend: x.backend }), x, 0);
  };

/** The lower triangles of matrices, with the main diagonal or without it. */
export const lower = triangle(1);
/** The upper triangles of matrices, with the main diagonal or without it. */
export const upper = triangle(-1);

/** The identity matrix, as a tensor like others. */
export const identity = (n: number, { dtype, backend }: Pick<Tensor, "dtype" | "backend">): Tensor =>
  eye(n, n, { dtype, backend });

/** Diagonal matrices of the last axis. */
export const diagonal = (x: Tensor): Tensor => mul(identity(x.shape.at(-1)!, x), unsqueeze(x, -1));

/** `x[j] − x[i]` at row `i` and column `j`, and 1 on the diagonal: what gradients of eigenvectors divide by. */
export const differences = (x: Tensor): Tensor =>
  add(sub(unsqueeze(x, -2), unsqueeze(x, -1)), identity(x.shape.at(-1)!, x));

/** The sum of what is there. */
export const total = (...parts: readonly (Tensor | null)[]): Tensor =>
  parts.filter((part) => part !== null).reduce((sum, part) => add(sum, part));
