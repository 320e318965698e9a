import { cpu } from "@descent/backend-cpu";
import { ArgumentError, Parameter, StateDictError, setBackend, tensor } from "@descent/core";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { CosineAnnealingLR, cosineAnnealing, LambdaLR, type ScheduleLR, SGD, StepLR, stepDecay } from "./index.ts";

beforeEach(() => setBackend(cpu()));

const optimizerWith = (...lrs: number[]): SGD => new SGD(lrs.map((lr) => ({ params: new Parameter(tensor([1])), lr })));
const rates = (optimizer: SGD): number[] => optimizer.paramGroups.map(({ lr }) => lr);

const KINDS: Record<string, (optimizer: SGD) => ScheduleLR> = {
  LambdaLR: (optimizer) => new LambdaLR(optimizer, { lrLambda: (t) => 0.9 ** t }),
  StepLR: (optimizer) => new StepLR(optimizer, { stepSize: 3 }),
  CosineAnnealingLR: (optimizer) => new CosineAnnealingLR(optimizer, { TMax: 7, etaMin: 0.01 }),
};

describe.each(Object.entries(KINDS))("%s", (_name, make) => {
  test("resumes anywhere, whichever state is loaded first", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.constantFrom(0, 1, 2), fc.boolean(), (before, after, order, byHand) => {
        const optimizer = optimizerWith(0.1, 0.5);
        const scheduler = make(optimizer);
        for (let t = 0; t < before; t++) scheduler.step();
        if (byHand) optimizer.paramGroups[1]!.lr = 0.125;
        const [saved, schedule] = [optimizer.stateDict(), scheduler.stateDict()];

        const other = optimizerWith(0.1, 0.5);
        if (order === 0) other.loadStateDict(saved);
        const resumed = make(other);
        if (order === 1) other.loadStateDict(saved);
        resumed.loadStateDict(schedule);
        if (order === 2) other.loadStateDict(saved);
        for (let t = 0; t <= after; t++) {
          expect(rates(other)).toEqual(rates(optimizer));
          expect(resumed.lastEpoch).toBe(scheduler.lastEpoch);
          scheduler.step();
          resumed.step();
        }
      }),
    );
  });
});

describe("schedules", () => {
  test("stepDecay drops once per stepSize", () => {
    fc.assert(
      fc.property(fc.nat(100), fc.integer({ min: 1, max: 9 }), (t, stepSize) => {
        const rate = stepDecay({ stepSize, gamma: 0.5 });
        expect(rate(t + stepSize, 1)).toBe(rate(t, 1) / 2);
        expect(rate(0, 0.3)).toBe(0.3);
      }),
    );
  });

  test("cosineAnnealing falls to etaMin at TMax, and is symmetric about it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(50), (TMax, t) => {
        const rate = cosineAnnealing({ TMax, etaMin: 0.1 });
        expect(rate(0, 0.7)).toBeCloseTo(0.7, 14);
        expect(rate(TMax, 0.7)).toBeCloseTo(0.1, 14);
        expect(rate(TMax + t, 0.7)).toBeCloseTo(rate(TMax - t, 0.7), 12);
        expect(rate(t, 0.7)).toBeGreaterThanOrEqual(0.1);
        expect(rate(t, 0.7)).toBeLessThanOrEqual(0.7);
      }),
    );
  });
});

