import { cpu } from "@descent/backend-cpu";
import {
  arange,
  blockDiag,
  broadcastTensors,
  cartesianProd,
  columnStack,
  dstack,
  hstack,
  meshgrid,
  ones,
  type ScatterReduction,
  type Shape,
  setBackend,
  type Tensor,
  tensor,
  trilIndices,
  triuIndices,
  vstack,
  where,
} from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { axis, bools, broadcastShapes, integers, shape, size } from "./arbitraries.ts";
import { coordinates, counted, placeOf, reader } from "./coordinates.ts";

beforeAll(() => setBackend(cpu()));

const ints = (of: Shape, values: readonly number[] = counted(of)): Tensor =>
  tensor(Int32Array.from(values)).reshape(of);
const offset = fc.integer({ min: -4, max: 4 });
const mod = (a: number, n: number): number => ((a % n) + n) % n;

/** Expects a tensor whose element at each place is what `f` says. */
function expectElements(y: Tensor, of: Shape, f: (at: readonly number[]) => number): void {
  expect(y.shape).toEqual(of);
  expect([...y.dataSync()]).toEqual(coordinates(of).map(f));
}

/** A property of functions of one tensor of any shape, and of what is drawn for it. */
const property = <A>(
  minRank: number,
  draw: (s: Shape) => fc.Arbitrary<A>,
  run: (x: Tensor, args: A, at: (at: readonly number[]) => number) => void,
): void => {
  const cases = shape({ minRank, minSize: 0 }).chain((s) => fc.tuple(fc.constant(s), draw(s)));
  fc.assert(
    fc.property(cases, ([s, args]) => {
      const x = ints(s);
      run(x, args, reader(x));
    }),
  );
};
const axisOf = (s: Shape): fc.Arbitrary<number> => fc.nat(s.length - 1);
const planeOf = (s: Shape): fc.Arbitrary<[number, number]> =>
  fc.tuple(axisOf(s), axisOf(s)).filter(([a, b]) => a !== b);

