import { cpu } from "@descent/backend-cpu";
import {
  ArgumentError,
  Generator,
  getRngState,
  manualSeed,
  Parameter,
  rand,
  StateDictError,
  setBackend,
  Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import { beforeEach, describe, expect, test } from "vitest";
import {
  Adam,
  CosineAnnealingLR,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  Lookahead,
  OneCycleLR,
  SequentialLR,
  SGD,
} from "../index.ts";
import { localMember, packTensors, unpackTensors } from "./index.ts";

// Optimizers are made where tests are listed, too.
setBackend(cpu());
beforeEach(() => {
  setBackend(cpu());
  manualSeed(0);
});

const parameter = (): Parameter => new Parameter(tensor([1, 2]));
const score = (): number => 0;

describe("hyperparameters", () => {
  test("are written into all groups that have them, before every interval", async () => {
    const optimizer = new Adam([{ params: parameter() }, { params: parameter(), lr: 0.5 }]);
    const seen: unknown[] = [];
    const member = localMember<{ lr: number; betas: readonly number[]; depth: number; steps: number }>({
      parts: { optimizer },
      set: { depth: (depth) => seen.push(depth), steps: null },
      train: (hyper, generation) => {
        seen.push(hyper, generation, ...optimizer.paramGroups.map(({ lr, betas }) => [lr, ...betas]));
        optimizer.paramGroups[0]!.lr = 7;
        return 3;
      },
    });
    const hyper = { lr: 0.25, betas: [0.5, 0.75], depth: 2, steps: 9 };
    expect(await member.train(hyper, 4)).toBe(3);
    expect(seen).toEqual([2, hyper, 4, [0.25, 0.5, 0.75], [0.25, 0.5, 0.75]]);
    expect(optimizer.paramGroups[0]!.betas).not.toBe(hyper.betas);
    await member.train(hyper, 5);
    expect(seen.at(-2)).toEqual([0.25, 0.5, 0.75]);
  });

  test("lr is the rate that schedules start from, wherever they stand", async () => {
    const make = (lr: number) => {
      const base = new SGD([{ params: parameter() }, { params: parameter() }], { lr });
      const optimizer = new Lookahead(base, {});
      const cosine = new CosineAnnealingLR(base, { TMax: 10, etaMin: 0.01 });
      const decay = new ExponentialLR(optimizer.base, { gamma: 0.9 });
      return { optimizer, cosine, decay };
    };
    const [parts, straight] = [make(0.5), make(0.125)];
    const rates: number[] = [];
    const member = localMember<{ lr: number }>({
      parts,
      train: () => {
        rates.push(...parts.optimizer.paramGroups.map(({ lr }) => lr));
        for (const scheduler of [parts.cosine, parts.decay]) scheduler.step();
        rates.push(...parts.optimizer.paramGroups.map(({ lr }) => lr));
        return 0;
      },
    });
    await member.train({ lr: 0.5 }, 0);
    rates.length = 0;
    await member.train({ lr: 0.125 }, 1);
    const expected: number[] = [];
    for (let step = 0; step < 2; step++) {
      for (const scheduler of [straight.cosine, straight.decay]) scheduler.step();
      expected.push(...straight.optimizer.paramGroups.map(({ lr }) => lr));
    }
    expect(rates).toEqual(expected);
    expect(parts.cosine.stateDict()).toEqual(straight.cosine.stateDict());
    expect(parts.decay.getLastLr()).toEqual(straight.decay.getLastLr());
  });

  test("schedules of schedules and absolute ones start from it, too", async () => {
    for (const schedule of [
      (o: SGD) =>
        new SequentialLR(o, [new LambdaLR(o, { lrLambda: (t) => 1 / (t + 1) }), new ExponentialLR(o, { gamma: 0.5 })], {
          milestones: [1],
        } as never),
      (o: SGD) => new LambdaLR(o, { lrLambda: (t) => 1 / (t + 1) }),
    ]) {
      const [ours, straight] = [0.5, 0.25].map((lr) => {
        const optimizer = new SGD([parameter()], { lr });
        return { optimizer, scheduler: schedule(optimizer) };
      }) as [{ optimizer: SGD; scheduler: LambdaLR }, { optimizer: SGD; scheduler: LambdaLR }];
      const step = (): number => {
        ours.scheduler.step();
        return 0;
      };
      const member = localMember<{ lr: number }>({ parts: ours, train: step });
      await member.train({ lr: 0.5 }, 0);
      await member.train({ lr: 0.25 }, 1);
      straight.scheduler.step();
      straight.scheduler.step();
      expect(ours.optimizer.paramGroups[0]!.lr).toBe(straight.optimizer.paramGroups[0]!.lr);
    }
  });

  const train =
    (parts: object, hyper: object, set = {}) =>
    () =>
      localMember<object>({ parts: parts as never, train: score, set }).train(hyper, 0);
  const sgd = (): SGD => new SGD([parameter()], { lr: 0.1, momentum: 0.9 });

  test.each<[string, () => unknown]>([
    [
      "localMember: learningRate is no option of an optimizer (known: lr, momentum, dampening, weightDecay, nesterov, maximize); beta is no option of an optimizer (known: lr, momentum, dampening, weightDecay, nesterov, maximize); name a function for it in `set`, or null if train reads it",
      train({ optimizer: sgd() }, { lr: 0.5, learningRate: 1, beta: 2 }),
    ],
    [
      "localMember: lr is no option of an optimizer (no optimizer is among the parts); name a function for it in `set`, or null if train reads it",
      train({ random: new Generator(0) }, { lr: 0.5 }),
    ],
    [
      "localMember: params is no option of an optimizer (known: lr, momentum, dampening, weightDecay, nesterov, maximize); name a function for it in `set`, or null if train reads it",
      train({ optimizer: sgd() }, { params: 1 }),
    ],
    [
      "localMember: lr is set by a scheduler that is not among the parts; name a function for it in `set`, or null if train reads it",
      () => {
        const optimizer = sgd();
        new ExponentialLR(optimizer, { gamma: 0.5 });
        return train({ optimizer }, { lr: 0.5 })();
      },
    ],
    [
      "localMember: lr is set by OneCycleLR, which has bounds of its own for it; momentum is set by OneCycleLR, which has bounds of its own for it; name a function for it in `set`, or null if train reads it",
      () => {
        const optimizer = sgd();
        const scheduler = new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 9 });
        return train({ optimizer, scheduler }, { lr: 0.5, momentum: 0.5, weightDecay: 0 })();
      },
    ],
  ])("%s", async (message, fn) => {
    await expect(fn()).rejects.toThrow(ArgumentError);
    await expect(fn()).rejects.toThrow(expect.objectContaining({ message }));
  });

  test("that nobody takes leave the others where they were; a function takes what a scheduler has bounds for", async () => {
    const optimizer = sgd();
    await expect(train({ optimizer }, { lr: 0.5, depth: 3 })()).rejects.toThrow("depth is no option");
    expect(optimizer.paramGroups[0]!.lr).toBe(0.1);
    const scheduler = new CyclicLR(optimizer, { baseLr: 0.1, maxLr: 1 });
    const taken: number[] = [];
    await train({ optimizer, scheduler }, { lr: 0.5 }, { lr: (lr: number) => taken.push(lr) })();
    expect(taken).toEqual([0.5]);
  });
});

