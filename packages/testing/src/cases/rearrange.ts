import {
  blockDiag,
  broadcastTensors,
  cartesianProd,
  columnStack,
  dstack,
  hstack,
  indexPut,
  maskedFill,
  maskedScatter,
  maskedSelect,
  meshgrid,
  type ScatterReduction,
  type Shape,
  scatterReduce,
  sizeOf,
  type Tensor,
  vstack,
} from "@descent/core";
import fc from "fast-check";
import { axis, bools, broadcastShapes, distinct, integers, shape, size } from "../arbitraries.ts";
import { indexExpression, toIndex } from "../index-expressions.ts";
import { type CaseInput, condition, draw, floats, index, type OpCase, opCase } from "../op-case.ts";
import { adjoint } from "./adjoint.ts";

/** A function of one tensor, with arguments that suit its shape. */
const moves = <A>(
  arguments_: (s: number[]) => fc.Arbitrary<A>,
  call: (x: Tensor, args: A) => Tensor | readonly Tensor[],
  minRank = 1,
): OpCase =>
  opCase(
    shape({ minRank, minSize: 0 }).chain((s) => arguments_(s).chain((args) => draw(args, floats(s)))),
    // Of what a function gives back as it is, a copy: the suite disposes of every result.
    ([x], args) => [call(x!, args)].flat().map((y) => (y === x ? y.clone() : y)),
  );

const offset = fc.integer({ min: -4, max: 4 });
/** Two different axes. */
const plane = (rank: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(axis(rank), axis(rank)).filter(([a, b]) => (a - b) % rank !== 0);
/** As many numbers as axes, or more, or fewer. */
const perAxis = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(2), { minLength: min, maxLength: max });

const int32 = (shape: Shape, values: fc.Arbitrary<number[]>): fc.Arbitrary<CaseInput> =>
  values.map((values) => ({ shape, values, dtype: "int32" }));

/** An index that names no place twice along an axis of `n` elements: that many rows of it, for every column. */
const once = (s: Shape, at: number, rows: number): fc.Arbitrary<CaseInput> => {
  const of = s.with(at, rows);
  const n = s[at]!;
  const lines = Array.from({ length: sizeOf(of.toSpliced(at, 1)) }, () =>
    fc.shuffledSubarray(
      Array.from({ length: n }, (_, i) => i),
      { minLength: rows, maxLength: rows },
    ),
  );
  const inner = sizeOf(of.slice(at + 1));
  return int32(
    of,
    fc.tuple(...lines).map((lines) =>
      Array.from({ length: sizeOf(of) }, (_, k) => {
        const [row, column] = [Math.floor(k / inner) % rows, (k % inner) + inner * Math.floor(k / (inner * rows))];
        return lines[column]![row]!;
      }),
    ),
  );
};

const along = shape({ minRank: 1 }).chain((s) => fc.tuple(fc.constant(s), fc.nat(s.length - 1)));

/** Two inputs whose values are all different. */
const apart = (a: Shape, b: Shape): fc.Arbitrary<[CaseInput, CaseInput]> =>
  distinct([sizeOf(a) + sizeOf(b)]).map((values) => [
    { shape: a, values: values.slice(0, sizeOf(a)) },
    { shape: b, values: values.slice(sizeOf(a)) },
  ]);

const reduced = (reduce: ScatterReduction): OpCase =>
  opCase(
    along.chain(([s, dim]) =>
      fc.tuple(size(4), fc.boolean()).chain(([n, includeSelf]) =>
        fc.tuple(apart(s, s.with(dim, n)), index(s.with(dim, n), s[dim]!)).map(([[x, src], index]) => ({
          inputs: [x, index, src],
          attrs: { dim, includeSelf },
        })),
      ),
    ),
    ([x, i, src], { dim, includeSelf }) => scatterReduce(x!, dim, i!, src!, reduce, { includeSelf }),
  );

