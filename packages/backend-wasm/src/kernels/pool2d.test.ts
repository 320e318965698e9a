import { cpu } from "@descent/backend-cpu";
import {
  type AvgWindow,
  avgPool2d,
  type Backend,
  grad,
  maxPool2d,
  sizeOf,
  type Tensor,
  tensor,
  type Window,
  withBackend,
} from "@descent/core";
import { arbitraries, expectClose } from "@descent/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { hostileBackend } from "../testing/hostile-backend.ts";
import { wasm } from "../wasm.ts";

/** Lets 0 and −0 pass for each other, as maxima do. */
const EQUAL = 1e-30;
const reference = cpu();
const one = wasm({ threads: 1, relaxedSimd: false });
const two = hostileBackend();
afterAll(() => two.setNumThreads(1));

interface Case<W extends Window> {
  readonly image: readonly number[];
  readonly values: readonly number[];
  readonly window: W;
}

/** A pool and the gradient of its image, for a gradient of the result that differs from element to element. */
function results<W extends Window>(
  backend: Backend,
  pool: (x: Tensor, window: W) => Tensor,
  { image, values, window }: Case<W>,
): Tensor[] {
  return withBackend(backend, () => {
    const x = tensor(values).reshape(image);
    x.requiresGrad = true;
    const y = pool(x, window);
    const g = tensor(Array.from({ length: y.numel() }, (_, i) => (((i * 7) % 11) - 4) / 8)).reshape(y.shape);
    return [y, ...grad([y], [x], { gradOutputs: [g] })] as Tensor[];
  });
}

/** Compares with the decomposition on the reference backend, and bits between one thread and two. */
function expectSame<W extends Window>(
  pool: (x: Tensor, window: W) => Tensor,
  { tolerance, ...call }: Case<W> & { tolerance: number },
): void {
  const expected = results(reference, pool, call);
  const actual = results(one as Backend, pool, call);
  actual.forEach((t, i) => expectClose(t, expected[i]!, tolerance, ["result", "gradient"][i]));
  results(two as Backend, pool, call).forEach((t, i) => expectClose(t, actual[i]!, 0, "with two threads"));
}

// Few different values, so that there are ties, and such as a maximum has to hand on.
const value = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, -0) },
);
const finite = fc.integer({ min: -16, max: 16 }).map((n) => n / 8);
const filled = <W extends Window>(image: readonly number[], window: W, element: fc.Arbitrary<number>) =>
  fc
    .array(element, { minLength: sizeOf(image), maxLength: sizeOf(image) })
    .map((values): Case<W> => ({ image, values, window }));

/** Windows on images that are often wide enough for vectors. */
const windows = fc
  .tuple(
    arbitraries.windowed({ maxPadding: (kernel) => kernel >> 1, maxChannels: 3 }),
    fc.tuple(fc.nat(9), fc.nat(21)),
    fc.boolean(),
  )
  .map(([{ image, ...window }, more, ceilMode]) => ({
    image: image.map((n, i) => (i < 2 ? n : n + more[i - 2]!)),
    window: { ...window, ceilMode },
  }));
const square = (size: number): [number, number] => [size, size];
const plain = (kernel: number, stride: number, padding: number): Window => ({
  kernel: square(kernel),
  stride: square(stride),
  padding: square(padding),
  dilation: [1, 1],
});
const averaging = (window: Window) =>
  fc
    .record({ countIncludePad: fc.boolean(), divisorOverride: fc.constantFrom(null, null, 3) })
    .map((options): AvgWindow => ({ ...window, dilation: [1, 1], ...options }));

describe("maxPool2d", () => {
  test("any window", () => {
    fc.assert(
      fc.property(
        windows.chain(({ image, window }) => filled(image, window, value)),
        (call) => expectSame(maxPool2d, { ...call, tolerance: EQUAL }),
      ),
    );
  });

  test("windows of 2×2 side by side, on images of any size", () => {
    const images = fc.tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 2, max: 7 }), fc.integer({ min: 2, max: 27 }));
    fc.assert(
      fc.property(
        fc
          .tuple(images, fc.boolean())
          .chain(([image, ceilMode]) => filled(image, { ...plain(2, 2, 0), ceilMode }, value)),
        (call) => expectSame(maxPool2d, { ...call, tolerance: EQUAL }),
      ),
    );
  });

  test("without a frame's −∞ among the winners", () => {
    const x = { image: [1, 1, 2, 2], values: [1, 2, 3, 4].fill(Number.NEGATIVE_INFINITY), window: plain(2, 1, 1) };
    expectSame(maxPool2d, { ...x, tolerance: EQUAL });
  });
});

describe("avgPool2d", () => {
  test("any window", () => {
    fc.assert(
      fc.property(
        windows.chain(({ image, window }) => averaging(window).chain((window) => filled(image, window, finite))),
        (call) => expectSame(avgPool2d, { ...call, tolerance: 1e-6 }),
      ),
    );
  });

  test.each([1, 3, 4, 7, 8, 31])("the whole of %d×%d pixels", (size) => {
    const image = [2, 3, size, size];
    const values = Array.from({ length: sizeOf(image) }, (_, i) => ((i * 37) % 101) / 16);
    const window = { ...plain(size, size, 0), countIncludePad: true, divisorOverride: null };
    expectSame(avgPool2d, { image, values, window, tolerance: 1e-6 });
  });

  test("NaN and infinities are handed on", () => {
    const values = [
      Number.NaN,
      1,
      1,
      Number.POSITIVE_INFINITY,
      1,
      1,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ];
    const window = { ...plain(2, 2, 0), countIncludePad: true, divisorOverride: null };
    expectSame(avgPool2d, { image: [2, 1, 2, 2], values, window, tolerance: EQUAL });
  });
});

test("float64 is computed in terms of other ops", () => {
  const x = tensor([1, 2 ** -40, 3, 1 + 2 ** -40], { dtype: "float64", backend: two as Backend }).reshape([1, 1, 2, 2]);
  const y = avgPool2d(x, { ...plain(2, 2, 0), countIncludePad: true, divisorOverride: null });
  expect(y.item()).toBe((5 + 2 ** -39) / 4);
});
