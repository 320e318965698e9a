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
const rates = ({ paramGroups }: optim.AnyOptimizer): number[] => paramGroups.map(({ lr }) => lr!);
const momenta = ({ paramGroups }: optim.AnyOptimizer): number[] =>
  paramGroups.map(({ betas, momentum }) => betas?.[0] ?? momentum!);

/** Schedulers that are factors, and the schedules that they follow. */
const FACTORS: readonly (readonly [(o: optim.AnyOptimizer) => optim.LRScheduler, optim.Schedule])[] = [
  [(o) => new optim.ExponentialLR(o, { gamma: 0.9 }), optim.exponentialDecay({ gamma: 0.9 })],
  [(o) => new optim.StepLR(o, { stepSize: 3 }), optim.stepDecay({ stepSize: 3 })],
  [(o) => new optim.LinearLR(o, { totalIters: 4 }), optim.linearFactor({ totalIters: 4 })],
  [(o) => new optim.ConstantLR(o), optim.constantFactor()],
  [(o) => new optim.CosineAnnealingLR(o, { TMax: 9 }), optim.cosineAnnealing({ TMax: 9 })],
];
const factors = fc.array(fc.constantFrom(...FACTORS), { minLength: 1, maxLength: 4 });

describe("the schedulers of one optimizer", () => {
  test("are a chain: each goes on from the rate that those before it give, at its own step", () => {
    fc.assert(
      fc.property(factors, fc.array(fc.nat(3), { maxLength: 20 }), (links, calls) => {
        const optimizer = optimizerWith(0.1, 0.5);
        const schedulers = links.map(([make]) => make(optimizer));
        const steps = links.map(() => 0);
        for (const call of calls) {
          const k = call % links.length;
          schedulers[k]!.step();
          steps[k]!++;
        }
        expect(rates(optimizer)).toEqual(
          [0.1, 0.5].map((base) => links.reduce((rate, [, schedule], k) => schedule(steps[k]!, rate), base)),
        );
        expect(schedulers[0]!.getLastLr()).toEqual(rates(optimizer));
      }),
    );
  });

  test("a scheduler of absolute rates passes over those before it, and not over those after it", () => {
    const optimizer = optimizerWith(0.1);
    const first = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
    const lambda = new optim.LambdaLR(optimizer, { lrLambda: (t) => 1 / (1 + t) });
    const last = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 3 });
    for (const scheduler of [first, lambda, last]) scheduler.step();
    expect(rates(optimizer)).toEqual([0.1 * 0.5 * 0.5]);
  });

  test("rates that are changed by hand last until the next step of any, and no step changes another optimizer", () => {
    const [optimizer, other] = [optimizerWith(0.1), optimizerWith(0.1)];
    const schedulers = [new optim.StepLR(optimizer, { stepSize: 9 }), new optim.ReduceLROnPlateau(optimizer)];
    new optim.StepLR(other, { stepSize: 1 });
    for (const scheduler of schedulers) {
      optimizer.paramGroups[0]!.lr = 7;
      scheduler.step(1);
      expect(rates(optimizer)).toEqual([0.1]);
    }
    expect(rates(other)).toEqual([0.1]);
  });

  test("SWALR goes on from where another scheduler was left, as PyTorch documents it", () => {
    const optimizer = optimizerWith(0.8);
    const scheduler = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
    const averaging = new optim.SWALR(optimizer, { swaLr: 0.1, annealEpochs: 2, annealStrategy: "linear" });
    const seen = [0, 1, 2, 3, 4].map((epoch) => {
      if (epoch < 2) scheduler.step();
      else averaging.step();
      return rates(optimizer)[0]!;
    });
    for (const [i, rate] of [0.4, 0.2, 0.15, 0.1, 0.1].entries()) expect(seen[i]).toBeCloseTo(rate, 14);
  });

  test("any object with groups that have a rate will do", () => {
    const optimizer = { paramGroups: [{ lr: 1 }] };
    const scheduler = new optim.StepLR(optimizer, { stepSize: 1 });
    scheduler.step();
    expect(optimizer).toEqual({ paramGroups: [{ lr: 0.1, initialLr: 1 }] });
  });
});

