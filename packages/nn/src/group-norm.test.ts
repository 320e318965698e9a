import { cpu } from "@descent/backend-cpu";
import { ones, randn, setBackend, type Tensor, zeros } from "@descent/core";
import { expectClose } from "@descent/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { functional as F, GroupNorm } from "./index.ts";

setBackend(cpu());
const f64 = { dtype: "float64" } as const;
const close = (actual: Tensor, expected: Tensor): void => expectClose(actual, expected, { rtol: 1e-9, atol: 1e-9 });
const some = fc.integer({ min: 1, max: 4 });
const space = fc.array(some, { minLength: 1, maxLength: 3 });

test("normalises each group of channels of each sample by itself", () => {
  fc.assert(
    fc.property(some, some, some, space, (n, groups, perGroup, inner) => {
      const c = groups * perGroup;
      const x = randn([n, c, ...inner, 2], f64)
        .mul(3)
        .add(2);
      const y = F.groupNorm(x, groups, { eps: 0 });
      expect(y.shape).toEqual(x.shape);
      const grouped = y.reshape([n, groups, -1]);
      close(grouped.mean(2), zeros([n, groups], f64));
      close(grouped.var(2, { correction: 0 }), ones([n, groups], f64));
    }),
  );
});

test("with one group is a layer norm, with as many as channels an instance norm", () => {
  fc.assert(
    fc.property(some, some, space, (n, c, inner) => {
      const x = randn([n, c, ...inner, 2], f64);
      close(F.groupNorm(x, 1), F.layerNorm(x, x.shape.slice(1)));
      close(F.groupNorm(x, c), F.instanceNorm(x));
    }),
  );
});

test("scales and shifts each channel", () => {
  const layer = new GroupNorm(2, 4).to("float64");
  const x = randn([3, 4, 2, 2], f64);
  const y = layer.call(x);
  layer.weight!.assign(randn([4], f64));
  layer.bias!.assign(randn([4], f64));
  close(layer.call(x), y.mul(layer.weight!.reshape([4, 1, 1])).add(layer.bias!.reshape([4, 1, 1])));
});

test("takes samples without further axes, and empty batches", () => {
  expect(new GroupNorm(2, 4).call(randn([3, 4])).shape).toEqual([3, 4]);
  expect(new GroupNorm(2, 4).call(zeros([0, 4, 2])).shape).toEqual([0, 4, 2]);
});

test("its parameters, and how it is printed", () => {
  expect(Object.keys(new GroupNorm(2, 4).stateDict())).toEqual(["weight", "bias"]);
  expect(Object.keys(new GroupNorm(2, 4, { bias: false }).stateDict())).toEqual(["weight"]);
  expect(new GroupNorm(2, 4, { affine: false }).parameters()).toEqual([]);
  expect(String(new GroupNorm(2, 4))).toBe("GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)");
});

test.each<[() => unknown, string]>([
  [() => new GroupNorm(3, 4), "GroupNorm: 4 channels do not divide into 3 groups"],
  [() => new GroupNorm(0, 4), "GroupNorm: numGroups must be a positive integer, got 0"],
  [() => new GroupNorm(1, 4, { eps: -1 }), "GroupNorm: eps must not be negative, got -1"],
  [() => F.groupNorm(ones([2, 4]), 0), "groupNorm: numGroups must be a positive integer, got 0"],
  [
    () => F.groupNorm(ones([2, 4, 3]), 3),
    "groupNorm: expected [N,C,…] with elements and a multiple of 3 as C, got [2,4,3]",
  ],
  [() => F.groupNorm(ones([4]), 2), "groupNorm: expected [N,C,…] with elements and a multiple of 2 as C, got [4]"],
  [
    () => F.groupNorm(ones([2, 4, 0]), 2),
    "groupNorm: expected [N,C,…] with elements and a multiple of 2 as C, got [2,4,0]",
  ],
  [
    () => new GroupNorm(2, 4).call(ones([2, 6, 2])),
    "groupNorm: weight or bias [4] for an input [2,6,2] (in GroupNorm)",
  ],
  [() => F.groupNorm(ones([1, 4]), 4), "groupNorm: expected more than 1 value per group, got [1,4]; use fewer groups"],
])("rejects what does not fit: %#", (run, message) => {
  expect(run).toThrow(message);
});
