import { cpu } from "@descent/backend-cpu";
import { ArgumentError, ones, randn, setBackend, tensor } from "@descent/core";
import { expect, test } from "vitest";
import { Flatten, functional, Identity, Linear } from "./index.ts";

setBackend(cpu());

test("Linear works on the last axis of any tensor", () => {
  const layer = new Linear(3, 2);
  layer.weight.assign(
    tensor([
      [1, 2, 3],
      [0, 0, 1],
    ]),
  );
  layer.bias!.assign(tensor([10, 20]));
  expect(layer.call(tensor([1, 1, 1])).toArray()).toEqual([16, 21]);
  expect(layer.call(ones([2, 4, 3])).shape).toEqual([2, 4, 2]);
  expect(functional.linear(tensor([1, 1, 1]), layer.weight).toArray()).toEqual([6, 1]);
});

test("Linear without bias has none", () => {
  const layer = new Linear(3, 2, { bias: false });
  expect(layer.bias).toBeNull();
  expect(Object.keys(layer.stateDict())).toEqual(["weight"]);
});

test("Linear rejects bad arguments and inputs", () => {
  expect(() => new Linear(0, 2)).toThrow(new ArgumentError("Linear", "inFeatures must be a positive integer, got 0"));
  expect(() => new Linear(2, 1.5)).toThrow("Linear: outFeatures must be a positive integer, got 1.5");
  expect(() => new Linear(2, 1, { bais: false } as never)).toThrow(
    'Linear: there is no option "bais"; the options are bias',
  );
  expect(() => new Linear(2, 1, false as never)).toThrow(
    "Linear: expected an object of options, got false; write { bias: … } for bias",
  );
  expect(() => new Linear(3, 2).call(ones([4, 2]))).toThrow(
    "linear: the input [4,2] must end in the 3 features of the weight [2,3] (in Linear)",
  );
});

test("an option that is undefined has its default", () => {
  expect(new Linear(1, 1, { bias: undefined } as never).bias).not.toBeNull();
});

test("Flatten joins axes", () => {
  const x = randn([2, 3, 4, 5]);
  expect(new Flatten().call(x).shape).toEqual([2, 60]);
  expect(new Flatten({ startDim: 0 }).call(x).shape).toEqual([120]);
  expect(new Flatten({ startDim: 1, endDim: 2 }).call(x).shape).toEqual([2, 12, 5]);
  expect(() => new Flatten({ startDim: 4 }).call(x)).toThrow("flatten: axis 4 does not exist in a tensor of rank 4");
});

test("Identity returns its input", () => {
  const x = randn([2]);
  expect(new Identity().call(x)).toBe(x);
});
