import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  grad,
  gradcheck,
  gradgradcheck,
  hardshrink,
  maximum,
  maxPool2d,
  minimum,
  registry,
  softshrink,
  type Tensor,
  tensor,
  threshold,
  where,
  withBackend,
} from "@descent/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { integers } from "./arbitraries.ts";
import { TWICE } from "./cases/twice.ts";
import { FUNCTION_CASES } from "./function-cases.ts";
import { FUSED_KERNELS, fusedBackend } from "./fused-backend.ts";
import { differentiableInputs, leavesOf, type OpCall, type OpCase, outputsOf } from "./op-case.ts";
import { OP_CASES } from "./op-cases.ts";

/** Central differences of doubles are good to about nine digits. */
const TOLERANCE = { atol: 1e-6, rtol: 1e-5 };
const CHECKS = { gradcheck, gradgradcheck };
type Check = keyof typeof CHECKS;

const names = (values: Iterable<string>): string[] => [...values].sort();
const differentiable = [...registry.values()].filter((op) => differentiableInputs(op).length > 0);
const checked: Record<Check, Set<string>> = { gradcheck: new Set(), gradgradcheck: new Set() };

/** Checks what a case draws. Draws in which nothing has a gradient pass, and do not count. */
function checkAll(cases: Readonly<Record<string, OpCase>>, backend: Backend, numRuns: Record<Check, number>): void {
  describe.each(Object.keys(cases))("%s", (name) => {
    test.each(Object.keys(CHECKS) as Check[])("%s", (check) => {
      const run = (call: OpCall): void => {
        const xs = leavesOf(call, { dtype: "float64", backend });
        if (!xs.some((x) => x.requiresGrad)) return;
        CHECKS[check](call.call, xs, { ...TOLERANCE, ...(call.eps === undefined ? {} : { eps: call.eps }) });
        checked[check].add(name);
      };
      fc.assert(fc.property(cases[name]!, run), { numRuns: numRuns[check] });
    });
  });
}

describe("the gradient of", () => {
  const cases = Object.fromEntries(differentiable.map(({ name }) => [name, OP_CASES[name]!]));
  checkAll(cases, cpu(), { gradcheck: 25, gradgradcheck: 12 });

  test.each(Object.keys(CHECKS) as Check[])("every differentiable op went through %s", (check) => {
    expect(names(checked[check])).toEqual(names(differentiable.map(({ name }) => name)));
  });
});

describe("made of ops, the gradient of", () => {
  checkAll(FUNCTION_CASES, cpu(), { gradcheck: 15, gradgradcheck: 8 });
});

describe("with one tensor as several inputs, the gradient of", () => {
  checkAll(TWICE, cpu(), { gradcheck: 12, gradgradcheck: 6 });
});

describe("on a backend with fused kernels, the gradient of", () => {
  const backend = fusedBackend();
  const fused = Object.keys(FUSED_KERNELS);
  checkAll(Object.fromEntries(fused.map((name) => [name, OP_CASES[name]!])), backend, {
    gradcheck: 10,
    gradgradcheck: 5,
  });
  const twice = fused.filter((name) => name in TWICE);
  checkAll(Object.fromEntries(twice.map((name) => [`${name} twice`, TWICE[name]!])), backend, {
    gradcheck: 10,
    gradgradcheck: 5,
  });
});

describe("the gradient of one input alone is its part of all of them, for", () => {
  test.each(differentiable.map(({ name }) => name))("%s", (name) => {
    const backends = [cpu(), fusedBackend()];
    const run = (call: OpCall): void => {
      for (const backend of backends)
        withBackend(backend, () => {
          const xs = leavesOf(call, { dtype: "float64", backend });
          const wanted = xs.filter((x) => x.requiresGrad);
          const ends = outputsOf(call.call(...xs)).filter((y) => y.requiresGrad);
          if (ends.length === 0) return;
          const of = (wanted: readonly Tensor[]): (number[] | null)[] =>
            grad(ends, wanted, { gradOutputs: ends, retainGraph: true, allowUnused: true }).map(
              (g) => g && [...g.dataSync()],
            );
          expect(wanted.flatMap((x) => of([x]))).toEqual(of(wanted));
        });
    };
    fc.assert(fc.property(OP_CASES[name]!, run), { numRuns: 20 });
  });
});