describe("the default generator", () => {
  const drawing = (seed: number, waits: number, log: number[]) =>
    localMember<object>({
      parts: { generator: new Generator(seed) },
      seed,
      train: async () => {
        for (let i = 0; i < 3; i++) {
          log.push(rand([1]).item());
          for (let wait = 0; wait < waits; wait++) await null;
        }
      },
      evaluate: () => rand([1]).item(),
    });

  test("is each member's own, also where they are trained at once, and nobody else's", async () => {
    const alone: [number[], number[]] = [[], []];
    for (const i of [0, 1] as const)
      for (const g of [0, 1]) alone[i].push(await drawing(10 + i, 0, alone[i]).train({}, g));
    const together: [number[], number[]] = [[], []];
    const members = [drawing(10, 5, together[0]), drawing(11, 1, together[1])];
    const outside = getRngState();
    for (const [i, score] of (await Promise.all(members.map((member) => member.train({}, 0)))).entries())
      together[i as 0 | 1].push(score);
    expect(together).toEqual(alone.map((numbers) => numbers.slice(0, 4)));
    expect(getRngState()).toEqual(outside);
    expect(new Set([...together[0], ...together[1]]).size).toBe(8);
  });

  test("begins where a seed says, or else the default generator, and goes with checkpoints", async () => {
    const make = (): ReturnType<typeof localMember<object>> =>
      localMember<object>({ parts: { generator: new Generator(0) }, train: () => rand([1]).item() });
    const [a, b] = [make(), make()];
    manualSeed(0);
    const [c, d] = [make(), make()];
    expect([await c.train({}, 0), await d.train({}, 0)]).toEqual([await a.train({}, 0), await b.train({}, 0)]);
    await d.load(await a.save());
    expect(await d.train({}, 1)).toBe(await a.train({}, 1));
  });

  test("comes back where training throws, and the next member has its turn", async () => {
    const outside = getRngState();
    const failing = localMember<object>({
      parts: { generator: new Generator(0) },
      seed: 1,
      train: () => {
        rand([1]);
        throw new Error("out of paper");
      },
    });
    const [first, second] = await Promise.allSettled([failing.train({}, 0), drawing(1, 0, []).train({}, 0)]);
    expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
    expect(getRngState()).toEqual(outside);
  });
});

