import { cpu } from "@descent/backend-cpu";
import {
  Buffer,
  gradcheck,
  ones,
  Parameter,
  randn,
  ShapeError,
  setBackend,
  type Tensor,
  TensorError,
  tensor,
  zeros,
} from "@descent/core";
import { describe, expect, test } from "vitest";
import { BatchNorm1d, Dropout, Identity, Linear, Module, ReLU, Sequential } from "./index.ts";

setBackend(cpu());

/** Every kind of field there is. */
class Block extends Module {
  readonly layers = [new Linear(2, 2), new Sequential(new ReLU(), new Linear(2, 1, { bias: false }))];
  readonly outProj = new Linear(1, 1);
  readonly runningMean = new Buffer(zeros([2]));
  readonly inProjWeight = new Parameter(ones([2]));
  readonly scales = [new Parameter(ones([1])), new Parameter(ones([1]))];
  readonly ln_1 = new Linear(1, 1, { bias: false });
  readonly Mixed_5b = new Linear(1, 1, { bias: false });
  readonly nothing = null;
  readonly plain = ones([3]);
  readonly #hidden = new Linear(3, 3);

  forward(x: Tensor): Tensor {
    let y = x.mul(this.inProjWeight);
    for (const layer of this.layers) y = layer.call(y);
    return this.outProj.call(y);
  }

  hidden(): Tensor {
    return this.#hidden.call(ones([3]));
  }
}

const STATE = [
  "in_proj_weight",
  "running_mean",
  "layers.0.weight",
  "layers.0.bias",
  "layers.1.1.weight",
  "out_proj.weight",
  "out_proj.bias",
  "scales.0",
  "scales.1",
  "ln_1.weight",
  "Mixed_5b.weight",
];

describe("registration", () => {
  test("finds what public fields hold, in PyTorch's spelling and order", () => {
    const block = new Block();
    expect(Object.keys(block.stateDict())).toEqual(STATE);
    expect(block.namedParameters().map(([path]) => path)).toEqual(STATE.filter((path) => path !== "running_mean"));
    expect(block.namedBuffers()).toEqual([["running_mean", block.runningMean]]);
    expect(block.parameters()).toHaveLength(STATE.length - 1);
    expect(block.buffers()).toEqual([block.runningMean]);
  });

  test("names children and modules", () => {
    const block = new Block();
    const names = ["layers.0", "layers.1", "out_proj", "ln_1", "Mixed_5b"];
    expect(block.namedChildren().map(([name]) => name)).toEqual(names);
    expect(block.children()[1]).toBe(block.layers[1]);
    expect(block.namedModules().map(([path]) => path)).toEqual([
      "",
      "layers.0",
      "layers.1",
      "layers.1.0",
      "layers.1.1",
      ...names.slice(2),
    ]);
    expect(block.modules()[0]).toBe(block);
  });

  test("follows what a field holds now", () => {
    class Growing extends Module {
      layer: Module | null = null;
      forward(): void {}
    }
    const module = new Growing();
    expect(module.parameters()).toEqual([]);
    module.layer = new Linear(1, 1);
    expect(module.namedParameters().map(([path]) => path)).toEqual(["layer.weight", "layer.bias"]);
    module.layer = new ReLU();
    expect(Object.keys(module.stateDict())).toEqual([]);
  });

  test("lists a shared parameter once, and saves it under every name", () => {
    class Tied extends Module {
      readonly encoder = new Linear(2, 3);
      readonly decoder = this.encoder;
      readonly weight = this.encoder.weight;
      forward(): void {}
    }
    const tied = new Tied();
    expect(tied.namedParameters().map(([path]) => path)).toEqual(["weight", "encoder.bias"]);
    expect(tied.namedModules().map(([path]) => path)).toEqual(["", "encoder"]);
    expect(Object.keys(tied.stateDict())).toEqual([
      "weight",
      "encoder.weight",
      "encoder.bias",
      "decoder.weight",
      "decoder.bias",
    ]);
  });

  test("rejects two fields of one path and modules inside of themselves", () => {
    class Twice extends Module {
      readonly inProj = new Parameter(ones([1]));
      readonly in_proj = new Parameter(ones([1]));
      forward(): void {}
    }
    expect(() => new Twice().stateDict()).toThrow('Twice: two fields have the path "in_proj"; rename one of them');
    class Inner extends Module {
      parent: Module | null = null;
      forward(): void {}
    }
    const [inner, outer] = [new Inner(), new Inner()];
    outer.parent = inner;
    inner.parent = outer;
    expect(() => outer.parameters()).toThrow(
      'Inner: the module contains itself, at "parent.parent"; keep references to outer modules in #private fields',
    );
    expect(outer.modules()).toEqual([outer, inner]);
  });
});

