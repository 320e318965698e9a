import { cpu } from "@descent/backend-cpu";
import { IndexError, ones, setBackend, tensor } from "@descent/core";
import { expect, test } from "vitest";
import { CrossEntropyLoss, Flatten, type Layer, Linear, ReLU, Sequential, Tanh } from "./index.ts";

setBackend(cpu());

test("takes layers one by one, as an array, or by name", () => {
  const layers = [new Linear(2, 3), new ReLU(), new Linear(3, 1)];
  const x = ones([4, 2]);
  const models = [
    new Sequential(...layers),
    new Sequential(layers),
    new Sequential({ fc1: layers[0]!, act: layers[1]!, outProj: layers[2]! }),
  ];
  for (const model of models) expect(model.call(x).toArray()).toEqual(models[0]!.call(x).toArray());
  expect(Object.keys(models[0]!.stateDict())).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  expect(Object.keys(models[1]!.stateDict())).toEqual(Object.keys(models[0]!.stateDict()));
  expect(Object.keys(models[2]!.stateDict())).toEqual(["fc1.weight", "fc1.bias", "out_proj.weight", "out_proj.bias"]);
});

test("is a list of its layers", () => {
  const [a, b] = [new ReLU(), new Tanh()];
  const model = new Sequential(a, b);
  expect(model.length).toBe(2);
  expect([...model]).toEqual([a, b]);
  expect(model.at(0)).toBe(a);
  expect(model.at(-1)).toBe(b);
  expect(() => model.at(2)).toThrow(IndexError);
  expect(() => model.at(2)).toThrow("Sequential.at: there is no layer 2 among 2");
  expect(() => model.at(0.5)).toThrow("Sequential.at: there is no layer 0.5 among 2");
});

test("without layers returns what it gets", () => {
  const x = tensor([1, 2]);
  expect(new Sequential().call(x)).toBe(x);
  expect(String(new Sequential([]))).toBe("Sequential()");
});

test("its subclasses may have fields of their own", () => {
  class Head extends Sequential {
    readonly extra = new Linear(1, 1, { bias: false });
    constructor() {
      super(new Flatten(), new Linear(2, 1, { bias: false }));
    }
  }
  expect(Object.keys(new Head().stateDict())).toEqual(["extra.weight", "1.weight"]);
});

test("rejects what is no layer", () => {
  expect(() => new Sequential(new ReLU(), 3 as never)).toThrow('Sequential: layer "1" is no module');
  expect(() => new Sequential({ "a.b": new ReLU() })).toThrow(
    'Sequential: "a.b" cannot name a layer; use a name without dots',
  );
  // @ts-expect-error: a loss takes two tensors
  const layer: Layer = new CrossEntropyLoss();
  expect(layer).toBeDefined();
});
