import {
  addbmm,
  addmm,
  addmv,
  addr,
  baddbmm,
  bmm,
  cross,
  dot,
  einsum,
  inner,
  kron,
  mm,
  mv,
  outer,
  type Shape,
  type Tensor,
  tensordot,
  vecdot,
} from "@descent/core";
import fc from "fast-check";
import { axis, broadcastShapes, permutation, shape, size } from "../arbitraries.ts";
import { draw, floats, type OpCase, opCase } from "../op-case.ts";

/** An equation of `einsum`, and shapes that it describes. */
export interface Equation {
  readonly equation: string;
  readonly shapes: readonly Shape[];
}

const LETTERS = ["b", "a", "C", "k"] as const;
type Letter = (typeof LETTERS)[number];
type Sizes = Readonly<Record<Letter, number>>;

interface OperandOptions {
  readonly sizes: Sizes;
  /** The sizes of what ellipses stand for. */
  readonly covered: Shape;
}

/** An operand: letters in any order, repeated ones too, some axes of size 1 that stretch, perhaps an ellipsis among them. */
const operand = ({ sizes, covered }: OperandOptions): fc.Arbitrary<{ part: string; shape: Shape }> =>
  fc
    .record({
      letters: fc.array(fc.constantFrom(...LETTERS), { maxLength: 3 }),
      ones: fc.subarray([...LETTERS]),
      ellipsis: fc.option(fc.tuple(fc.nat(3), fc.nat(covered.length), fc.nat(3)), { freq: 2 }),
      narrow: fc.nat(3).map((n) => n === 0),
    })
    .map(({ letters, ones, ellipsis, narrow }) => {
      const parts: string[] = [...letters];
      const shape = letters.map((letter) => (narrow && ones.includes(letter) ? 1 : sizes[letter]));
      if (ellipsis !== null) {
        const [at, missing, stretched] = ellipsis;
        parts.splice(at, 0, "...");
        shape.splice(at, 0, ...covered.map((n, i) => (i === stretched ? 1 : n)).slice(missing));
      }
      return { part: parts.join(""), shape };
    });

/** Equations of every kind: diagonals, ellipses, sizes that stretch, sums, outputs in any order and implicit ones. */
export const equations = ({ maxOperands = 3 }: { readonly maxOperands?: number } = {}): fc.Arbitrary<Equation> =>
  fc
    .record({
      sizes: fc.record({ b: size(3), a: size(3), C: size(2), k: size(2) }),
      covered: shape({ maxRank: 2, maxSize: 2 }),
    })
    .chain((options) =>
      fc.tuple(
        fc.array(operand(options), { minLength: 1, maxLength: maxOperands }),
        fc.shuffledSubarray([...LETTERS, "..."]),
        fc.constantFrom("->", " -> ", ""),
      ),
    )
    .map(([operands, wanted, arrow]) => {
      const parts = operands.map(({ part }) => part);
      const output = wanted.filter((name) => name === "..." || parts.some((part) => part.includes(name)));
      return {
        equation: `${parts.join(arrow === " -> " ? " , " : ",")}${arrow === "" ? "" : arrow + output.join("")}`,
        shapes: operands.map(({ shape }) => shape),
      };
    });

/** The case of a function of tensors of the shapes that are drawn. */
const shaped = (shapes: fc.Arbitrary<readonly Shape[]>, call: (...xs: Tensor[]) => Tensor): OpCase =>
  opCase(
    shapes.chain((all) => draw(null, ...all.map((s) => floats(s)))),
    (xs) => call(...xs),
  );

/** Shapes made of four sizes. */
const sized = (
  shapes: (m: number, k: number, n: number, b: number) => readonly Shape[],
): fc.Arbitrary<readonly Shape[]> => fc.tuple(size(3), size(3), size(3), size(2)).map((sizes) => shapes(...sizes));

const factors = { beta: 0.5, alpha: -2 };

/** Products that are made of ops. */
export const PRODUCTS: Record<string, OpCase> = {
  einsum: opCase(
    equations().chain(({ equation, shapes }) => draw({ equation }, ...shapes.map((s) => floats(s)))),
    (xs, { equation }) => einsum(equation, xs),
  ),
  mm: shaped(
    sized((m, k, n) => [
      [m, k],
      [k, n],
    ]),
    mm,
  ),
  bmm: shaped(
    sized((m, k, n, b) => [
      [b, m, k],
      [b, k, n],
    ]),
    bmm,
  ),
  mv: shaped(
    sized((m, k) => [[m, k], [k]]),
    mv,
  ),
  dot: shaped(
    sized((m) => [[m], [m]]),
    dot,
  ),
  outer: shaped(
    sized((m, k) => [[m], [k]]),
    outer,
  ),
  inner: shaped(
    fc.tuple(shape({ maxRank: 2 }), shape({ maxRank: 2 }), size()).map(([a, b, k]) => [
      [...a, k],
      [...b, k],
    ]),
    inner,
  ),
  addmm: shaped(
    sized((m, k, n, b) => [b === 1 ? [n] : [m, 1], [m, k], [k, n]]),
    (x, a, b) => addmm(x, a, b, factors),
  ),
  addmv: shaped(
    sized((m, k, _, b) => [b === 1 ? [m] : [], [m, k], [k]]),
    (x, a, b) => addmv(x, a, b, factors),
  ),
  addbmm: shaped(
    sized((m, k, n, b) => [[n], [b, m, k], [b, k, n]]),
    (x, a, b) => addbmm(x, a, b, factors),
  ),
  addr: shaped(
    sized((m, _, n) => [[m, n], [m], [n]]),
    (x, a, b) => addr(x, a, b, factors),
  ),
  baddbmm: shaped(
    sized((m, k, n, b) => [
      [b, 1, n],
      [b, m, k],
      [b, k, n],
    ]),
    (x, a, b) => baddbmm(x, a, b, factors),
  ),
  tensordot: opCase(
    shape({ maxRank: 3, maxSize: 3 }).chain((s) =>
      fc
        .tuple(fc.nat(s.length), permutation(s.length), size(3))
        .chain(([dims, order, n]) =>
          draw({ dims, order }, floats([n, ...s]), floats([...order.slice(0, dims).map((i) => s[i]!), n])),
        ),
    ),
    ([a, b], { dims, order }) =>
      tensordot(a!, b!, { dims: [order.slice(0, dims).map((i) => i + 1), [...Array(dims).keys()]] }),
  ),
  kron: shaped(fc.tuple(shape({ maxRank: 2, maxSize: 3 }), shape({ maxRank: 2, maxSize: 3 })), kron),
  vecdot: opCase(
    broadcastShapes(2, { minRank: 1 }).chain(([a, b]) =>
      fc
        .integer({ min: -Math.max(1, Math.min(a!.length, b!.length)), max: -1 })
        .chain((dim) => draw({ dim }, floats(a!.length === 0 ? [1] : a!), floats(b!))),
    ),
    ([a, b], { dim }) => vecdot(a!, b!, { dim }),
  ),
  cross: opCase(
    fc
      .tuple(shape({ maxRank: 2, maxSize: 2 }), fc.boolean())
      .chain(([s, stretched]) =>
        axis(s.length + 1).chain((dim) =>
          draw({ dim, s, stretched }, floats([...s, 3]), floats([...s.map((n) => (stretched ? 1 : n)), 3])),
        ),
      ),
    ([a, b], { dim }) => cross(a!.transpose(-1, dim), b!.transpose(-1, dim), { dim }),
  ),
};
