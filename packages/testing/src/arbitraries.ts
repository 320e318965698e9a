import { DTYPES, type DType, type Shape, sizeOf, stridesOf, type View } from "@descent/core";
import fc from "fast-check";

// Everything shrinks towards few axes, size 1, and values near zero.

export interface ShapeOptions {
  /** Default 0. */
  readonly minRank?: number;
  /** Default 3. */
  readonly maxRank?: number;
  /** Default 1; 0 adds empty axes. */
  readonly minSize?: number;
  /** Default 4. */
  readonly maxSize?: number;
}

/** The size of an axis. */
export const size = (max = 4, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });

export const shape = ({
  minRank = 0,
  maxRank = 3,
  minSize = 1,
  maxSize = 4,
}: ShapeOptions = {}): fc.Arbitrary<number[]> =>
  fc.array(size(maxSize, minSize), { minLength: minRank, maxLength: maxRank });

/** A shape that broadcasts to `to`: some axes are 1, and some of the first are missing. */
const stretchable = (to: Shape): fc.Arbitrary<number[]> =>
  fc
    .tuple(fc.nat(to.length), fc.array(fc.boolean(), { minLength: to.length, maxLength: to.length }))
    .map(([missing, whole]) => to.map((n, i) => (whole[i]! ? n : 1)).slice(missing));

/** Shapes that broadcast with each other. */
export const broadcastShapes = (count: number, options: ShapeOptions = {}): fc.Arbitrary<number[][]> =>
  shape(options).chain((to) =>
    fc.tuple(...Array.from({ length: count }, () => fc.oneof(fc.constant(to), stretchable(to)))),
  );

/** An axis, counted from either side. */
export const axis = (rank: number): fc.Arbitrary<number> => fc.integer({ min: -rank, max: rank - 1 });

/** What reductions take for axes: none for all of them, one, or a list. */
export const axes = (rank: number): fc.Arbitrary<number | readonly number[] | undefined> => {
  const list = fc
    .subarray(Array.from({ length: rank }, (_, i) => i))
    .chain((dims) => fc.shuffledSubarray(dims, { minLength: dims.length }));
  return fc.oneof(fc.constant(undefined), ...(rank === 0 ? [] : [axis(rank)]), list);
};

/** The numbers `0 … n−1` in any order. */
export const permutation = (n: number): fc.Arbitrary<number[]> => {
  const order = Array.from({ length: n }, (_, i) => i);
  return fc.shuffledSubarray(order, { minLength: n });
};

export const dtype = (...among: readonly DType[]): fc.Arbitrary<DType> =>
  fc.constantFrom(...(among.length === 0 ? DTYPES : among));

/** Integers in an interval, one per element. */
export const integers = (shape: Shape, min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min, max }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) });

/** Indices into an axis of `size` elements, repetitions included. */
export const indices = (shape: Shape, size: number): fc.Arbitrary<number[]> => integers(shape, 0, size - 1);

export interface GridOptions {
  /** Default -2. */
  readonly min?: number;
  /** Default 2. */
  readonly max?: number;
  /**
   * `"odd"` (default) takes odd multiples of 1/16, which lie away from every multiple of 1/8, and so from the kinks at integers and
   * halves; `"even"` takes the multiples of 1/8, so that numbers of the two never meet.
   */
  readonly parity?: "odd" | "even";
}

/** Values that float32 holds exactly, on a coarse grid, in an interval with bounds on multiples of 1/8. */
export const grid = (shape: Shape, { min = -2, max = 2, parity = "odd" }: GridOptions = {}): fc.Arbitrary<number[]> =>
  parity === "odd"
    ? integers(shape, min * 8, max * 8 - 1).map((ks) => ks.map((k) => (2 * k + 1) / 16))
    : integers(shape, min * 8, max * 8).map((ks) => ks.map((k) => k / 8));

/** Grid values at least `1/2` away from zero, on both sides of it. */
export const nonzero = (shape: Shape, options?: GridOptions): fc.Arbitrary<number[]> =>
  grid(shape, options).map((values) => values.map((v) => (v < 0 ? v - 0.5 : v + 0.5)));

