import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as optim from "../index.ts";

const rates = fc.integer({ min: 1, max: 64 }).map((k) => k / 64);
const t = fc.nat(60);
const size = fc.integer({ min: 1, max: 20 });
/** Whether two numbers are one, but for rounding. */
const expectSame = (actual: number, expected: number): void =>
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(expected)));

describe("a closed form is what its recursion comes to", () => {
  const gamma = fc.constantFrom(0.5, 0.9, 1);
  /** A schedule, and the rate at step `t > 0` from the one before it. */
  type Recursion = readonly [schedule: optim.Schedule, next: (rate: number, t: number, base: number) => number];
  const RECURSIONS: Record<string, fc.Arbitrary<Recursion>> = {
    stepDecay: fc
      .tuple(size, gamma)
      .map(([stepSize, g]) => [
        optim.stepDecay({ stepSize, gamma: g }),
        (rate, t) => (t % stepSize === 0 ? rate * g : rate),
      ]),
    multiStepDecay: fc
      .tuple(fc.array(fc.integer({ min: 1, max: 60 })), gamma)
      .map(([list, g]) => [
        optim.multiStepDecay({ milestones: list.sort((a, b) => a - b), gamma: g }),
        (rate, t) => rate * g ** list.filter((milestone) => milestone === t).length,
      ]),
    exponentialDecay: gamma.map((g) => [optim.exponentialDecay({ gamma: g }), (rate) => rate * g]),
    factorDecay: fc
      .tuple(gamma, rates)
      .map(([factor, etaMin]) => [optim.factorDecay({ factor, etaMin }), (rate) => Math.max(etaMin, rate * factor)]),
    multiplied: gamma.map((g) => {
      const factor = (epoch: number): number => g + 1 / (1 + epoch);
      return [optim.multiplied(factor), (rate, t) => rate * factor(t)];
    }),
    linearFactor: fc
      .tuple(size, rates, rates)
      .map(([totalIters, startFactor, endFactor]) => [
        optim.linearFactor({ totalIters, startFactor, endFactor }),
        (rate, t, base) => (t > totalIters ? rate : rate + (base * (endFactor - startFactor)) / totalIters),
      ]),
    constantFactor: size.map((totalIters) => [
      optim.constantFactor({ totalIters, factor: 0.25 }),
      (rate, t) => (t === totalIters ? rate * 4 : rate),
    ]),
    polynomialDecay: size.map((totalIters) => [
      optim.polynomialDecay({ totalIters, power: 2 }),
      (rate, t) => (t > totalIters ? rate : rate * ((totalIters - t) / (totalIters - t + 1)) ** 2),
    ]),
    cosineAnnealing: size.map((TMax) => [
      optim.cosineAnnealing({ TMax, etaMin: 0.1 }),
      (rate, t, base) =>
        rate + ((base - 0.1) * (Math.cos((Math.PI * t) / TMax) - Math.cos((Math.PI * (t - 1)) / TMax))) / 2,
    ]),
  };
  test.each(Object.entries(RECURSIONS))("%s", (_name, recursion) => {
    fc.assert(
      fc.property(recursion, rates, ([schedule, next], base) => {
        let rate = schedule(0, base);
        for (let t = 1; t <= 60; t++) {
          rate = next(rate, t, base);
          expectSame(schedule(t, base), rate);
        }
      }),
    );
  });
});

