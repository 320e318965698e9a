import { type Conv2dAttrs, type Shape, type Spec, sizeOf, type TypedArray } from "@descent/core";
import { arbitraries, expectClose, FUSED_KERNELS } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { detectEngine } from "../engine.ts";
import type { FusedKernels } from "../reference.ts";
import { Runtime } from "../runtime.ts";
import { backendOver } from "../wasm.ts";
import type { Algorithm } from "./conv2d/algorithm.ts";
import { columnProducts } from "./conv2d/column-products.ts";
import { depthwise } from "./conv2d/depthwise.ts";
import { type Geometry, geometryOf, keyOf } from "./conv2d/geometry.ts";
import { convolution, convolutionBy } from "./conv2d.ts";

interface Case {
  readonly image: Shape;
  readonly weight: Shape;
  readonly attrs: Conv2dAttrs;
  readonly bias: boolean;
}

/** Operands, and results in their order. */
type Values = Readonly<Record<"x" | "weight" | "bias" | "g", Float32Array>>;
type Results = Readonly<Record<"y" | "dx" | "dw" | "db", TypedArray>>;

const geometryOfCase = ({ image, weight, attrs }: Case): Geometry => geometryOf(image, weight, attrs);
const shapesOf = (c: Case) => {
  const y = [c.image[0]!, c.weight[0]!, ...geometryOfCase(c).positions];
  return { x: c.image, weight: c.weight, bias: [c.weight[0]!], g: y, y, dx: c.image, dw: c.weight, db: [c.weight[0]!] };
};
const spec = (shape: Shape) => ({ shape, dtype: "float32" }) as const;

/** Integers of a generator, made floats. */
function valuesOf(c: Case, float: (word: number) => number): Values {
  let state = 1;
  const draw = (shape: Shape): Float32Array =>
    Float32Array.from({ length: sizeOf(shape) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return float(state >>> 8);
    });
  const { x, weight, bias, g } = shapesOf(c);
  return { x: draw(x), weight: draw(weight), bias: draw(bias), g: draw(g) };
}
/** Odd eighths up to 2: their products are so coarse that float32 holds all sums exactly, in any order. */
const coarse = (word: number): number => (2 * (word % 16) - 15) / 8;
const fine = (word: number): number => word / 2 ** 23 - 1;

/** What plain loops say. */
function expected(c: Case, values: Values): Results {
  const shapes = shapesOf(c);
  const operand = (name: keyof Values) => ({ ...spec(shapes[name]), handle: values[name] });
  const { conv2d, conv2dInputGrad, conv2dWeightGrad } = FUSED_KERNELS;
  const bias = c.bias ? operand("bias") : null;
  const y = conv2d!([operand("x"), operand("weight"), bias], c.attrs as never, [spec(shapes.y)]);
  const dx = conv2dInputGrad!([operand("g"), operand("weight")], c.attrs as never, [spec(shapes.dx)]);
  const dw = conv2dWeightGrad!([operand("x"), operand("g")], c.attrs as never, [spec(shapes.dw), spec(shapes.db)]);
  return { y: y![0]!, dx: dx![0]!, dw: dw![0]!, db: dw![1]! };
}

/** What an algorithm says. */
function computed({ backend, kernels }: Subject, c: Case, values: Values): Results {
  const shapes = shapesOf(c);
  const operand = (name: keyof Values) => {
    const handle = backend.upload(values[name], spec(shapes[name]));
    return { ...spec(shapes[name]), handle };
  };
  const [x, weight, bias, g] = [operand("x"), operand("weight"), operand("bias"), operand("g")];
  const specs = [spec(shapes.y), spec(shapes.dx), spec(shapes.dw), spec(shapes.db)];
  const [y, dx, dw, db] = specs as [Spec, Spec, Spec, Spec];
  const blocks = [
    kernels.conv2d([x, weight, c.bias ? bias : null], c.attrs, [y]),
    kernels.conv2dInputGrad([g, weight], { ...c.attrs, image: c.image }, [dx]),
    kernels.conv2dWeightGrad([x, g], { ...c.attrs, weight: c.weight }, [dw, db]),
  ].flatMap((results) => results!);
  const results = specs.map((spec, i) => backend.download({ ...spec, handle: blocks[i]! }));
  for (const block of [x, weight, bias, g].map(({ handle }) => handle).concat(blocks)) backend.free(block);
  return { y: results[0]!, dx: results[1]!, dw: results[2]!, db: results[3]! };
}