describe("the mode", () => {
  test("is set everywhere", () => {
    const model = new Sequential(new Dropout(), new Sequential(new BatchNorm1d(2)));
    const modes = (): boolean[] => model.modules().map((module) => module.training);
    expect(modes()).toEqual([true, true, true, true]);
    expect(model.eval()).toBe(model);
    expect(modes()).toEqual([false, false, false, false]);
    model.train();
    expect(modes()).toEqual([true, true, true, true]);
    model.train(false);
    expect(modes()).toEqual([false, false, false, false]);
  });

  test("can be kept by a module that overrides train()", () => {
    class Frozen extends BatchNorm1d {
      override train(): this {
        return super.train(false);
      }
    }
    const model = new Sequential(new Frozen(2), new Dropout()).train();
    expect([...model].map(({ training }) => training)).toEqual([false, true]);
  });
});

describe("a path", () => {
  const block = new Block();

  test("leads to a module, a parameter or a buffer", () => {
    for (const [path, module] of block.namedModules()) expect(block.getSubmodule(path)).toBe(module);
    for (const [path, parameter] of block.namedParameters()) expect(block.getParameter(path)).toBe(parameter);
    expect(block.getBuffer("running_mean")).toBe(block.runningMean);
  });

  test("that leads nowhere is an error", () => {
    const remedy = "names are spelled as in stateDict()";
    expect(() => block.getSubmodule("outProj")).toThrow(`Block: there is no module "outProj"; ${remedy}`);
    expect(() => block.getSubmodule("layers.1.2")).toThrow('Sequential: there is no module "2"');
    expect(() => block.getParameter("running_mean")).toThrow('Block: there is no parameter "running_mean"');
    expect(() => block.getBuffer("out_proj.weight")).toThrow('Block: there is no buffer "out_proj.weight"');
  });
});

test("setRequiresGrad freezes all parameters, and lets them go", () => {
  const model = new Sequential(new Linear(2, 2), new BatchNorm1d(2));
  const flags = (): boolean[] => model.parameters().map((p) => p.requiresGrad);
  expect(model.setRequiresGrad(false)).toBe(model);
  expect(flags()).toEqual([false, false, false, false]);
  expect(model.call(ones([2, 2])).requiresGrad).toBe(false);
  model.setRequiresGrad();
  expect(flags()).toEqual([true, true, true, true]);
});

test("apply visits inner modules first", () => {
  const names: string[] = [];
  const model = new Sequential(new Sequential(new ReLU()), new Identity());
  expect(model.apply((module) => names.push(module.constructor.name))).toBe(model);
  expect(names).toEqual(["ReLU", "Sequential", "Identity", "Sequential"]);
});

test("zeroGrad drops all gradients", () => {
  const model = new Sequential(new Linear(2, 2), new Linear(2, 1));
  model
    .call(ones([1, 2]))
    .sum()
    .backward();
  expect(model.parameters().every((p) => p.grad !== null)).toBe(true);
  model.zeroGrad();
  expect(model.parameters().every((p) => p.grad === null)).toBe(true);
});

test("a model of one's own trains all of its parts", () => {
  const block = new Block().to("float64");
  const x = randn([3, 2], { dtype: "float64", requiresGrad: true });
  expect(gradcheck((v) => block.call(v), [x])).toBe(true);
  block.call(x).sum().backward();
  const unused = ["scales.0", "scales.1", "ln_1.weight", "Mixed_5b.weight"];
  for (const [path, p] of block.namedParameters()) expect(p.grad === null, path).toBe(unused.includes(path));
});

describe("hooks", () => {
  const double = new Linear(1, 1, { bias: false });
  double.weight.assign(tensor([[2]]));
  const of = (x: number): number => double.call(tensor([x])).item();

  test("see and replace inputs and outputs, until they are removed", () => {
    const seen: number[] = [];
    const removePre = double.registerForwardPreHook((module, [x]) => {
      expect(module).toBe(double);
      seen.push(x.item());
      return [x.add(1)];
    });
    const removePost = double.registerForwardHook((module, [x], y) => {
      expect(module.weight.item()).toBe(2);
      seen.push(x.item(), y.item());
      return y.neg();
    });
    const removeIdle = double.registerForwardPreHook((_, [x]): undefined => {
      expect(x.item()).toBe(4);
    });
    expect(of(3)).toBe(-8);
    expect(seen).toEqual([3, 4, 8]);
    removeIdle();
    removePre();
    expect(of(3)).toBe(-6);
    removePost();
    removePost();
    expect(of(3)).toBe(6);
    expect(seen).toEqual([3, 4, 8, 3, 6]);
  });

  test("run in the order of registration, change nothing where they return nothing, and are skipped by forward()", () => {
    const order: string[] = [];
    const note = (word: string) => (): undefined => {
      order.push(word);
    };
    const again = note("again");
    const removers = [note("a"), note("b"), again, again].map((hook) => double.registerForwardHook(hook));
    expect(of(1)).toBe(2);
    expect(order).toEqual(["a", "b", "again", "again"]);
    removers[3]!();
    of(1);
    expect(order.slice(4)).toEqual(["a", "b", "again"]);
    double.forward(tensor([1]));
    expect(order).toHaveLength(7);
    for (const remove of removers) remove();
  });
});

