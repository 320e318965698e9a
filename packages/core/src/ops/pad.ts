import { ArgumentError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkWord } from "./checks.ts";
import { full, tensor } from "./creation.ts";
import { takeOp } from "./indexing.ts";
import { cat } from "./join.ts";
import { narrow, padZeros } from "./movement.ts";

/** What stands around a tensor: one number, its reflection without the edge itself, its edge, or its other end. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Options of `pad`. */
export interface PadOptions {
  /** Default `"constant"`. */
  readonly mode?: PadMode;
  /** The number of `"constant"`. Default 0. */
  readonly value?: number;
}

/** Which element of an axis stands at place `i`, which may lie beyond its ends, if `length` elements from `first` on are left of it. */
const SOURCES: Record<
  Exclude<PadMode, "constant">,
  (i: number, size: number, first: number, length: number) => number
> = {
  reflect: (i, size) => (i < 0 ? -i : i < size ? i : 2 * (size - 1) - i),
  replicate: (i, size) => Math.min(Math.max(i, 0), size - 1),
  circular: (i, _, first, length) => first + ((i - first + length) % length),
};

/**
 * More elements around `x`: `padding` lists how many stand before and after each axis, from the last axis backwards, `[left, right, top,
 * bottom, …]`. Negative ones crop. `"reflect"` pads less than the size of an axis, `"circular"` at most that; all modes but `"constant"`
 * pad the last one, two or three axes of a tensor that has one or two more.
 */
export function pad(x: Tensor, padding: readonly number[], { mode = "constant", value = 0 }: PadOptions = {}): Tensor {
  const n = padding.length / 2;
  if (!Number.isInteger(n) || n > x.ndim || !padding.every(Number.isInteger))
    throw new ArgumentError(
      "pad",
      `the padding ${show(padding)} does not fit ${show(x.shape)}`,
      "list two integers for each axis, from the last axis backwards",
    );
  checkWord("pad", "mode", mode, ["constant", ...Object.keys(SOURCES)]);
  if (mode !== "constant" && value !== 0)
    throw new ArgumentError("pad", `mode "${mode}" takes no value, got ${value}`, "leave it out");
  if (mode !== "constant" && (n < 1 || n > 3 || x.ndim - n < 1 || x.ndim - n > 2))
    throw new ShapeError(
      "pad",
      `mode "${mode}" cannot pad ${n} axes of ${show(x.shape)}`,
      "pad the last 1, 2 or 3 axes of a tensor that has one or two more",
    );
  // From the first axis on.
  const sides = Array.from({ length: n }, (_, i) => padding.slice(2 * (n - 1 - i), 2 * (n - i)) as [number, number]);
  for (const [i, side] of sides.entries()) checkSides(x, x.ndim - n + i, side, mode);
  const each = (x: Tensor, sides: readonly Pair[], fn: (y: Tensor, axis: number, side: Pair) => Tensor): Tensor =>
    sides.reduce((y, side, i) => (side[0] === 0 && side[1] === 0 ? y : fn(y, y.ndim - n + i, side)), x);
  const { dtype, backend } = x;
  return scope(() => {
    if (mode !== "constant") return each(x, sides, (y, axis, side) => extend(y, axis, side, SOURCES[mode]));
    const cropped = each(x, sides, crop);
    const more = sides.map(([before, after]) => [Math.max(0, before), Math.max(0, after)] as const);
    return value === 0
      ? padZeros(cropped, more)
      : each(cropped, more, (y, axis, side) => {
          const [before, after] = side.map((size) => full(y.shape.with(axis, size), value, { dtype, backend }));
          return cat([before!, y, after!], axis);
        });
  });
}

/** Where what is left of an axis begins, and how much that is. */
function remainder(size: number, [before, after]: Pair): [start: number, length: number] {
  const start = Math.max(0, -before);
  return [start, size - start + Math.min(0, after)];
}

function checkSides({ shape }: Tensor, axis: number, side: Pair, mode: PadMode): void {
  const [before, after] = side;
  const size = shape[axis]!;
  const [, left] = remainder(size, side);
  const most = mode === "reflect" ? size - 1 : mode === "circular" ? left : Number.POSITIVE_INFINITY;
  const least = mode === "constant" ? 0 : 1;
  const source = mode === "reflect" || mode === "replicate" ? size : left;
  if (Math.max(before, after) > most || source < least || size + before + after < least)
    throw new ShapeError(
      "pad",
      `mode "${mode}" cannot pad axis ${axis} of ${show(shape)} by ${show([before, after])}`,
      most < Number.POSITIVE_INFINITY ? `pad it by at most ${most}` : "crop less of it",
    );
}

const crop = (x: Tensor, axis: number, side: Pair): Tensor => narrow(x, axis, ...remainder(x.shape[axis]!, side));

/** Elements of the axis itself around it. */
function extend(x: Tensor, axis: number, side: Pair, source: (typeof SOURCES)["circular"]): Tensor {
  const [before, after] = side;
  const size = x.shape[axis]!;
  const left = remainder(size, side);
  const index = Array.from({ length: size + before + after }, (_, i) => source(i - before, size, ...left));
  return takeOp([x, tensor(index, { dtype: "int32", backend: x.backend })], axis);
}

type Pair = readonly [before: number, after: number];