interface Subject {
  readonly backend: ReturnType<typeof backendOver>;
  readonly kernels: ReturnType<typeof convolutionBy>;
}
function subject(algorithm: Algorithm, threads: number, relaxedSimd = true): Subject {
  // The smallest work is shared.
  const runtime = new Runtime(detectEngine({ relaxedSimd, threads: true }), threads, {}, { worthwhile: 0, chunk: 0 });
  return { backend: backendOver(runtime), kernels: convolutionBy(runtime, [algorithm]) };
}

function expectSame(actual: Results, wanted: Results, c: Case): void {
  const shapes = shapesOf(c);
  for (const name of ["y", "dx", "dw", "db"] as const)
    expectClose({ shape: shapes[name], data: actual[name] }, { shape: shapes[name], data: wanted[name] }, 0, name);
}

const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
/** Images and kernels large enough for several vectors, panels and tiles; some batches are empty. */
const cases = ({ channels, outputs, groups }: Record<"channels" | "outputs" | "groups", number>): fc.Arbitrary<Case> =>
  fc
    .record({
      images: fc.nat(3),
      channels: arbitraries.size(channels),
      outputs: arbitraries.size(outputs),
      groups: arbitraries.size(groups),
      kernel: pair(1, 5),
      stride: pair(1, 3),
      dilation: pair(1, 3),
      padding: pair(0, 4),
      extra: pair(0, 22),
      bias: fc.boolean(),
    })
    .map(({ images, channels, outputs, groups, kernel, stride, dilation, padding, extra, bias }) => {
      const side = (i: 0 | 1) => Math.max(1, dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i] + extra[i]);
      return {
        image: [images, channels * groups, side(0), side(1)],
        weight: [outputs * groups, channels, ...kernel],
        attrs: { stride, padding, dilation, groups },
        bias,
      };
    });

/** `[images, channels, height, width]`, outputs, kernel, stride, padding and groups of large ones. */
type Layer = readonly [Shape, number, number, number, number, number];
const layer = ([image, outputs, kernel, stride, padding, groups]: Layer): Case => ({
  image,
  weight: [outputs, image[1]! / groups, kernel, kernel],
  attrs: { stride: [stride, stride], padding: [padding, padding], dilation: [1, 1], groups },
  bias: true,
});

const ALGORITHMS: { name: string; algorithm: Algorithm; random: fc.Arbitrary<Case>; layers: Layer[] }[] = [
  {
    name: "products with columns",
    algorithm: columnProducts,
    random: cases({ channels: 9, outputs: 9, groups: 2 }),
    layers: [
      [[3, 24, 20, 30], 7, 5, 1, 2, 1], // several blocks of rows and of channels
      [[17, 6, 14, 14], 16, 5, 1, 0, 1], // several images at once, and some left
      [[2, 12, 32, 32], 9, 1, 1, 0, 1], // planes that evict each other
      [[2, 12, 10, 10], 9, 1, 1, 0, 3], // planes multiplied in place
      [[2, 2, 9, 150], 3, 3, 1, 1, 1], // rows too long to unroll
      [[2, 2, 9, 150], 3, 3, 2, 1, 1],
      [[1, 2, 9, 150], 3, 3, 3, 1, 1],
      [[5, 4, 6, 6], 33, 6, 1, 0, 1], // one position
    ],
  },
  {
    name: "depthwise filters",
    algorithm: depthwise,
    random: cases({ channels: 1, outputs: 3, groups: 4 }),
    layers: [
      [[3, 8, 32, 32], 8, 3, 1, 1, 8],
      [[2, 3, 9, 150], 6, 3, 1, 1, 3],
      [[2, 3, 11, 150], 6, 7, 2, 3, 3],
      [[9, 2, 20, 22], 2, 3, 3, 0, 2],
    ],
  },
];