type Two = (x: Tensor, y: Tensor) => Tensor;

/** Functions of integers, kinks and ties included, that consist of straight pieces. */
const PIECEWISE: Readonly<Record<string, Two>> = {
  neg: (x) => x.neg(),
  abs: (x) => x.abs(),
  sign: (x) => x.sign(),
  relu: (x) => x.relu(),
  floor: (x) => x.floor(),
  ceil: (x) => x.ceil(),
  round: (x) => x.round(),
  trunc: (x) => x.trunc(),
  frac: (x) => x.frac(),
  clamp: (x) => x.clamp(-1, 1),
  "clamp to a tensor": (x, y) => x.clamp(y, 1),
  fmax: (x, y) => x.fmax(y),
  fmin: (x, y) => x.fmin(y),
  floorDivide: (x, y) => x.floorDivide(y),
  copysign: (x, y) => x.copysign(y),
  leakyRelu: (x) => x.leakyRelu(),
  relu6: (x) => x.relu6(),
  hardsigmoid: (x) => x.mul(3).hardsigmoid(),
  hardshrink: (x) => hardshrink(x, { lambd: 1 }),
  softshrink: (x) => softshrink(x, { lambd: 1 }),
  threshold: (x) => threshold(x, 0, 1),
  add: (x, y) => x.add(y),
  sub: (x, y) => x.sub(y),
  maximum,
  minimum,
  where: (x, y) => where(x.gt(y), x, y),
  amax: (x) => x.amax(0),
  amin: (x) => x.amin(0),
  sort: (x) => x.sort({ dim: 0 }).values,
  maxPool2d: (x) =>
    maxPool2d(x.reshape([1, 1, 3, 4]), { kernel: [2, 2], stride: [1, 1], padding: [1, 1], dilation: [1, 1] }),
};

const pairs = fc.tuple(integers([3, 4], -2, 2), integers([3, 4], -2, 2));
const leaf = (values: number[]): Tensor => {
  const x = tensor(values).reshape([3, 4]);
  x.requiresGrad = true;
  return x;
};

describe("exact derivatives", () => {
  test.each(Object.entries(PIECEWISE))("the second ones of %s are zero, at kinks and ties too", (_, f) => {
    fc.assert(
      fc.property(pairs, (values) => {
        withBackend(cpu(), () => {
          const [x, y] = values.map(leaf) as [Tensor, Tensor];
          const xs = [x, y];
          const first = grad(f(x, y).sum(), xs, { createGraph: true, allowUnused: true });
          for (const g of first) {
            if (g === null || !g.requiresGrad) continue;
            for (const second of grad(g.sum(), xs, { retainGraph: true, allowUnused: true }))
              expect(second?.dataSync().every((value) => value === 0) ?? true).toBe(true);
          }
        });
      }),
    );
  });

  test("polynomials of integers have integer derivatives of every order", () => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        withBackend(cpu(), () => {
          const [x, y] = [leaf(a), leaf(b)];
          const cube = x.mul(x).mul(x).add(x.square().mul(y));
          const d = (of: Tensor, by: Tensor): Tensor => grad(of.sum(), by, { createGraph: true });
          const values = (of: (a: number, b: number) => number): number[] => a.map((value, i) => of(value, b[i]!));
          const first = d(cube, x);
          const numbers = [first, d(first, x), d(first, y), d(d(first, x), x)].map((t) =>
            [...t.dataSync()].map((v) => v + 0),
          );
          expect(numbers).toEqual(
            [
              values((a, b) => 3 * a * a + 2 * a * b),
              values((a, b) => 6 * a + 2 * b),
              values((a) => 2 * a),
              values(() => 6),
            ].map((row) => row.map((v) => v + 0)),
          );
        });
      }),
    );
  });
});
