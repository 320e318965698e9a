import { type Shape, sizeOf } from "@descent/core";
import { divide } from "./shader.ts";

/** How an array is walked: at index `i` the walk is at `offset + Σ iₖ·stridesₖ`. */
export interface Strided {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A part of a shader that finds its place in several arrays. */
export interface Walk {
  /** What tells its text from others'. */
  readonly key: string;
  /** Names of the scalars that it reads. */
  readonly scalars: readonly string[];
  readonly values: readonly number[];
  /** Statements after which `at_x` is the place in the array `x`. */
  readonly code: () => string;
}

/**
 * A walk over an index space, in row-major order of `i`. Shapes and strides are scalars, so that shapes share a shader; only the number of
 * axes that are left after merging is part of the text.
 */
export function walk(shape: Shape, places: Readonly<Record<string, Strided>>): Walk {
  const names = Object.keys(places);
  const { sizes, strides } = collapse(shape, Object.values(places));
  const offsets = Object.values(places).map((x) => x.offset);
  const flat = sizes.length <= 1 && offsets.every((offset) => offset === 0);
  if (flat && strides.every(([step = 0]) => step === 0 || step === 1)) {
    const steps = strides.map(([step = 0]) => step);
    return {
      key: steps.join(""),
      scalars: [],
      values: [],
      code: () => names.map((name, j) => `const at_${name} = ${steps[j] === 1 ? "i" : "0"};\n`).join(""),
    };
  }
  const axes = sizes.map((_, axis) => axis);
  return {
    key: `rank ${sizes.length}`,
    scalars: [
      ...axes.slice(1).map((axis) => `size_${axis}`),
      ...names.flatMap((name) => [`from_${name}`, ...axes.map((axis) => `step_${name}_${axis}`)]),
    ],
    values: [...sizes.slice(1), ...strides.flatMap((steps, j) => [offsets[j]!, ...steps])],
    code: () => split(axes) + names.map((name) => `const at_${name} = ${placeOf(name, axes)};\n`).join(""),
  };
}

const placeOf = (name: string, axes: readonly number[]): string =>
  [`from_${name}`, ...axes.map((axis) => `q_${axis} * step_${name}_${axis}`)].join(" + ");

/** Cuts `i` into an index `q` per axis. */
function split(axes: readonly number[]): string {
  let code = "";
  let rest = "i";
  for (const axis of axes.slice(1).reverse()) {
    code += divide(rest, `size_${axis}`, `rest_${axis}`, `q_${axis}`);
    rest = `rest_${axis}`;
  }
  return axes.length === 0 ? code : `${code}const q_0 = ${rest};\n`;
}

interface Collapsed {
  readonly sizes: readonly number[];
  /** Of every array, one per axis. */
  readonly strides: readonly (readonly number[])[];
}

/** Merges axes that every array walks without a jump, and drops those of size 1. */
export function collapse(shape: Shape, arrays: readonly Pick<Strided, "strides">[]): Collapsed {
  const sizes: number[] = [];
  const strides: number[][] = arrays.map(() => []);
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const last = sizes.length - 1;
    const merges = last >= 0 && arrays.every((x, j) => strides[j]![last] === x.strides[axis]! * size);
    if (merges) sizes[last]! *= size;
    else sizes.push(size);
    arrays.forEach((x, j) => {
      if (merges) strides[j]!.pop();
      strides[j]!.push(x.strides[axis]!);
    });
  }
  return { sizes, strides };
}

/** A tensor around one of its axes: `x[o, k, i]` is element `(o·size + k)·inner + i`. */
export interface Line {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** The sizes before, at and behind an axis. */
export const splitAt = (shape: Shape, axis: number): Line => ({
  outer: sizeOf(shape.slice(0, axis)),
  size: shape[axis]!,
  inner: sizeOf(shape.slice(axis + 1)),
});
