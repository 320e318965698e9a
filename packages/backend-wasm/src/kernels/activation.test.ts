import { cpu } from "@descent/backend-cpu";
import { type Backend, gelu, grad, relu, sigmoid, silu, type Tensor, tanh, tensor } from "@descent/core";
import { withoutFused } from "@descent/testing";
import { describe, expect, test } from "vitest";
import { wasm } from "../index.ts";
import { expectSameBits } from "../testing/bits.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const FUNCTIONS = { gelu, silu, relu, sigmoid, tanh };

/** Around zero, far out, and special ones; more than a few cache lines, and no multiple of one. */
const INPUTS = [
  ...Array.from({ length: 1001 }, (_, i) => (i - 500) / 50),
  ...[-1e30, -200, -104, -88, 88, 104, 200, 1e30, 2 ** -140, -(2 ** -149), 0, -0, nan, inf, -inf],
].map(Math.fround);

/** Value and gradient (for a gradient of the result that is not 1) of a function at the inputs. */
function valueAndGradient(backend: Backend, fn: (x: Tensor) => Tensor, dtype: "float32" | "float64"): Float64Array[] {
  const x = tensor(INPUTS, { dtype, backend, requiresGrad: true });
  const y = fn(x);
  const gradOutputs = tensor(
    INPUTS.map((_, i) => (i % 5) - 1.5),
    { dtype, backend },
  );
  return [y, grad(y, x, { gradOutputs })].map((t) => Float64Array.from(t.dataSync()));
}

describe.each([true, false])("with relaxed SIMD: %s", (relaxedSimd) => {
  const backend = wasm({ threads: 1, relaxedSimd });

  test.each(Object.entries(FUNCTIONS))("%s and its gradient are those of doubles", (_, fn) => {
    const actual = valueAndGradient(backend, fn, "float32");
    const exact = valueAndGradient(cpu(), fn, "float64");
    for (const [k, values] of actual.entries())
      for (const [i, got] of values.entries()) {
        const want = exact[k]![i]!;
        // A few units of float32 in what the result is made of: 1, and the argument.
        const allowed = 4e-7 * Math.max(1, Math.min(Math.abs(INPUTS[i]!), 1e3), Math.abs(want)) + 1e-38;
        const isClose = Object.is(got, want) || Math.abs(got - want) <= allowed;
        if (!isClose) expect.fail(`${["value", "gradient"][k]} at ${INPUTS[i]}: ${got}, expected ${want}`);
      }
  });

  test("silu has small relative errors where it is small", () => {
    const [actual] = valueAndGradient(backend, silu, "float32");
    const [exact] = valueAndGradient(cpu(), silu, "float64");
    for (const [i, want] of exact!.entries())
      if (Math.abs(want) > 1e-36 && Number.isFinite(want))
        expect(Math.abs(actual![i]! - want) / Math.abs(want)).toBeLessThan(4e-7);
  });
});

test("float64 is left to the decomposition", () => {
  const backend = wasm({ threads: 1 });
  for (const fn of Object.values(FUNCTIONS))
    expect(valueAndGradient(backend, fn, "float64")).toEqual(valueAndGradient(withoutFused(backend), fn, "float64"));
});

test("the number of threads changes nothing", () => {
  const [one, two] = [1, 2].map((threads) => {
    const backend = wasm({ threads });
    const x = tensor(
      Array.from({ length: 300_001 }, (_, i) => (i % 1009) / 100 - 5),
      { backend, requiresGrad: true },
    );
    return Object.values(FUNCTIONS).flatMap((fn) => {
      const y = fn(x);
      return [y, grad(y, x, { gradOutputs: y })].map((t) => t.dataSync());
    });
  });
  for (const [i, y] of one!.entries()) expectSameBits(y, two![i]!);
});
