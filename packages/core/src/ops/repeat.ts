import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { sameDType } from "../op.ts";
import { broadcastShapes, checkRank, checkShape, normalizeAxis, type Shape, show } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { alone } from "./along.ts";
import { checkWord, firstOf } from "./checks.ts";
import { fromTypedArray } from "./creation.ts";
import { takeOp } from "./indexing.ts";
import { stack } from "./join.ts";
import { expand, reshape, transpose, unsqueeze } from "./movement.ts";
import { readBeside } from "./nonzero.ts";
import type { Sizes } from "./rearrange.ts";

/** Tensors one by one, or in one array. */
type Tensors = Tensor[] | [tensors: readonly Tensor[]];
const listOf = (tensors: Tensors): Tensor[] => tensors.flat() as Tensor[];

/** `x` stretched to the shape of `other`. */
export const expandAs = (x: Tensor, other: Tensor): Tensor => expand(x, other.shape);
/** `x` stretched to a shape: `expand` under NumPy's name. */
export const broadcastTo: typeof expand = expand;

/** The tensors, all stretched to their common shape. Takes them one by one or in one array. */
export function broadcastTensors(...tensors: Tensors): readonly Tensor[] {
  const list = listOf(tensors);
  const shape = list.reduce<Shape>((common, x) => broadcastShapes("broadcastTensors", common, x.shape), []);
  return list.map((x) => expand(x, shape));
}

/** Copies side by side along each axis; counts in front of the axes of `x` make new ones. Takes numbers or one array. */
export const repeat = (x: Tensor, ...counts: Sizes): Tensor => repeated("repeat", x, counts.flat() as number[]);

/** As `repeat`, with a count of 1 for the first axes where counts are missing. */
export function tile(x: Tensor, ...counts: Sizes): Tensor {
  const list = counts.flat() as number[];
  return repeated("tile", x, [...new Array<number>(Math.max(0, x.ndim - list.length)).fill(1), ...list]);
}

function repeated(op: string, x: Tensor, counts: readonly number[]): Tensor {
  const lead = counts.length - x.ndim;
  if (lead < 0)
    throw new ShapeError(
      op,
      `${counts.length} counts for the ${x.ndim} axes of ${show(x.shape)}`,
      "give at least one per axis",
    );
  checkShape(op, counts);
  const sizes = [...new Array<number>(lead).fill(1), ...x.shape];
  const apart = sizes.flatMap((size) => [1, size]);
  const copies = counts.flatMap((count, i) => [count, sizes[i]!]);
  const shape = counts.map((count, i) => count * sizes[i]!);
  return scope(() => reshape(expand(reshape(x, apart), copies), shape));
}

/** Options of `repeatInterleave`. */
export interface RepeatInterleaveOptions {
  /** Default: the flattened tensor. */
  readonly dim?: number;
}

/**
 * Every element along an axis repeated, all equally often or as an int32 tensor (one count per element, or one for all) says, whose
 * values it waits for.
 */
export function repeatInterleave(x: Tensor, repeats: number | Tensor, { dim }: RepeatInterleaveOptions = {}): Tensor {
  const op = "repeatInterleave";
  if (dim === undefined) return scope(() => repeatInterleave(reshape(x, [-1]), repeats, { dim: 0 }));
  const axis = normalizeAxis(op, dim, x.ndim);
  const size = x.shape[axis]!;
  if (!(repeats instanceof Tensor)) {
    checkShape(op, [repeats]);
    const copies = x.shape.toSpliced(axis + 1, 0, repeats);
    return scope(() => reshape(expand(unsqueeze(x, axis + 1), copies), x.shape.with(axis, size * repeats)));
  }
  const counts = [...readBeside(op, x, repeats)];
  const each = counts.length === 1 ? new Array<number>(size).fill(counts[0]!) : counts;
  if (repeats.ndim > 1 || each.length !== size || repeats.dtype !== "int32")
    throw new ShapeError(
      op,
      `${repeats.dtype} counts of shape ${show(repeats.shape)} for axis ${dim} of ${show(x.shape)}`,
      `give ${size} int32 counts, or one`,
    );
  checkShape(op, each);
  const index = Int32Array.from(each.flatMap((count, i) => new Array<number>(count).fill(i)));
  return scope(() => takeOp([x, fromTypedArray(index, [index.length], "int32", { backend: x.backend })], axis));
}

/** Options of `meshgrid`. */
export interface MeshgridOptions {
  /** Whether the first axis belongs to the first vector (`"ij"`, default) or to the second (`"xy"`). */
  readonly indexing?: "ij" | "xy";
}

/**
 * The coordinates of a grid over vectors: each of them stretched along the axes of the others, `[n₀, n₁, …]`. Takes vectors one by one
 * or in one array, then options.
 */
export function meshgrid(
  ...args: Tensor[] | [...Tensor[], MeshgridOptions] | [tensors: readonly Tensor[], options?: MeshgridOptions]
): readonly Tensor[] {
  const list = args.flat() as (Tensor | MeshgridOptions)[];
  const { indexing = "ij" } = list.at(-1) instanceof Tensor ? {} : ((list.pop() ?? {}) as MeshgridOptions);
  const vectors = list as Tensor[];
  checkWord("meshgrid", "indexing", indexing, ["ij", "xy"]);
  firstOf("meshgrid", vectors);
  for (const { shape } of vectors) checkRank("meshgrid", shape, 0, 1);
  sameDType(
    "meshgrid",
    vectors.map(({ dtype }) => dtype),
  );
  const shape = vectors.map((x) => x.numel());
  const swap = indexing === "xy" && vectors.length > 1;
  return scope(() =>
    vectors.map((x, i) => {
      const grid = expand(reshape(x, alone(shape[i]!, i, shape)), shape);
      return swap ? transpose(grid, 0, 1) : grid;
    }),
  );
}

/** All combinations of an element of each vector, `[n₀·n₁·…, vectors]`, the last one changing fastest; one vector as it is. */
export function cartesianProd(...tensors: Tensors): Tensor {
  const vectors = listOf(tensors);
  for (const { shape } of vectors) checkRank("cartesianProd", shape, 1, 1);
  if (vectors.length === 1) return vectors[0]!;
  return scope(() =>
    stack(
      meshgrid(vectors).map((x) => reshape(x, [-1])),
      1,
    ),
  );
}
