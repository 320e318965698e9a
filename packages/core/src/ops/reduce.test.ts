import { cpu } from "@descent/backend-cpu";
import { ones, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

test("reductions go over all axes where none is named, and take a scalar for one axis, as PyTorch does", () => {
  const x = ones([2, 3]);
  for (const dim of [undefined, [], [0, 1], [-1, -2]]) expect(x.sum(dim).toArray()).toBe(6);
  const scalar = tensor(5);
  for (const dim of [undefined, [], 0, -1, [0]])
    expect([scalar.sum(dim).item(), scalar.amax(dim).item(), scalar.mean(dim).item()]).toEqual([5, 5, 5]);
  expect([scalar.argmax(0).item(), scalar.argmin().item()]).toEqual([0, 0]);
  expect(() => scalar.sum(1)).toThrow("sum: axis 1 does not exist in a tensor of rank 1");
});

test("the slope of a standard deviation of equal elements is 0", () => {
  const x = tensor(
    [
      [1, 1],
      [1, 3],
    ],
    { requiresGrad: true },
  );
  x.std(1).sum().backward();
  const half = Math.SQRT1_2;
  expect(x.grad!.toArray()).toEqual([
    [0, 0],
    [expect.closeTo(-half, 5), expect.closeTo(half, 5)],
  ]);
});
