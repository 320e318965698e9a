import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  BackendError,
  conv2d,
  dropout,
  Generator,
  GradientError,
  grad,
  linear,
  ones,
  softmaxCrossEntropy,
  type Tensor,
  tensor,
  withBackend,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { integers, size } from "./arbitraries.ts";
import { expectClose } from "./expect-close.ts";
import { fusedBackend } from "./fused-backend.ts";
import { withoutFused } from "./members.ts";

// The traps of DESIGN, section 4, on real ops. Those that need made-up ops are in core/src/composite.test.ts.

const BACKENDS: readonly [string, () => Backend][] = [
  ["decomposed", cpu],
  ["fused", fusedBackend],
];

const leaf = (values: readonly number[], ...shape: number[]): Tensor => {
  const x = tensor([...values]).reshape(shape);
  x.requiresGrad = true;
  return x;
};
const unit = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;

describe.each(BACKENDS)("%s", (_, make) => {
  test("an argument that is passed twice gets the gradient of both places, once each", () => {
    fc.assert(
      fc.property(integers([3, 3], -3, 3), (values) => {
        withBackend(make(), () => {
          // A kernel as large as its image multiplies every element by itself.
          const x = leaf(values, 1, 1, 3, 3);
          conv2d(x, x, null, unit).sum().backward();
          expectClose(x.grad!, { shape: [1, 1, 3, 3], data: values.map((v) => 2 * v) });
        });
      }),
    );
  });

  test("the gradient stops at the arguments of a call, and goes on from there", () => {
    fc.assert(
      fc.property(size(3), integers([2, 3], -3, 3), (times, values) => {
        withBackend(make(), () => {
          const x = leaf(values, 2, 3);
          const h = x.mul(times);
          // The diagonal of h hᵀ is the squared lengths of the rows.
          const y = linear(h, h)
            .mul(
              tensor([
                [1, 0],
                [0, 1],
              ]),
            )
            .sum();
          const [gh, gx] = grad(y, [h, x]);
          expectClose(gh!, { shape: [2, 3], data: values.map((v) => 2 * times * v) });
          expectClose(gx!, { shape: [2, 3], data: values.map((v) => 2 * times ** 2 * v) });
        });
      }),
    );
  });

  test("an index is not differentiable, however the op runs", () => {
    withBackend(make(), () => {
      const target = tensor([1, 0], { dtype: "int32" });
      expect(softmaxCrossEntropy(ones([2, 3]), target).requiresGrad).toBe(false);
      const logits = leaf([1, 2, 3, 4, 5, 6], 2, 3);
      softmaxCrossEntropy(logits, target).sum().backward();
      expect(logits.grad).not.toBeNull();
      expect(target.grad).toBeNull();
    });
  });

  test("dropout draws the same mask forward and backward", () => {
    withBackend(make(), () => {
      const x = leaf(new Array(100).fill(1), 100);
      const y = dropout(x, 0.5, new Generator(3));
      y.sum().backward();
      expectClose(x.grad!, y.detach(), 0);
      expect(new Set(y.dataSync())).toEqual(new Set([0, 2]));
    });
  });

  test("the gradient of a tensor without one is an error that says so", () => {
    withBackend(make(), () => {
      const x = leaf([1, 2], 2);
      expect(() => grad(x.softmax(0).sum(), ones([2]))).toThrow(GradientError);
    });
  });
});

test("a mask is the same fused and decomposed", () => {
  const [fused, plain] = [fusedBackend(), cpu()].map((backend) =>
    withBackend(backend, () => dropout(ones([1000]), 0.3, new Generator(7)).dataSync()),
  );
  expect(fused).toEqual(plain);
});

test("a device without its fused kernels is another instance", () => {
  const backend = fusedBackend();
  const plain = withoutFused(backend);
  expect(plain.fused).toBeUndefined();
  const x = ones([2], { backend });
  expect(() => x.add(ones([2], { backend: plain }))).toThrow(BackendError);
  expect(() => x.add(ones([2], { backend: plain }))).toThrow(
    'add: operands live on two different instances of backend "fused"; move one with .to(backend)',
  );
});