describe("schedules", () => {
  test("cosineAnnealing falls to etaMin at TMax, and is symmetric about it", () => {
    fc.assert(
      fc.property(size, t, (TMax, t) => {
        const rate = optim.cosineAnnealing({ TMax, etaMin: 0.1 });
        expect(rate(0, 0.7)).toBeCloseTo(0.7, 14);
        expect(rate(TMax, 0.7)).toBeCloseTo(0.1, 14);
        expect(rate(TMax + t, 0.7)).toBeCloseTo(rate(TMax - t, 0.7), 12);
        expect(rate(t, 0.7)).toBeGreaterThanOrEqual(0.1);
        expect(rate(t, 0.7)).toBeLessThanOrEqual(0.7);
      }),
    );
  });

  test("cosineWarmRestarts begins anew after T0·(1 + TMult + TMult² + …) steps, in periods that are stretched", () => {
    fc.assert(
      fc.property(
        size,
        fc.integer({ min: 1, max: 3 }),
        fc.nat(4),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (T0, TMult, n, x) => {
          const rate = optim.cosineWarmRestarts({ T0, TMult, etaMin: 0.1 });
          let start = 0;
          for (let k = 0; k < n; k++) start += T0 * TMult ** k;
          const period = T0 * TMult ** n;
          expect(rate(start, 0.7)).toBe(0.7);
          expectSame(rate(start + period * x, 0.7), optim.cosineAnnealing({ TMax: 1, etaMin: 0.1 })(x, 0.7));
        },
      ),
    );
  });

  test("what falls stays between its bounds", () => {
    const falling: optim.Schedule[] = [
      optim.cosineAnnealing({ TMax: 7, etaMin: 0.01 }),
      optim.cosineWarmRestarts({ T0: 5, TMult: 2, etaMin: 0.01 }),
      optim.factorDecay({ factor: 0.5, etaMin: 0.01 }),
      optim.swaAnnealing({ swaLr: 0.01 }),
      optim.swaAnnealing({ swaLr: 0.01, annealStrategy: "linear" }),
    ];
    const toZero: optim.Schedule[] = [
      optim.linearFactor({ startFactor: 0.8409, endFactor: 0, totalIters: 14 }),
      optim.polynomialDecay({ totalIters: 14, power: 0.5 }),
      optim.multiStepDecay({ milestones: [3, 3, 5] }),
    ];
    fc.assert(
      fc.property(t, rates, (t, base) => {
        for (const schedule of falling) {
          expect(schedule(t, base)).toBeGreaterThanOrEqual(0.01);
          expect(schedule(t, base)).toBeLessThanOrEqual(base);
        }
        for (const schedule of toZero) {
          expect(schedule(t, base)).toBeGreaterThanOrEqual(0);
          expect(schedule(t, base)).toBeLessThanOrEqual(base);
        }
      }),
    );
  });

  test("linearFactor and polynomialDecay end exactly, and stay there", () => {
    fc.assert(
      fc.property(size, rates, rates, t, (totalIters, startFactor, endFactor, t) => {
        expect(optim.linearFactor({ startFactor, endFactor, totalIters })(totalIters + t, 0.3)).toBe(0.3 * endFactor);
        expect(optim.polynomialDecay({ totalIters })(totalIters + t, 0.3)).toBe(0);
      }),
    );
  });

  test("cyclic has a period, its bounds at the turns, and triangular2 half the height in every cycle", () => {
    fc.assert(
      fc.property(size, size, fc.nat(4), t, (stepSizeUp, stepSizeDown, n, t) => {
        const options = { baseLr: 0.1, maxLr: 0.9, stepSizeUp, stepSizeDown };
        const rate = optim.cyclic(options);
        const period = stepSizeUp + stepSizeDown;
        expectSame(rate(n * period, 1), 0.1);
        expectSame(rate(n * period + stepSizeUp, 1), 0.9);
        expectSame(rate(t + period, 1), rate(t, 1));
        expect(rate(t, 1)).toBeGreaterThanOrEqual(0.1);
        expect(rate(t, 1)).toBeLessThanOrEqual(0.9 + 1e-12);
        const halved = optim.cyclic({ ...options, mode: "triangular2" });
        expectSame(halved(n * period + stepSizeUp, 1), 0.1 + 0.8 / 2 ** n);
        const range = optim.cyclic({ ...options, mode: "exp_range", gamma: 0.9 });
        expectSame(range(t, 1), 0.1 + (rate(t, 1) - 0.1) * 0.9 ** t);
      }),
    );
  });

  test("oneCycle starts at maxLr / divFactor, never exceeds maxLr, and ends at the last rate", () => {
    const options = fc.record({
      totalSteps: fc.integer({ min: 2, max: 60 }),
      pctStart: fc.constantFrom(0.2, 0.3, 0.4),
      annealStrategy: fc.constantFrom("cos" as const, "linear" as const),
      threePhase: fc.boolean(),
    });
    fc.assert(
      fc.property(options, (phases) => {
        const { totalSteps, pctStart } = phases;
        fc.pre(pctStart * totalSteps >= 2);
        const rate = optim.oneCycle({ maxLr: 1, divFactor: 4, finalDivFactor: 10, ...phases });
        expectSame(rate(0, 7), 0.25);
        expectSame(rate(totalSteps - 1, 7), 0.025);
        for (let t = 0; t <= totalSteps; t++) {
          expect(rate(t, 7)).toBeLessThanOrEqual(1 + 1e-12);
          expect(rate(t, 7)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("oneCycle is a number where a phase has no length", () => {
    for (const options of [{ pctStart: 0.1 }, { pctStart: 1 }, { pctStart: 0.5, totalSteps: 2 }, { totalSteps: 1 }])
      for (let t = 0; t <= (options.totalSteps ?? 10); t++)
        expect(optim.oneCycle({ maxLr: 1, totalSteps: 10, ...options })(t, 1)).toBeGreaterThanOrEqual(0);
  });

  test("multiplied knows the rate of any step, in any order, and asks for a factor once on the way", () => {
    fc.assert(
      fc.property(fc.array(t), (steps) => {
        const rate = optim.multiplied((epoch) => 1 + 1 / epoch);
        for (const t of steps) expectSame(rate(t, 0.5), 0.5 * (1 + t));
      }),
    );
    const asked: number[] = [];
    const rate = optim.multiplied((epoch) => asked.push(epoch));
    for (let t = 0; t < 5; t++) rate(t, 1);
    expect(asked).toEqual([1, 2, 3, 4]);
  });

  test("swaAnnealing goes from any rate to swaLr, at once where there are no epochs for it", () => {
    fc.assert(
      fc.property(
        size,
        rates,
        t,
        fc.constantFrom("cos" as const, "linear" as const),
        (annealEpochs, base, t, annealStrategy) => {
          const rate = optim.swaAnnealing({ swaLr: 0.05, annealEpochs, annealStrategy });
          expectSame(rate(0, base), base);
          expect(rate(annealEpochs + t, base)).toBe(0.05);
          expect(optim.swaAnnealing({ swaLr: 0.05, annealEpochs: 0 })(t, base)).toBe(0.05);
        },
      ),
    );
  });
});

describe("warmup", () => {
  const shapes = fc.constantFrom("linear" as const, "polynomial" as const, "exponential" as const);
  test("starts at a part of the first rate of what follows, rises, ends exactly there, and goes on as that", () => {
    fc.assert(
      fc.property(size, shapes, rates, rates, (steps, shape, startFactor, base) => {
        const after = optim.oneCycle({ maxLr: 1, totalSteps: 60 });
        const rate = optim.warmup({ steps, shape, startFactor }, after);
        const first = after(0, base);
        expectSame(rate(0, base), startFactor * first);
        for (let t = 0; t < steps; t++) {
          expect(rate(t + 1, base)).toBeGreaterThanOrEqual(rate(t, base));
          expect(rate(t, base)).toBeLessThanOrEqual(first);
        }
        for (let t = 0; t < 20; t++) expect(rate(steps + t, base)).toBe(after(t, base));
      }),
    );
  });

  test("has the shape that is asked for", () => {
    const halfway = (options: Partial<optim.WarmupOptions>): number =>
      optim.warmup({ steps: 8, startFactor: 0.04, ...options })(4, 1);
    expect(halfway({})).toBeCloseTo(0.04 + 0.96 / 2, 14);
    expect(halfway({ shape: "polynomial" })).toBeCloseTo(0.04 + 0.96 / 4, 14);
    expect(halfway({ shape: "polynomial", power: 3 })).toBeCloseTo(0.04 + 0.96 / 8, 14);
    expect(halfway({ shape: "exponential" })).toBeCloseTo(0.2, 14);
  });
});
