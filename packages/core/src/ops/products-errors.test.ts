import { cpu } from "@descent/backend-cpu";
import {
  addmm,
  baddbmm,
  bmm,
  cross,
  dot,
  einsum,
  inner,
  mm,
  mv,
  ones,
  outer,
  setBackend,
  TensorError,
  tensordot,
} from "@descent/core";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const x = (...shape: number[]) => ones(shape);
const bool = (...shape: number[]) => ones(shape, { dtype: "bool" });

describe("bad operands of products get an error that names the op, the values and the remedy", () => {
  test.each<[call: () => unknown, message: string]>([
    [() => einsum("i-j", x(2, 3)), 'einsum: "-" in "i-j" is no subscript; subscripts are letters or ...'],
    [() => einsum("i..", x(2, 3)), 'einsum: "." in "i.." is no subscript'],
    [() => einsum("i. . .", x(2, 3)), 'einsum: "." in "i. . ." is no subscript'],
    [() => einsum("ij->i->j", x(2, 3)), 'einsum: "ij->i->j" has two arrows; write one output'],
    [() => einsum("...i...", x(2, 3)), 'einsum: "...i..." has two ellipses; write at most one per operand'],
    [() => einsum("ij->...i...", x(2, 3)), 'einsum: "...i..." has two ellipses'],
    [
      () => einsum("i", x(2, 3)),
      'einsum: "i" names 1 axes of operand 0, which is [2,3]; name every axis once, or let ... stand for some',
    ],
    [() => einsum("ij,...ijk->", x(2, 3), x(2, 3)), 'einsum: "...ijk" names 3 axes of operand 1, which is [2,3]'],
    [() => einsum("ij,j", x(2, 3)), 'einsum: "ij,j" describes 2 operands, got 1; separate them by commas'],
    [() => einsum("i", x(2), x(2)), 'einsum: "i" describes 1 operands, got 2'],
    [() => einsum(""), 'einsum: "" describes 1 operands, got 0'],
    [() => einsum("ij->ik", x(2, 3)), 'einsum: "k" in the output "ik" names no axis of an operand; take one of theirs'],
    [() => einsum("ij->ii", x(2, 3)), 'einsum: "i" appears twice in the output "ii"; name each axis once'],
    [
      () => einsum("ij,jk", x(2, 3), x(4, 5)),
      'einsum: the axes "j" differ: 4 in operand 1, [4,5], and 3; make them equal, or 1 in whole operands',
    ],
    [() => einsum("ii", x(3, 1)), 'einsum: the axes "i" differ: 1 in operand 0, [3,1], and 3'],
    [
      () => einsum("...,...", x(2, 3), x(2)),
      "einsum: the axes ... differ: 2 in operand 1, [2], and 3; make them equal",
    ],
    [() => einsum("i,i", bool(2), bool(2)), 'einsum: bool has no arithmetic; convert it with .to("float32")'],
    [() => einsum("i,i", x(2), bool(2)), "einsum: operands have different dtypes: float32 and bool"],
    [() => mm(x(2), x(2, 3)), "mm: expected 2 axes × 2, got [2] × [2,3]; use matmul() for other ranks"],
    [() => bmm(x(2, 3, 4), x(1, 4, 5)), "bmm: expected 3 axes × 3, the first ones equal, got [2,3,4] × [1,4,5]"],
    [() => mv(x(2, 3), x(3, 1)), "mv: expected 2 axes × 1, got [2,3] × [3,1]"],
    [() => dot(x(2), x(2, 2)), "dot: expected 1 axes × 1, got [2] × [2,2]"],
    [() => outer(x(2), x(2, 2)), "outer: expected vectors, got [2] and [2,2]; flatten() them"],
    [
      () => addmm(x(3, 3), x(2, 3), x(3, 3)),
      "addmm: [3,3] does not stretch to the product [2,3]; its axes must be those of the product, or 1",
    ],
    [() => baddbmm(x(1, 2, 2, 3), x(2, 2, 3), x(2, 3, 3)), "baddbmm: [1,2,2,3] does not stretch to the product"],
    [
      () => tensordot(x(2, 3), x(2, 4), { dims: 1 }),
      'tensordot: the axes "pair 0" differ: 2 in operand 1, [2,4], and 3; make them equal, or 1 in whole operands',
    ],
    [
      () => tensordot(x(2), x(2, 4), {}),
      "tensordot: 2 axes of [2] and [2,4] cannot meet; name at most as many as both have",
    ],
    [() => tensordot(x(2), x(2), { dims: [[0], []] }), "tensordot: 1 axes meet 0; name as many axes of both"],
    [
      () =>
        tensordot(x(2, 2), x(2, 2), {
          dims: [
            [0, -2],
            [0, 1],
          ],
        }),
      "tensordot: an axis appears twice in [0,-2]; name each axis once",
    ],
    [() => inner(x(2, 3), x(4)), 'inner: the axes "pair 0" differ: 4 in operand 1, [4], and 3'],
    [() => cross(x(3), x(1, 3)), "cross: [3] and [1,3] differ in rank; unsqueeze() one of them"],
    [() => cross(x(3, 2), x(3, 2)), "cross: axis -1 of [3,2] and [3,2] must have size 3"],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(TensorError);
    expect(call).toThrow(message);
  });
});