describe.each(ALGORITHMS)("convolution by $name", ({ algorithm, random, layers }) => {
  const [alone, shared, plain] = [subject(algorithm, 1), subject(algorithm, 2), subject(algorithm, 1, false)];

  test("equals plain loops, with and without relaxed SIMD", () => {
    fc.assert(
      fc.property(random, (c) => {
        const values = valuesOf(c, coarse);
        const wanted = expected(c, values);
        expectSame(computed(alone, c, values), wanted, c);
        expectSame(computed(plain, c, values), wanted, c);
      }),
      { numRuns: 50 },
    );
  });

  test.each(layers.map(layer))("equals plain loops for %j", (c) => {
    const values = valuesOf(c, coarse);
    expectSame(computed(alone, c, values), expected(c, values), c);
  });

  test.each(layers.map(layer))("has the same bits on two threads for %j", (c) => {
    const values = valuesOf(c, fine);
    expectSame(computed(shared, c, values), computed(alone, c, values), c);
  });

  test("keeps NaN and infinities to the elements that see them", () => {
    const special = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY);
    fc.assert(
      fc.property(random, fc.nat(), special, fc.nat(), special, (drawn, i, xi, k, gk) => {
        // Without padding, whose zeros a product of matrices multiplies with infinities.
        const side = (axis: 0 | 1) => drawn.image[axis + 2]! + 2 * drawn.attrs.padding[axis];
        const image = [1 + drawn.image[0]!, drawn.image[1]!, side(0), side(1)];
        const c = { ...drawn, image, attrs: { ...drawn.attrs, padding: [0, 0] } } as const;
        const values = valuesOf(c, coarse);
        values.x[i % values.x.length] = xi;
        values.g[k % values.g.length] = gk;
        expectSame(computed(alone, c, values), expected(c, values), c);
      }),
      { numRuns: 25 },
    );
  });
});

describe("convolution", () => {
  const runtime = new Runtime(detectEngine({ relaxedSimd: true, threads: true }), 1);
  const backend = backendOver(runtime);
  const attrs: Conv2dAttrs = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
  const result = (fused: FusedKernels, image: Shape, dtype: "float32" | "float64" = "float32") => {
    const [n, c, h, w] = image as [number, number, number, number];
    const operand = (shape: Shape) => ({
      shape,
      dtype,
      handle: backend.upload(new Float32Array(sizeOf(shape)), { shape, dtype }),
    });
    return fused.conv2d!([operand(image), operand([2, c, 1, 1]), null], attrs as never, [
      { shape: [n, 2, h + 2, w + 2], dtype },
    ]);
  };

  test("has the same kernels for any number of images", () => {
    const key = (images: number) => keyOf(geometryOf([images, 4, 9, 9], [6, 2, 3, 3], { ...attrs, groups: 2 }));
    expect(key(7)).toBe(key(64));
  });

  test("leaves float64 and empty images to the decomposition", () => {
    const fused = convolution(runtime);
    expect(result(fused, [1, 2, 3, 3])).not.toBeNull();
    expect(result(fused, [1, 2, 3, 3], "float64")).toBeNull();
    expect(result(fused, [1, 2, 0, 3])).toBeNull();
    expect(result(fused, [1, 0, 3, 3])).toBeNull();
  });

  test("leaves geometries beyond a limit to the decomposition", () => {
    const fused = convolution(runtime, { maxGeometries: 1 });
    expect(result(fused, [1, 2, 3, 3])).not.toBeNull();
    expect(result(fused, [1, 2, 3, 4])).toBeNull();
    expect(result(fused, [5, 2, 3, 3])).not.toBeNull();
  });
});
