import { type Shape, sizeOf, stridesOf, type Tensor } from "@descent/core";

/** The coordinates of a shape in row-major order. */
export const coordinates = (shape: Shape): number[][] =>
  shape.reduce<number[][]>((rows, n) => rows.flatMap((row) => Array.from({ length: n }, (_, i) => [...row, i])), [[]]);

/** Where an element stands in the flattened tensor. */
export const placeOf = (shape: Shape, at: readonly number[]): number => {
  const strides = stridesOf(shape);
  return at.reduce((sum, k, axis) => sum + k * strides[axis]!, 0);
};

/** Reads single elements of a tensor. */
export const reader = (x: Tensor): ((at: readonly number[]) => number) => {
  const values = x.dataSync();
  return (at) => values[placeOf(x.shape, at)]!;
};

/** `0, 1, 2, …` in a shape. */
export const counted = (shape: Shape): number[] => Array.from({ length: sizeOf(shape) }, (_, i) => i);