/** Cases of the ops that put elements into others. */
export const PUTS: Record<string, OpCase> = {
  put: fc.oneof(
    opCase(
      along.chain(([s, dim]) =>
        size(s[dim]!).chain((n) => draw({ dim }, floats(s), once(s, dim, n), floats(s.with(dim, n)))),
      ),
      ([x, i, src], { dim }) => x!.scatter(dim, i!, src!),
    ),
    opCase(
      along.chain(([s, dim]) =>
        size(5).chain((n) => draw({ dim }, floats(s), index([n], s[dim]!), floats(s.with(dim, n)))),
      ),
      ([x, i, src], { dim }) => x!.indexAdd(dim, i!, src!, { alpha: 2 }),
    ),
    opCase(
      along.chain(([s, dim]) => draw({ dim }, floats(s), index([3], s[dim]!))),
      ([x, i], { dim }) => x!.indexFill(dim, i!, 2),
    ),
    opCase(
      along.chain(([s, dim]) => size(3).chain((n) => draw({ dim, n }, floats(s), index([s[dim]!], n)))),
      ([g, i], { dim, n }) => adjoint((x) => x.indexSelect(dim, i!), g!.shape.with(dim, n), g!),
    ),
  ),
  scatterExtreme: fc.oneof(reduced("amax"), reduced("amin")),
};

/** Cases of the same ops with one tensor as base and values. */
export const PUTS_TWICE: Record<string, OpCase> = {
  put: opCase(
    along.chain(([s, dim]) =>
      fc
        .shuffledSubarray(
          Array.from({ length: s[dim]! }, (_, i) => i),
          { minLength: s[dim]! },
        )
        .chain((order) => draw({ dim }, floats(s), int32([s[dim]!], fc.constant(order)))),
    ),
    ([x, i], { dim }) => x!.indexCopy(dim, i!, x!),
  ),
  // Where a tensor meets itself the extremes tie, and a share of the gradient is no derivative: all places read what they hold.
  scatterExtreme: opCase(
    size(4).chain((n) => draw({ n }, distinctLine(n), once([n], 0, n))),
    ([x, i]) => scatterReduce(x!, 0, i!, x!, "amax", { includeSelf: false }),
  ),
};

function distinctLine(n: number): fc.Arbitrary<CaseInput> {
  return distinct([n]).map((values) => ({ shape: [n], values }));
}

const masked = (call: (x: Tensor, mask: Tensor) => Tensor): OpCase =>
  opCase(
    broadcastShapes(2).chain(([a, b]) => draw(null, floats(a!), condition(b!))),
    ([x, mask]) => call(x!, mask!),
  );

const vectors = fc
  .array(size(3), { minLength: 1, maxLength: 3 })
  .chain((sizes) => draw(null, ...sizes.map((n) => floats([n]))));
const matrices = fc
  .array(shape({ maxRank: 2, maxSize: 3 }), { minLength: 1, maxLength: 3 })
  .chain((shapes) => draw(null, ...shapes.map((s) => floats(s))));

