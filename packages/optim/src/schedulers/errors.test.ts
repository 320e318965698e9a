import { cpu } from "@descent/backend-cpu";
import { ArgumentError, Parameter, StateDictError, setBackend, tensor } from "@descent/core";
import { beforeEach, expect, test } from "vitest";
import * as optim from "../index.ts";

beforeEach(() => setBackend(cpu()));

const optimizerWith = (...lrs: number[]): optim.SGD =>
  new optim.SGD(lrs.map((lr) => ({ params: new Parameter(tensor([1])), lr })));
const shown = ({ paramGroups }: optim.SGD): unknown =>
  paramGroups.map(({ lr, initialLr, momentum }) => [lr, initialLr, momentum]);
const step = (o: optim.AnyOptimizer): optim.StepLR => new optim.StepLR(o, { stepSize: 2 });
const plateau = (o: optim.AnyOptimizer): optim.ReduceLROnPlateau => new optim.ReduceLROnPlateau(o);
const cycle = { baseLr: 0.1, maxLr: 1 };

test.each<[message: string, make: (o: optim.SGD) => unknown]>([
  ["StepLR: stepSize is 0, expected an integer ≥ 1", (o) => new optim.StepLR(o, { stepSize: 0 })],
  ["StepLR: stepSize is 2.5, expected an integer ≥ 1", (o) => new optim.StepLR(o, { stepSize: 2.5 })],
  ["StepLR: stepSize is undefined, expected an integer ≥ 1", (o) => new optim.StepLR(o, {} as never)],
  ["StepLR: expected options { stepSize, gamma }, got 7", (o) => new optim.StepLR(o, 7 as never)],
  ["StepLR: gamma is -1, expected a number ≥ 0", (o) => new optim.StepLR(o, { stepSize: 2, gamma: -1 })],
  [
    'StepLR: step_size is unknown (known: stepSize, gamma); gamma is "x", expected a number ≥ 0',
    (o) => new optim.StepLR(o, { stepSize: 2, step_size: 2, gamma: "x" } as never),
  ],
  ["StepLR: expected an optimizer, got undefined; pass one, such as new SGD(…)", () => step(undefined as never)],
  [
    "StepLR: paramGroups[0].lr is undefined, expected a number; an optimizer without learning rate, such as COCOB, needs no scheduler; others have lr in their groups",
    () => step({ paramGroups: [{}] } as never),
  ],
  ["LambdaLR: expected options { lrLambda }, got a function", (o) => new optim.LambdaLR(o, (() => 1) as never)],
  [
    "LambdaLR: lrLambda is 0.5, expected a function or a list of functions",
    (o) => new optim.LambdaLR(o, { lrLambda: 0.5 as never }),
  ],
  [
    "LambdaLR: lrLambda has 1 entries for 2 parameter groups; give one for every group, or a single one for all",
    (o) => new optim.LambdaLR(o, { lrLambda: [() => 1] }),
  ],
  [
    'MultiplicativeLR: lrLambda is "0.9", expected a function or a list of functions',
    (o) => new optim.MultiplicativeLR(o, { lrLambda: "0.9" as never }),
  ],
  [
    "ScheduleLR: schedule is undefined, expected a function or a list of functions",
    (o) => new optim.ScheduleLR(o, undefined as never),
  ],
  [
    "MultiStepLR: milestones is [5, 3], expected integers ≥ 0 in increasing order",
    (o) => new optim.MultiStepLR(o, { milestones: [5, 3] }),
  ],
  [
    "MultiStepLR: milestones is 5, expected integers ≥ 0 in increasing order",
    (o) => new optim.MultiStepLR(o, { milestones: 5 as never }),
  ],
  [
    "ConstantLR: factor is 1.5, expected a number in [0, 1]; totalIters is 0, expected an integer ≥ 1",
    (o) => new optim.ConstantLR(o, { factor: 1.5, totalIters: 0 }),
  ],
  [
    "LinearLR: startFactor is 0, expected a number in (0, 1]; endFactor is 2, expected a number in [0, 1]",
    (o) => new optim.LinearLR(o, { startFactor: 0, endFactor: 2 }),
  ],
  ["ExponentialLR: gamma is undefined, expected a number ≥ 0", (o) => new optim.ExponentialLR(o, {} as never)],
  ["PolynomialLR: power is -1, expected a number ≥ 0", (o) => new optim.PolynomialLR(o, { power: -1 })],
  ["FactorLR: factor is 1.1, expected a number in [0, 1]", (o) => new optim.FactorLR(o, { factor: 1.1 })],
  ["CosineAnnealingLR: TMax is 0, expected a number > 0", (o) => new optim.CosineAnnealingLR(o, { TMax: 0 })],
  [
    "CosineAnnealingLR: etaMin is NaN, expected a number ≥ 0",
    (o) => new optim.CosineAnnealingLR(o, { TMax: 5, etaMin: Number.NaN }),
  ],
  [
    "CosineAnnealingWarmRestarts: T0 is -1, expected an integer ≥ 1; TMult is 1.5, expected an integer ≥ 1",
    (o) => new optim.CosineAnnealingWarmRestarts(o, { T0: -1, TMult: 1.5 }),
  ],
  [
    "CosineAnnealingWarmRestarts: TMult is 0, expected an integer ≥ 1",
    (o) => new optim.CosineAnnealingWarmRestarts(o, { T0: 1, TMult: 0 }),
  ],
  [
    'CyclicLR: mode is "triangle", expected "triangular" or "triangular2" or "exp_range"',
    (o) => new optim.CyclicLR(o, { ...cycle, mode: "triangle" as never }),
  ],
  [
    "CyclicLR: maxLr is undefined, expected a number ≥ 0, or a list of one for every group; scaleFn is 2, expected a function",
    (o) => new optim.CyclicLR(o, { baseLr: 0.1, scaleFn: 2 } as never),
  ],
  [
    "CyclicLR: baseLr has 3 entries for 2 parameter groups; give one for every group, or a single one for all",
    (o) => new optim.CyclicLR(o, { ...cycle, baseLr: [1, 2, 3] }),
  ],
  [
    "CyclicLR: maxMomentum has 1 entries for 2 parameter groups; give one for every group, or a single one for all",
    (o) => new optim.CyclicLR(o, { ...cycle, maxMomentum: [0.9] }),
  ],
  [
    "CyclicLR: cycleMomentum needs an optimizer with momentum or betas; pass cycleMomentum: false",
    () => new optim.CyclicLR({ paramGroups: [{ lr: 1 }] }, cycle),
  ],
  [
    "OneCycleLR: cycleMomentum needs an optimizer with momentum or betas; pass cycleMomentum: false",
    () => new optim.OneCycleLR({ paramGroups: [{ lr: 1 }] }, { maxLr: 1, totalSteps: 9 }),
  ],
  [
    "OneCycleLR: totalSteps is undefined, epochs 3, stepsPerEpoch undefined; give totalSteps, or epochs and stepsPerEpoch",
    (o) => new optim.OneCycleLR(o, { maxLr: 1, epochs: 3 }),
  ],
  [
    'OneCycleLR: totalSteps is 0, expected an integer ≥ 1; pctStart is 1.5, expected a number in [0, 1]; annealStrategy is "cosine", expected "cos" or "linear"',
    (o) => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 0, pctStart: 1.5, annealStrategy: "cosine" as never }),
  ],
  [
    "SWALR: swaLr is undefined, expected a number ≥ 0, or a list of one for every group; annealEpochs is -1, expected an integer ≥ 0",
    (o) => new optim.SWALR(o, { annealEpochs: -1 } as never),
  ],
  [
    'ReduceLROnPlateau: mode is "low", expected "min" or "max"; factor is 1, expected a number in [0, 1)',
    (o) => new optim.ReduceLROnPlateau(o, { mode: "low" as never, factor: 1 }),
  ],
  [
    'ReduceLROnPlateau: thresholdMode is "relative", expected "rel" or "abs"',
    (o) => new optim.ReduceLROnPlateau(o, { thresholdMode: "relative" as never }),
  ],
  [
    "ReduceLROnPlateau: minLr has 1 entries for 2 parameter groups; give one for every group, or a single one for all",
    (o) => new optim.ReduceLROnPlateau(o, { minLr: [0.1] }),
  ],
  [
    'WarmupLR: steps is undefined, expected an integer ≥ 0; shape is "cos", expected "linear" or "polynomial" or "exponential"; startFactor is 0, expected a number in (0, 1]',
    (o) => new optim.WarmupLR(o, { shape: "cos", startFactor: 0 } as never),
  ],
  ["WarmupLR: after is 7, not a scheduler", (o) => new optim.WarmupLR(o, { steps: 1, after: 7 as never })],
  [
    "WarmupLR: after, a StepLR, belongs to another optimizer; make a scheduler of its own",
    (o) => new optim.WarmupLR(o, { steps: 1, after: step(optimizerWith(1)) }),
  ],
  [
    "SequentialLR: expected a list of at least one scheduler, got []",
    (o) => new optim.SequentialLR(o, [], { milestones: [] }),
  ],
  [
    "ChainedScheduler: expected a list of at least one scheduler, got undefined",
    (o) => new optim.ChainedScheduler(o, undefined as never),
  ],
  ["ChainedScheduler: expected a list of at least one scheduler, got []", () => new optim.ChainedScheduler([])],
  [
    "ChainedScheduler: schedulers[0] is an object, not a scheduler",
    (o) => new optim.ChainedScheduler(o, [{} as never]),
  ],
])("%s", (message, make) => {
  const optimizer = optimizerWith(0.1, 0.2);
  const before = shown(optimizer);
  expect(() => make(optimizer)).toThrow(ArgumentError);
  expect(() => make(optimizer)).toThrow(expect.objectContaining({ message }));
  expect(shown(optimizer)).toEqual(before);
});

