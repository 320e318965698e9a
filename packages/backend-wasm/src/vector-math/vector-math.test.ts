import { cpu } from "@descent/backend-cpu";
import type { Block, Operand, UnaryFn } from "@descent/core";
import { describe, expect, test } from "vitest";
import { wasm } from "../index.ts";

const MIN_NORMAL = 2 ** -126;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** The largest relative error where the result is a normal float, and the largest absolute one where it is a denormal. */
interface Bound {
  readonly relative: number;
  readonly denormal?: number;
  readonly largest?: number;
}

const BOUNDS: Partial<Record<UnaryFn, Bound>> = {
  exp: { relative: 1.5e-7, denormal: 2 ** -149 },
  expm1: { relative: 1.2e-7 },
  log: { relative: 8e-8 },
  log1p: { relative: 1.2e-7 },
  tanh: { relative: 1.8e-7 },
  sigmoid: { relative: 1.5e-7, denormal: MIN_NORMAL },
  erf: { relative: 3.6e-7, denormal: 2 ** -149 },
  sin: { relative: 2.2e-7, largest: 2 ** 15 },
  cos: { relative: 2.2e-7, largest: 2 ** 15 },
  sqrt: { relative: 6e-8 },
  rsqrt: { relative: 1.3e-7 },
};

/** Floats of every size, both signs, denormals and NaN among them, and more of those around 1. */
function samples(): Float32Array {
  const count = 2 ** 16;
  const bits = Uint32Array.from({ length: count }, (_, i) => (i * 65_521 + ((i * 2_654_435_761) >>> 17)) >>> 0);
  const around = Float32Array.from({ length: count }, (_, i) => (i / count - 0.5) * 2 * Math.E ** ((i % 7) - 2));
  // Angles whose distance from a multiple of π/2 is as small as it gets.
  const quadrants = Float32Array.from({ length: 2 ** 14 }, (_, i) => (i * Math.PI) / 2);
  const special = [0, -0, inf, -inf, nan, 1, -1, 88.72, 88.73, 89, -87.5, -103.9, -104, 2 ** -149, -(2 ** -149), 9, 4];
  return Float32Array.of(
    ...special,
    ...quadrants,
    ...around.subarray(0, 2 ** 14),
    ...around.subarray(-(2 ** 14)),
    ...new Float32Array(bits.buffer),
  );
}

const xs = samples();
const reference = cpu();

describe.each([true, false])("with relaxed SIMD: %s", (relaxedSimd) => {
  const backend = wasm({ threads: 1, relaxedSimd });

  test.each(Object.entries(BOUNDS))("%s is accurate everywhere", (fn, { relative, denormal = 0, largest = inf }) => {
    const inputs = xs.filter((x) => !(Math.abs(x) > largest));
    const spec = { shape: [inputs.length], dtype: "float32" } as const;
    const x: Operand<Block> = { ...spec, handle: backend.upload(inputs, spec) };
    const y = { ...spec, handle: backend.unary(fn as UnaryFn, x, spec) };
    const actual = backend.download(y);
    const exact = reference.unary(
      fn as UnaryFn,
      { shape: spec.shape, dtype: "float64", handle: Float64Array.from(inputs) },
      { shape: spec.shape, dtype: "float64" },
    );
    let worst = 0;
    for (let i = 0; i < inputs.length; i++) {
      const [got, want] = [actual[i]!, exact[i]!];
      const rounded = Math.fround(want);
      // Infinities, NaN and the signs of zeros are exact.
      if (!Number.isFinite(rounded) || want === 0) {
        if (!Object.is(got, rounded)) expect.fail(`${fn}(${inputs[i]}) is ${got}, expected ${rounded}`);
      } else if (Math.abs(want) < MIN_NORMAL) {
        if (!(Math.abs(got - want) <= denormal)) expect.fail(`${fn}(${inputs[i]}) is ${got}, expected ${want}`);
      } else {
        const error = Math.abs(got - want) / Math.abs(want);
        if (!(error <= relative)) expect.fail(`${fn}(${inputs[i]}) is ${got}, expected ${want}: ${error}`);
        worst = Math.max(worst, error);
      }
    }
    // What is stated is what there is.
    expect(worst).toBeGreaterThan(relative / 4);
    backend.free(x.handle);
    backend.free(y.handle);
  });

  test("what stands behind the last angle does not count", () => {
    const sines = (angles: Float32Array): number[] => {
      const spec = { shape: [angles.length], dtype: "float32" } as const;
      const x = { ...spec, handle: backend.upload(angles, spec) };
      const y = { ...spec, handle: backend.unary("sin", x, spec) };
      const values = [...backend.download(y)];
      for (const { handle } of [y, x]) backend.free(handle);
      return values;
    };
    const angles = Float32Array.from({ length: 15 }, (_, i) => i + 0.3);
    const expected = sines(angles);
    // The next upload takes the memory that this one gives back.
    sines(new Float32Array(16).fill(1e9));
    expect(sines(angles)).toEqual(expected);
    expect(expected).not.toEqual([...angles].map((x) => Math.fround(Math.sin(x))));
  });

  test.each(["sin", "cos"] as const)("%s of a large angle is the reference's", (fn) => {
    for (const angle of [2 ** 15 + 1, 1e10, -3e38]) {
      const spec = { shape: [3], dtype: "float32" } as const;
      const x = { ...spec, handle: backend.upload(Float32Array.of(1, angle, 2), spec) };
      const y = backend.download({ ...spec, handle: backend.unary(fn, x, spec) });
      expect([...y]).toEqual([1, Math.fround(angle), 2].map((x) => Math.fround(Math[fn](x))));
    }
  });
});