describe("ScheduleLR", () => {
  test("records the initial rate of every group once, for all schedulers", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    new LambdaLR(optimizer, { lrLambda: () => 0.5 });
    expect(rates(optimizer)).toEqual([0.05, 0.1]);
    new StepLR(optimizer, { stepSize: 1 });
    expect(optimizer.paramGroups.map(({ initialLr }) => initialLr)).toEqual([0.1, 0.2]);
    expect(rates(optimizer)).toEqual([0.1, 0.2]);
  });

  test("a rate changed by hand lasts until the next step", () => {
    const optimizer = optimizerWith(0.1);
    const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    optimizer.paramGroups[0]!.lr = 7;
    scheduler.step();
    expect(rates(optimizer)).toEqual([0.1]);
    scheduler.step(1.25);
    expect(rates(optimizer)).toEqual([0.05]);
  });

  test("a group that is added later starts at its own rate", () => {
    const optimizer = optimizerWith(0.1);
    const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    scheduler.step();
    optimizer.addParamGroup({ params: new Parameter(tensor([1])), lr: 0.4 });
    scheduler.step();
    expect(rates(optimizer)).toEqual([0.05, 0.2]);
  });

  test("takes one function for every group", () => {
    const optimizer = optimizerWith(0.1, 0.1);
    new LambdaLR(optimizer, { lrLambda: [() => 1, () => 2] });
    expect(rates(optimizer)).toEqual([0.1, 0.2]);
  });

  test("its state alone is enough to go on, also where the optimizer began with other rates", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    scheduler.step();
    const other = optimizerWith(7, 7);
    const resumed = new StepLR(other, { stepSize: 2, gamma: 0.5 });
    resumed.loadStateDict(scheduler.stateDict());
    expect(rates(other)).toEqual([0.1, 0.2]);
    resumed.step();
    expect(rates(other)).toEqual([0.05, 0.1]);
  });

  test("a function that throws changes nothing", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    const scheduler = new LambdaLR(optimizer, {
      lrLambda: [
        () => 0.5,
        (t) => {
          if (t === 1) throw new RangeError("no");
          return 0.5;
        },
      ],
    });
    expect(() => scheduler.step()).toThrow("no");
    expect(scheduler.lastEpoch).toBe(0);
    expect(rates(optimizer)).toEqual([0.05, 0.1]);
  });

  test.each<[string, (optimizer: SGD) => unknown]>([
    ["StepLR: stepSize is 0, expected an integer ≥ 1", (o) => new StepLR(o, { stepSize: 0 })],
    ["StepLR: stepSize is 2.5, expected an integer ≥ 1", (o) => new StepLR(o, { stepSize: 2.5 })],
    ["StepLR: stepSize is undefined, expected an integer ≥ 1", (o) => new StepLR(o, {} as never)],
    ["StepLR: expected options { stepSize, gamma }, got 7", (o) => new StepLR(o, 7 as never)],
    ["LambdaLR: expected options { lrLambda }, got a function", (o) => new LambdaLR(o, (() => 1) as never)],
    ["StepLR: gamma is -1, expected a number ≥ 0", (o) => new StepLR(o, { stepSize: 2, gamma: -1 })],
    [
      'StepLR: step_size is unknown (known: stepSize, gamma); gamma is "x", expected a number ≥ 0',
      (o) => new StepLR(o, { stepSize: 2, step_size: 2, gamma: "x" } as never),
    ],
    ["CosineAnnealingLR: TMax is 0, expected a number > 0", (o) => new CosineAnnealingLR(o, { TMax: 0 })],
    [
      "CosineAnnealingLR: etaMin is NaN, expected a number ≥ 0",
      (o) => new CosineAnnealingLR(o, { TMax: 5, etaMin: Number.NaN }),
    ],
    [
      "LambdaLR: lrLambda is 0.5, expected a function or a list of functions",
      (o) => new LambdaLR(o, { lrLambda: 0.5 as never }),
    ],
    [
      "LambdaLR: 1 functions for 2 parameter groups; give one for every group, or a single one for all",
      (o) => new LambdaLR(o, { lrLambda: [() => 1] }),
    ],
  ])("%s", (message, make) => {
    const optimizer = optimizerWith(0.1, 0.2);
    expect(() => make(optimizer)).toThrow(ArgumentError);
    expect(() => make(optimizer)).toThrow(expect.objectContaining({ message }));
    expect(optimizer.paramGroups.map(({ lr, initialLr }) => [lr, initialLr])).toEqual([
      [0.1, undefined],
      [0.2, undefined],
    ]);
  });

  test("rejects a state that does not fit, with all that is wrong", () => {
    const optimizer = optimizerWith(0.1, 0.2);
    const scheduler = new StepLR(optimizer, { stepSize: 2 });
    const load = (): void =>
      scheduler.loadStateDict({ lastEpoch: -1, baseLrs: [0.1], lastLr: [0.1, Number.NaN], gamma: 1 } as never);
    expect(load).toThrow(StateDictError);
    expect(load).toThrow(
      "StepLR.loadStateDict: gamma is unknown (known: lastEpoch, baseLrs, lastLr); lastEpoch is -1, expected an integer ≥ 0; " +
        "baseLrs is [0.1], expected a list of 2, each a number ≥ 0; lastLr is [0.1, NaN], expected a list of 2, each a number ≥ 0; " +
        "make the scheduler as it was when the dict was saved",
    );
    expect(rates(optimizer)).toEqual([0.1, 0.2]);
  });
});
