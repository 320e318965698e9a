import { cpu } from "@descent/backend-cpu";
import {
  avgPool,
  maxPool,
  maxPoolIndices,
  ones,
  type Shape,
  setBackend,
  sizeOf,
  stridesOf,
  type Tensor,
  tensor,
  type Window,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const everywhere = (shape: Shape): number[][] =>
  shape.reduce<number[][]>((rows, n) => rows.flatMap((row) => Array.from({ length: n }, (_, i) => [...row, i])), [[]]);

interface Case extends Window<Shape> {
  readonly image: Shape;
  readonly values: readonly number[];
}

/** Windows over `n` axes, small integers under them, many of them equal. */
const cases = (n: number): fc.Arbitrary<Case> =>
  fc
    .record({
      channels: fc.integer({ min: 1, max: 2 }),
      ceilMode: fc.boolean(),
      axes: fc.array(
        fc.record({
          kernel: fc.integer({ min: 1, max: 3 }),
          stride: fc.integer({ min: 1, max: 3 }),
          pad: fc.boolean(),
          dilation: fc.integer({ min: 1, max: 2 }),
          extra: fc.nat(3),
        }),
        { minLength: n, maxLength: n },
      ),
    })
    .map(({ channels, ceilMode, axes }) => ({
      ceilMode,
      kernel: axes.map(({ kernel }) => kernel),
      stride: axes.map(({ stride }) => stride),
      padding: axes.map(({ kernel, pad }) => (pad ? Math.floor(kernel / 2) : 0)),
      dilation: axes.map(({ dilation }) => dilation),
      image: [2, channels, ...axes.map(({ kernel, dilation, extra }) => dilation * (kernel - 1) + 1 + extra)],
    }))
    .chain((c) =>
      fc
        .array(fc.integer({ min: -2, max: 2 }), { minLength: sizeOf(c.image), maxLength: sizeOf(c.image) })
        .map((values) => ({ ...c, values })),
    );

/** What each window sees, by position: places in the flattened axes and how many of the padding count beside them. */
function windows({ image, kernel, stride, padding, dilation, ceilMode }: Case) {
  const sizes = image.slice(2);
  const count = sizes.map((size, i) => {
    const room = size + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1;
    const all = (ceilMode ? Math.ceil : Math.floor)(room / stride[i]!) + 1;
    return ceilMode && (all - 1) * stride[i]! >= size + padding[i]! ? all - 1 : all;
  });
  const strides = stridesOf(sizes);
  const seen = everywhere(count).map((at) => {
    const all = everywhere(kernel).map((k) => k.map((j, i) => at[i]! * stride[i]! - padding[i]! + j * dilation[i]!));
    const inside = all.filter((p) => p.every((j, i) => j >= 0 && j < sizes[i]!));
    const framed = all.filter((p) => p.every((j, i) => j < sizes[i]! + padding[i]!));
    return { places: inside.map((p) => p.reduce((sum, j, i) => sum + j * strides[i]!, 0)), framed: framed.length };
  });
  return { shape: [image[0]!, image[1]!, ...count], seen };
}

const leaf = ({ image, values }: Case): Tensor => {
  const x = tensor(Float64Array.from(values)).reshape(image);
  x.requiresGrad = true;
  return x;
};

/** The planes of an image one after the other. */
const planes = ({ image, values }: Case): (readonly number[])[] => {
  const size = sizeOf(image.slice(2));
  return Array.from({ length: image[0]! * image[1]! }, (_, i) => values.slice(i * size, (i + 1) * size));
};

describe.each([1, 2, 3])("over %i axes", (n) => {
  test("a max pool takes the first largest element of each window, and its gradient goes there", () => {
    fc.assert(
      fc.property(cases(n), (c) => {
        const { shape, seen } = windows(c);
        if (seen.some(({ places }) => places.length === 0)) return;
        const winners = planes(c).map((plane) =>
          seen.map(({ places }) => places.reduce((best, place) => (plane[place]! > plane[best]! ? place : best))),
        );
        const x = leaf(c);
        const y = maxPool(x, c);
        expect(y.shape).toEqual(shape);
        expect([...y.dataSync()]).toEqual(planes(c).flatMap((plane, i) => winners[i]!.map((place) => plane[place]!)));
        const indices = maxPoolIndices(x, c);
        expect([indices.shape, indices.dtype]).toEqual([shape, "int32"]);
        expect([...indices.dataSync()]).toEqual(winners.flat());
        y.sum().backward();
        const counts = planes(c).map((plane, i) => plane.map((_, k) => winners[i]!.filter((p) => p === k).length));
        expect([...x.grad!.dataSync()]).toEqual(counts.flat());
      }),
    );
  });

  test("an average pool divides the sum of each window by the elements that count", () => {
    fc.assert(
      fc.property(cases(n), fc.boolean(), fc.constantFrom(null, 3), (drawn, countIncludePad, divisorOverride) => {
        const c = { ...drawn, dilation: drawn.dilation.map(() => 1) };
        const { shape, seen } = windows(c);
        const expected = planes(c).flatMap((plane) =>
          seen.map(({ places, framed }) => {
            const sum = places.reduce((total, place) => total + plane[place]!, 0);
            return sum / (divisorOverride ?? (countIncludePad ? framed : places.length));
          }),
        );
        const y = avgPool(leaf(c), { ...c, countIncludePad, divisorOverride });
        expect(y.shape).toEqual(shape);
        y.dataSync().forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i]!, 12);
        });
      }),
    );
  });
});

test("bad operands", () => {
  const window = { kernel: [2, 2, 2], stride: [1, 1, 1], padding: [0, 0, 0], dilation: [1, 1, 1] };
  expect(() => maxPool(ones([2, 3, 3, 3]), window)).toThrow(
    "maxPool3d: expected images [N,C,D,H,W], got [2,3,3,3]; unsqueeze() what is missing",
  );
  expect(() => maxPoolIndices(ones([1, 2, 3, 3, 1]), window)).toThrow(
    "maxPool3d: the kernel [2,2,2] (dilation [1,1,1]) is larger than the image [1,2,3,3,1] with padding [0,0,0]",
  );
  const line = { kernel: [3], stride: [1], padding: [2], dilation: [1], countIncludePad: true, divisorOverride: null };
  expect(() => avgPool(ones([1, 1, 5]), line)).toThrow(
    "avgPool1d: the padding [2] is more than half of the kernel [3]; use a larger kernel or less padding",
  );
  expect(() => avgPool(ones([1, 1, 5], { dtype: "int32" }), { ...line, padding: [0] })).toThrow(
    "avgPool1d: expected a floating dtype, got int32",
  );
});
