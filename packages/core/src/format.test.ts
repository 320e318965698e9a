import { cpu } from "@descent/backend-cpu";
import { arange, setBackend, type TensorOptions, tensor, zeros } from "@descent/core";
import "@descent/core/methods";
import { inspect } from "node:util";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const float: TensorOptions = { dtype: "float32" };

// What PyTorch 2.15 prints, with `true` for `True`.
test.each([
  [() => tensor(3.5), "tensor(3.5000)"],
  [() => tensor([1, 2, -3]), "tensor([ 1.,  2., -3.])"],
  [
    () =>
      tensor([
        [1.5, 2],
        [3, 4],
      ]),
    "tensor([[1.5000, 2.0000],\n        [3.0000, 4.0000]])",
  ],
  [() => tensor([1e-5, 1]), "tensor([1.0000e-05, 1.0000e+00])"],
  [() => tensor([1e9, 1]), "tensor([1.0000e+09, 1.0000e+00])"],
  [() => tensor([Number.NaN, 1.5, Number.POSITIVE_INFINITY]), "tensor([   nan, 1.5000,    inf])"],
  [() => tensor([1, 2, 30], { dtype: "int32" }), "tensor([ 1,  2, 30])"],
  [() => tensor([true, false]), "tensor([ true, false])"],
  [() => zeros([0]), "tensor([])"],
  [() => zeros([2, 0]), "tensor([], size=(2, 0))"],
  [() => tensor([0.1, 0.2], { dtype: "float64" }), "tensor([0.1000, 0.2000], dtype=float64)"],
  [() => arange(8).reshape([2, 2, 2]), "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])"],
  [() => tensor([-0, 1]), "tensor([-0., 1.])"],
  [() => tensor([1500.5, 1]), "tensor([1.5005e+03, 1.0000e+00])"],
  [() => arange(0, 1001, 1, float), "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])"],
  [
    () => arange(0, 24, 1, float),
    "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n        14., 15., 16., 17., 18., 19., 20., 21., 22., 23.])",
  ],
])("%#", (make, expected) => {
  expect(String(make())).toBe(expected);
  expect(inspect(make())).toBe(expected);
});

test("a disposed tensor says so", () => {
  const x = tensor(1);
  x.dispose();
  expect(String(x)).toBe("tensor(disposed)");
});