/** Values of which no two are equal, at least 1/4 apart: for what compares them. */
export const distinct = (shape: Shape): fc.Arbitrary<number[]> => {
  const n = sizeOf(shape);
  return permutation(n).map((order) => order.map((k) => (k - n / 2) / 4 + 1 / 16));
};

/** Zeros and ones. */
export const bools = (shape: Shape): fc.Arbitrary<number[]> => integers(shape, 0, 1);

export interface Matmul {
  readonly a: Shape;
  readonly b: Shape;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Operands of a matrix product: vectors, matrices, and stacks of them that broadcast. */
export const matmul: fc.Arbitrary<Matmul> = fc
  .record({
    stacks: broadcastShapes(2, { maxRank: 2, maxSize: 3 }),
    sizes: fc.tuple(size(3), size(4), size(5)),
    vector: fc.tuple(fc.nat(7), fc.nat(7)),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
  })
  .map(({ stacks: [stackA, stackB], sizes: [m, k, n], vector, transposeA, transposeB }) => ({
    a: vector[0] === 7 ? [k] : [...stackA!, ...(transposeA ? [k, m] : [m, k])],
    b: vector[1] === 7 ? [k] : [...stackB!, ...(transposeB ? [n, k] : [k, n])],
    transposeA,
    transposeB,
  }));

type Pair = readonly [number, number];
const pair = (min: number, max: number): fc.Arbitrary<Pair> =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));

export interface Windowed {
  /** `[N, C, H, W]`, as large as the kernel needs or a little larger, so that strides do not come out even. */
  readonly image: Shape;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

export interface WindowOptions {
  /** The largest padding, given the kernel. Default 2. */
  readonly maxPadding?: (kernel: number) => number;
  /** Default 2. */
  readonly maxChannels?: number;
}

/** Images and the window that moves over them. */
export const windowed = ({ maxPadding = () => 2, maxChannels = 2 }: WindowOptions = {}): fc.Arbitrary<Windowed> =>
  fc
    .record({
      batch: size(2),
      channels: size(maxChannels),
      kernel: pair(1, 3),
      stride: pair(1, 3),
      dilation: pair(1, 2),
      extra: pair(0, 3),
      pad: pair(0, 2),
    })
    .map(({ batch, channels, kernel, stride, dilation, extra, pad }) => {
      const padding: Pair = [Math.min(pad[0], maxPadding(kernel[0])), Math.min(pad[1], maxPadding(kernel[1]))];
      const side = (i: 0 | 1): number => Math.max(1, dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i] + extra[i]);
      return { image: [batch, channels, side(0), side(1)], kernel, stride, padding, dilation };
    });

export interface Convolution extends Omit<Windowed, "kernel"> {
  readonly groups: number;
  /** `[O, C/groups, kh, kw]`. */
  readonly weight: Shape;
}

/** Images and weights of a convolution, with groups. */
export const convolution: fc.Arbitrary<Convolution> = fc
  .tuple(windowed(), size(2), size(2))
  .map(([{ image, kernel, ...window }, groups, outputs]) => ({
    ...window,
    image: image.with(1, image[1]! * groups),
    groups,
    weight: [outputs * groups, image[1]!, ...kernel],
  }));

/** A view of a tensor of the given shape: any strides and sizes that stay inside, repeated and reversed axes too. */
export const view = (from: Shape): fc.Arbitrary<View> =>
  fc
    .record({
      order: permutation(from.length),
      cuts: fc.tuple(...from.map((n) => fc.tuple(fc.nat(n - 1), fc.nat(n - 1), fc.integer({ min: 1, max: 2 })))),
      repeats: shape({ maxRank: 1, maxSize: 3 }),
    })
    .map(({ order, cuts, repeats }) => {
      const strides = stridesOf(from);
      const parts = cuts.map(([start, end, step], i) => ({
        size: Math.floor(Math.abs(end - start) / step) + 1,
        stride: strides[i]! * step * (end < start ? -1 : 1),
        first: strides[i]! * start,
      }));
      return {
        shape: [...repeats, ...order.map((i) => parts[i]!.size)],
        strides: [...repeats.map(() => 0), ...order.map((i) => parts[i]!.stride)],
        offset: parts.reduce((offset, { first }) => offset + first, 0),
      };
    });
