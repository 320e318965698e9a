import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, floating, primitive, sameDType } from "../op.ts";
import { broadcastShapes, checkRank, type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Affine, type AffineShapes, affine, checkBias } from "./affine.ts";
import { relu, reluGrad } from "./elementwise.ts";
import { flatten, reshape, squeeze, unsqueeze } from "./movement.ts";
import { arithmeticDType } from "./pointwise.ts";
import { unbroadcast } from "./sum.ts";

interface Flags {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const matmulOp = primitive<[a: Tensor, b: Tensor], Flags>({
  name: "matmul",
  shape: ([a, b], flags) => {
    const product = productShape(a, b, flags);
    if (a.length === 2 && b.length === 2) return product;
    return [...broadcastShapes("matmul", a.slice(0, -2), b.slice(0, -2)), ...product];
  },
  dtype: (dtypes) => arithmeticDType("matmul", sameDType("matmul", dtypes)),
  kernel: (backend, [a, b], { transposeA, transposeB }, [out]) => [backend.matmul(a, b, transposeA, transposeB, out!)],
  saves: ["others"],
  vjp: [
    (g, { inputs: [, b], attrs: { transposeA, transposeB }, specs }) =>
      unbroadcast(transposeA ? matmul(b, g, transposeB, true) : matmul(g, b, false, !transposeB), specs[0]!.shape),
    (g, { inputs: [a], attrs: { transposeA, transposeB }, specs }) =>
      unbroadcast(transposeB ? matmul(g, a, true, transposeA) : matmul(a, g, !transposeA, false), specs[1]!.shape),
  ],
});

/** Rows and columns of a product. */
function productShape(a: Shape, b: Shape, { transposeA, transposeB }: Flags): readonly [rows: number, columns: number] {
  const [rows, inner] = matrix(a, transposeA);
  const [inner2, columns] = matrix(b, transposeB);
  if (inner !== inner2)
    throw new ShapeError(
      "matmul",
      `inner dimensions differ: ${describe(a, transposeA)} × ${describe(b, transposeB)} (${inner} ≠ ${inner2})`,
      "transpose or reshape one of them",
    );
  return [rows, columns];
}

const matrix = (shape: Shape, transposed: boolean): [rows: number, columns: number] => {
  const [rows, columns] = [shape[shape.length - 2]!, shape[shape.length - 1]!];
  return transposed ? [columns, rows] : [rows, columns];
};

const describe = (shape: Shape, transposed: boolean): string => `${show(shape)}${transposed ? "ᵀ" : ""}`;

/**
 * The matrix product over the last two axes, `[…, M, K] × […, K, N] → […, M, N]`; leading axes broadcast, vectors are a row on the
 * left and a column on the right, as in PyTorch. The flags transpose an operand first.
 */
export function matmul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  const flags = { transposeA, transposeB };
  if (a.ndim === 2 && b.ndim === 2) return matmulOp([a, b], flags);
  checkRank("matmul", (a.ndim === 0 ? a : b).shape, 1, Number.POSITIVE_INFINITY, "use mul() for scalars");
  return scope(() => {
    if (a.ndim === 1 || b.ndim === 1) return matmulVector(a, b, transposeA, transposeB);
    // Many rows against one matrix are one large product.
    if (b.ndim === 2 && !transposeA) {
      const [, columns] = productShape(a.shape, b.shape, flags);
      return reshape(matmulOp([flatten(a, 0, -2), b], flags), [...a.shape.slice(0, -1), columns]);
    }
    const rank = Math.max(a.ndim, b.ndim);
    return matmulOp([lift(a, rank), lift(b, rank)], flags);
  });
}

/** With leading axes of size 1, so that it has `rank` axes. */
const lift = (x: Tensor, rank: number): Tensor =>
  x.ndim === rank ? x : reshape(x, [...new Array<number>(rank - x.ndim).fill(1), ...x.shape]);

function matmulVector(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const row = a.ndim === 1;
  const column = b.ndim === 1;
  const y = matmul(row ? unsqueeze(a, 0) : a, column ? unsqueeze(b, 1) : b, transposeA && !row, transposeB && !column);
  return squeeze(y, row && column ? [-2, -1] : row ? -2 : -1);
}

function linearShape([x, weight, bias]: AffineShapes): Shape {
  if (x.length === 0 || weight.length !== 2 || x.at(-1) !== weight[1])
    throw new ShapeError(
      "linear",
      `the input ${show(x)} must end in the ${weight[1]} features of the weight ${show(weight)}`,
      `give the layer ${x.at(-1)} input features, or reshape() what comes before it`,
    );
  checkBias("linear", bias, weight[0]!);
  return x.with(-1, weight[0]!);
}

const { op: linearOp, gradients } = affine<object>("linear", {
  shape: linearShape,
  product: (x, weight) => matmul(x, weight, false, true),
  inputGrad: (g, weight) => matmul(g, weight),
  weightGrad: (x, g) => matmul(rows(g), rows(x), true),
  trailing: [],
});

const linearReluOp = composite<Affine, object>({
  name: "linearRelu",
  shape: linearShape,
  dtype: floating("linear"),
  decompose: (inputs, attrs) => relu(linearOp(inputs, attrs)),
  saves: ["others", "output"],
  vjp: (g, context) => gradients(reluGrad([g, context.output]), context),
});

const rows = (x: Tensor): Tensor => (x.ndim === 2 ? x : x.ndim === 1 ? unsqueeze(x, 0) : flatten(x, 0, -2));

/** `x · weightᵀ + bias` over the last axis: `[…, in]`, `[out, in]`, `[out]` → `[…, out]`. */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor =>
  linearOp([x, weight, bias], {});

/** `max(linear(x, weight, bias), 0)`, for backends that compute it in one go. */
export const linearRelu = (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor =>
  linearReluOp([x, weight, bias], {});
