import { cpu } from "@descent/backend-cpu";
import { Parameter, setBackend, tensor } from "@descent/core";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import * as optim from "../index.ts";

beforeEach(() => setBackend(cpu()));

const optimizerWith = (...lrs: number[]): optim.SGD =>
  new optim.SGD(
    lrs.map((lr) => ({ params: new Parameter(tensor([1])), lr })),
    { momentum: 0.9 },
  );
const shown = ({ paramGroups }: optim.SGD): unknown =>
  paramGroups.map(({ lr, initialLr, momentum }) => [lr, initialLr, momentum]);

type Make = (optimizer: optim.SGD) => readonly optim.LRScheduler[];
const odd = (t: number): number => (t % 2 === 1 ? 0.9 : 1.05);
const linear = (o: optim.SGD) => new optim.LinearLR(o, { startFactor: 0.1, totalIters: 4 });
const oneCycle = (o: optim.SGD) => new optim.OneCycleLR(o, { maxLr: [0.5, 1], totalSteps: 60 });
const plateau = (o: optim.SGD) => new optim.ReduceLROnPlateau(o, { patience: 1, cooldown: 1, factor: 0.5 });
const KINDS: Record<string, Make> = {
  LambdaLR: (o) => [new optim.LambdaLR(o, { lrLambda: (t) => 0.9 ** t })],
  MultiplicativeLR: (o) => [new optim.MultiplicativeLR(o, { lrLambda: [odd, (t) => 1 / (1 + t)] })],
  StepLR: (o) => [new optim.StepLR(o, { stepSize: 3 })],
  MultiStepLR: (o) => [new optim.MultiStepLR(o, { milestones: [2, 2, 9] })],
  ConstantLR: (o) => [new optim.ConstantLR(o)],
  LinearLR: (o) => [linear(o)],
  ExponentialLR: (o) => [new optim.ExponentialLR(o, { gamma: 0.9 })],
  PolynomialLR: (o) => [new optim.PolynomialLR(o, { totalIters: 9, power: 2 })],
  FactorLR: (o) => [new optim.FactorLR(o, { factor: 0.8, etaMin: 0.02 })],
  CosineAnnealingLR: (o) => [new optim.CosineAnnealingLR(o, { TMax: 7, etaMin: 0.01 })],
  CosineAnnealingWarmRestarts: (o) => [new optim.CosineAnnealingWarmRestarts(o, { T0: 3, TMult: 2 })],
  CyclicLR: (o) => [new optim.CyclicLR(o, { baseLr: 0.01, maxLr: 0.1, stepSizeUp: 3, mode: "exp_range", gamma: 0.9 })],
  OneCycleLR: (o) => [oneCycle(o)],
  SWALR: (o) => [new optim.SWALR(o, { swaLr: 0.05 })],
  ReduceLROnPlateau: (o) => [plateau(o)],
  ScheduleLR: (o) => [new optim.ScheduleLR(o, (t, base) => base / (1 + t))],
  WarmupLR: (o) => [new optim.WarmupLR(o, { steps: 3 })],
  "WarmupLR before ReduceLROnPlateau": (o) => [
    new optim.WarmupLR(o, { steps: 3, shape: "exponential", after: plateau(o) }),
  ],
  "SequentialLR of four": (o) => [
    new optim.SequentialLR(
      o,
      [
        linear(o),
        oneCycle(o),
        new optim.MultiplicativeLR(o, { lrLambda: odd }),
        new optim.CosineAnnealingWarmRestarts(o, { T0: 3 }),
      ],
      { milestones: [4, 10, 14] },
    ),
  ],
  "SequentialLR of ChainedScheduler": (o) => [
    new optim.SequentialLR(
      o,
      [
        new optim.ChainedScheduler([linear(o), new optim.StepLR(o, { stepSize: 3 })]),
        new optim.SWALR(o, { swaLr: 0.05 }),
      ],
      { milestones: [8] },
    ),
  ],
  "two schedulers": (o) => [new optim.ExponentialLR(o, { gamma: 0.9 }), linear(o)],
  "OneCycleLR after another": (o) => [new optim.ExponentialLR(o, { gamma: 0.9 }), oneCycle(o)],
  "OneCycleLR beside a plateau": (o) => [oneCycle(o), plateau(o)],
};

