import { cpu } from "@descent/backend-cpu";
import {
  abs,
  type Block,
  type Conv2dAttrs,
  conv2d,
  fromTypedArray,
  grad,
  type Shape,
  sizeOf,
  type Tensor,
  withBackend,
} from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { detectEngine } from "../../engine.ts";
import { HEAP } from "../../layout.ts";
import { Runtime } from "../../runtime.ts";
import { type Geometry, geometryOf } from "../conv2d/geometry.ts";
import { convolutionBy } from "../conv2d.ts";
import { winograd } from "./winograd.ts";

interface Case {
  readonly image: Shape;
  readonly outputs: number;
  readonly padding: readonly [number, number];
}

const attrsOf = ({ padding }: Case): Conv2dAttrs => ({ stride: [1, 1], padding, dilation: [1, 1], groups: 1 });
const weightOf = ({ image, outputs }: Case): Shape => [outputs, image[1]!, 3, 3];
const geometry = (c: Case): Geometry => geometryOf(c.image, weightOf(c), attrsOf(c));
const resultOf = (c: Case): Shape => [c.image[0]!, c.outputs, ...geometry(c).positions];

/** Numbers between −1 and 1 that look like random ones. */
function noise(shape: Shape, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Image, weight, bias, and gradient of the result. */
type Operands = readonly [x: Float32Array, weight: Float32Array, bias: Float32Array, g: Float32Array];
const operandsOf = (c: Case): Operands => [
  noise(c.image, 1),
  noise(weightOf(c), 2),
  noise([c.outputs], 3),
  noise(resultOf(c), 4),
];

/** The result, and the gradients of image, weight and bias. */
type Results = readonly [y: ArrayLike<number>, dx: ArrayLike<number>, dw: ArrayLike<number>, db: ArrayLike<number>];
const NAMES = ["result", "gradient of the image", "gradient of the weight", "gradient of the bias"];

/** The same bits; `toEqual` takes seconds for so many elements. */
function expectSame(actual: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): void {
  for (const [k, values] of expected.entries()) {
    const found = actual[k]!;
    if (found.length !== values.length) expect.fail(`${found.length} elements, expected ${values.length}`);
    for (let i = 0; i < values.length; i++)
      if (!Object.is(found[i], values[i])) expect.fail(`${k}, element ${i}: ${found[i]}, expected ${values[i]}`);
  }
}

const spec = (shape: Shape) => ({ shape, dtype: "float32" }) as const;
const operand = (handle: Block, shape: Shape) => ({ ...spec(shape), handle });

/** Kernels over a memory in which everything that nobody has written is NaN, and which threads share however little there is to do. */
class Bench {
  readonly runtime: Runtime;
  readonly kernels: ReturnType<typeof convolutionBy>;

  constructor({ threads = 1, relaxedSimd = true, tileRows = 4 as 4 | 6 }) {
    const engine = { ...detectEngine({ relaxedSimd, threads: true }), tileRows };
    this.runtime = new Runtime(engine, threads, {}, { worthwhile: 0, chunk: 0 });
    const { pager, memory } = this.runtime;
    pager.free(pager.allocate(2 ** 24));
    memory.f32.fill(Number.NaN, HEAP / 4);
    this.kernels = convolutionBy(this.runtime, [{ ...winograd(), suits: () => true }]);
  }

  results(c: Case, operands = operandsOf(c)): Results {
    const [x, weight, bias, g] = operands.map((values) => this.#upload(values)) as [Block, Block, Block, Block];
    const y = this.forward(c, x, weight, bias);
    const dx = this.inputGrad(c, g, weight);
    const [dw, db] = this.kernels.conv2dWeightGrad(
      [operand(x, c.image), operand(g, resultOf(c))],
      { ...attrsOf(c), weight: weightOf(c) },
      [spec(weightOf(c)), spec([c.outputs])],
    ) as [Block, Block];
    const sizes = [resultOf(c), c.image, weightOf(c), [c.outputs]].map(sizeOf);
    const results = [y, dx, dw, db].map((block, i) => this.#download(block, sizes[i]!));
    const blocks = [x, weight, bias, g];
    for (const [i, values] of operands.entries()) expectSame([this.#download(blocks[i]!, values.length)], [values]);
    for (const block of [...blocks, y, dx, dw, db]) this.runtime.pager.free(block);
    return results as unknown as Results;
  }

  forward(c: Case, x: Block, weight: Block, bias: Block | null): Block {
    const operands = [operand(x, c.image), operand(weight, weightOf(c)), bias && operand(bias, [c.outputs])] as const;
    return this.kernels.conv2d(operands, attrsOf(c), [spec(resultOf(c))])![0]!;
  }

  inputGrad(c: Case, g: Block, weight: Block): Block {
    const operands = [operand(g, resultOf(c)), operand(weight, weightOf(c))] as const;
    return this.kernels.conv2dInputGrad(operands, { ...attrsOf(c), image: c.image }, [spec(c.image)])![0]!;
  }

  #upload(values: Float32Array): Block {
    const { pager, memory } = this.runtime;
    pager.begin("upload");
    const block = pager.allocate(4 * values.length);
    memory.f32.set(values, pager.address(block) / 4);
    return block;
  }

  #download(block: Block, size: number): Float32Array {
    const { pager, memory } = this.runtime;
    pager.begin("download");
    pager.use(block);
    const first = pager.address(block) / 4;
    return memory.f32.slice(first, first + size);
  }
}

/** What the reference backend has in float64, and the sums of the absolute values of all products. */
function exact(c: Case, operands: Operands): { values: Results; magnitudes: Results } {
  const run = (of: (x: Tensor) => Tensor): Results =>
    withBackend(cpu(), () => {
      const shapes = [c.image, weightOf(c), [c.outputs], resultOf(c)];
      const leaves = operands.map((values, i) => {
        const x = of(fromTypedArray(Float64Array.from(values), shapes[i]!, "float64"));
        return fromTypedArray(x.dataSync(), x.shape, "float64", { requiresGrad: true });
      });
      const [x, weight, bias, g] = leaves as [Tensor, Tensor, Tensor, Tensor];
      const y = conv2d(x, weight, bias, attrsOf(c));
      const gradients = grad(y, [x, weight, bias], { gradOutputs: g });
      return [y, ...gradients].map((t) => t.dataSync()) as unknown as Results;
    });
  return { values: run((x) => x), magnitudes: run(abs) };
}

/** Of the largest sum of absolute values, because a tile's transforms mix the sums of all of its elements. Up to 3.5e-6 were seen. */
const PART = 1e-5;

function expectNear(actual: Results, { values, magnitudes }: ReturnType<typeof exact>): void {
  for (const [k, name] of NAMES.entries()) {
    let most = 0;
    for (let i = 0; i < values[k]!.length; i++) most = Math.max(most, magnitudes[k]![i]!);
    for (let i = 0; i < values[k]!.length; i++) {
      const apart = Math.abs(actual[k]![i]! - values[k]![i]!);
      if (!(apart <= PART * most)) expect.fail(`${name}, element ${i}: ${actual[k]![i]}, expected ${values[k]![i]}`);
    }
  }
}

const convolution = (max: { channels: number; size: number; images: number }): fc.Arbitrary<Case> =>
  fc
    .record({
      images: fc.nat(max.images),
      channels: fc.integer({ min: 1, max: max.channels }),
      outputs: fc.integer({ min: 1, max: max.channels }),
      padding: fc.tuple(fc.nat(2), fc.nat(2)),
      size: fc.tuple(fc.nat(max.size - 1), fc.nat(max.size - 1)),
    })
    .map(({ images, channels, outputs, padding, size }) => {
      // No image is so small that the kernel does not fit.
      const [height, width] = size.map((extra, i) => Math.max(1 + extra, 3 - 2 * padding[i]!)) as [number, number];
      return { image: [images, channels, height, width], outputs, padding };
    });

const EVEN = [
  [5, 16, 32, 16],
  [3, 40, 16, 18],
  [1, 12, 68, 16],
  [40, 18, 8, 24],
].map(([n, c, size, o]): Case => ({ image: [n!, c!, size!, size!], outputs: o!, padding: [1, 1] }));
const known = new Map<Case, ReturnType<typeof exact>>();
/** Computes what several tests want only once. */
function exactly(c: Case): ReturnType<typeof exact> {
  if (!known.has(c)) known.set(c, exact(c, operandsOf(c)));
  return known.get(c)!;
}

const BENCHES = {
  "tiles of four rows": new Bench({}),
  "tiles of six rows": new Bench({ tileRows: 6 }),
  "no relaxed instructions": new Bench({ relaxedSimd: false }),
};

describe.each(Object.entries(BENCHES))("Winograd: %s", (_, bench) => {
  test("result and gradients are near the reference in float64", () => {
    fc.assert(
      fc.property(convolution({ channels: 40, size: 19, images: 5 }), (c) => {
        const operands = operandsOf(c);
        expectNear(bench.results(c, operands), exact(c, operands));
      }),
      { numRuns: 15 },
    );
  });

  test("sizes that come out even, and several blocks and groups", () => {
    for (const c of EVEN) expectNear(bench.results(c), exactly(c));
  });
});

test("an image's result does not depend on the other images", () => {
  const bench = BENCHES["tiles of four rows"];
  fc.assert(
    fc.property(convolution({ channels: 20, size: 12, images: 5 }), (c) => {
      const operands = operandsOf(c);
      const [images] = c.image as [number];
      const [y, dx] = bench.results(c, operands);
      for (let n = 0; n < images; n++) {
        const own = (values: ArrayLike<number>): Float32Array => {
          const each = values.length / images;
          return Float32Array.from(values).subarray(n * each, (n + 1) * each);
        };
        const single: Case = { ...c, image: [1, ...c.image.slice(1)] };
        const alone = bench.results(single, [own(operands[0]), operands[1], operands[2], own(operands[3])]);
        expectSame(alone.slice(0, 2), [own(y), own(dx)]);
      }
    }),
    { numRuns: 20 },
  );
});

test("two threads give the bits of one", () => {
  const [one, two] = [new Bench({}), new Bench({ threads: 2 })];
  fc.assert(
    fc.property(convolution({ channels: 20, size: 19, images: 5 }), (c) => {
      expectSame(two.results(c), one.results(c));
    }),
    { numRuns: 20 },
  );
  const large: Case = { image: [32, 16, 32, 32], outputs: 20, padding: [1, 1] };
  expectSame(two.results(large), one.results(large));
});

test("nothing is written behind a result that has no multiple of four channels", () => {
  const bench = new Bench({});
  const { runtime } = bench;
  const { pager, memory } = runtime;
  const c: Case = { image: [2, 18, 8, 8], outputs: 18, padding: [1, 1] };
  const bytes = 4 * sizeOf(c.image);
  pager.begin("test");
  const [x, weight, hole, guard] = [bytes, 4 * sizeOf(weightOf(c)), bytes, 64 * 1024].map((size) =>
    pager.allocate(size),
  );
  const [at, behind] = [pager.address(hole!), pager.address(guard!) / 4];
  expect(behind).toBe((at + bytes) / 4);
  memory.f32.fill(7, behind, behind + 2 ** 14);
  pager.free(hole!);
  for (const product of ["forward", "inputGrad"] as const) {
    const y = product === "forward" ? bench.forward(c, x!, weight!, null) : bench.inputGrad(c, x!, weight!);
    expect(pager.address(y)).toBe(at);
    expect(memory.f32.subarray(behind, behind + 2 ** 14).every((value) => value === 7)).toBe(true);
    pager.free(y);
  }
});

test("suits 3 × 3 kernels with stride 1 and many channels, where there is enough to do", () => {
  const algorithm = winograd();
  const suits = (
    image: Shape,
    outputs: number,
    attrs: Partial<Conv2dAttrs> = {},
    kernel: Shape = [3, 3],
  ): boolean[] => {
    const { groups = 1, ...rest } = attrs;
    const weight = [outputs, image[1]! / groups, ...kernel];
    const g = geometryOf(image, weight, { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups, ...rest });
    return (["conv2d", "conv2dInputGrad", "conv2dWeightGrad"] as const).map((product) =>
      algorithm.suits(product, g, image[0]!),
    );
  };
  const [all, none] = [
    [true, true, true],
    [false, false, false],
  ];
  expect(suits([64, 16, 32, 32], 16)).toEqual(all);
  expect(suits([1, 64, 8, 8], 64)).toEqual(all);
  expect(suits([64, 64, 7, 7], 128, { padding: [0, 2] })).toEqual(all);
  expect(suits([64, 3, 32, 32], 16)).toEqual(none);
  expect(suits([64, 16, 32, 32], 4)).toEqual(none);
  expect(suits([64, 16, 1, 1], 16)).toEqual(none); // one output of a tile's sixteen
  expect(suits([1, 512, 7, 7], 512)).toEqual(none); // the weights are most of it
  expect(suits([0, 16, 32, 32], 16)).toEqual(none);
  expect(suits([64, 16, 32, 32], 16, { stride: [1, 2] })).toEqual(none);
  expect(suits([64, 16, 32, 32], 16, { dilation: [2, 1] })).toEqual(none);
  expect(suits([64, 16, 32, 32], 16, { padding: [3, 1] })).toEqual(none);
  expect(suits([64, 32, 32, 32], 32, { groups: 2 })).toEqual(none);
  expect(suits([64, 16, 32, 32], 16, {}, [1, 3])).toEqual(none);
});
