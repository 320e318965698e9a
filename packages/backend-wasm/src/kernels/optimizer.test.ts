import { type Backend, type Block, type Operand, type Spec, sizeOf, type TypedArray } from "@descent/core";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { hostileBackend } from "../testing/hostile-backend.ts";
import { wasm } from "../wasm.ts";

// The rules themselves are what the conformance suite compares with; here are sizes that reach every vector and thread.
const relaxed = wasm({ threads: 1 });
const strict = wasm({ threads: 1, relaxedSimd: false });
const two = hostileBackend();
afterAll(() => two.setNumThreads(1));

type Step = "sgdStep" | "adamStep";
type Input = Float32Array | number | null;

/** What a step gives for arrays in place of tensors. */
function run(backend: Backend<Block>, name: Step, inputs: readonly Input[], attrs: object, outputs: number) {
  const spec: Spec = { shape: [(inputs[0] as Float32Array).length], dtype: "float32" };
  const operands = inputs.map((x): Operand<Block> | number | null =>
    x instanceof Float32Array ? { ...spec, handle: backend.upload(x, spec) } : x,
  );
  const results = backend.fused![name]!(operands, attrs as never, new Array<Spec>(outputs).fill(spec))!;
  const values = results.map((handle) => backend.download({ ...spec, handle }));
  const untouched = operands.every((x, i) => {
    if (typeof x === "number" || x === null) return true;
    const after = backend.download(x);
    return after.every((value, k) => Object.is(value, (inputs[i] as Float32Array)[k]));
  });
  expect(untouched).toBe(true);
  for (const handle of results) backend.free(handle);
  for (const x of operands) if (x !== null && typeof x !== "number") backend.free(x.handle);
  return values;
}

/** Compares every thread's and engine's results with the step in doubles, element by element. */
function expectStep(
  name: Step,
  inputs: readonly Input[],
  attrs: object,
  rule: (...x: number[]) => readonly number[],
): void {
  const length = (inputs[0] as Float32Array).length;
  const at = (i: number): number[] => inputs.map((x) => (x === null ? Number.NaN : typeof x === "number" ? x : x[i]!));
  const expected = Array.from({ length }, (_, i) => rule(...at(i)));
  const outputs = rule(...at(0)).length;
  const [one, plain, shared] = [relaxed, strict, two].map((b) => run(b, name, inputs, attrs, outputs)) as [
    TypedArray[],
    TypedArray[],
    TypedArray[],
  ];
  for (const results of [one, plain])
    for (let k = 0; k < outputs; k++)
      for (let i = 0; i < length; i++) {
        const value = expected[i]![k]!;
        expect(Math.abs(results[k]![i]! - value)).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(value)));
      }
  expect(shared).toEqual(one);
}

const arrays = (count: number) =>
  fc
    .tuple(fc.integer({ min: 1, max: 130 }), fc.nat(1000))
    .map(([length, seed]) =>
      Array.from({ length: count }, (_, k) =>
        Float32Array.from({ length }, (_, i) => (((i + seed) * (7 + 2 * k)) % 33) / 16 - 1),
      ),
    );

describe("sgdStep", () => {
  const options = fc
    .record({
      buffer: fc.constantFrom("none" as const, "first" as const, "kept" as const),
      dampening: fc.constantFrom(0, 0.25),
      nesterov: fc.boolean(),
      weightDecay: fc.constantFrom(0, 0.1),
      maximize: fc.boolean(),
    })
    .map((o) => ({ ...o, nesterov: o.nesterov && o.buffer !== "none" }));

  test("every variant, at any size", () => {
    fc.assert(
      fc.property(arrays(3), options, ([p, g, b], { buffer, dampening, nesterov, weightDecay, maximize }) => {
        const inputs = [p!, g!, buffer === "kept" ? b! : null, 0.3, 0.9, dampening, weightDecay];
        const attrs = { buffered: buffer !== "none", nesterov, maximize };
        expectStep("sgdStep", inputs, attrs, (p, g, b, lr, momentum, dampening, weightDecay) => {
          const d = (maximize ? -g! : g!) + weightDecay! * p!;
          if (buffer === "none") return [p! - lr! * d];
          const next = buffer === "first" ? d : momentum! * b! + (1 - dampening!) * d;
          return [p! - lr! * (nesterov ? d + momentum! * next : next), next];
        });
      }),
    );
  });
});

describe("adamStep", () => {
  const options = fc.record({
    amsgrad: fc.boolean(),
    decoupled: fc.boolean(),
    weightDecay: fc.constantFrom(0, 0.1),
    maximize: fc.boolean(),
  });

  test("every variant, at any size", () => {
    fc.assert(
      fc.property(arrays(5), options, ([p, g, m, v, most], { amsgrad, decoupled, weightDecay, maximize }) => {
        const squares = [v!, most!].map((x) => x.map(Math.abs));
        const inputs = [p!, g!, m!, squares[0]!, amsgrad ? squares[1]! : null, 0.3, 0.9, 0.999, 0.5, 0.25, 1e-2];
        expectStep("adamStep", [...inputs, weightDecay], { decoupled, maximize }, (...x) => {
          const [p, g, m, v, most, lr, b1, b2, correction1, correction2, eps, weightDecay] = x as [
            ...[p: number, g: number, m: number, v: number, most: number, lr: number, b1: number, b2: number],
            ...[correction1: number, correction2: number, eps: number, weightDecay: number],
          ];
          const d = (maximize ? -g : g) + (decoupled ? 0 : weightDecay * p);
          const [mNext, vNext] = [b1 * m + (1 - b1) * d, b2 * v + (1 - b2) * d * d];
          const largest = amsgrad ? Math.max(most, vNext) : vNext;
          const step = ((lr / correction1) * mNext) / (Math.sqrt(largest / correction2) + eps);
          const next = (decoupled ? p * (1 - lr * weightDecay) : p) - step;
          return amsgrad ? [next, mNext, vNext, largest] : [next, mNext, vNext];
        });
      }),
    );
  });

  test("NaN and infinite gradients arrive in the value", () => {
    const g = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, 0);
    const zeros = new Float32Array(3);
    const numbers = [0.1, 0.9, 0.999, 0.1, 0.001, 1e-8, 0];
    const attrs = { decoupled: false, maximize: false };
    const [p, m, v] = run(relaxed, "adamStep", [zeros, g, zeros, zeros, null, ...numbers], attrs, 3);
    expect([...p!]).toEqual([Number.NaN, Number.NaN, 0]);
    expect([m![1], v![1]]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });
});

test("other dtypes are declined", () => {
  const spec: Spec = { shape: [2], dtype: "float64" };
  const x = { ...spec, handle: relaxed.upload(new Float64Array(sizeOf(spec.shape)), spec) };
  const { sgdStep, adamStep } = relaxed.fused!;
  expect(sgdStep!([x, x, null, 1, 0, 0, 0], {} as never, [spec])).toBeNull();
  expect(adamStep!([x, x, x, x, null, 1, 0, 0, 1, 1, 1, 0], {} as never, [spec, spec, spec])).toBeNull();
});