describe.each(Object.entries(KINDS))("%s", (_name, make) => {
  test("goes on anywhere as if it had never stopped, whichever state is loaded first", () => {
    const metric = fc.constantFrom(1, 2, 3);
    fc.assert(
      fc.property(
        fc.array(metric, { maxLength: 20 }),
        fc.array(metric, { maxLength: 20 }),
        fc.constantFrom("first", "second", "last"),
        fc.boolean(),
        fc.boolean(),
        (before, after, order, byHand, isReversed) => {
          const optimizer = optimizerWith(0.1, 0.5);
          const schedulers = make(optimizer);
          for (const value of before) for (const scheduler of schedulers) scheduler.step(value);
          if (byHand) optimizer.paramGroups[1]!.lr = 0.125;
          const saved = optimizer.stateDict();
          // What is saved is plain data.
          const states: optim.ScheduleStateDict[] = JSON.parse(JSON.stringify(schedulers.map((s) => s.stateDict())));

          const other = optimizerWith(0.1, 0.5);
          if (order === "first") other.loadStateDict(saved);
          const resumed = make(other);
          if (order === "second") other.loadStateDict(saved);
          const loads = resumed.map((scheduler, i) => () => scheduler.loadStateDict(states[i]!));
          for (const load of isReversed ? loads.reverse() : loads) load();
          if (order === "last") other.loadStateDict(saved);
          expect(shown(other)).toEqual(shown(optimizer));
          if (!byHand) expect(resumed[0]!.getLastLr()).toEqual(schedulers[0]!.getLastLr());
          for (const value of after) {
            for (const scheduler of [...schedulers, ...resumed]) scheduler.step(value);
            expect(shown(other)).toEqual(shown(optimizer));
            for (const [i, scheduler] of resumed.entries()) {
              expect(scheduler.lastEpoch).toBe(schedulers[i]!.lastEpoch);
              expect(scheduler.stateDict()).toEqual(schedulers[i]!.stateDict());
              expect(scheduler.getLastLr()).toEqual(schedulers[i]!.getLastLr());
            }
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

test("the state alone is enough, also where the optimizer began with other rates", () => {
  const make = KINDS["SequentialLR of four"]!;
  const optimizer = optimizerWith(0.1, 0.5);
  const [scheduler] = make(optimizer);
  for (let t = 0; t < 12; t++) scheduler!.step();
  const other = optimizerWith(7, 7);
  const [resumed] = make(other);
  resumed!.loadStateDict(scheduler!.stateDict());
  for (let t = 0; t < 6; t++) {
    expect(shown(other)).toEqual(shown(optimizer));
    scheduler!.step();
    resumed!.step();
  }
});

test("of schedulers with initial rates of their own, any may be loaded first", () => {
  const make = KINDS["OneCycleLR after another"]!;
  const [optimizer, other] = [optimizerWith(0.1, 0.5), optimizerWith(7, 7)];
  const [schedulers, resumed] = [make(optimizer), make(other)];
  for (const i of [1, 0]) resumed[i]!.loadStateDict(schedulers[i]!.stateDict());
  expect(shown(other)).toEqual(shown(optimizer));
});

test("a fraction of an epoch is kept", () => {
  const optimizer = optimizerWith(0.1);
  const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { T0: 4 });
  scheduler.step(2.75);
  expect(scheduler.lastEpoch).toBe(2);
  const other = optimizerWith(0.1);
  const resumed = new optim.CosineAnnealingWarmRestarts(other, { T0: 4 });
  resumed.loadStateDict(scheduler.stateDict());
  scheduler.step();
  resumed.step();
  expect(shown(other)).toEqual(shown(optimizer));
  expect(scheduler.lastEpoch).toBe(3);
});