describe("the place of an error", () => {
  const fail = (run: () => unknown): TensorError => {
    try {
      run();
    } catch (error) {
      if (error instanceof TensorError) return error;
    }
    throw new Error("nothing was thrown");
  };
  const message = (run: () => unknown): string => fail(run).message;
  const misfit = new Linear(3, 1);

  test("is the path of the innermost module that ran, seen from the outermost one", () => {
    const model = new Sequential({ features: new Sequential(new Linear(2, 2), misfit), act: new ReLU() });
    const error = fail(() => model.call(ones([1, 2])));
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.modulePath).toBe("features.1 (Linear)");
    expect(error.message).toBe(
      "linear: the input [1,2] must end in the 3 features of the weight [1,3] (in features.1 (Linear)); give the layer 2 input features, or reshape() what comes before it",
    );
  });

  test("is the class where the module itself was called, or is in no public field", () => {
    expect(message(() => misfit.call(ones([1, 2])))).toMatch(/ \(in Linear\); give the layer/);
    class Wrapper extends Module {
      readonly #inner = misfit;
      forward(x: Tensor): Tensor {
        return this.#inner.call(x);
      }
    }
    expect(message(() => new Sequential(new Wrapper()).call(ones([1, 2])))).toMatch(/ \(in Linear\); give the layer/);
  });

  test("is forgotten when the call ends, and absent outside of calls", () => {
    message(() => new Sequential(misfit).call(ones([1, 2])));
    expect(message(() => misfit.call(ones([1, 2])))).toMatch(/ \(in Linear\); give the layer/);
    expect(message(() => misfit.forward(ones([1, 2])))).not.toMatch(/\(in/);
  });

  test("leaves other errors as they are", () => {
    class Broken extends Module {
      forward(): never {
        throw new RangeError("mine");
      }
    }
    expect(() => new Broken().call()).toThrow(new RangeError("mine"));
  });
});

describe("to", () => {
  const f32 = { ...cpu(), name: "small", dtypes: ["float32", "int32", "bool"] as const };

  test("converts floating state in place and leaves integers alone", () => {
    const layer = new BatchNorm1d(2);
    const weight = layer.weight!;
    layer
      .call(randn([4, 2]))
      .sum()
      .backward();
    expect(layer.to("float64")).toBe(layer);
    expect(layer.weight).toBe(weight);
    expect(Object.values(layer.stateDict()).map(({ dtype }) => dtype)).toEqual([
      ...new Array(4).fill("float64"),
      "int32",
    ]);
    expect([weight.requiresGrad, weight.grad!.dtype]).toEqual([true, "float64"]);
    layer
      .call(randn([4, 2], { dtype: "float64" }))
      .sum()
      .backward();
    expect(layer.numBatchesTracked!.item()).toBe(2);
  });

  test("moves all state to another backend", () => {
    const other = cpu();
    const layer = new BatchNorm1d(2).to(other);
    expect(Object.values(layer.stateDict()).every(({ backend }) => backend === other)).toBe(true);
    expect(layer.call(randn([4, 2], { backend: other })).backend).toBe(other);
  });

  test("moves a shared parameter once, and keeps frozen ones frozen", () => {
    class Tied extends Module {
      readonly a = new Linear(1, 1);
      readonly b = this.a;
      forward(): void {}
    }
    const tied = new Tied();
    tied.a.weight.requiresGrad = false;
    tied.to("float64");
    expect([tied.a.weight.dtype, tied.a.weight.requiresGrad, tied.a.bias!.requiresGrad]).toEqual([
      "float64",
      false,
      true,
    ]);
  });

  test("does nothing to what is there already", () => {
    const layer = new Linear(1, 1);
    const y = layer.call(ones([1]));
    layer.to("float32").to(layer.weight.backend);
    y.backward();
    expect(layer.weight.grad!.item()).toBe(1);
  });

  test("changes nothing where the target cannot hold the state", () => {
    const layer = new BatchNorm1d(1).to("float64");
    expect(() => layer.to(f32)).toThrow('Module.to: backend "small" has no float64; use one of float32, int32, bool');
    expect(() => new Linear(1, 1).to(f32).to("float64")).toThrow('Module.to: backend "small" has no float64');
    expect(() => layer.to("int32")).toThrow("Module.to: parameters cannot become int32; use float32 or float64");
    expect(() => layer.to("float16" as "float32")).toThrow(
      "Module.to: parameters cannot become float16; use float32 or float64",
    );
    expect(Object.values(layer.stateDict()).every(({ backend }) => backend !== f32)).toBe(true);
  });
});

test("the types of call() are those of forward()", () => {
  class Two extends Module {
    forward(a: Tensor, times: number): { readonly y: Tensor } {
      return { y: a.mul(times) };
    }
  }
  const result: { readonly y: Tensor } = new Two().call(ones([1]), 3);
  expect(result.y.item()).toBe(3);
  // @ts-expect-error: an argument is missing
  expect(() => new Two().call(ones([1]))).toThrow();
  // @ts-expect-error: it gives no array
  expect(() => new Linear(1, 1).registerForwardPreHook((_, [x]) => x)).not.toThrow();
});
