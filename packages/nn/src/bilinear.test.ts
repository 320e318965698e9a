import { cpu } from "@descent/backend-cpu";
import { ones, randn, setBackend, stack, type Tensor } from "@descent/core";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Bilinear, functional as F } from "./index.ts";

setBackend(cpu());
const f64 = { dtype: "float64" } as const;
const some = fc.integer({ min: 1, max: 4 });

test("is one quadratic form per output", () => {
  fc.assert(
    fc.property(some, some, some, fc.boolean(), (in1, in2, out, bias) => {
      const layer = new Bilinear(in1, in2, out, { bias }).to("float64");
      const [x1, x2] = [randn([in1], f64), randn([in2], f64)];
      const forms = layer.weight.unbind(0).map((w): Tensor => x1.matmul(w).matmul(x2));
      const y = stack(forms);
      expectClose(layer.call(x1, x2), bias ? y.add(layer.bias!) : y, { rtol: 1e-9, atol: 1e-9 });
    }),
  );
});

test("treats leading axes alike", () => {
  const layer = new Bilinear(3, 4, 2);
  const [x1, x2] = [randn([2, 5, 3]), randn([2, 5, 4])];
  const y = layer.call(x1, x2);
  expect(y.shape).toEqual([2, 5, 2]);
  const [row1, row2] = [x1, x2].map((x) => x.reshape([10, -1]).narrow(0, 7, 1)) as [Tensor, Tensor];
  expectClose(layer.call(row1, row2), y.reshape([10, 2]).narrow(0, 7, 1), { rtol: 1e-6, atol: 1e-6 });
  expect(layer.call(x1.narrow(0, 0, 0), x2.narrow(0, 0, 0)).shape).toEqual([0, 5, 2]);
});

test("begins uniform over ±1/√in1, and is printed as in PyTorch", () => {
  const layer = new Bilinear(4, 30, 50);
  for (const p of layer.parameters()) expect(p.abs().amax().item()).toBeLessThanOrEqual(0.5);
  expect(layer.weight.abs().amax().item()).toBeGreaterThan(0.49);
  expect(Object.keys(layer.stateDict())).toEqual(["weight", "bias"]);
  expect(String(new Bilinear(2, 3, 4, { bias: false }))).toBe(
    "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=False)",
  );
});

test.each<[() => unknown, string]>([
  [
    () => F.bilinear(ones([2, 3]), ones([3, 4]), ones([5, 3, 4])),
    "bilinear: expected […,in1], […,in2] and a weight [out,in1,in2], got [2,3], [3,4], [5,3,4]",
  ],
  [
    () => F.bilinear(ones([2, 3]), ones([2, 5]), ones([5, 3, 4])),
    "bilinear: expected […,in1], […,in2] and a weight [out,in1,in2], got [2,3], [2,5], [5,3,4]",
  ],
  [
    () => F.bilinear(ones([2, 3]), ones([2, 3]), ones([3, 3])),
    "bilinear: expected […,in1], […,in2] and a weight [out,in1,in2], got [2,3], [2,3], [3,3]",
  ],
  [
    () => F.bilinear(ones([3]), ones([4]), ones([5, 3, 4]), { bias: ones([4]) }),
    "bilinear: the bias [4] must have the shape [5]",
  ],
  [() => new Bilinear(0, 1, 1), "Bilinear: in1Features must be a positive integer, got 0"],
])("rejects what does not fit: %#", (run, message) => {
  expect(run).toThrow(message);
});