describe("checkpoints", () => {
  test("share nothing with what they were made of, nor with what they are loaded into", async () => {
    const make = () => {
      // A part of somebody who hands out what lives on.
      const state = { count: 0, weights: parameter(), list: new Float32Array([1]) };
      const part = { stateDict: () => state, loadStateDict: (dict: typeof state) => Object.assign(state, dict) };
      return { state, member: localMember<object>({ parts: { part }, train: score }) };
    };
    const [a, b] = [make(), make()];
    const saved = await a.member.save();
    a.state.count = 5;
    a.state.weights.assign(tensor([7, 7]));
    a.state.list[0] = 9;
    await b.member.load(saved);
    expect([b.state.count, b.state.weights.toArray(), b.state.list[0]]).toEqual([0, [1, 2], 1]);
    b.state.list[0] = 3;
    expect((saved.parts.part as typeof b.state).list[0]).toBe(1);
  });

  test("are plain data for other threads, and come back", async () => {
    const optimizer = new Adam([parameter()]);
    const { params } = optimizer.paramGroups[0]!;
    params[0]!.grad = tensor([1, -1]);
    optimizer.step();
    const member = localMember<object>({ parts: { optimizer, random: new Generator(3) }, train: score });
    const packed = structuredClone(await packTensors(await member.save()));
    const back = unpackTensors(packed, { backend: cpu() }) as Awaited<ReturnType<typeof member.save>>;
    expect(await packTensors(back)).toEqual(packed);
    const { state } = back.parts.optimizer as ReturnType<Adam["stateDict"]>;
    expect(state[0]!.expAvg).toBeInstanceOf(Tensor);
  });
});

describe("rejects", () => {
  const make = (options: object) => () => localMember({ parts: { g: new Generator(0) }, train: score, ...options });

  test.each<[string, () => unknown]>([
    ["localMember: there are no parts; pass all that training changes: { model, optimizer }", make({ parts: {} })],
    [
      "localMember: parts.model is undefined, expected what has a stateDict(), or a Generator; parts.weights is a tensor of shape [1], expected what has a stateDict(), or a Generator",
      () => make({ parts: { model: undefined, weights: tensor([1]) } })(),
    ],
    ["localMember: train is null, expected a function", make({ train: null })],
    [
      "localMember: evaluate is 1, expected a function; seed is 0.5, expected an integer",
      make({ evaluate: 1, seed: 0.5 }),
    ],
    ["localMember: set.depth is 3, expected a function, or null", make({ set: { depth: 3 } })],
    ["localMember: model is unknown (known: parts, train, evaluate, set, seed)", make({ model: 1 })],
  ])("%s", (message, fn) => {
    expect(fn).toThrow(ArgumentError);
    expect(fn).toThrow(expect.objectContaining({ message }));
  });

  test("checkpoints of other members", () => {
    const member = localMember<object>({ parts: { optimizer: new SGD([parameter()]) }, train: score });
    const other = { random: { seed: 0, counter: 0 }, parts: { model: {} } };
    expect(() => member.load(other)).toThrow(StateDictError);
    expect(() => member.load(other)).toThrow(
      "localMember.load: the checkpoint has model, the member optimizer; load what a member with the same parts saved",
    );
  });
});
