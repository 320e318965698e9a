import { ShapeError } from "../errors.ts";
import { composite, type Op } from "../op.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type AffineShapes, affine, checkBias } from "./affine.ts";
import { matmul } from "./matmul.ts";
import { permute, reshape } from "./movement.ts";
import { AXES, addWindows, type Pair, positions, readWindows, type Window } from "./windows.ts";

/** How a convolution kernel moves over the image, and into how many independent groups the channels fall. */
export interface ConvAttrs<S extends Shape = Shape> {
  readonly stride: S;
  readonly padding: S;
  readonly dilation: S;
  readonly groups: number;
}
export type Conv2dAttrs = ConvAttrs<Pair>;

/** @internal The window of a kernel. */
export const windowOf = <S extends Shape>(attrs: ConvAttrs<S>, weight: Shape): ConvAttrs<S> & Window<S> => ({
  ...attrs,
  kernel: weight.slice(2) as unknown as S,
});

/** `[O, C/groups, kh, kw]` → `[1, groups, O/groups, C/groups·kh·kw]`. */
const matrix = (weight: Tensor, groups: number): Tensor => reshape(weight, [1, groups, weight.shape[0]! / groups, -1]);

/** `[N, C, kh, kw, oh, ow]` or `[N, O, oh, ow]` → `[N, groups, …/groups, oh·ow]`. */
const grouped = (x: Tensor, groups: number, [oh, ow]: Pair): Tensor =>
  reshape(x, [x.shape[0]!, groups, sizeOf(x.shape.slice(1, -2)) / groups, oh * ow]);

const KERNELS = ["", "k", "kh,kw", "kd,kh,kw"];

/** @internal Checks operands of a convolution over one to three axes, or of a transposed one, and returns how many outputs there are. */
export function convOutputs(
  op: string,
  [x, weight, bias]: AffineShapes,
  { stride: { length: n }, groups }: ConvAttrs,
  transposed: boolean,
): number {
  if (x.length !== n + 2 || weight.length !== n + 2)
    throw new ShapeError(
      op,
      `expected an input [N,C,${AXES[n]}] and a weight [${transposed ? "C,O" : "O,C"}/groups,${KERNELS[n]}], got ${show(x)} and ${show(weight)}`,
      "unsqueeze(0) makes a batch of a single image",
    );
  const [first, second] = [weight[0]!, weight[1]! * groups];
  const inputs = transposed ? first : second;
  if (x[1] !== inputs || first % groups !== 0)
    throw new ShapeError(
      op,
      `the channels of the input ${show(x)} and the weight ${show(weight)} do not fit ${groups} group(s)`,
      `the input needs ${inputs} channels, and groups must divide ${first}`,
    );
  const outputs = transposed ? second : first;
  checkBias(op, bias, outputs);
  return outputs;
}

/** @internal Checks the operands of a convolution over one to three axes and returns the shape of its result. */
export const convShape = (op: string, shapes: AffineShapes, attrs: ConvAttrs): Shape => {
  const outputs = convOutputs(op, shapes, attrs, false);
  return [shapes[0][0]!, outputs, ...positions(op, shapes[0], windowOf(attrs, shapes[1]))];
};

const { op: conv2dOp, weightGradOp: conv2dWeightGrad } = affine<Conv2dAttrs>("conv2d", {
  shape: (shapes, attrs) => convShape("conv2d", shapes, attrs),
  product: (x, weight, attrs) => {
    const window = windowOf(attrs, weight.shape);
    const count = positions("conv2d", x.shape, window);
    const seen = grouped(readWindows(x, window, "NCko"), attrs.groups, count);
    const y = matmul(matrix(weight, attrs.groups), seen);
    return reshape(y, [x.shape[0]!, weight.shape[0]!, ...count]);
  },
  inputGrad: (g, weight, image, attrs) => conv2dInputGrad([g, weight], { ...attrs, image }),
  weightGrad: (x, g, weight, attrs) => {
    // With the images beside the positions, one product per group sums over both.
    const seen = readWindows(x, windowOf(attrs, weight), "CkNo");
    const { groups } = attrs;
    const rows = reshape(permute(g, 1, 0, 2, 3), [groups, weight[0]! / groups, g.numel() / weight[0]!]);
    const columns = reshape(seen, [groups, sizeOf(weight.slice(1)), g.numel() / weight[0]!]);
    return reshape(matmul(rows, columns, false, true), weight);
  },
  trailing: [1, 1],
});

/** @internal The adjoint of a convolution in its image: what a transposed convolution computes. */
export const conv2dInputGrad: Op<[g: Tensor, weight: Tensor], Conv2dAttrs & { readonly image: Shape }> = composite({
  name: "conv2dInputGrad",
  shape: (_, { image }) => image,
  decompose: ([g, weight], attrs) => {
    const rows = grouped(g, attrs.groups, g.shape.slice(2) as unknown as Pair);
    const parts = matmul(matrix(weight, attrs.groups), rows, true);
    return addWindows(parts, attrs.image, windowOf(attrs, weight.shape), "NCko");
  },
  saves: ["others"],
  vjp: [
    (gg, { inputs: [, weight], attrs }) => conv2dOp([gg, weight, null], attrs),
    (gg, { inputs: [g], specs, attrs }) =>
      conv2dWeightGrad([gg, g], { ...attrs, weight: specs[1]!.shape, bias: false })[0]!,
  ],
});

/**
 * The cross-correlation of images `[N, C, H, W]` with a weight `[O, C/groups, kh, kw]`, plus a bias `[O]`: `[N, O, oh, ow]` with
 * `oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1`.
 */
export const conv2d = (x: Tensor, weight: Tensor, bias: Tensor | null, attrs: Conv2dAttrs): Tensor =>
  conv2dOp([x, weight, bias], attrs);