test.each<[message: string, make: (o: optim.SGD) => () => unknown]>([
  [
    "SequentialLR: 2 milestones for 2 schedulers; give one milestone less than there are schedulers",
    (o) => {
      const parts = [step(o), step(o)];
      return () => new optim.SequentialLR(o, parts, { milestones: [1, 2] });
    },
  ],
  [
    "SequentialLR: milestones is [4, 2], expected integers ≥ 0 in increasing order",
    (o) => {
      const parts = [step(o), step(o), step(o)];
      return () => new optim.SequentialLR(o, parts, { milestones: [4, 2] });
    },
  ],
  [
    "SequentialLR: schedulers[1], a StepLR, belongs to another optimizer; make a scheduler of its own",
    (o) => {
      const parts = [step(o), step(optimizerWith(1))];
      return () => new optim.SequentialLR(o, parts, { milestones: [4] });
    },
  ],
  [
    "ChainedScheduler: schedulers[1], a StepLR, is listed twice; make a scheduler of its own",
    (o) => {
      const part = step(o);
      return () => new optim.ChainedScheduler([part, part]);
    },
  ],
  [
    "ChainedScheduler: schedulers[0], a StepLR, is part of a SequentialLR; make a scheduler of its own",
    (o) => {
      const part = step(o);
      new optim.SequentialLR(o, [part], { milestones: [] });
      return () => new optim.ChainedScheduler([part]);
    },
  ],
  [
    "SequentialLR: schedulers[0], a ReduceLROnPlateau, needs a metric at every step; make it a scheduler beside this one, or what comes after a WarmupLR",
    (o) => {
      const part = plateau(o);
      return () => new optim.SequentialLR(o, [part], { milestones: [] });
    },
  ],
  [
    "ChainedScheduler: schedulers[1], a WarmupLR, needs a metric at every step; make it a scheduler beside this one, or what comes after a WarmupLR",
    (o) => {
      const parts = [step(o), new optim.WarmupLR(o, { steps: 2, after: plateau(o) })];
      return () => new optim.ChainedScheduler(parts);
    },
  ],
  [
    "StepLR.step: it is part of a ChainedScheduler, which moves it; call step() of the ChainedScheduler",
    (o) => {
      const part = step(o);
      new optim.ChainedScheduler([part]);
      return () => part.step();
    },
  ],
  [
    "StepLR.loadStateDict: it is part of a WarmupLR, which moves it; call loadStateDict() of the WarmupLR",
    (o) => {
      const part = step(o);
      new optim.WarmupLR(o, { steps: 1, after: part });
      return () => part.loadStateDict(part.stateDict());
    },
  ],
  [
    "ReduceLROnPlateau.step: the metric is undefined, expected a number; pass what should improve, such as step(loss.item())",
    (o) => {
      const scheduler = plateau(o);
      return () => (scheduler as optim.LRScheduler).step();
    },
  ],
  [
    "ReduceLROnPlateau.step: the metric is a tensor of shape [], expected a number; pass what should improve, such as step(loss.item())",
    (o) => {
      const scheduler = plateau(o);
      return () => scheduler.step(tensor(1) as never);
    },
  ],
  [
    "CosineAnnealingWarmRestarts.step: epoch is -0.5, expected a number ≥ 0",
    (o) => {
      const scheduler = new optim.CosineAnnealingWarmRestarts(o, { T0: 3 });
      return () => scheduler.step(-0.5);
    },
  ],
  [
    "OneCycleLR: step 4 is beyond totalSteps, which is 3; make totalSteps the number of calls of step()",
    (o) => {
      const scheduler = new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 3 });
      for (let t = 0; t < 3; t++) scheduler.step();
      return () => scheduler.step();
    },
  ],
  [
    "LambdaLR: lrLambda has 2 entries for 3 parameter groups; give one for every group, or a single one for all",
    (o) => {
      const scheduler = new optim.LambdaLR(o, { lrLambda: [() => 1, () => 2] });
      o.addParamGroup({ params: new Parameter(tensor([1])) });
      return () => scheduler.step();
    },
  ],
  [
    "LambdaLR: lrLambda has 2 entries for 3 parameter groups; give one for every group, or a single one for all",
    (o) => {
      const part = new optim.LambdaLR(o, { lrLambda: [() => 1, () => 2] });
      const scheduler = new optim.WarmupLR(o, { steps: 1, after: part });
      o.addParamGroup({ params: new Parameter(tensor([1])) });
      return () => scheduler.step();
    },
  ],
])("%s", (message, prepare) => {
  const optimizer = optimizerWith(0.1, 0.2);
  const act = prepare(optimizer);
  const before = shown(optimizer);
  expect(act).toThrow(ArgumentError);
  expect(act).toThrow(expect.objectContaining({ message }));
  expect(shown(optimizer)).toEqual(before);
});