/** Cases of functions that move elements without reading them. */
export const REARRANGE: Record<string, OpCase> = {
  indexing: opCase(
    shape({ minSize: 0, maxSize: 3 }).chain((s) => indexExpression(s).chain((items) => draw(items, floats(s)))),
    ([x], items) => x!.at(...toIndex(items, x!.backend)),
  ),
  indexPut: opCase(
    shape({ minSize: 0, maxSize: 3 }).chain((s) =>
      indexExpression(s).chain((items) =>
        fc.boolean().chain((accumulate) => draw({ items, accumulate }, floats(s), floats([]))),
      ),
    ),
    ([x, value], { items, accumulate }) => indexPut(x!, toIndex(items, x!.backend), value!, { accumulate }),
  ),
  embedding: moves(
    (s) => fc.tuple(plane(s.length), offset),
    (x, [[a, b], k]) => [
      x.sliceScatter(x.slice("1::2").mul(2), 0, { start: 1, step: 2 }),
      x.diagonalScatter(x.diagonal(k, a, b).mul(2), k, a, b),
    ],
    2,
  ),
  scatterReduce: fc.oneof(reduced("sum"), reduced("prod"), reduced("mean")),
  takeAlongDim: opCase(
    along.chain(([s, dim]) =>
      size(3).chain((n) =>
        draw(
          { dim },
          floats(s),
          int32(
            s.map((_, i) => (i === dim ? n : 1)),
            integers([n], -s[dim]!, s[dim]! - 1),
          ),
        ),
      ),
    ),
    ([x, i], { dim }) => [x!.takeAlongDim(i!, dim), x!.take(i!)],
  ),
  maskedFill: masked((x, mask) => maskedFill(x, mask, 2)),
  roll: moves(
    (s) => fc.tuple(fc.integer({ min: -5, max: 5 }), axis(s.length), fc.boolean()),
    (x, [shift, dim, all]) => (all ? x.roll(shift) : x.roll([shift, 1], [dim, 0])),
  ),
  rot90: moves(
    (s) => fc.tuple(fc.integer({ min: -5, max: 5 }), plane(s.length)),
    (x, [k, dims]) => [x.rot90(k, dims), x.fliplr(), x.flipud()],
    2,
  ),
  movedim: moves(
    (s) => fc.tuple(axis(s.length), axis(s.length)),
    (x, [from, to]) => [x.movedim(from, to), x.swapaxes(from, to), x.unflatten(from, [1, -1]), x.ravel()],
  ),
  repeat: moves(
    (s) => fc.tuple(perAxis(s.length, s.length + 1), perAxis(0, s.length)),
    (x, [counts, fewer]) => [x.repeat(counts), x.tile(fewer)],
    0,
  ),
  repeatInterleave: moves(
    (s) => fc.tuple(fc.option(axis(s.length), { nil: undefined }), fc.nat(3)),
    (x, [dim, n]) => x.repeatInterleave(n, dim === undefined ? {} : { dim }),
  ),
  triangles: moves(
    () => offset,
    (x, k) => [x.tril(k), x.triu(k)],
    2,
  ),
  diagonals: moves(
    (s) => fc.tuple(offset, plane(s.length), plane(s.length + 1)),
    (x, [k, [a, b], [c, d]]) => [x.diagonal(k, a, b), x.diagEmbed(k, c, d), x.diagflat(k)],
    2,
  ),
  tensorSplit: moves(
    (s) => fc.tuple(fc.oneof(size(4), fc.array(offset, { maxLength: 3 })), axis(s.length)),
    (x, [parts, dim]) => x.tensorSplit(parts, dim),
  ),
  grids: opCase(vectors, (xs) => [...meshgrid(xs, { indexing: "xy" }), cartesianProd(xs).mul(2)]),
  broadcastTensors: opCase(
    broadcastShapes(3).chain((shapes) => draw(null, ...shapes.map((s) => floats(s)))),
    (xs) => broadcastTensors(xs),
  ),
  stacks: opCase(
    shape().chain((s) => draw(null, floats(s), floats(s))),
    (xs) => [hstack(xs), vstack(xs), dstack(xs), columnStack(xs)],
  ),
  blockDiag: opCase(matrices, (xs) => blockDiag(xs)),
};

/** Cases of functions that read values. */
export const READING: Record<string, OpCase> = {
  maskIndexing: opCase(
    shape({ minSize: 0, maxSize: 3 }).chain((s) =>
      indexExpression(s, { masks: true }).chain((items) => draw(items, floats(s))),
    ),
    ([x], items) => x!.at(...toIndex(items, x!.backend)),
  ),
  maskedSelect: masked((x, mask) => maskedSelect(x, mask)),
  maskedScatter: opCase(
    shape().chain((s) =>
      bools(s).chain((mask) => draw(null, floats(s), int32(s, fc.constant(mask)), floats([sizeOf(s)]))),
    ),
    ([x, mask, source]) => maskedScatter(x!, mask!.to("bool"), source!),
  ),
  unevenRepeat: opCase(
    along.chain(([s, dim]) => draw({ dim }, floats(s), int32([s[dim]!], integers([s[dim]!], 0, 3)))),
    ([x, repeats], { dim }) => x!.repeatInterleave(repeats!, { dim }),
  ),
  nonzero: opCase(
    shape({ minSize: 0 }).chain((s) => draw(null, condition(s))),
    ([x]) => [x!.argwhere(), ...x!.nonzero({ asTuple: true })],
  ),
};
