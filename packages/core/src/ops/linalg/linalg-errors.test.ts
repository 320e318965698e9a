import { cpu } from "@descent/backend-cpu";
import {
  type Backend,
  BackendError,
  cdist,
  GradientError,
  grad,
  LinAlgError,
  linalg,
  ones,
  setBackend,
  stack,
  TensorError,
  tensor,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const x = (...shape: number[]) => ones(shape);
const identity = () =>
  tensor([
    [1, 0],
    [0, 1],
  ]);

describe("matrices that have no such thing get a LinAlgError", () => {
  test.each<[call: () => unknown, message: string]>([
    [() => linalg.inv(x(2, 2)), "inv: the matrix is singular (pivot 1 is zero); pinv() and lstsq() take any matrix"],
    [() => linalg.inv(stack([identity(), zeros([2, 2])])), "inv: matrix 1 of the stack is singular (pivot 0 is zero)"],
    [() => linalg.solve(x(2, 2), x(2)), "solve: the matrix is singular (pivot 1 is zero)"],
    [() => linalg.matrixPower(x(2, 2), -1), "inv: the matrix is singular"],
    [
      () => linalg.cholesky(x(2, 2)),
      "cholesky: the matrix is not positive-definite (the leading minor of order 2 is not); add to its diagonal, or use eigh()",
    ],
    [() => linalg.cholesky(x(1, 1).mul(Number.NaN)), "cholesky: the matrix is not positive-definite"],
    [
      () => linalg.svd(x(2, 2).mul(Number.NaN)),
      "svd: the matrix has elements that are not finite; look where they come from with isfinite()",
    ],
    [() => linalg.eigh(x(2, 2, 2).div(0)), "eigh: matrix 0 of the stack has elements that are not finite"],
    [() => linalg.pinv(x(2, 2).div(0)), "pinv: the matrix has elements that are not finite"],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(LinAlgError);
    expect(call).toThrow(message);
  });
});

describe("bad operands get an error that names the op, the values and the remedy", () => {
  test.each<[call: () => unknown, message: string]>([
    [() => linalg.inv(x(2, 3)), "inv: expected square matrices, got [2,3]; pinv() and lstsq() take any"],
    [() => linalg.det(x(3)), "det: expected a matrix or a stack of them, got [3]; reshape() it"],
    [() => linalg.slogdet(x(2, 3)), "slogdet: expected square matrices, got [2,3]"],
    [() => linalg.eigh(x(2, 3)), "eigh: expected square matrices, got [2,3]"],
    [() => linalg.cholesky(x(2, 3)), "cholesky: expected square matrices, got [2,3]"],
    [() => linalg.matrixExp(x(2, 3)), "matrixExp: expected square matrices, got [2,3]"],
    [() => linalg.matrixPower(x(2, 3), 2), "matrixPower: expected square matrices, got [2,3]"],
    [
      () => linalg.matrixPower(x(2, 2), 0.5),
      "matrixPower: the exponent must be an integer, got 0.5; use eigh() for others",
    ],
    [() => linalg.solve(x(2, 3), x(2)), "solve: expected square matrices, got [2,3]"],
    [() => linalg.solve(x(2, 2), x(3, 2)), "solve: [2,2] and [3,2] differ in their rows; transpose one of them"],
    [() => linalg.solve(x(3, 2, 2), x(2, 2, 1)), "solve: shapes do not broadcast: [3] and [2]"],
    [
      () => linalg.solveTriangular(x(2, 2), x(3, 2), { upper: true }),
      "solveTriangular: [2,2] and [3,2] differ in their rows; transpose one of them",
    ],
    [() => linalg.inv(ones([2, 2], { dtype: "int32" })), "inv: expected a floating dtype, got int32"],
    [() => linalg.svd(ones([2, 2], { dtype: "int32" })), "svd: expected a floating dtype, got int32"],
    [() => linalg.vectorNorm(ones([2], { dtype: "int32" })), "vectorNorm: expected a floating dtype, got int32"],
    [
      () => linalg.qr(x(2, 2), { mode: "full" as "complete" }),
      'qr: unknown mode "full"; use one of reduced, complete, r',
    ],
    [() => linalg.lstsq(x(3, 2), x(2)), "lstsq: [3,2] and [2] differ in their rows; transpose one of them"],
    [() => linalg.multiDot([x(2, 2)]), "multiDot: expected two tensors or more, got 1"],
    [
      () => linalg.multiDot([x(2, 2), x(2), x(2, 2)]),
      "multiDot: tensor 1 is [2]; all but the first and last must be matrices",
    ],
    [() => linalg.matrixNorm(x(2)), "matrixNorm: expected a matrix, got [2]; use vectorNorm()"],
    [
      () => linalg.matrixNorm(x(2, 2), { dim: [0, -2] }),
      "matrixNorm: [0,-2] must name two axes of [2,2]; name rows and columns",
    ],
    [
      () => linalg.matrixNorm(x(2, 2), { ord: 3 }),
      'matrixNorm: unknown order 3; use "fro", "nuc", ±1, ±2 or ±Infinity',
    ],
    [() => linalg.norm(x(2, 2), { ord: 0 }), "matrixNorm: unknown order 0"],
    [() => linalg.norm(x(2), { ord: "fro" }), "matrixNorm: expected a matrix, got [2]"],
    [
      () => linalg.norm(x(2, 2, 2), { ord: 2 }),
      "norm: 3 axes have no norm; name one axis or two, or leave out dim and ord",
    ],
    [() => cdist(x(2, 3), x(2, 4)), "cdist: expected rows of one length, got [2,3] and [2,4]"],
    [() => cdist(x(2, 3), x(2, 3), { p: -1 }), "cdist: p must be 0 or positive, got -1"],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(TensorError);
    expect(call).toThrow(message);
  });

  test("complete factors of a tall matrix have no gradient", () => {
    const a = ones([3, 2], { requiresGrad: true });
    const call = () => grad(linalg.qr(a, { mode: "complete" }).R.sum(), a);
    expect(call).toThrow(GradientError);
    expect(call).toThrow('qr: the complete factors of [3,2] have no gradient; use mode: "reduced"');
  });

  test("a device that nobody can wait for has no linear algebra", () => {
    const backend: Backend = { ...(cpu() as Backend), name: "later", synchronous: false };
    const call = () => linalg.inv(ones([2, 2], { backend }));
    expect(call).toThrow(BackendError);
    expect(call).toThrow(
      'inv: the op is computed on the host, and backend "later" computes asynchronously; move the operand to another backend with .to(backend)',
    );
  });
});
