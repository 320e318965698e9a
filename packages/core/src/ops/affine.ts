import type { Context } from "../apply.ts";
import { ShapeError } from "../errors.ts";
import { composite, floating, type Op } from "../op.ts";
import { type Shape, sameShape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
import { unbroadcast } from "./sum.ts";

// What a linear layer and a convolution have in common: a product of input and weight, plus a bias per output. In each of the two factors
// the product is linear, so that its gradients are products too, and theirs the product again.

export type Affine = [x: Tensor, weight: Tensor, bias: Tensor | null];
export type AffineShapes = readonly [x: Shape, weight: Shape, bias: Shape | null];

interface Product<A> {
  readonly shape: (shapes: AffineShapes, attrs: A) => Shape;
  readonly product: (x: Tensor, weight: Tensor, attrs: A) => Tensor;
  /** The gradient in the input, which has a shape. */
  readonly inputGrad: (g: Tensor, weight: Tensor, shape: Shape, attrs: A) => Tensor;
  /** The gradient in the weight, which has a shape. */
  readonly weightGrad: (x: Tensor, g: Tensor, shape: Shape, attrs: A) => Tensor;
  /** The sizes behind the axis of outputs, all 1, with which a bias broadcasts. */
  readonly trailing: Shape;
}

/** Also whether the gradient of the bias is wanted, as a second output. */
export type WeightGradAttrs<A> = A & { readonly weight: Shape; readonly bias: boolean };

/** The op, its gradients, and that of its weight alone. */
export function affine<A extends object>(
  name: "linear" | "conv2d",
  { shape, product, inputGrad, weightGrad, trailing }: Product<A>,
): {
  op: Op<Affine, A>;
  gradients: (g: Tensor, context: Context<Affine, A>) => (Tensor | null)[];
  weightGradOp: Op<[x: Tensor, g: Tensor], WeightGradAttrs<A>, readonly Tensor[]>;
} {
  const biasGrad = (g: Tensor, outputs: number): Tensor => reshape(unbroadcast(g, [outputs, ...trailing]), [outputs]);
  const gradients = (g: Tensor, { inputs: [x, weight], needs, specs, attrs }: Context<Affine, A>) => {
    const dx = needs[0] ? inputGrad(g, weight, specs[0]!.shape, attrs) : null;
    if (!needs[1]) return [dx, null, needs[2] ? biasGrad(g, specs[2]!.shape[0]!) : null];
    const [dw, db = null] = weightGradOp([x, g], { ...attrs, weight: specs[1]!.shape, bias: needs[2]! });
    return [dx, dw!, db];
  };
  const op: Op<Affine, A> = composite({
    name,
    shape,
    dtype: floating(name),
    decompose: ([x, weight, bias], attrs) => {
      const y = product(x, weight, attrs);
      return bias === null ? y : add(y, reshape(bias, [-1, ...trailing]));
    },
    saves: ["others"],
    vjp: gradients,
  });
  const weightGradOp: Op<[x: Tensor, g: Tensor], WeightGradAttrs<A>, readonly Tensor[]> = composite({
    name: `${name}WeightGrad`,
    outputs: (_, [dtype], { weight, bias }) =>
      [weight, [weight[0]!]].slice(0, bias ? 2 : 1).map((shape) => ({ shape, dtype })),
    decompose: ([x, g], attrs) => {
      const dw = weightGrad(x, g, attrs.weight, attrs);
      return attrs.bias ? [dw, biasGrad(g, attrs.weight[0]!)] : [dw];
    },
    saves: ["others"],
    vjp: (_, { inputs: [x, g], grads: [gw, gb = null], needs, specs, attrs }) => [
      needs[0] && gw != null ? inputGrad(g, gw, specs[0]!.shape, attrs) : null,
      !needs[1] ? null : gw != null ? op([x, gw, gb], attrs) : expand(reshape(gb!, [-1, ...trailing]), specs[1]!.shape),
    ],
  });
  return { op, gradients, weightGradOp };
}

/** Throws unless there is no bias, or one for each output. */
export function checkBias(op: string, bias: Shape | null, outputs: number): void {
  if (bias !== null && !sameShape(bias, [outputs]))
    throw new ShapeError(
      op,
      `the bias ${show(bias)} must have the ${outputs} outputs of the weight`,
      `pass a bias of shape [${outputs}] or null`,
    );
}
