import { cpu } from "@descent/backend-cpu";
import { arange, setBackend } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

/** Python's rule for `range(*slice(start, stop, step).indices(size))`, walked one index at a time. */
function pythonIndices(size: number, start: number | null, stop: number | null, step: number): number[] {
  const clamp = (at: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, at < 0 ? at + size : at));
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const from = start === null ? (step > 0 ? 0 : size - 1) : clamp(start, low, high);
  const to = stop === null ? (step > 0 ? size : -1) : clamp(stop, low, high);
  const found: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) found.push(i);
  return found;
}

describe("slice", () => {
  const bound = fc.option(fc.integer({ min: -7, max: 7 }));

  test("takes what Python takes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        bound,
        bound,
        fc.integer({ min: -3, max: 3 }),
        (size, start, stop, step) => {
          fc.pre(step !== 0);
          const range = `${start ?? ""}:${stop ?? ""}:${step}`;
          expect(arange(size).slice(range).toArray()).toEqual(pythonIndices(size, start, stop, step));
        },
      ),
    );
  });

  test("takes axes one by one", () => {
    const x = arange(24).reshape([2, 3, 4]);
    expect(x.slice(1, "::2", "1:-1").toArray()).toEqual([
      [13, 14],
      [21, 22],
    ]);
    expect(x.slice(null, -1).toArray()).toEqual([
      [8, 9, 10, 11],
      [20, 21, 22, 23],
    ]);
    expect(x.slice(0, 0, 3).toArray()).toBe(3);
  });

  test.each([
    [() => arange(3).slice(3), "slice: index 3 is out of range for axis 0 of size 3"],
    [() => arange(3).slice(0, 0), "slice: 2 indices for [3]; give at most one per axis"],
    [
      () => arange(3).slice("1"),
      'slice: "1" is no range; write "start:stop" or "start:stop:step" with a step other than 0',
    ],
    [() => arange(3).slice("::0"), 'slice: "::0" is no range'],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(message);
  });
});
