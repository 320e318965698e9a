import { cpu } from "@descent/backend-cpu";
import {
  type ConvAttrs,
  convolution,
  ones,
  type Shape,
  setBackend,
  sizeOf,
  stridesOf,
  type Tensor,
  tensor,
  transposedConvolution,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const values = (x: Tensor): number[] => [...x.dataSync()];
/** Every index into a tensor, in row-major order. */
const everywhere = (shape: Shape): number[][] =>
  shape.reduce<number[][]>((rows, n) => rows.flatMap((row) => Array.from({ length: n }, (_, i) => [...row, i])), [[]]);
const placeOf = (shape: Shape, index: readonly number[]): number =>
  stridesOf(shape).reduce((sum, stride, i) => sum + stride * index[i]!, 0);

interface Case extends ConvAttrs {
  readonly image: Shape;
  readonly weight: Shape;
  readonly bias: boolean;
  readonly seed: number;
}

/** Convolutions over `n` axes, as large as the kernel needs or a little larger. */
const cases = (n: number): fc.Arbitrary<Case> =>
  fc
    .record({
      batch: fc.nat(2),
      groups: fc.integer({ min: 1, max: 2 }),
      channels: fc.integer({ min: 1, max: 2 }),
      outputs: fc.integer({ min: 1, max: 2 }),
      bias: fc.boolean(),
      seed: fc.nat(),
      axes: fc.array(
        fc.record({
          kernel: fc.integer({ min: 1, max: 3 }),
          stride: fc.integer({ min: 1, max: 3 }),
          padding: fc.nat(2),
          dilation: fc.integer({ min: 1, max: 2 }),
          extra: fc.nat(3),
        }),
        { minLength: n, maxLength: n },
      ),
    })
    .map(({ batch, groups, channels, outputs, axes, ...rest }) => ({
      ...rest,
      groups,
      stride: axes.map(({ stride }) => stride),
      padding: axes.map(({ padding }) => padding),
      dilation: axes.map(({ dilation }) => dilation),
      weight: [outputs * groups, channels, ...axes.map(({ kernel }) => kernel)],
      image: [
        batch,
        channels * groups,
        ...axes.map(({ kernel, padding, dilation, extra }) =>
          Math.max(1, dilation * (kernel - 1) + 1 - 2 * padding + extra),
        ),
      ],
    }));

/** Small integers, whose sums are exact in any order. */
function integers(shape: Shape, seed: number): Tensor {
  let state = seed;
  const draw = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) % 7;
  };
  return tensor(Float64Array.from({ length: sizeOf(shape) }, () => draw() - 3)).reshape(shape);
}

/** For each product of a convolution: where it reads the image and the weight, and where it adds to the result. */
function products({ image, weight, stride, padding, dilation, groups }: Case, count: Shape) {
  const outputs = weight[0]! / groups;
  return everywhere([image[0]!, ...weight, ...count]).flatMap((index) => {
    const [n, o, c] = index as [number, number, number];
    const kernel = index.slice(3, 1 + weight.length);
    const at = index.slice(1 + weight.length);
    const seen = at.map((p, i) => p * stride[i]! - padding[i]! + kernel[i]! * dilation[i]!);
    if (seen.some((p, i) => p < 0 || p >= image[i + 2]!)) return [];
    const channel = Math.floor(o / outputs) * weight[1]! + c;
    return [
      {
        x: placeOf(image, [n, channel, ...seen]),
        w: placeOf(weight, [o, c, ...kernel]),
        y: placeOf([image[0]!, weight[0]!, ...count], [n, o, ...at]),
      },
    ];
  });
}

const countOf = ({ image, weight, stride, padding, dilation }: Case): number[] =>
  stride.map((step, i) =>
    Math.floor((image[i + 2]! + 2 * padding[i]! - dilation[i]! * (weight[i + 2]! - 1) - 1) / step + 1),
  );

