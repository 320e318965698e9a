import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Found, type Sample, type StrongWolfeOptions, strongWolfe } from "../index.ts";

type Phi = (t: number) => readonly [f: number, slope: number];

/** Searches along a function of one variable, and notes what was tried. */
function search(phi: Phi, t: number, options?: StrongWolfeOptions): Found<Sample> & { start: Sample; tried: number[] } {
  const at = (t: number): Sample => ({ t, f: phi(t)[0], slope: phi(t)[1] });
  const start = at(0);
  const steps = strongWolfe(start, t, options);
  const tried: number[] = [];
  let next = steps.next();
  while (!next.done) {
    tried.push(next.value);
    next = steps.next(at(next.value));
  }
  return { ...next.value, start, tried };
}

const parabola =
  (bottom: number, curvature = 1): Phi =>
  (t) => [(curvature * (t - bottom) ** 2) / 2, curvature * (t - bottom)];

/** Falls at 0, and rises far away: a quartic with wiggles. */
const curve =
  ({ drop, height: a, frequency: w }: { drop: number; height: number; frequency: number }): Phi =>
  (t) => [t ** 4 / 8 - drop * t + a * (Math.cos(w * t) - 1), t ** 3 / 2 - drop - a * w * Math.sin(w * t)];

const wavy = fc
  .record({
    drop: fc.integer({ min: 1, max: 64 }).map((i) => i / 8),
    height: fc.integer({ min: 0, max: 16 }).map((i) => i / 8),
    frequency: fc.integer({ min: 1, max: 40 }).map((i) => i / 8),
    t: fc.constantFrom(1e-3, 0.1, 1, 8, 100),
    c2: fc.constantFrom(0.1, 0.5, 0.9),
  })
  .map(({ t, c2, ...shape }) => ({ phi: curve(shape), t, c2 }));

interface Case {
  readonly drop: number;
  readonly height: number;
  readonly frequency: number;
  readonly t: number;
  readonly maxSteps: number;
  readonly toleranceChange: number;
  readonly tried: readonly number[];
  readonly result: number;
  readonly evaluations: number;
}
const golden = new URL("../../../testing/golden/strong-wolfe.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(golden, "utf8")) as { cases: Case[] };

describe("strongWolfe", () => {
  test.each(cases)("tries what PyTorch's tries: drop $drop, height $height, frequency $frequency, from $t", (c) => {
    const { tried, point, evaluations } = search(curve(c), c.t, c);
    expect(evaluations).toBe(c.evaluations);
    for (const [i, t] of tried.entries()) expect(Math.abs(t - c.tried[i]!)).toBeLessThan(1e-9 * Math.max(1, t));
    expect(point.t).toBeCloseTo(c.result, 9);
  });

  test("finds a step that satisfies both conditions, and says truly whether it has", () => {
    let satisfied = 0;
    let all = 0;
    fc.assert(
      fc.property(wavy, ({ phi, t, c2 }) => {
        const c1 = 1e-4;
        const { point, start, ...found } = search(phi, t, { c1, c2 });
        const [f, slope] = phi(point.t);
        const holds = f <= start.f + c1 * point.t * start.slope && Math.abs(slope) <= -c2 * start.slope;
        expect(holds).toBe(found.satisfied);
        all++;
        satisfied += Number(found.satisfied);
      }),
    );
    expect(satisfied).toBe(all);
  });

  test("tries the step it is given, at most maxSteps others, and returns one of them or the start", () => {
    fc.assert(
      fc.property(wavy, fc.nat(4), ({ phi, t, c2 }, maxSteps) => {
        const { point, evaluations, tried } = search(phi, t, { c2, maxSteps });
        expect(tried[0]).toBe(t);
        expect(tried).toHaveLength(evaluations);
        expect(evaluations).toBeLessThanOrEqual(maxSteps + 1);
        expect([0, ...tried]).toContain(point.t);
        expect(point.f).toBeLessThanOrEqual(Math.max(phi(0)[0], phi(t)[0]));
      }),
    );
  });

  test("takes a first step that is good enough", () => {
    expect(search(parabola(1), 1)).toMatchObject({ tried: [1], evaluations: 1, satisfied: true });
  });

  test("a parabola needs one interpolation, from too short a step or too long a one", () => {
    expect(search(parabola(1), 0.05).tried).toEqual([0.05, 0.5]);
    const { point, evaluations } = search(parabola(1), 30);
    expect(point.t).toBeCloseTo(1, 12);
    expect(evaluations).toBe(2);
  });

  test("reaches at most ten times as far at once", () => {
    expect(search(parabola(1000), 1, { c2: 0.1 }).tried.slice(0, 3)).toEqual([1, 10, 100]);
  });

  test("moves away from an end that it comes close to twice", () => {
    // A wall at 1: cubics through it lie close to the lower end.
    const wall: Phi = (t) => (t < 0.5 ? [-t, -1] : [1e6 * (t - 0.5) - 0.5, 1e6]);
    const { tried, satisfied } = search(wall, 1, { maxSteps: 40, toleranceChange: 1e-12 });
    expect(satisfied).toBe(false);
    expect(tried[0]).toBe(1);
    for (const t of tried.slice(1)) expect(t > 0 && t < 1).toBe(true);
    expect(tried.at(-1)).toBeCloseTo(0.5, 2);
  });

  test("stops where the bracket is small for a direction of that size", () => {
    const wall: Phi = (t) => (t < 0.5 ? [-t, -1] : [1e6 * (t - 0.5) - 0.5, 1e6]);
    const [small, middle, large] = [1e-6, 1, 100].map(
      (size) => search(wall, 1, { toleranceChange: 1e-2, maxSteps: 500, size }).evaluations,
    );
    expect(small).toBe(1);
    expect(middle).toBeGreaterThan(1);
    expect(large).toBeGreaterThan(middle!);
    expect(large).toBeLessThan(500);
  });

  test("does not find a bottom in NaN, as PyTorch's does not: where it ran out of steps it is the last of them", () => {
    const { point, satisfied, evaluations } = search((t) => (t === 0 ? [0, -1] : [Number.NaN, Number.NaN]), 1, {
      maxSteps: 3,
    });
    expect(satisfied).toBe(false);
    expect(evaluations).toBe(4);
    expect(point.f).toBeNaN();
  });

  test("hands back the very sample that it was sent", () => {
    const start = { t: 0, f: 1, slope: -1, name: "start" };
    const steps = strongWolfe(start, 1);
    expect(steps.next().value).toBe(1);
    const sent = { t: 1, f: 0, slope: 0, name: "sent" };
    expect(steps.next(sent)).toEqual({ done: true, value: { point: sent, evaluations: 1, satisfied: true } });
  });
});