test("a state that does not fit is rejected, with all that is wrong, and nothing has changed", () => {
  const optimizer = optimizerWith(0.1, 0.2);
  const remedy = "make the scheduler as it was when the dict was saved";
  const rejected = (scheduler: optim.LRScheduler, dict: unknown, problem: string): void => {
    const before = [shown(optimizer), scheduler.stateDict()];
    const load = (): void => scheduler.loadStateDict(dict as never);
    expect(load).toThrow(StateDictError);
    expect(load).toThrow(
      expect.objectContaining({ message: `${scheduler.constructor.name}.loadStateDict: ${problem}; ${remedy}` }),
    );
    expect([shown(optimizer), scheduler.stateDict()]).toEqual(before);
  };
  const lrs = { baseLrs: [0.1, 0.2], lastLr: [0.1, 0.2] };
  rejected(step(optimizer), undefined, "the dict is undefined, expected what stateDict() gave");
  rejected(
    step(optimizer),
    { lastEpoch: -1, baseLrs: [0.1], lastLr: [0.1, Number.NaN], gamma: 1 },
    "gamma is unknown (known: lastEpoch, baseLrs, lastLr); lastEpoch is -1, expected an integer ≥ 0; " +
      "baseLrs is [0.1], expected a list of 2, each a number ≥ 0; lastLr is [0.1, NaN], expected a list of 2, each a number ≥ 0",
  );
  rejected(
    plateau(optimizer),
    { ...lrs, lastEpoch: 1, best: "x", numBadEpochs: 0, cooldownCounter: 0, reductions: -1 },
    'best is "x", expected a number or null; reductions is -1, expected an integer ≥ 0',
  );
  rejected(
    new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5 }),
    { ...lrs, lastEpoch: 1 },
    "lastMomentum is undefined, expected a list of 2, each a number ≥ 0",
  );
  const chained = new optim.ChainedScheduler([step(optimizer), step(optimizer)]);
  rejected(chained, { ...lrs, lastEpoch: 1, schedulers: [{}] }, "schedulers is [an object], expected a list of 2");
  rejected(
    chained,
    {
      ...lrs,
      lastEpoch: 1,
      schedulers: [
        { ...lrs, lastEpoch: 1 },
        { ...lrs, lastEpoch: 0.5 },
      ],
    },
    "schedulers[1].lastEpoch is 0.5, expected an integer ≥ 0",
  );
  rejected(
    chained,
    { ...lrs, lastEpoch: 1, schedulers: [null, { ...lrs, lastEpoch: 1 }] },
    "schedulers[0] is null, expected what stateDict() gave",
  );
});