describe("compositions", () => {
  test("ChainedScheduler is its chain, in PyTorch's order of arguments and in ours", () => {
    fc.assert(
      fc.property(factors, fc.nat(20), fc.constantFrom(0, 1, 2), (links, steps, order) => {
        const optimizer = optimizerWith(0.1, 0.5);
        const parts = links.map(([make]) => make(optimizer));
        const scheduler =
          order === 0
            ? new optim.ChainedScheduler(parts)
            : order === 1
              ? new optim.ChainedScheduler(parts, optimizer)
              : new optim.ChainedScheduler(optimizer, parts);
        for (let t = 0; t < steps; t++) scheduler.step();
        const rate = optim.chained(links.map(([, schedule]) => schedule));
        expect(rates(optimizer)).toEqual([rate(steps, 0.1), rate(steps, 0.5)]);
        for (const part of parts) expect(part.lastEpoch).toBe(steps);
      }),
    );
  });

  test("SequentialLR is one schedule after the other, each from its beginning", () => {
    fc.assert(
      fc.property(factors, fc.array(fc.nat(12), { minLength: 3, maxLength: 3 }), fc.nat(20), (links, list, steps) => {
        const optimizer = optimizerWith(0.1, 0.5);
        const milestones = list.sort((a, b) => a - b).slice(0, links.length - 1);
        const parts = links.map(([make]) => make(optimizer));
        const scheduler = new optim.SequentialLR(optimizer, parts, { milestones });
        for (let t = 0; t < steps; t++) scheduler.step();
        const rate = optim.sequential(
          links.map(([, schedule]) => schedule),
          { milestones },
        );
        expect(rates(optimizer)).toEqual([rate(steps, 0.1), rate(steps, 0.5)]);
      }),
    );
  });

  test("compositions of compositions", () => {
    const optimizer = optimizerWith(1);
    const decay = (gamma: number): optim.ExponentialLR => new optim.ExponentialLR(optimizer, { gamma });
    const inner = new optim.SequentialLR(optimizer, [decay(0.5), decay(0.25)], { milestones: [2] });
    const outer = new optim.SequentialLR(optimizer, [new optim.ChainedScheduler([decay(0.5), decay(0.5)]), inner], {
      milestones: [2],
    });
    const seen = [1, 2, 3, 4, 5, 6].map(() => {
      outer.step();
      return rates(optimizer)[0];
    });
    expect(seen).toEqual([0.25, 1, 0.5, 1, 0.25, 0.0625]);
  });

  test("a warm-up ends at exactly the first rate of any scheduler, which then takes over", () => {
    const optimizer = optimizerWith(0.3);
    const after = new optim.OneCycleLR(optimizer, { maxLr: 0.7, totalSteps: 10 });
    const alone = optimizerWith(0.3);
    const reference = new optim.OneCycleLR(alone, { maxLr: 0.7, totalSteps: 10 });
    const scheduler = new optim.WarmupLR(optimizer, { steps: 3, after });
    expect(rates(optimizer)[0]).toBeCloseTo(0.01 * (0.7 / 25), 14);
    for (let t = 0; t < 3; t++) scheduler.step();
    for (let t = 0; t < 10; t++) {
      expect(rates(optimizer)).toEqual(rates(alone));
      expect(momenta(optimizer)).toEqual(momenta(alone));
      expect(after.lastEpoch).toBe(t);
      scheduler.step();
      reference.step();
    }
  });

  test("a warm-up hands metrics to the plateau after it, and stands beside one", () => {
    const [optimizer, beside] = [optimizerWith(0.4), optimizerWith(0.4)];
    const options = { patience: 0, factor: 0.5 };
    const scheduler = new optim.WarmupLR(optimizer, {
      steps: 2,
      startFactor: 0.5,
      after: new optim.ReduceLROnPlateau(optimizer, options),
    });
    const [warmup, plateau] = [
      new optim.WarmupLR(beside, { steps: 2, startFactor: 0.5 }),
      new optim.ReduceLROnPlateau(beside, options),
    ];
    const seen = [3, 3, 1, 1, 0.5, 0.5].map((metric) => {
      scheduler.step(metric);
      warmup.step();
      plateau.step(metric);
      return [rates(optimizer)[0], rates(beside)[0]];
    });
    const expected = [
      [0.3, 0.3],
      [0.4, 0.2],
      [0.4, 0.2],
      [0.2, 0.1],
      [0.2, 0.1],
      [0.1, 0.05],
    ];
    for (const [i, pair] of expected.entries())
      for (const [k, rate] of pair.entries()) expect(seen[i]![k]).toBeCloseTo(rate, 14);
  });
});

