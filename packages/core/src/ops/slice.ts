import { ArgumentError, IndexError, ShapeError } from "../errors.ts";
import { show, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { gatherView } from "./movement.ts";

/** What is taken of one axis: all of it (`null`), one index (the axis disappears), or Python's `"start:stop:step"`. */
export type Range = number | string | null;

/** Part of a tensor, one range per axis from the first on: `x.slice("1:-1", null, "::2")`. Steps may be negative. */
export function slice(x: Tensor, ...ranges: Range[]): Tensor {
  if (ranges.length > x.ndim)
    throw new ShapeError("slice", `${ranges.length} ranges for ${show(x.shape)}`, "give at most one per axis");
  const strides = stridesOf(x.shape);
  const view = { shape: [] as number[], strides: [] as number[], offset: 0 };
  x.shape.forEach((size, axis) => {
    const { start, step, length } = parse(ranges[axis] ?? null, size, axis);
    view.offset += start * strides[axis]!;
    if (length === null) return;
    view.shape.push(length);
    view.strides.push(step * strides[axis]!);
  });
  return gatherView([x], view.shape.includes(0) ? { ...view, offset: 0 } : view);
}

interface Steps {
  readonly start: number;
  readonly step: number;
  /** `null` where the axis disappears. */
  readonly length: number | null;
}

function parse(range: Range, size: number, axis: number): Steps {
  if (range === null) return { start: 0, step: 1, length: size };
  if (typeof range === "number") {
    const start = range < 0 ? range + size : range;
    if (!Number.isInteger(range) || start < 0 || start >= size)
      throw new IndexError(
        "slice",
        `index ${range} is out of range for axis ${axis} of size ${size}`,
        `use ${-size} to ${size - 1}`,
      );
    return { start, step: 1, length: null };
  }
  const match = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/.exec(range);
  const step = Number(match?.[3] ?? 1);
  if (match === null || step === 0)
    throw new ArgumentError(
      "slice",
      `"${range}" is no range`,
      'write "start:stop" or "start:stop:step" with a step other than 0',
    );
  // As in Python, bounds beyond the axis are moved to its ends; a backward range ends before index 0.
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const bound = (text: string | undefined, fallback: number): number => {
    if (text === undefined) return fallback;
    const at = Number(text);
    return Math.min(high, Math.max(low, at < 0 ? at + size : at));
  };
  const start = bound(match[1], step > 0 ? low : high);
  const stop = bound(match[2], step > 0 ? high : low);
  return { start, step, length: Math.max(0, Math.ceil((stop - start) / step)) };
}
