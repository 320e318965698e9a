import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, floating } from "../op.ts";
import { checkRank, reducedShape, type Shape, sameShape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkSame } from "./checks.ts";
import { add, div, mul, rsqrt, sub } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
import { mean, variance } from "./reduce.ts";
import { unbroadcast } from "./sum.ts";

type Affine = [x: Tensor, weight: Tensor | null, bias: Tensor | null];

/** How `batchNorm` and `layerNorm` normalise. */
export interface NormAttrs {
  /** The axes over which mean and variance are taken. */
  readonly axes: readonly number[];
  /** The shape of weight and bias beside `x`. */
  readonly affine: Shape;
  readonly eps: number;
}

/** The same of their gradients. */
export interface NormGradAttrs extends NormAttrs {
  /** Which of the gradients of `x`, weight and bias are wanted: these are the outputs, in this order. */
  readonly needs: readonly boolean[];
}

/** Normalises over some axes: the result, and the mean and (biased) variance it was made with, which keep the axes as size 1. */
function normalization(name: "batchNorm" | "layerNorm") {
  const gradient = composite<
    [g: Tensor, x: Tensor, weight: Tensor | null, mean: Tensor, variance: Tensor],
    NormGradAttrs
  >({
    name: `${name}Grad`,
    outputs: ([, x], [dtype], { affine, needs }) =>
      [x, affine, affine].filter((_, i) => needs[i]).map((shape) => ({ shape, dtype })),
    decompose: ([g, x, weight, mu, sigma2], { axes, affine, eps, needs }) => {
      const db = (): Tensor => unbroadcast(g, affine);
      if (!needs[0] && !needs[1]) return [db()];
      const r = rsqrt(add(sigma2, eps));
      const xHat = mul(sub(x, mu), r);
      const average = (t: Tensor): Tensor => mean(t, axes, { keepdim: true });
      const dx = (): Tensor => {
        const gHat = weight === null ? g : mul(g, reshape(weight, affine));
        return mul(r, sub(sub(gHat, average(gHat)), mul(xHat, average(mul(gHat, xHat)))));
      };
      return [dx, () => unbroadcast(mul(g, xHat), affine), db].flatMap((gradient, i) => (needs[i] ? [gradient()] : []));
    },
  });
  return composite<Affine, NormAttrs>({
    name,
    outputs: ([x, weight, bias], dtypes, { axes, affine }) => {
      const dtype = floating(name)(dtypes);
      for (const p of [weight, bias])
        if (p !== null && sizeOf(p) !== sizeOf(affine))
          throw new ShapeError(
            name,
            `weight and bias of an input ${show(x)} need ${sizeOf(affine)} elements, got ${show(p)}`,
            "pass as many, or null",
          );
      const statistic = { shape: reducedShape(x, axes, true), dtype };
      return [{ shape: x, dtype }, statistic, statistic];
    },
    decompose: ([x, weight, bias], { axes, affine, eps }) => {
      const mu = mean(x, axes, { keepdim: true });
      const sigma2 = variance(x, axes, { keepdim: true, correction: 0 });
      const xHat = mul(sub(x, mu), rsqrt(add(sigma2, eps)));
      const scaled = weight === null ? xHat : mul(xHat, reshape(weight, affine));
      return [bias === null ? scaled : add(scaled, reshape(bias, affine)), mu, sigma2];
    },
    saves: ["input0", "input1", "output1", "output2"],
    vjp: (_, { inputs: [x, weight], outputs: [, mu, sigma2], grads: [g, gMu, gSigma2], needs, specs, attrs }) => {
      const found = g == null ? [] : [...gradient([g, x, weight, mu!, sigma2!], { ...attrs, needs })];
      const grads = needs.map((needed, i) => {
        const y = needed && found.shift();
        return y ? reshape(y, specs[i]!.shape) : null;
      });
      if (!needs[0]) return grads;
      const n = sizeOf(attrs.axes.map((i) => x.shape[i]!));
      const terms = [
        grads[0]!,
        gMu && expand(div(gMu, n), x.shape),
        gSigma2 && mul(mul(gSigma2, 2 / n), sub(x, mu!)),
      ].filter((t) => t != null);
      return [terms.reduce((a, b) => add(a, b)), ...grads.slice(1)];
    },
  });
}

const batchNormOp = normalization("batchNorm");
const layerNormOp = normalization("layerNorm");

/** What a normalisation returns beside its result; mean and biased variance keep the axes they were taken over as size 1. */
export interface Normalized {
  readonly output: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Batch normalisation with the statistics of the batch (Ioffe & Szegedy 2015): `x [N, C, …]` is normalised per channel, then scaled by
 * `weight [C]` and shifted by `bias [C]`.
 */
export function batchNorm(x: Tensor, weight: Tensor | null, bias: Tensor | null, eps: number): Normalized {
  checkRank("batchNorm", x.shape, 2, Number.POSITIVE_INFINITY);
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const affine = [x.shape[1]!, ...x.shape.slice(2).map(() => 1)];
  const [output, mu, sigma2] = batchNormOp([x, weight, bias], { axes, affine, eps });
  return { output: output!, mean: mu!, variance: sigma2! };
}

/** The last axes of `x`, which must have the given shape. */
function trailing(op: string, x: Tensor, normalizedShape: Shape): number[] {
  const lead = x.ndim - normalizedShape.length;
  if (normalizedShape.length === 0 || !sameShape(x.shape.slice(Math.max(0, lead)), normalizedShape))
    throw new ShapeError(
      op,
      `the input ${show(x.shape)} must end in ${show(normalizedShape)}`,
      "normalise over the last axes that the input has",
    );
  return normalizedShape.map((_, i) => lead + i);
}

/** Layer normalisation over the last axes, which have the given shape (Ba et al. 2016). */
export function layerNorm(
  x: Tensor,
  normalizedShape: Shape,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  const axes = trailing("layerNorm", x, normalizedShape);
  return layerNormOp([x, weight, bias], { axes, affine: normalizedShape, eps })[0]!;
}

/**
 * Divides by the root mean square over the last axes, which have the given shape: `x / √(mean x² + eps)` (Zhang & Sennrich 2019). An `eps`
 * of `null` is the distance from 1 to the next number of the dtype.
 */
export function rmsNorm(x: Tensor, normalizedShape: Shape, weight: Tensor | null, eps: number | null): Tensor {
  const axes = trailing("rmsNorm", x, normalizedShape);
  if (weight !== null) checkSame("rmsNorm", "weight", weight.shape, normalizedShape);
  return scope(() => {
    const epsilon = eps ?? (x.dtype === "float64" ? Number.EPSILON : 2 ** -23);
    const y = mul(x, rsqrt(add(mean(mul(x, x), axes, { keepdim: true }), epsilon)));
    return weight === null ? y : mul(y, weight);
  });
}
