import { cpu } from "@descent/backend-cpu";
import {
  arange,
  grad,
  indexPut,
  type Shape,
  setBackend,
  sizeOf,
  slice,
  stridesOf,
  type Tensor,
  tensor,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grid, shape } from "./arbitraries.ts";
import { coordinates } from "./coordinates.ts";
import { type Item, indexExpression, isPicks, toIndex } from "./index-expressions.ts";

beforeAll(() => setBackend(cpu()));

interface Read {
  readonly shape: Shape;
  /** Where each element of the result stands in the flattened tensor. */
  readonly places: readonly number[];
}

/** What an index of one axis, or several, gives: coordinates of those axes for each place of its own. */
interface Reader {
  readonly shape: Shape;
  readonly advanced: boolean;
  readonly axes: number;
  readonly at: (own: readonly number[]) => readonly number[];
}

const wrap = (i: number, n: number): number => (i < 0 ? i + n : i);

function reader(item: Item, sizes: Shape): Reader {
  const [n = 0] = sizes;
  const line = (indices: readonly number[]): Reader => ({
    shape: [indices.length],
    advanced: false,
    axes: 1,
    at: ([i]) => [indices[i!]!],
  });
  if (item === "new") return { shape: [1], advanced: false, axes: 0, at: () => [] };
  if (typeof item === "number") return { shape: [], advanced: false, axes: 1, at: () => [wrap(item, n)] };
  if (item === null) return line(Array.from({ length: n }, (_, i) => i));
  if (typeof item === "string") {
    const [start, stop, step = 1] = item.split(":").map((text) => (text === "" ? undefined : Number(text)));
    const all = Array.from({ length: n }, (_, i) => i);
    const inside = (i: number): boolean =>
      step > 0
        ? i >= (start === undefined ? 0 : wrap(start, n)) && i < (stop === undefined ? n : wrap(stop, n))
        : i <= (start === undefined ? n : wrap(start, n)) &&
          i > (stop === undefined ? -1 : Math.max(-1, wrap(stop, n)));
    const run = (step > 0 ? all : all.reverse()).filter(inside);
    return line(run.filter((_, i) => i % Math.abs(step) === 0));
  }
  const { shape, values } = item;
  if (item.dtype === "bool") {
    const hits = coordinates(shape).filter((_, i) => values[i] !== 0);
    return { shape: [hits.length], advanced: true, axes: shape.length, at: ([i]) => hits[i!]! };
  }
  const strides = stridesOf(shape);
  return {
    shape,
    advanced: shape.length > 0,
    axes: 1,
    at: (own) => [wrap(values[own.reduce((sum, k, axis) => sum + k * strides[axis]!, 0)]!, n)],
  };
}

/** Indexing, one element of the result after the other. */
function read(from: Shape, items: readonly Item[]): Read {
  const named = items.reduce<number>(
    (sum, item) =>
      sum + (isPicks(item) && item.dtype === "bool" ? item.shape.length : item === "..." || item === "new" ? 0 : 1),
    0,
  );
  const rest = new Array<null>(from.length - named).fill(null);
  const whole = items.includes("...") ? items.flatMap((item) => (item === "..." ? rest : [item])) : [...items, ...rest];
  let axis = 0;
  const readers = whole.map((item) => {
    const found = reader(item, from.slice(axis));
    axis += found.axes;
    return found;
  });
  const shapes = readers.filter(({ advanced }) => advanced).map(({ shape }) => shape);
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const joint = Array.from({ length: rank }, (_, i) =>
    shapes.reduce((n, s) => ((s[s.length - rank + i] ?? 1) === 1 ? n : s[s.length - rank + i]!), 1),
  );
  const lasting = readers.filter(({ advanced, shape }) => advanced || shape.length > 0);
  const places = lasting.flatMap(({ advanced }, i) => (advanced ? [i] : []));
  const adjacent = places.every((place, i) => place === places[0]! + i);
  const lead = places.length === 0 ? 0 : adjacent ? places[0]! : 0;
  const basic = lasting.filter(({ advanced }) => !advanced);
  const shape = basic.flatMap(({ shape }) => shape).toSpliced(lead, 0, ...joint);
  const strides = stridesOf(from);
  return {
    shape,
    places: coordinates(shape).map((at) => {
      const together = at.slice(lead, lead + rank);
      const others = at.toSpliced(lead, rank);
      const coordinate = readers.flatMap((r) => {
        if (!r.advanced) return r.at(r.shape.length === 0 ? [] : [others[basic.indexOf(r)]!]);
        const own = together.slice(rank - r.shape.length);
        return r.at(own.map((k, i) => (r.shape[i] === 1 ? 0 : k)));
      });
      return coordinate.reduce((sum, k, axis) => sum + k * strides[axis]!, 0);
    }),
  };
}

