import { cpu } from "@descent/backend-cpu";
import {
  arange,
  type DType,
  ones,
  type PadMode,
  pad,
  type Shape,
  setBackend,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const counted = (shape: Shape, dtype: DType = "float32"): Tensor =>
  arange(1, 1 + shape.reduce((a, b) => a * b, 1), 1, { dtype }).reshape(shape);

/** A list continued on both sides: step by step, as one would do it by hand. */
function padded<T>(list: readonly T[], before: number, after: number, mode: PadMode, filler: T): T[] {
  if (mode === "constant" || mode === "circular") {
    const kept = list.slice(Math.max(0, -before), list.length + Math.min(0, after));
    const [left, right] = [Math.max(0, before), Math.max(0, after)];
    if (mode === "constant") return [...Array<T>(left).fill(filler), ...kept, ...Array<T>(right).fill(filler)];
    return [...kept.slice(kept.length - left), ...kept, ...kept.slice(0, right)];
  }
  const mirrored = mode === "reflect" ? list.slice(1).reverse() : null;
  const left = mirrored ?? Array<T>(9).fill(list[0]!);
  const right = list.slice(0, -1).reverse();
  const line = [...left, ...list, ...(mirrored === null ? Array<T>(9).fill(list.at(-1)!) : right)];
  return line.slice(left.length - before, left.length + list.length + after);
}

const side = fc.integer({ min: -2, max: 4 });
const modes = fc.constantFrom<PadMode>("constant", "reflect", "replicate", "circular");

test("every mode continues rows and columns as by hand", () => {
  fc.assert(
    fc.property(
      modes,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.tuple(side, side, side, side),
      (mode, height, width, [left, right, top, bottom]) => {
        const fits = (size: number, before: number, after: number): boolean => {
          const kept = size + Math.min(0, before) + Math.min(0, after);
          const most = { constant: 9, replicate: 9, reflect: size - 1, circular: kept }[mode];
          return Math.max(before, after) <= most && kept >= 1 && size + before + after >= 1;
        };
        if (!fits(width, left, right) || !fits(height, top, bottom)) return;
        const x = counted([1, height, width]);
        const [rows] = x.toArray() as number[][][];
        const wide = rows!.map((row) => padded(row, left, right, mode, 7));
        const blank = wide[0]!.map(() => 7);
        const y = pad(x, [left, right, top, bottom], { mode, ...(mode === "constant" ? { value: 7 } : {}) });
        expect(y.toArray()).toEqual([padded(wide, top, bottom, mode, blank)]);
      },
    ),
    { numRuns: 300 },
  );
});

test("the list begins with the last axis, and one mode pads any axes of any dtype", () => {
  expect(pad(counted([1, 2], "int32"), [1, 0, 0, 1]).toArray()).toEqual([
    [0, 1, 2],
    [0, 0, 0],
  ]);
  expect(pad(tensor([true]), [0, 1], { value: 1 }).toArray()).toEqual([1, 1]);
  expect(pad(ones([2, 1, 1, 1, 1]), [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]).shape).toEqual([3, 1, 1, 1, 1]);
  const x = ones([2]);
  expect(pad(x, [])).toBe(x);
  expect(pad(ones([2, 3]), [-1, -2]).shape).toEqual([2, 0]);
});

test("bad arguments", () => {
  const x = ones([1, 2, 3]);
  expect(() => pad(x, [1, 1, 1])).toThrow(
    "pad: the padding [1,1,1] does not fit [1,2,3]; list two integers for each axis, from the last axis backwards",
  );
  expect(() => pad(x, Array(8).fill(0))).toThrow("pad: the padding [0,0,0,0,0,0,0,0] does not fit [1,2,3]");
  expect(() => pad(x, [0.5, 1])).toThrow("pad: the padding [0.5,1] does not fit [1,2,3]");
  expect(() => pad(x, [1, 1], { mode: "mirror" as "reflect" })).toThrow(
    'pad: unknown mode "mirror"; use one of constant, reflect, replicate, circular',
  );
  expect(() => pad(x, [1, 1], { mode: "reflect", value: 2 })).toThrow(
    'pad: mode "reflect" takes no value, got 2; leave it out',
  );
  expect(() => pad(ones([1, 2, 3, 4]), [1, 1], { mode: "reflect" })).toThrow(
    'pad: mode "reflect" cannot pad 1 axes of [1,2,3,4]; pad the last 1, 2 or 3 axes of a tensor that has one or two more',
  );
  expect(() => pad(x, [3, 0], { mode: "reflect" })).toThrow(
    'pad: mode "reflect" cannot pad axis 2 of [1,2,3] by [3,0]; pad it by at most 2',
  );
  expect(() => pad(x, [0, 4], { mode: "circular" })).toThrow(
    'pad: mode "circular" cannot pad axis 2 of [1,2,3] by [0,4]; pad it by at most 3',
  );
  expect(() => pad(x, [-2, -1], { mode: "replicate" })).toThrow(
    'pad: mode "replicate" cannot pad axis 2 of [1,2,3] by [-2,-1]; crop less of it',
  );
  expect(() => pad(x, [-2, -2])).toThrow('pad: mode "constant" cannot pad axis 2 of [1,2,3] by [-2,-2]');
  expect(() => pad(ones([1, 2, 0]), [1, 1], { mode: "replicate" })).toThrow(
    'pad: mode "replicate" cannot pad axis 2 of [1,2,0] by [1,1]',
  );
});
