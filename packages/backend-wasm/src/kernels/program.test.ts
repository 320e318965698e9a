import {
  type Backend,
  type Block,
  type ElementwiseProgram,
  type Operand,
  type ProgramFn,
  type Spec,
  sizeOf,
  type TypedArray,
} from "@descent/core";
import { FUSED_KERNELS } from "@descent/testing";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { hostileBackend } from "../testing/hostile-backend.ts";
import { wasm } from "../wasm.ts";

// The conformance suite compares smooth programs with their decompositions; here are all words, at sizes that reach every vector and thread.
const relaxed = wasm({ threads: 1 });
const strict = wasm({ threads: 1, relaxedSimd: false });
const two = hostileBackend();
afterAll(() => two.setNumThreads(1));

type Input = Float32Array | number;

/** What a program gives for arrays in place of tensors. */
function run(backend: Backend<Block>, inputs: readonly Input[], program: ElementwiseProgram): TypedArray[] {
  const spec: Spec = { shape: [(inputs[0] as Float32Array).length], dtype: "float32" };
  const operands = inputs.map((x): Operand<Block> | number =>
    typeof x === "number" ? x : { ...spec, handle: backend.upload(x, spec) },
  );
  const out = program.outputs.map(() => spec);
  const results = backend.fused!.elementwiseProgram!(operands, program as never, out)!;
  const values = results.map((handle) => backend.download({ ...spec, handle }));
  for (const [i, x] of operands.entries()) if (typeof x !== "number") expect(backend.download(x)).toEqual(inputs[i]);
  for (const handle of results) backend.free(handle);
  for (const x of operands) if (typeof x !== "number") backend.free(x.handle);
  return values;
}

/** The same in plain loops and doubles. */
function expected(inputs: readonly Input[], program: ElementwiseProgram): TypedArray[] {
  const spec: Spec = { shape: [(inputs[0] as Float32Array).length], dtype: "float64" };
  const operands = inputs.map((x) =>
    typeof x === "number" ? Math.fround(x) : { ...spec, handle: Float64Array.from(x) },
  );
  const out = program.outputs.map(() => spec);
  return [...FUSED_KERNELS.elementwiseProgram!(operands as never, program as never, out)!] as TypedArray[];
}

const ARITY: Record<Exclude<ProgramFn, "eq" | "gt" | "ge">, number> = {
  neg: 1,
  abs: 1,
  sign: 1,
  sqrt: 1,
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  maximum: 2,
  minimum: 2,
  select: 3,
};
const words = Object.keys(ARITY) as (keyof typeof ARITY)[];

/** Any program of up to eight words over up to four tensors; a `select` looks at a comparison that comes before it. */
const programs = fc
  .record({
    tensors: fc.integer({ min: 1, max: 4 }),
    steps: fc.array(
      fc.record({
        fn: fc.constantFrom(...words),
        comparison: fc.constantFrom("eq" as const, "gt" as const, "ge" as const),
        operands: fc.array(fc.integer({ min: -3, max: 1000 }), { minLength: 4, maxLength: 4 }),
      }),
      { maxLength: 8 },
    ),
    outputs: fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }),
  })
  .map(({ tensors, steps, outputs }): ElementwiseProgram => {
    const instructions: { fn: ProgramFn; operands: number[] }[] = [];
    // The values that are numbers and no masks.
    const values = Array.from({ length: tensors }, (_, i) => i);
    for (const { fn, comparison, operands } of steps) {
      const [a, b, c, d] = operands.map((i) => (i < 0 ? i : values[i % values.length]!)) as [
        number,
        number,
        number,
        number,
      ];
      const first = a < 0 ? values[-a % values.length]! : a;
      if (fn === "select") {
        instructions.push({ fn: comparison, operands: [first, b] });
        instructions.push({ fn, operands: [tensors + instructions.length - 1, c, d] });
      } else instructions.push({ fn, operands: [first, b].slice(0, ARITY[fn]) });
      values.push(tensors + instructions.length - 1);
    }
    return { tensors, instructions, outputs: outputs.map((i) => values[i % values.length]!) };
  });