describe.each([1, 2, 3])("over %i axes", (n) => {
  test("a convolution is the sum of its products", () => {
    fc.assert(
      fc.property(cases(n), (c) => {
        const count = countOf(c);
        const [x, w] = [integers(c.image, c.seed), integers(c.weight, c.seed + 1)];
        const bias = c.bias ? integers([c.weight[0]!], c.seed + 2) : null;
        const shape = [c.image[0]!, c.weight[0]!, ...count];
        const expected = everywhere(shape).map(([, o]) => bias?.dataSync()[o!] ?? 0);
        for (const at of products(c, count)) expected[at.y]! += x.dataSync()[at.x]! * w.dataSync()[at.w]!;
        const y = convolution(x, w, bias, c);
        expect(y.shape).toEqual(shape);
        expect(values(y.add(0))).toEqual(expected);
      }),
    );
  });

  test("a transposed convolution sends the products back", () => {
    fc.assert(
      fc.property(cases(n), (c) => {
        const count = countOf(c);
        const [g, w] = [integers([c.image[0]!, c.weight[0]!, ...count], c.seed), integers(c.weight, c.seed + 1)];
        const bias = c.bias ? integers([c.image[1]!], c.seed + 2) : null;
        // What a stride leaves over at the end of the image.
        const outputPadding = count.map((_, i) => {
          const room = c.image[i + 2]! + 2 * c.padding[i]! - c.dilation[i]! * (c.weight[i + 2]! - 1) - 1;
          return room % c.stride[i]!;
        });
        const expected = everywhere(c.image).map(([, channel]) => bias?.dataSync()[channel!] ?? 0);
        for (const at of products(c, count)) expected[at.x]! += g.dataSync()[at.y]! * w.dataSync()[at.w]!;
        const y = transposedConvolution(g, w, bias, { ...c, outputPadding });
        expect(y.shape).toEqual(c.image);
        expect(values(y.add(0))).toEqual(expected);
      }),
    );
  });

  test("⟨conv(x), y⟩ = ⟨x, convTranspose(y)⟩", () => {
    fc.assert(
      fc.property(cases(n), (c) => {
        // A result padded beyond the stride, as far as the dilation allows, has elements that no position sees.
        const outputPadding = c.stride.map((step, i) => Math.max(step, c.dilation[i]!) - 1);
        const [y, w] = [integers([c.image[0]!, c.weight[0]!, ...countOf(c)], c.seed), integers(c.weight, c.seed + 1)];
        const back = transposedConvolution(y, w, null, { ...c, outputPadding });
        const x = integers(back.shape, c.seed + 2);
        const seen = y.shape.slice(2).reduce((z, size, i) => z.narrow(i + 2, 0, size), convolution(x, w, null, c));
        expect(seen.mul(y).sum().item()).toBe(x.mul(back).sum().item());
      }),
    );
  });
});

describe("bad operands", () => {
  const moves = (n: number) => ({
    stride: Array(n).fill(1),
    padding: Array(n).fill(0),
    dilation: Array(n).fill(1),
    groups: 1,
  });
  const transpose = (x: Shape, w: Shape, more: object = {}, bias: Shape | null = null) =>
    transposedConvolution(ones(x), ones(w), bias && ones(bias), {
      ...moves(x.length - 2),
      outputPadding: Array(x.length - 2).fill(0),
      ...more,
    });

  test.each<[call: () => unknown, message: string]>([
    [
      () => convolution(ones([2, 5]), ones([3, 2, 2]), null, moves(1)),
      "conv1d: expected an input [N,C,L] and a weight [O,C/groups,k], got [2,5] and [3,2,2]; unsqueeze(0) makes a batch of a single image",
    ],
    [
      () => convolution(ones([1, 2, 3, 3, 3]), ones([3, 2, 2, 2]), null, moves(3)),
      "conv3d: expected an input [N,C,D,H,W] and a weight [O,C/groups,kd,kh,kw], got [1,2,3,3,3] and [3,2,2,2]",
    ],
    [
      () => convolution(ones([1, 2, 5]), ones([3, 1, 2]), null, moves(1)),
      "conv1d: the channels of the input [1,2,5] and the weight [3,1,2] do not fit 1 group(s); the input needs 1 channels, and groups must divide 3",
    ],
    [
      () => convolution(ones([1, 2, 5]), ones([3, 2, 2]), ones([2]), moves(1)),
      "conv1d: the bias [2] must have the 3 outputs of the weight; pass a bias of shape [3] or null",
    ],
    [
      () => convolution(ones([1, 2, 1]), ones([3, 2, 2]), null, moves(1)),
      "conv1d: the kernel [2] (dilation [1]) is larger than the image [1,2,1] with padding [0]",
    ],
    [
      () => convolution(ones([1, 2, 5], { dtype: "int32" }), ones([3, 2, 2], { dtype: "int32" }), null, moves(1)),
      "conv1d: expected a floating dtype, got int32",
    ],
    [
      () => transpose([1, 2, 3], [2, 1]),
      "convTranspose1d: expected an input [N,C,L] and a weight [C,O/groups,k], got [1,2,3] and [2,1]",
    ],
    [
      () => transpose([1, 2, 3], [3, 1, 2]),
      "convTranspose1d: the channels of the input [1,2,3] and the weight [3,1,2] do not fit 1 group(s); the input needs 3 channels, and groups must divide 3",
    ],
    [
      () => transpose([1, 2, 3], [2, 2, 2], {}, [2, 1]),
      "convTranspose1d: the bias [2,1] must have the 2 outputs of the weight",
    ],
    [
      () => transpose([1, 2, 3, 3], [2, 1, 2, 2], { outputPadding: [1, 0], stride: [1, 2] }),
      "convTranspose2d: outputPadding [1,0] must lie below the stride [1,2] or the dilation [1,1]; a larger result needs a larger stride or kernel",
    ],
    [
      () => transpose([1, 2, 3, 3], [2, 1, 2, 2], { stride: [0, 1] }),
      "convTranspose2d: kernel [2,2], stride [0,1] and dilation [1,1] must be positive integers, padding [0,0] not negative",
    ],
    [
      () => transpose([1, 2, 1, 3], [2, 1, 1, 1], { padding: [1, 0] }),
      "convTranspose2d: the input [1,2,1,3] gives a result of size [-1,3]; use a larger input or kernel, or less padding",
    ],
    [() => transpose([1, 2, 0], [2, 1, 3]), "convTranspose1d: the input [1,2,0] gives a result of size [2]"],
  ])("%#", (call, message) => {
    expect(call).toThrow(message);
  });
});
