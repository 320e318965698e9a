import { cpu } from "@descent/backend-cpu";
import {
  grad,
  gradcheck,
  gradgradcheck,
  hessian,
  jacobian,
  layerNorm,
  matmul,
  maximum,
  setBackend,
  stack,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { grid } from "./arbitraries.ts";
import { expectClose } from "./expect-close.ts";

// Derivatives of compositions, to the third order.

/** A function of two matrices [2, 2], and how it is written. */
interface Expression {
  readonly text: string;
  readonly of: (x: Tensor, y: Tensor) => Tensor;
}

/** Functions of one matrix, smooth and not too steep. */
const UNARY: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sin: (x) => x.sin(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  "exp of tanh": (x) => x.tanh().exp(),
  "sqrt of 1 + x²": (x) => x.square().add(1).sqrt(),
  "log of 1 + x²": (x) => x.square().add(1).log(),
  "pow of 1.5 + sin": (x) => x.sin().add(1.5).pow(2.5),
  rsqrt: (x) => x.square().add(1).rsqrt(),
  erf: (x) => x.erf(),
  gelu: (x) => x.gelu(),
  silu: (x) => x.silu(),
  softmax: (x) => x.softmax(0),
  logSoftmax: (x) => x.logSoftmax(1),
  logsumexp: (x) => x.logsumexp(1, { keepdim: true }).mul(x),
  transpose: (x) => x.transpose(0, 1),
  cumsum: (x) => x.cumsum(0),
  mean: (x) => x.sub(x.mean(0)),
  variance: (x) => x.mul(x.var(1, { keepdim: true, correction: 0 })),
  layerNorm: (x) => layerNorm(x, [2], x.sin().sum(0), x.cos().sum(0), 1),
  flip: (x) => x.flip([1]).mul(x),
  index: (x) => x.indexSelect(0, tensor([1, 1], { dtype: "int32" })).mul(x),
};
const BINARY: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  add: (x, y) => x.add(y),
  sub: (x, y) => x.sub(y),
  mul: (x, y) => x.tanh().mul(y),
  div: (x, y) => x.div(y.square().add(1)),
  pow: (x, y) => x.square().add(1).pow(y.sin()),
  matmul: (x, y) => matmul(x.tanh(), y),
  maximum: (x, y) => maximum(x, y.add(10)),
  stack: (x, y) => stack([x.sum(0), y.mul(x).sum(1)]),
};

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<Expression[]>({ text: "x", of: (x) => x }, { text: "y", of: (_, y) => y }),
    fc.tuple(fc.constantFrom(...Object.keys(UNARY)), tie("expression")).map(
      ([name, { text, of }]): Expression => ({
        text: `${name}(${text})`,
        of: (x, y) => UNARY[name]!(of(x, y)),
      }),
    ),
    fc.tuple(fc.constantFrom(...Object.keys(BINARY)), tie("expression"), tie("expression")).map(
      ([name, a, b]): Expression => ({
        text: `${name}(${a.text}, ${b.text})`,
        of: (x, y) => BINARY[name]!(a.of(x, y), b.of(x, y)),
      }),
    ),
  ),
}));

beforeEach(() => setBackend(cpu()));
const matrix = grid([2, 2]).map((values) => values.map((value) => value / 4));
const leaf = (values: readonly number[]): Tensor => {
  const x = tensor(Float64Array.from(values), { dtype: "float64" }).reshape([2, 2]);
  x.requiresGrad = true;
  return x;
};

describe("compositions of ops", () => {
  test("have first, second and third derivatives that equal differences", () => {
    fc.assert(
      fc.property(expression, matrix, matrix, ({ of }, a, b) => {
        const xs = [leaf(a), leaf(b)];
        const gradient = (x: Tensor, y: Tensor): Tensor[] =>
          grad(of(x, y).sin().sum(), [x, y], { createGraph: true, allowUnused: true }).filter((g) => g !== null);
        const tolerance = { atol: 1e-5, rtol: 1e-4 };
        gradcheck((x, y) => of(x!, y!), xs, tolerance);
        gradcheck((x, y) => gradient(x!, y!), xs, tolerance);
        gradgradcheck((x, y) => gradient(x!, y!), xs, tolerance);
      }),
      { numRuns: 60 },
    );
  });

  test("have a third derivative that is symmetric", () => {
    fc.assert(
      fc.property(expression, matrix, ({ of }, a) => {
        const fn = (x: Tensor): Tensor => of(x, x.mul(0.5)).sin().sum();
        const third = jacobian((x) => hessian(fn, x!, { createGraph: true }), leaf(a)).reshape([4, 4, 4]);
        for (const order of [
          [0, 2, 1],
          [2, 1, 0],
        ])
          expectClose(third.permute(order), third, { atol: 1e-9, rtol: 1e-9 });
        expect(third.shape).toEqual([4, 4, 4]);
      }),
      { numRuns: 30 },
    );
  });
});