const inputsOf = (tensors: number) =>
  fc
    .record({ length: fc.integer({ min: 1, max: 130 }), seed: fc.nat(1000) })
    .map(({ length, seed }): Input[] => [
      ...Array.from({ length: tensors }, (_, k) =>
        Float32Array.from({ length }, (_, i) => (((i + seed) * (7 + 2 * k)) % 33) / 16 - 1),
      ),
      0.75,
      -1.25,
      0,
    ]);

/** Whether values that a number of roundings separate are as good as equal; beside infinities, roundings decide. */
function agree(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Math.abs(a) > 1e30 || Math.abs(b) > 1e30;
  return Math.abs(a - b) <= 1e-4 * (1 + Math.abs(b));
}

describe("elementwiseProgram", () => {
  test("any program, at any size: threads, engines and plain loops agree", () => {
    fc.assert(
      fc.property(
        programs.chain((program) => fc.tuple(fc.constant(program), inputsOf(program.tensors))),
        ([program, inputs]) => {
          const [one, plain, shared] = [relaxed, strict, two].map((b) => run(b, inputs, program)) as [
            TypedArray[],
            TypedArray[],
            TypedArray[],
          ];
          expect(shared).toEqual(one);
          // Differences of roundings become differences of signs: those are compared where the arithmetic is exact.
          const isExact = program.instructions.every(({ fn }) => fn !== "div" && fn !== "sqrt" && fn !== "mul");
          if (!isExact) return;
          const reference = expected(inputs, program);
          for (const results of [one, plain])
            for (const [k, values] of results.entries())
              expect(values.every((x, i) => agree(x, reference[k]![i]!))).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("products, quotients and roots, with and without a sum around them", () => {
    const program: ElementwiseProgram = {
      tensors: 3,
      instructions: [
        { fn: "mul", operands: [0, 1] },
        { fn: "add", operands: [3, 2] },
        { fn: "mul", operands: [0, -1] },
        { fn: "sub", operands: [2, 5] },
        { fn: "mul", operands: [1, 1] },
        { fn: "add", operands: [-2, 7] },
        { fn: "sqrt", operands: [8] },
        { fn: "div", operands: [6, 9] },
        { fn: "mul", operands: [2, 2] },
        { fn: "sub", operands: [11, 0] },
      ],
      outputs: [4, 6, 9, 10, 12, 0],
    };
    fc.assert(
      fc.property(inputsOf(3), (inputs) => {
        const all = [...inputs.slice(0, 3), 0.75, 1.5];
        const reference = expected(all, program);
        for (const backend of [relaxed, strict])
          for (const [k, values] of run(backend, all, program).entries())
            expect(values.every((x, i) => Math.abs(x - reference[k]![i]!) < 5e-6)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("NaN, infinities and signed zeros", () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const x = Float32Array.of(nan, inf, -inf, 0, -0, -2);
    const one = (fn: ProgramFn, ...operands: number[]): number[] => {
      const [y] = run(relaxed, [x, 1], { tensors: 1, instructions: [{ fn, operands }], outputs: [1] });
      return [...y!];
    };
    expect(one("sign", 0)).toEqual([0, 1, -1, 0, 0, -1]);
    expect(one("maximum", 0, -1)).toEqual([nan, inf, 1, 1, 1, 1]);
    expect(one("minimum", 0, -1)).toEqual([nan, 1, -inf, 0, -0, -2]);
    expect(one("abs", 0)).toEqual([nan, inf, inf, 0, 0, 2]);
    expect(one("sqrt", 0)).toEqual([nan, inf, nan, 0, -0, nan]);
  });

  test("other dtypes and very long programs are declined", () => {
    const spec: Spec = { shape: [2], dtype: "float64" };
    const x = { ...spec, handle: relaxed.upload(new Float64Array(sizeOf(spec.shape)), spec) };
    const none = { instructions: [], outputs: [0] };
    const { elementwiseProgram } = relaxed.fused!;
    expect(elementwiseProgram!([x], { tensors: 1, ...none } as never, [spec])).toBeNull();
    const many = new Array<typeof x>(64).fill({ ...x, dtype: "float32" });
    expect(elementwiseProgram!(many, { tensors: 64, ...none } as never, [{ ...spec, dtype: "float32" }])).toBeNull();
  });
});