describe("element by element", () => {
  test("tril and triu keep one side of a diagonal", () => {
    property(
      2,
      () => offset,
      (x, k, of) => {
        const distance = (at: readonly number[]): number => at.at(-1)! - at.at(-2)!;
        expectElements(x.tril(k), x.shape, (at) => (distance(at) <= k ? of(at) : 0));
        expectElements(x.triu(k), x.shape, (at) => (distance(at) >= k ? of(at) : 0));
        const [n, m] = [x.shape.at(-2)!, x.shape.at(-1)!];
        const kept = (part: "tril" | "triu"): unknown => ones([n, m])[part](k).nonzero().T.toArray();
        expect(trilIndices(n, m, k).toArray()).toEqual(kept("tril"));
        expect(triuIndices(n, m, k).toArray()).toEqual(kept("triu"));
      },
    );
  });

  test("diagonal reads what diagEmbed writes", () => {
    property(
      2,
      (s) => fc.tuple(offset, planeOf(s)),
      (x, [k, [a, b]], of) => {
        const [row, column] = [Math.max(0, -k), Math.max(0, k)];
        const length = Math.max(0, Math.min(x.shape[a]! - row, x.shape[b]! - column));
        const others = x.shape.filter((_, i) => i !== a && i !== b);
        const y = x.diagonal(k, a, b);
        expectElements(y, [...others, length], (at) => {
          const rest = [...at];
          return of(
            x.shape.map((_, i) => (i === a ? at.at(-1)! + row : i === b ? at.at(-1)! + column : rest.shift()!)),
          );
        });
        expect(y.diagEmbed(k, a, b).diagonal(k, a, b).toArray()).toEqual(y.toArray());
        expect(y.diagEmbed(k, a, b).sum().item()).toBe(y.sum().item());
        expect(y.diagEmbed(k).shape.slice(-2)).toEqual([length + Math.abs(k), length + Math.abs(k)]);
        const flat = x.flatten();
        expect(x.diagflat(k).toArray()).toEqual(flat.diag(k).toArray());
        expect(flat.diag(k).diag(k).toArray()).toEqual(flat.toArray());
        expect(x.diagonalScatter(y.add(100), k, a, b).sub(x).toArray()).toEqual(
          x.sub(x).diagonalScatter(y.sub(y).add(100), k, a, b).toArray(),
        );
      },
    );
    expect(arange(9).reshape([3, 3]).trace().item()).toBe(12);
  });

  test("roll moves elements round", () => {
    property(
      1,
      (s) => fc.tuple(axisOf(s), offset),
      (x, [axis, shift], of) => {
        expectElements(x.roll(shift, axis), x.shape, (at) => of(at.with(axis, mod(at[axis]! - shift, x.shape[axis]!))));
        expect(x.roll(shift).flatten().toArray()).toEqual(x.flatten().roll(shift, 0).toArray());
        expect(x.roll([shift, 1], [axis, 0]).toArray()).toEqual(x.roll(shift, axis).roll(1, 0).toArray());
      },
    );
  });

  test("flips and quarter turns", () => {
    property(
      2,
      (s) => fc.tuple(planeOf(s), offset),
      (x, [[a, b], k], of) => {
        const quarter = (y: Tensor): Tensor => y.transpose(a, b).flip(a);
        let turned = x;
        for (let i = mod(k, 4); i > 0; i--) turned = quarter(turned);
        expect(x.rot90(k, [a, b]).shape).toEqual(turned.shape);
        expect(x.rot90(k, [a, b]).toArray()).toEqual(turned.toArray());
        expectElements(x.fliplr(), x.shape, (at) => of(at.with(1, x.shape[1]! - 1 - at[1]!)));
        expectElements(x.flipud(), x.shape, (at) => of(at.with(0, x.shape[0]! - 1 - at[0]!)));
      },
    );
    expect(
      tensor([
        [1, 2],
        [3, 4],
      ])
        .rot90()
        .toArray(),
    ).toEqual([
      [2, 4],
      [1, 3],
    ]);
  });

  test("axes move", () => {
    property(
      2,
      (s) => fc.tuple(planeOf(s), axisOf(s)),
      (x, [[a, b], to], of) => {
        const y = x.movedim(a, to);
        expectElements(y, x.shape.toSpliced(a, 1).toSpliced(to, 0, x.shape[a]!), (at) =>
          of(at.toSpliced(to, 1).toSpliced(a, 0, at[to]!)),
        );
        expect(x.movedim([a, b], [b, a]).toArray()).toEqual(x.swapaxes(a, b).toArray());
        expect(x.mT.toArray()).toEqual(x.transpose(-2, -1).toArray());
      },
    );
    const x = arange(6).reshape([2, 3]);
    expect([x.T, x.t()].map((y) => y.toArray())).toEqual([x.transpose(0, 1).toArray(), x.transpose(0, 1).toArray()]);
    expect(arange(3).T.shape).toEqual([3]);
  });

  test("shapes change", () => {
    const x = arange(12);
    expect([x.view(3, -1), x.view([3, 4]), x.view(3, 4).unflatten(1, [2, -1])].map(({ shape }) => shape)).toEqual([
      [3, 4],
      [3, 4],
      [3, 2, 2],
    ]);
    const like = x.view(4, 3);
    expect([x.viewAs(like), x.reshapeAs(like), like.ravel()].map(({ shape }) => shape)).toEqual([[4, 3], [4, 3], [12]]);
    expect([tensor(1).expandAs(like), tensor([1]).broadcastTo([2, 3])].map(({ shape }) => shape)).toEqual([
      [4, 3],
      [2, 3],
    ]);
  });

  test("repeat and tile put copies side by side, repeatInterleave behind each element", () => {
    property(
      1,
      (s) =>
        fc.tuple(
          fc.array(fc.nat(2), { minLength: s.length, maxLength: s.length + 1 }),
          axisOf(s).chain((dim) => fc.tuple(fc.constant(dim), integers([s[dim]!], 0, 3))),
          fc.nat(3),
        ),
      (x, [counts, [dim, each], n], of) => {
        const lead = counts.length - x.ndim;
        const wide = counts.map((count, i) => count * (i < lead ? 1 : x.shape[i - lead]!));
        expectElements(x.repeat(...counts), wide, (at) => of(at.slice(lead).map((k, i) => k % x.shape[i]!)));
        expect(x.tile(counts).toArray()).toEqual(x.repeat(counts).toArray());
        const last = counts.at(-1)!;
        expect(x.tile(last).toArray()).toEqual(x.repeat([...x.shape.slice(1).map(() => 1), last]).toArray());
        expectElements(x.repeatInterleave(n, { dim }), x.shape.with(dim, x.shape[dim]! * n), (at) =>
          of(at.with(dim, Math.floor(at[dim]! / n))),
        );
        expect(x.repeatInterleave(n).toArray()).toEqual(x.flatten().repeatInterleave(n, { dim: 0 }).toArray());
        const from = each.flatMap((count, i) => new Array<number>(count).fill(i));
        const uneven = x.repeatInterleave(ints([each.length], each), { dim });
        expectElements(uneven, x.shape.with(dim, from.length), (at) => of(at.with(dim, from[at[dim]!]!)));
        expect(x.repeatInterleave(ints([1], [n]), { dim }).toArray()).toEqual(x.repeatInterleave(n, { dim }).toArray());
      },
    );
  });

  test("tensorSplit cuts evenly, or where slices would end", () => {
    property(
      1,
      (s) => fc.tuple(axisOf(s), size(4), fc.array(offset, { maxLength: 3 })),
      (x, [dim, parts, ends]) => {
        const n = x.shape[dim]!;
        const even = x.tensorSplit(parts, dim);
        expect(even.map((part) => part.shape[dim])).toEqual(
          Array.from({ length: parts }, (_, i) => Math.floor(n / parts) + (i < n % parts ? 1 : 0)),
        );
        const whole = new Array<null>(dim).fill(null);
        const cuts = ["", ...ends, ""].slice(0, -1).map((start, i) => `${start}:${ends[i] ?? ""}`);
        expect(x.tensorSplit(ends, dim).map((part) => part.toArray())).toEqual(
          cuts.map((cut) => x.slice(...whole, cut).toArray()),
        );
      },
    );
    expect(
      ones([0, 2])
        .chunk(3)
        .map((part) => part.shape),
    ).toEqual([
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
  });

  test("grids and products of vectors", () => {
    fc.assert(
      fc.property(fc.array(size(3, 0), { minLength: 1, maxLength: 3 }), (sizes) => {
        const vectors = sizes.map((n, i) => arange(n).add(10 * i));
        meshgrid(...vectors).forEach((y, i) => {
          expectElements(y, sizes, (at) => at[i]! + 10 * i);
        });
        const swapped = sizes.length < 2 ? sizes : [sizes[1]!, sizes[0]!, ...sizes.slice(2)];
        expect(meshgrid(vectors, { indexing: "xy" }).map(({ shape }) => shape)).toEqual(sizes.map(() => swapped));
        expect(meshgrid(...vectors, { indexing: "xy" })[0]!.shape).toEqual(swapped);
        const all = coordinates(sizes).map((at) => at.map((k, i) => k + 10 * i));
        expect(cartesianProd(...vectors).toArray()).toEqual(sizes.length === 1 ? all.flat() : all);
      }),
    );
    fc.assert(
      fc.property(broadcastShapes(3), (shapes) => {
        const xs = shapes.map((s) => ints(s));
        const sum = xs.reduce((a, b) => a.add(b));
        const wide = broadcastTensors(...xs);
        wide.forEach((y, i) => {
          expect(y.toArray()).toEqual(xs[i]!.add(sum.sub(sum)).toArray());
        });
      }),
    );
  });

  test("stacks", () => {
    const [a, b] = [tensor([1, 2]), tensor([3, 4])];
    expect(hstack([a, b]).toArray()).toEqual([1, 2, 3, 4]);
    expect(hstack([a.view(2, 1), b.view(2, 1)]).toArray()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(vstack([a, b.view(1, 2)]).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(dstack([a, b]).toArray()).toEqual([
      [
        [1, 3],
        [2, 4],
      ],
    ]);
    expect(columnStack([a, b.view(2, 1), tensor([5, 6])]).toArray()).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect(blockDiag(a, b.view(2, 1), tensor(5, { dtype: "float64" })).toArray()).toEqual([
      [1, 2, 0, 0],
      [0, 0, 3, 0],
      [0, 0, 4, 0],
      [0, 0, 0, 5],
    ]);
  });
});

interface Written {
  readonly s: Shape;
  readonly dim: number;
  readonly index: { readonly shape: Shape; readonly values: readonly number[] };
  readonly src: readonly number[];
  readonly x: readonly number[];
}

/** A tensor, an index into it that may be shorter beside the axis, and sources. */
const written: fc.Arbitrary<Written> = shape({ minRank: 1 }).chain((s) =>
  fc.tuple(fc.nat(s.length - 1), ...s.map((n) => fc.nat(n))).chain(([dim, ...sizes]) =>
    fc
      .record({
        values: integers(sizes, 0, s[dim]! - 1),
        src: integers(sizes, -3, 3),
        x: integers(s, -3, 3),
      })
      .map(({ values, src, x }) => ({ s, dim, index: { shape: sizes, values }, src, x })),
  ),
);

describe("scattered", () => {
  /** Each place, with the sources that go there in order. */
  const groups = ({ s, dim, index, src }: Written): number[][] => {
    const found: number[][] = counted(s).map(() => []);
    coordinates(index.shape).forEach((at, i) => {
      found[placeOf(s, at.with(dim, index.values[i]!))]!.push(src[i]!);
    });
    return found;
  };
  const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const REDUCTIONS: Record<ScatterReduction, (values: number[]) => number> = {
    sum: total,
    prod: (values) => values.reduce((a, b) => a * b, 1) + 0,
    mean: (values) => Math.floor(total(values) / values.length),
    amax: (values) => Math.max(...values),
    amin: (values) => Math.min(...values),
  };

  test("elements end where the index says: the last one, their sum, or what they are reduced to", () => {
    fc.assert(
      fc.property(written, fc.boolean(), (drawn, includeSelf) => {
        const { s, dim, index, src, x: values } = drawn;
        const [x, i] = [ints(s, values), ints(index.shape, index.values)];
        // Sources may be larger than the index.
        const v = ints(index.shape, src).repeat(index.shape.map(() => 2));
        const arrive = groups(drawn);
        const of = (f: (theirs: number[], own: number) => number): number[] =>
          arrive.map((theirs, k) => (theirs.length === 0 ? values[k]! : f(theirs, values[k]!)));
        const flat = (y: Tensor): number[] => [...y.dataSync()];
        expect(flat(x.scatter(dim, i, v))).toEqual(of((theirs) => theirs.at(-1)!));
        expect(flat(x.scatter(dim, i, 7))).toEqual(of(() => 7));
        expect(flat(x.scatterAdd(dim, i, v))).toEqual(of((theirs, own) => own + total(theirs)));
        for (const [name, f] of Object.entries(REDUCTIONS))
          expect(flat(x.scatterReduce(dim, i, v, name as ScatterReduction, { includeSelf })), name).toEqual(
            of((theirs, own) => f(includeSelf ? [own, ...theirs] : theirs)),
          );
        expect(flat(x.scatter(dim, i, v).gather(dim, i))).toEqual(
          coordinates(index.shape).map((at, k) => arrive[placeOf(s, at.with(dim, index.values[k]!))]!.at(-1)!),
        );
      }),
    );
  });

  test("extremes hand on NaN, and equal ones share the gradient", () => {
    const x = tensor([1, Number.NaN, 2]);
    const [i, src] = [ints([3], [0, 1, 2]), tensor([Number.NaN, 5, 3])];
    for (const fn of ["amax", "amin"] as const)
      expect(x.scatterReduce(0, i, src, fn).toArray()).toEqual([Number.NaN, Number.NaN, fn === "amax" ? 3 : 2]);
    const [a, b] = [tensor([3, 1], { requiresGrad: true }), tensor([3, 3, 0], { requiresGrad: true })];
    const ways = ints([3], [0, 0, 1]);
    a.scatterReduce(0, ways, b, "amax").sum().backward();
    expect([a.grad!.toArray(), b.grad!.toArray()].flat()).toEqual([1 / 3, 1, 1 / 3, 1 / 3, 0].map(Math.fround));
    [a.grad, b.grad] = [null, null];
    a.scatterReduce(0, ways, b, "amax", { includeSelf: false }).sum().backward();
    expect([a.grad!.toArray(), b.grad!.toArray()].flat()).toEqual([0, 0, 1 / 2, 1 / 2, 1]);
  });

  test("slices end where the index says", () => {
    const cases = shape({ minRank: 1 }).chain((s) =>
      fc
        .nat(s.length - 1)
        .chain((dim) => fc.tuple(fc.constant(s), fc.constant(dim), fc.array(fc.nat(s[dim]! - 1), { maxLength: 4 }))),
    );
    fc.assert(
      fc.property(cases, ([s, dim, index]) => {
        const [x, i] = [ints(s), ints([index.length], index)];
        const source = ints(s.with(dim, index.length)).add(100);
        const [of, from] = [reader(x), reader(source)];
        const there = (at: readonly number[]): number[] =>
          index.flatMap((k, row) => (k === at[dim] ? [from(at.with(dim, row))] : []));
        expectElements(x.indexCopy(dim, i, source), s, (at) => there(at).at(-1) ?? of(at));
        expectElements(x.indexAdd(dim, i, source, { alpha: -2 }), s, (at) => of(at) - 2 * total(there(at)));
        expectElements(x.indexFill(dim, i.sub(s[dim]!), 5), s, (at) => (there(at).length > 0 ? 5 : of(at)));
      }),
    );
    const yes = tensor([true, true]);
    expect(
      tensor([false, true, false])
        .indexAdd(0, ints([2], [0, 0]), yes)
        .toArray(),
    ).toEqual([1, 1, 0]);
    expect(
      tensor([1, 2])
        .indexFill(0, ints([1]), tensor(9))
        .toArray(),
    ).toEqual([9, 2]);
  });

  test("take and takeAlongDim read flat, and along an axis after broadcasting", () => {
    property(
      1,
      (s) => fc.tuple(axisOf(s), integers([2], -1, 0), axis(s.length)),
      (x, [dim, index], of) => {
        fc.pre(x.numel() > 0);
        const thin = x.shape.map((_, i) => (i === dim ? 2 : 1));
        expectElements(x.takeAlongDim(ints(thin, index), dim), x.shape.with(dim, 2), (at) =>
          of(at.with(dim, mod(index[at[dim]!]!, x.shape[dim]!))),
        );
        const flat = x.flatten().toArray() as number[];
        expect(x.take(ints([2, 1], index)).toArray()).toEqual(index.map((k) => [flat.at(k)]));
        expect(x.takeAlongDim(ints([2], index)).toArray()).toEqual(index.map((k) => flat.at(k)));
      },
    );
  });
});

describe("masks", () => {
  const masked = broadcastShapes(2).chain(([a, b]) => fc.tuple(fc.constant(a!), fc.constant(b!), bools(b!)));

  test("select, fill and scatter in row-major order, broadcast", () => {
    fc.assert(
      fc.property(masked, ([a, b, hits]) => {
        const [x, mask] = [ints(a), ints(b, hits).to("bool")];
        const [wide, hit] = broadcastTensors(x, mask).map((y) => [...y.dataSync()]) as [number[], number[]];
        expect(x.maskedSelect(mask).toArray()).toEqual(wide.filter((_, i) => hit[i] !== 0));
        expect([...x.maskedFill(mask, -1.5).dataSync()]).toEqual(wide.map((v, i) => (hit[i] ? -1 : v)));
        const count = hit.reduce((sum, k) => sum + k, 0);
        let next = 100;
        const scattered = x.maskedScatter(mask, arange(100, 100 + count));
        expect([...scattered.dataSync()]).toEqual(wide.map((v, i) => (hit[i] ? next++ : v)));
      }),
    );
    expect(
      tensor([1, 2])
        .maskedFill(tensor([true, false]), tensor(5, { dtype: "float64" }))
        .toArray(),
    ).toEqual([5, 2]);
  });

  test("values take the dtype of what they go into", () => {
    const mask = tensor([true, false]);
    expect(tensor([false, false]).maskedFill(mask, 2).toArray()).toEqual([1, 0]);
    expect(tensor([false, false]).indexPut([0], 0.5).toArray()).toEqual([1, 0]);
    expect(
      ints([2], [3, 4])
        .scatter(0, ints([1], [1]), 2.5)
        .toArray(),
    ).toEqual([3, 2]);
    expect(
      ints([2], [3, 4])
        .indexFill(0, ints([1], [0]), 16777217)
        .toArray(),
    ).toEqual([16777217, 4]);
  });

  test("nonzero names the places of what is not zero", () => {
    fc.assert(
      fc.property(
        shape({ minSize: 0 }).chain((s) => fc.tuple(fc.constant(s), integers(s, -1, 1))),
        ([s, values]) => {
          const x = ints(s, values);
          const found = coordinates(s).filter((_, i) => values[i] !== 0);
          const rows = x.nonzero();
          expect([rows.shape, rows.dtype]).toEqual([[found.length, s.length], "int32"]);
          expect([...rows.dataSync()]).toEqual(found.flat());
          expect(x.argwhere().toArray()).toEqual(rows.toArray());
          if (s.length > 0) expect(where(x).map((t) => t.toArray())).toEqual(s.map((_, i) => found.map((at) => at[i])));
        },
      ),
    );
    expect(
      tensor(3)
        .nonzero({ asTuple: true })
        .map((t) => t.toArray()),
    ).toEqual([[0]]);
    expect(tensor([Number.NaN, 0]).nonzero().toArray()).toEqual([[0]]);
    expect(
      tensor([1, 2])
        .where(tensor([true, false]), 0)
        .toArray(),
    ).toEqual([1, 0]);
  });
});

test("parts are replaced by what has their shape", () => {
  property(
    1,
    (s) => fc.tuple(axisOf(s), offset, offset, size(2)),
    (x, [dim, start, end, step]) => {
      const before = new Array<null>(dim).fill(null);
      const range = `${start}:${end}:${step}`;
      const part = x.slice(...before, range);
      const y = x.sliceScatter(part.sub(part).sub(1), dim, { start, end, step });
      expect(y.toArray()).toEqual(x.indexPut([...before, range], -1).toArray());
      if (x.shape[dim] === 0) return;
      const chosen = x.select(dim, -1);
      expect(x.selectScatter(chosen.sub(chosen).sub(1), dim, -1).toArray()).toEqual(
        x.indexPut([...before, -1], -1).toArray(),
      );
    },
  );
  expect(
    arange(4)
      .sliceScatter(tensor([9, 9], { dtype: "int32" }), 0, { start: 2 })
      .toArray(),
  ).toEqual([0, 1, 9, 9]);
});