const indexed = fc
  .tuple(shape({ maxRank: 4, minSize: 0, maxSize: 3 }), fc.boolean())
  .chain(([from, masks]) => fc.tuple(fc.constant(from), indexExpression(from, { masks })));
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => ((i * 7) % 11) - 4);
const leaf = (from: Shape, values = numbers(sizeOf(from))): Tensor => {
  const x = tensor(Float64Array.from(values)).reshape(from);
  x.requiresGrad = true;
  return x;
};

describe("an index expression", () => {
  test("reads what nested loops read, and sends the gradient back there", () => {
    fc.assert(
      fc.property(indexed, ([from, items]) => {
        const expected = read(from, items);
        const x = leaf(from);
        const y = x.at(...toIndex(items));
        expect(y.shape).toEqual(expected.shape);
        expect([...y.dataSync()]).toEqual(expected.places.map((place) => x.dataSync()[place]));
        const g = numbers(y.numel());
        const sums = new Array<number>(x.numel()).fill(0);
        expected.places.forEach((place, i) => {
          sums[place]! += g[i]!;
        });
        expect([...grad(y, x, { gradOutputs: leaf(y.shape, g).detach() }).dataSync()]).toEqual(sums);
      }),
      { numRuns: 500 },
    );
  });

  test("says where indexPut writes", () => {
    const call = indexed.chain(([from, items]) => {
      const { shape, places } = read(from, items);
      const given = fc
        .tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }))
        .map(([missing, whole]) => shape.map((n, i) => (whole[i] ? n : 1)).slice(missing));
      return given.chain((of) =>
        fc.record({
          from: fc.constant(from),
          items: fc.constant(items),
          shape: fc.constant(shape),
          places: fc.constant(places),
          of: fc.constant(of),
          values: grid(of),
          accumulate: fc.boolean(),
        }),
      );
    });
    fc.assert(
      fc.property(call, ({ from, items, shape, places, of, values, accumulate }) => {
        const [x, v] = [leaf(from), leaf(of, values)];
        const y = indexPut(x, toIndex(items), v, { accumulate });
        const wide = [...v.detach().expand(shape).dataSync()];
        const expected = [...x.dataSync()];
        places.forEach((place, i) => {
          expected[place] = accumulate ? expected[place]! + wide[i]! : wide[i]!;
        });
        expect(y.shape).toEqual(from);
        expect([...y.dataSync()]).toEqual(expected);
        const g = numbers(y.numel());
        const [gx, gv] = grad(y, [x, v], { gradOutputs: leaf(from, g).detach() });
        expect([...gx!.dataSync()]).toEqual(g.map((value, i) => (accumulate || !places.includes(i) ? value : 0)));
        const reached = leaf(
          shape,
          places.map((place) => g[place]!),
        ).detach();
        const stretched = leaf(of);
        const back = grad(stretched.expand(shape), stretched, { gradOutputs: reached });
        expect([...gv!.dataSync()]).toEqual([...back.dataSync()]);
      }),
      { numRuns: 300 },
    );
  });

  test("takes arrays for tensors, and words in any place", () => {
    const x = arange(12).reshape([3, 4]);
    expect(x.at([2, 0], [-1, 0]).toArray()).toEqual([11, 0]);
    expect(x.at([[0], [2]], [1, 3]).toArray()).toEqual([
      [1, 3],
      [9, 11],
    ]);
    expect(x.at([true, false, true], 0).toArray()).toEqual([0, 8]);
    expect(x.at(x.gt(8)).toArray()).toEqual([9, 10, 11]);
    expect(x.at("new", "...", 0).toArray()).toEqual([[0, 4, 8]]);
    expect(x.at([]).shape).toEqual([0, 4]);
    expect(slice(x, "...", "::-1").at(0).toArray()).toEqual([3, 2, 1, 0]);
    expect(x.select(-1, -2).toArray()).toEqual([2, 6, 10]);
    expect(x.indexPut(["1:", 0], -1).toArray()).toEqual([
      [0, 1, 2, 3],
      [-1, 5, 6, 7],
      [-1, 9, 10, 11],
    ]);
    expect(x.indexPut([x.lt(10)], 0).toArray()).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 10, 11],
    ]);
    expect(x.at()).toBe(x);
  });
});