describe("momentum", () => {
  const adam = () => new optim.Adam([new Parameter(tensor([1]))], { betas: [0.7, 0.99] });

  test.each<[string, (o: optim.AnyOptimizer) => optim.LRScheduler]>([
    ["CyclicLR", (o) => new optim.CyclicLR(o, { baseLr: 0, maxLr: 1, stepSizeUp: 3, stepSizeDown: 4 })],
    [
      "OneCycleLR",
      (o) =>
        new optim.OneCycleLR(o, {
          maxLr: 1,
          totalSteps: 30,
          divFactor: 1e9,
          finalDivFactor: 1,
          baseMomentum: 0.8,
          maxMomentum: 0.9,
        }),
    ],
  ])("%s takes momentum, or the first of betas, down where the rate goes up", (_name, make) => {
    for (const optimizer of [optimizerWith(0.1, 0.2), adam()] as optim.AnyOptimizer[]) {
      const scheduler = make(optimizer);
      for (let t = 0; t < 29; t++) {
        for (const [i, rate] of rates(optimizer).entries())
          expect(momenta(optimizer)[i]).toBeCloseTo(0.9 - 0.1 * rate, 8);
        scheduler.step();
      }
      for (const { betas } of optimizer.paramGroups) expect(betas?.[1] ?? 0.99).toBe(0.99);
    }
  });

  test("is that of the last scheduler of a chain that cycles it", () => {
    const optimizer = adam();
    const parts = [
      new optim.CyclicLR(optimizer, { baseLr: 0, maxLr: 1, maxMomentum: 0.8, stepSizeUp: 3 }),
      new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 9, maxMomentum: 0.95 }),
      new optim.StepLR(optimizer, { stepSize: 2 }),
    ];
    const scheduler = new optim.ChainedScheduler(parts);
    for (let t = 0; t < 8; t++) scheduler.step();
    expect(momenta(optimizer)[0]).toBeCloseTo(0.95, 14);
  });

  test("is left alone where it is not cycled", () => {
    const optimizer = adam();
    new optim.CyclicLR(optimizer, { baseLr: 0, maxLr: 1, cycleMomentum: false }).step();
    new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 9, cycleMomentum: false }).step();
    expect(momenta(optimizer)).toEqual([0.7]);
  });
});

describe("ReduceLROnPlateau", () => {
  const metrics = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 40 });
  const options = fc.record({ patience: fc.nat(3), cooldown: fc.nat(3), threshold: fc.constant(0) });
  const run = (values: readonly number[], options: optim.ReduceLROnPlateauOptions): optim.PlateauPlace =>
    values.reduce((place, value) => optim.plateauStep(place, value, options), {
      lastEpoch: 0,
      best: null,
      numBadEpochs: 0,
      cooldownCounter: 0,
      reductions: 0,
    } as optim.PlateauPlace);

  test("remembers the best metric, and waits for patience and cooldown between reductions", () => {
    fc.assert(
      fc.property(metrics, options, (values, options) => {
        const place = run(values, options);
        expect(place.best).toBe(values.length === 0 ? null : Math.min(...values));
        expect(place.reductions).toBeLessThanOrEqual(values.length / (1 + options.patience));
        expect(place.numBadEpochs).toBeLessThanOrEqual(options.patience);
      }),
    );
  });

  test("to maximize is to minimize the negative", () => {
    fc.assert(
      fc.property(
        metrics,
        options,
        fc.constantFrom("rel" as const, "abs" as const),
        (values, options, thresholdMode) => {
          const place = run(values, { ...options, thresholdMode });
          const negative = run(
            values.map((value) => -value),
            { ...options, thresholdMode, mode: "max" },
          );
          expect(negative.reductions).toBe(place.reductions);
        },
      ),
    );
  });

  test("NaN is no improvement, as in PyTorch", () => {
    expect(run([1, Number.NaN, Number.NaN], { patience: 1 })).toMatchObject({ best: 1, reductions: 1 });
  });

  test("reductions stop at minLr, and where they are less than eps", () => {
    expect(optim.reduced(1, 3, { factor: 0.5 })).toBe(0.125);
    expect(optim.reduced(1, 9, { factor: 0.5, minLr: 0.2 })).toBe(0.2);
    expect(optim.reduced(1, 9, { factor: 0.5, eps: 0.1 })).toBe(0.125);
    expect(optim.reduced(1, 1, { factor: 0.5, eps: 0.5 })).toBe(1);
    expect(optim.reduced(0.1, 9, { factor: 0.5, minLr: 0.2 })).toBe(0.1);
  });
});
