import { Parameter, scope, setBackend, tensor } from "@descent/core";
import "@descent/core/methods";
import { type CountingBackend, countingBackend } from "@descent/testing";
import { beforeEach, describe, expect, test } from "vitest";
import {
  Adam,
  type AdamHyper,
  AdamW,
  AdamWScheduleFree,
  clipGradAdaptive,
  clipGradNorm,
  clipGradValue,
  type Params,
  RMSprop,
  Rprop,
  SGD,
  type SGDHyper,
} from "../index.ts";

let backend: CountingBackend;
beforeEach(() => {
  backend = countingBackend();
  setBackend(backend);
});

const MAKERS = {
  SGD: (params: Params<SGDHyper>) => new SGD(params, { weightDecay: 0.1 }),
  "SGD with momentum": (params: Params<SGDHyper>) => new SGD(params, { momentum: 0.9, nesterov: true }),
  Adam: (params: Params<AdamHyper>) => new Adam(params, { weightDecay: 0.1 }) as unknown as SGD,
  AMSGrad: (params: Params<AdamHyper>) => new Adam(params, { amsgrad: true, maximize: true }) as unknown as SGD,
  AdamW: (params: Params<AdamHyper>) => new AdamW(params as never) as unknown as SGD,
  RMSprop: (params: Params<AdamHyper>) =>
    new RMSprop(params as never, { centered: true, momentum: 0.9 }) as unknown as SGD,
  Rprop: (params: Params<AdamHyper>) => new Rprop(params as never) as unknown as SGD,
  AdamWScheduleFree: (params: Params<AdamHyper>) => new AdamWScheduleFree(params as never) as unknown as SGD,
};
/** State tensors per parameter. */
const SLOTS = {
  SGD: 0,
  "SGD with momentum": 1,
  Adam: 2,
  AMSGrad: 3,
  AdamW: 2,
  RMSprop: 3,
  Rprop: 2,

  AdamWScheduleFree: 2,
};

function made(size: number): Parameter {
  using x = tensor(Array.from({ length: size }, (_, i) => i / 4));
  return new Parameter(x);
}

describe.each(Object.keys(MAKERS) as (keyof typeof MAKERS)[])("%s", (name) => {
  const sizes = [5, 3];
  const bytes = 4 * 8;
  const train = (parameters: Parameter[], optimizer: SGD): void =>
    scope(() => {
      optimizer.zeroGrad();
      const [p, q] = parameters as [Parameter, Parameter];
      p.mul(p).sum().add(q.mul(2).mul(q).sum()).backward();
      clipGradNorm(parameters, 1);
      clipGradValue(parameters, 0.5);
      clipGradAdaptive(parameters);
      optimizer.step();
    });

  test("between steps nothing is alive but parameters, gradients and state", () => {
    const parameters = sizes.map(made);
    const optimizer = MAKERS[name](parameters);
    for (let step = 1; step <= 5; step++) {
      train(parameters, optimizer);
      expect(backend.liveBytes, `with gradients, step ${step}`).toBeLessThanOrEqual(bytes * (2 + SLOTS[name]));
      optimizer.zeroGrad();
      expect(backend.liveBytes, `step ${step}`).toBe(bytes * (1 + SLOTS[name]));
    }
  });

  test("saving and loading owns nothing twice", () => {
    const parameters = sizes.map(made);
    const optimizer = MAKERS[name](parameters);
    train(parameters, optimizer);
    const saved = optimizer.stateDict();
    train(parameters, optimizer);
    optimizer.zeroGrad();
    expect(backend.liveBytes).toBe(bytes * (1 + 2 * SLOTS[name]));
    scope(() => optimizer.loadStateDict(saved));
    expect(backend.liveBytes).toBe(bytes * (1 + SLOTS[name]));
    for (let step = 0; step < 3; step++) train(parameters, optimizer);
    for (const entry of Object.values(saved.state))
      for (const x of Object.values(entry)) if (typeof x === "object") x.dispose();
    optimizer.zeroGrad();
    expect(backend.liveBytes).toBe(bytes * (1 + SLOTS[name]));
  });

  test("a step that fails leaves nothing behind", () => {
    const parameters = sizes.map(made);
    const optimizer = MAKERS[name](parameters);
    train(parameters, optimizer);
    const before = backend.liveBytes;
    const { binary } = backend;
    let left = 3;
    backend.binary = (...args) => {
      if (left-- === 0) throw new RangeError("out of memory");
      return binary(...args);
    };
    expect(() => optimizer.step()).toThrow("out of memory");
    expect(backend.liveBytes).toBe(before);
  });

  test("state outlives the scope that it was made in", () => {
    const parameters = sizes.map(made);
    const optimizer = MAKERS[name](parameters);
    scope(() => scope(() => train(parameters, optimizer)));
    expect(() => train(parameters, optimizer)).not.toThrow();
  });
});

test("a gradient that user code holds survives clipping and steps", () => {
  const p = made(3);
  p.mul(p).sum().backward();
  const held = p.grad!;
  clipGradNorm(p, 1e-3);
  new SGD([p], { momentum: 0.9 }).step();
  p.grad = null;
  expect(held.toArray()).toEqual([0, 0.5, 1]);
});
