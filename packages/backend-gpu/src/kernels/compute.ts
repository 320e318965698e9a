import { type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { shader } from "../shaders/shader.ts";
import { type Strided, walk } from "../shaders/walk.ts";

/** A computation of the elements of a shape. */
export interface Computation {
  /** The op that messages name. */
  readonly op: string;
  /** What tells the body from others. */
  readonly key: string;
  readonly shape: Shape;
  /** What is walked along with the shape: `at_x` is the place of `x`. */
  readonly places: Readonly<Record<string, Strided>>;
  readonly arrays: Readonly<Record<string, GpuArray>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Statements that end in `return`. */
  readonly body: string;
}

/** Launches a computation. */
export function compute(device: Device, { op, key, shape, places, arrays, scalars, body }: Computation): GpuArray {
  const { key: walkKey, scalars: names, values, code } = walk(shape, places);
  return device.launch(
    op,
    shader(`${key} ${walkKey}`, {
      arrays: Object.keys(arrays),
      scalars: [...Object.keys(scalars), ...names],
      body: () => code() + body,
    }),
    Object.values(arrays),
    [...Object.values(scalars), ...values],
    sizeOf(shape),
  );
}

/** A walk from the beginning. */
export const steps = (...strides: readonly number[]): Strided => ({ strides, offset: 0 });
