import type { Context } from "../apply.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, floating, type Op, primitive, sameDType } from "../op.ts";
import { broadcastShapes, type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, relu, reluGrad } from "./elementwise.ts";
import { expand, flatten, reshape, unsqueeze } from "./movement.ts";
import { sum, unbroadcast } from "./sum.ts";

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
  dtype: (dtypes) => {
    const dtype = sameDType("matmul", dtypes);
    if (dtype === "bool") throw new DTypeError("matmul", "bool has no arithmetic", 'convert it with .to("float32")');
    return dtype;
  },
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
  if (a.ndim === 0 || b.ndim === 0)
    throw new ShapeError(
      "matmul",
      `expected at least one axis each, got ${show(a.shape)} × ${show(b.shape)}`,
      "use mul() for scalars",
    );
  const flags = { transposeA, transposeB };
  if (a.ndim === 2 && b.ndim === 2) return matmulOp([a, b], flags);
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
  const lead = y.shape.slice(0, -2);
  return reshape(y, [...lead, ...(row ? [] : [y.shape.at(-2)!]), ...(column ? [] : [y.shape.at(-1)!])]);
}

type Linear = [x: Tensor, weight: Tensor, bias: Tensor | null];

function linearShape([x, weight, bias]: readonly [x: Shape, weight: Shape, bias: Shape | null]): Shape {
  if (x.length === 0 || weight.length !== 2 || x.at(-1) !== weight[1])
    throw new ShapeError(
      "linear",
      `the input ${show(x)} must end in the ${weight[1]} features of the weight ${show(weight)}`,
      `give the layer ${x.at(-1)} input features, or reshape() what comes before it`,
    );
  if (bias !== null && (bias.length !== 1 || bias[0] !== weight[0]))
    throw new ShapeError(
      "linear",
      `the bias ${show(bias)} must have the ${weight[0]} outputs of the weight ${show(weight)}`,
      `pass a bias of shape [${weight[0]}] or null`,
    );
  return x.with(-1, weight[0]!);
}

function linearGrads(g: Tensor, { inputs: [x, weight], needs }: Context<Linear, void>): (Tensor | null)[] {
  const dx = needs[0] ? matmul(g, weight) : null;
  if (!needs[1]) return [dx, null, needs[2] ? sum(rows(g), 0) : null];
  const [dw, db = null] = linearWeightGrad([x, g], { bias: needs[2]! });
  return [dx, dw!, db];
}

const linearOp: Op<Linear> = composite({
  name: "linear",
  shape: linearShape,
  dtype: floating("linear"),
  decompose: ([x, weight, bias]) => {
    const y = matmul(x, weight, false, true);
    return bias === null ? y : add(y, bias);
  },
  saves: ["others"],
  vjp: linearGrads,
});

const linearReluOp = composite<Linear>({
  name: "linearRelu",
  shape: linearShape,
  dtype: floating("linear"),
  decompose: (inputs) => relu(linearOp(inputs)),
  saves: ["others", "output"],
  vjp: (g, context) => linearGrads(reluGrad([g, context.output]), context),
});

interface WeightGradAttrs {
  /** Whether the gradient of the bias is wanted too, as a second output. */
  readonly bias: boolean;
}

const linearWeightGrad: Op<[x: Tensor, g: Tensor], WeightGradAttrs, readonly Tensor[]> = composite({
  name: "linearWeightGrad",
  outputs: ([x, g], [dtype], { bias }) => {
    const dw = { shape: [g.at(-1)!, x.at(-1)!], dtype };
    return bias ? [dw, { shape: [g.at(-1)!], dtype }] : [dw];
  },
  decompose: ([x, g], { bias }) => {
    const dw = matmul(rows(g), rows(x), true);
    return bias ? [dw, sum(rows(g), 0)] : [dw];
  },
  saves: ["others"],
  vjp: (_, { inputs: [x, g], grads: [gw, gb = null], needs, specs }) => {
    return [
      needs[0] && gw != null ? matmul(g, gw) : null,
      needs[1] ? (gw == null ? expand(gb!, specs[1]!.shape) : linearOp([x, gw, gb])) : null,
    ];
  },
});

const rows = (x: Tensor): Tensor => (x.ndim === 2 ? x : x.ndim === 1 ? unsqueeze(x, 0) : flatten(x, 0, -2));

/** `x · weightᵀ + bias` over the last axis: `[…, in]`, `[out, in]`, `[out]` → `[…, out]`. */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor => linearOp([x, weight, bias]);

/** `max(linear(x, weight, bias), 0)`, for backends that compute it in one go. */
export const linearRelu = (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor =>
  linearReluOp([x, weight, bias]);
