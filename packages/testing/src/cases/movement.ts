import { cat, padZeros, type Shape, slice, split, stack, type Tensor } from "@descent/core";
import fc from "fast-check";
import { axis, permutation, shape, size } from "../arbitraries.ts";
import { draw, floats, index, type OpCase, opCase } from "../op-case.ts";
import { adjoint } from "./adjoint.ts";

interface Movement {
  readonly name: string;
  readonly to: unknown;
  readonly apply: (x: Tensor) => Tensor;
}

const ranges = ["1:", ":-1", "::2", "::-1", "-2::-1", 0, -1, null] as const;

/** The movements that need no sum to undo, with arguments that suit the shape. */
const movement = (from: Shape): fc.Arbitrary<Movement> => {
  const rank = from.length;
  const along = rank === 0 ? fc.constant(null) : axis(rank);
  const move = <T>(name: string, to: fc.Arbitrary<T>, apply: (x: Tensor, to: T) => Tensor): fc.Arbitrary<Movement> =>
    to.map((to) => ({ name, to, apply: (x) => apply(x, to) }));
  return fc.oneof(
    move("permute", permutation(rank), (x, dims) => x.permute(dims)),
    move("transpose", fc.tuple(along, along), (x, [a, b]) =>
      a === null || b === null ? x.permute() : x.transpose(a, b),
    ),
    move("flip", fc.subarray([...from.keys()]), (x, dims) => x.flip(dims)),
    move("slice", fc.array(fc.constantFrom(...ranges), { maxLength: rank }), (x, given) => slice(x, ...given)),
    move("expand", size(3), (x, n) => x.unsqueeze(0).expand([n, ...x.shape.map(() => -1)])),
    move("narrow", fc.tuple(along, fc.nat(3), fc.nat(3)), (x, [dim, start, length]) => {
      if (dim === null) return x.reshape([1]).narrow(0, 0, 1);
      const n = x.shape.at(dim)!;
      return x.narrow(dim, Math.min(start, n), Math.min(length, n - Math.min(start, n)));
    }),
  );
};

const moved = shape({ maxRank: 4 }).chain((from) => movement(from).map((to) => ({ from, to })));

const padding = fc.tuple(size(2, 0), size(2, 0));

export const MOVEMENT: Record<string, OpCase> = {
  gatherView: opCase(
    moved.chain(({ from, to }) => draw(to, floats(from))),
    ([x], { apply }) => apply(x!),
  ),
  scatterView: fc.oneof(
    opCase(
      shape({ minRank: 1 })
        .chain((s) => fc.tuple(fc.constant(s), fc.array(padding, { minLength: 1, maxLength: s.length })))
        .chain(([s, pads]) => draw(pads, floats(s))),
      ([x], pads) => padZeros(x!, pads),
    ),
    opCase(
      shape({ minRank: 1 }).chain((s) => draw(null, floats([3, ...s]))),
      ([g]) => adjoint((x) => x.expand(g!.shape).flip(-1), g!.shape.with(0, 1), g!),
    ),
  ),
  reshape: opCase(
    shape().chain((s) => fc.integer({ min: 0, max: 4 }).chain((kind) => draw({ kind }, floats(s)))),
    ([x], { kind }) => [x!.clone(), x!.flatten(), x!.reshape([-1, 1]), x!.unsqueeze(-1), x!.squeeze()][kind]!,
  ),
  cat: fc.oneof(
    opCase(
      shape({ minRank: 1 }).chain((s) =>
        fc
          .tuple(axis(s.length), fc.array(size(3, 0), { minLength: 1, maxLength: 3 }))
          .chain(([dim, sizes]) => draw({ dim }, ...[...sizes, s.at(dim)!].map((n) => floats(s.with(dim, n))))),
      ),
      (xs, { dim }) => cat(xs, dim),
    ),
    opCase(
      shape().chain((s) =>
        fc.integer({ min: -1 - s.length, max: s.length }).chain((dim) => draw({ dim }, floats(s), floats(s))),
      ),
      (xs, { dim }) => stack(xs, dim),
    ),
  ),
  split: opCase(
    shape({ minRank: 1 }).chain((s) =>
      fc.tuple(axis(s.length), size(3), fc.nat(3)).chain(([dim, part, kind]) => draw({ dim, part, kind }, floats(s))),
    ),
    ([x], { dim, part, kind }) => {
      const n = x!.shape.at(dim)!;
      if (kind === 0) return split(x!, part, dim);
      if (kind === 1) return split(x!, [Math.min(part, n), Math.max(0, n - part)], dim);
      return kind === 2 ? x!.chunk(part, dim) : x!.unbind(dim);
    },
  ),
  take: fc.oneof(
    opCase(
      shape({ minRank: 1 }).chain((s) =>
        fc.tuple(axis(s.length), size(5)).chain(([dim, n]) => draw({ dim }, floats(s), index([n], s.at(dim)!))),
      ),
      ([x, i], { dim }) => x!.indexSelect(dim, i!),
    ),
    opCase(
      shape({ minRank: 1 }).chain((s) =>
        fc
          .tuple(axis(s.length), size(5))
          .chain(([dim, n]) => draw({ dim }, floats(s), index(s.with(dim, n), s.at(dim)!))),
      ),
      ([x, i], { dim }) => x!.gather(dim, i!),
    ),
  ),
};
