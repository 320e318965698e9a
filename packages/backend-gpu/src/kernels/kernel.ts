import { type Backend, broadcastStrides, type Operand, type Shape, stridesOf } from "@descent/core";
import type { GpuArray } from "../device.ts";
import type { Strided } from "../shaders/walk.ts";

/** The families of a backend over arrays of the device, by name. */
export type Families<Name extends keyof Backend> = Pick<Backend<GpuArray>, Name>;

export type GpuOperand = Operand<GpuArray>;

/** An array and how it is walked. */
export interface Source extends Strided {
  readonly array: GpuArray;
}

/** An operand, in order. */
export const inOrder = ({ handle, shape }: GpuOperand): Source => ({
  array: handle,
  strides: stridesOf(shape),
  offset: 0,
});

/** An operand as one of a larger shape; a number stays one. */
export const stretched = (x: GpuOperand | number, to: Shape): Source | number =>
  typeof x === "number" ? x : { array: x.handle, strides: broadcastStrides(x.shape, to), offset: 0 };
