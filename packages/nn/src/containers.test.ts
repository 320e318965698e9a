import { cpu } from "@descent/backend-cpu";
import { ArgumentError, IndexError, ones, Parameter, setBackend, type Tensor, zeros } from "@descent/core";
import { describe, expect, test } from "vitest";
import { Linear, Module, ModuleDict, ModuleList, ParameterDict, ParameterList, ReLU, Tanh } from "./index.ts";

setBackend(cpu());
const linear = (): Linear => new Linear(1, 1, { bias: false });

describe("ModuleList", () => {
  test("is a list of modules, named by position", () => {
    const [a, b, c] = [linear(), linear(), linear()];
    const list = new ModuleList([a]);
    expect(list.append(c).insert(1, b)).toBe(list);
    expect([...list]).toEqual([a, b, c]);
    expect([list.length, list.at(0), list.at(-1)]).toEqual([3, a, c]);
    expect(Object.keys(list.stateDict())).toEqual(["0.weight", "1.weight", "2.weight"]);
    expect([list.pop(), list.pop(0)]).toEqual([c, a]);
    list.extend([c, a]).set(-1, b).insert(3, a).insert(-4, c);
    expect([...list]).toEqual([c, b, c, b, a]);
  });

  test("is part of a model, and so are the modules that it gets later", () => {
    class Model extends Module {
      readonly blocks = new ModuleList<Linear>();
      forward(x: Tensor): Tensor {
        let y = x;
        for (const block of this.blocks) y = block.call(y);
        return y;
      }
    }
    const model = new Model();
    model.blocks.extend([linear(), linear()]);
    for (const p of model.parameters()) p.assign(ones([1, 1]).mul(3));
    expect(model.call(ones([1])).item()).toBe(9);
    expect(Object.keys(model.stateDict())).toEqual(["blocks.0.weight", "blocks.1.weight"]);
    expect(model.eval().blocks.at(1).training).toBe(false);
    expect(() => model.call(ones([2]))).toThrow(/\(in blocks\.0 \(Linear\)\)/);
  });

  test("is printed as in PyTorch", () => {
    expect(String(new ModuleList())).toBe("ModuleList()");
    expect(String(new ModuleList<Module>([new ReLU(), new ReLU(), new Tanh()]))).toBe(
      "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)",
    );
  });

  test("rejects what does not fit", () => {
    const list = new ModuleList([new ReLU()]);
    expect(() => list.at(1)).toThrow(new IndexError("ModuleList.at", "there is no item 1 among 1"));
    expect(() => list.set(-2, new ReLU())).toThrow("ModuleList.set: there is no item -2 among 1");
    expect(() => list.insert(2, new ReLU())).toThrow("ModuleList.insert: there is no item 2 among 1");
    expect(() => new ModuleList().pop()).toThrow("ModuleList.pop: there is no item -1 among 0");
    expect(() => list.at(0.5)).toThrow("ModuleList.at: there is no item 0.5 among 1");
    expect(() => list.extend([new ReLU(), 3 as never])).toThrow("ModuleList: expected a Module, got 3");
    expect(list.length).toBe(1);
    expect(() => list.call()).toThrow("ModuleList: it computes nothing (in ModuleList); call what it holds");
  });
});

describe("ModuleDict", () => {
  test("has modules by key, in the order in which keys came", () => {
    const [a, b, c] = [linear(), linear(), linear()];
    const dict = new ModuleDict({ a, toB: b });
    expect(dict.set("a", c)).toBe(dict);
    expect([dict.size, dict.get("a"), dict.has("toB"), dict.has("b")]).toEqual([2, c, true, false]);
    expect([...dict.keys()]).toEqual(["a", "toB"]);
    expect([...dict.values()]).toEqual([c, b]);
    expect([...dict]).toEqual([...dict.entries()]);
    expect(Object.keys(dict.stateDict())).toEqual(["a.weight", "toB.weight"]);
    expect(dict.pop("a")).toBe(c);
    expect([...dict.update({ keys: a })]).toEqual([
      ["toB", b],
      ["keys", a],
    ]);
    dict.clear();
    expect(dict.size).toBe(0);
  });

  test("is printed as in PyTorch", () => {
    expect(String(new ModuleDict<Module>({ a: new ReLU(), b: new Linear(2, 3) }))).toBe(
      "ModuleDict(\n  (a): ReLU()\n  (b): Linear(in_features=2, out_features=3, bias=True)\n)",
    );
  });

  test("rejects what does not fit", () => {
    const dict = new ModuleDict<Module>({ a: new ReLU() });
    expect(() => dict.get("x")).toThrow(new ArgumentError("ModuleDict", 'there is no "x"', "its keys are a"));
    expect(() => new ModuleDict().pop("x")).toThrow('ModuleDict: there is no "x"; its keys are none');
    expect(() => dict.set("a.b", new ReLU())).toThrow('ModuleDict: "a.b" cannot be a name; use one without dots');
    expect(() => dict.set("", new ReLU())).toThrow('ModuleDict: "" cannot be a name');
    expect(() => dict.update({ b: zeros([1]) as never })).toThrow("ModuleDict: expected a Module, got tensor(");
  });
});

describe("lists and dicts of parameters", () => {
  const [a, b] = [new Parameter(ones([2, 3])), new Parameter(zeros([]))];

  test("register them", () => {
    expect(new ParameterList([a]).append(b).namedParameters()).toEqual([
      ["0", a],
      ["1", b],
    ]);
    expect(new ParameterDict({ a }).set("b", b).namedParameters()).toEqual([
      ["a", a],
      ["b", b],
    ]);
  });

  test("are printed as in PyTorch", () => {
    expect(String(new ParameterList([a, b]))).toBe(
      "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n    (1): Parameter containing: [torch.float32 of size ]\n)",
    );
    expect(String(new ParameterList())).toBe("ParameterList()");
  });

  test("reject what is no parameter", () => {
    expect(() => new ParameterList([ones([1]) as never])).toThrow("ParameterList: expected a Parameter, got tensor(");
    expect(() => new ParameterDict({ a: 1 as never })).toThrow("ParameterDict: expected a Parameter, got 1");
  });
});
