import { cpu } from "@descent/backend-cpu";
import { elementwiseProgram, Parameter, setBackend, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { nonNegative, Optimizer, type PointwiseRule } from "../index.ts";
import { type Elements, ProgramWriter, type Value } from "./elements.ts";

beforeEach(() => setBackend(cpu()));

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());

/** One word after the other, of two elements and a number. */
const WORDS: Readonly<Record<string, (x: Elements, y: Elements, c: number) => Elements>> = {
  neg: (x) => x.neg(),
  abs: (x) => x.abs(),
  sign: (x) => x.sign(),
  sqrt: (x) => x.sqrt(),
  square: (x) => x.square(),
  add: (x, y) => x.add(y),
  sub: (x, y, c) => x.sub(y).sub(c),
  mul: (x, y, c) => x.mul(c).mul(y),
  div: (x, y) => x.div(y),
  maximum: (x, y, c) => x.maximum(y).maximum(c),
  minimum: (x, y, c) => x.minimum(c).minimum(y),
  eq: (x, y, c) => x.where(x.eq(y), c),
  gt: (x, y) => x.where(x.gt(y), y),
  ge: (x, y, c) => y.where(x.ge(c), x),
};
const words = fc.array(fc.constantFrom(...Object.keys(WORDS)), { minLength: 1, maxLength: 8 });
const run = (x: Elements, y: Elements, c: number, names: readonly string[]): Elements =>
  names.reduce((value, name) => WORDS[name]!(value, y, c), x);

describe("elements on paper", () => {
  test("a program gives what the function of tensors gives", () => {
    fc.assert(
      fc.property(words, fc.constantFrom(0.5, -2, 3), (names, c) => {
        const [x, y] = [tensor([-2, -0.5, 0, 0.25, 3, 1]), tensor([1, -0.5, 2, 0.25, -1, 0])];
        const writer = new ProgramWriter(2, null);
        const result = run(writer.tensor(0), writer.tensor(1), c, names) as Value;
        const program = writer.finish([result.index]);
        const [ours] = elementwiseProgram([x, y, ...writer.numbers], program);
        expect(numbers(ours!)).toEqual(numbers(run(x, y, c, names) as Tensor));
      }),
    );
  });

  test("equal programs are one, whether or not they are compared as they are written", () => {
    fc.assert(
      fc.property(words, words, (first, second) => {
        const write = (names: readonly string[], previous: ReturnType<ProgramWriter["finish"]> | null, c: number) => {
          const writer = new ProgramWriter(2, previous);
          const result = run(writer.tensor(0), writer.tensor(1), c, names) as Value;
          return writer.finish([result.index, 0]);
        };
        const a = write(first, null, 1);
        expect(write(first, a, 2)).toBe(a);
        const b = write(second, a, 3);
        expect(b === a).toBe(first.join() === second.join());
        expect(write(second, null, 4)).toBe(b);
        expect(write(first, b, 5)).toBe(a);
      }),
    );
  });
});

describe("a pointwise rule", () => {
  interface State {
    readonly sum: Tensor;
    readonly last: Tensor | null;
    readonly count: number;
  }
  /** Uses all that a state may hold: what stays, what starts late, numbers, and control flow on them. */
  const rule: PointwiseRule<{ lr: number }, State> = {
    name: "Odd",
    pointwise: true,
    defaults: { lr: 0.5 },
    checks: { lr: nonNegative },
    init: (p) => ({ sum: p.detach(), last: null, count: 10 }),
    update(p, g, { sum, last, count }, { lr }, t) {
      const direction = last === null ? g : g.add(last);
      const next = count > 11 ? sum : sum.add(g);
      return { p: p.sub(direction.mul(lr / t)), state: { sum: next, last: g, count: count + 1 } };
    },
  };

  test("may keep, replace, begin and count, per parameter", () => {
    const [p, late] = [new Parameter(tensor([1, 2])), new Parameter(tensor([8]))];
    const optimizer = new Optimizer(rule, [p, late]);
    for (const [step, g] of [1, 2, 4, 8].entries()) {
      p.grad = tensor([g, -g]);
      late.grad = step < 2 ? null : tensor([g]);
      optimizer.step();
    }
    // Steps of 1/2, 3/4, 6/6, 12/8.
    expect(numbers(p)).toEqual([1 - 3.75, 2 + 3.75]);
    expect(numbers(late)).toEqual([8 - 2 - 3]);
    const { state } = optimizer.stateDict();
    const plain = Object.values(state).map(({ sum, last, ...rest }) => ({
      ...rest,
      sum: numbers(sum!),
      last: numbers(last!),
    }));
    expect(plain).toEqual([
      { step: 4, count: 14, sum: [4, -1], last: [8, -8] },
      { step: 2, count: 12, sum: [20], last: [8] },
    ]);
  });
});
