import type { Vjp } from "../apply.ts";
import { ShapeError } from "../errors.ts";
import { composite, floating } from "../op.ts";
import { type Shape, sameShape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, div, mul, rsqrt, sub } from "./elementwise.ts";
import { reshape } from "./movement.ts";
import { mean, variance } from "./reduce.ts";
import { unbroadcast } from "./sum.ts";

type Affine = [x: Tensor, weight: Tensor | null, bias: Tensor | null];

interface NormAttrs {
  /** The axes over which mean and variance are taken. */
  readonly axes: readonly number[];
  /** The shape of weight and bias beside `x`. */
  readonly affine: Shape;
  readonly eps: number;
}

/** Normalises over some axes: the result, and the mean and (biased) variance it was made with, which keep the axes as size 1. */
function normalization(name: "batchNorm" | "layerNorm") {
  const parts = (x: Tensor, mu: Tensor, sigma2: Tensor, { eps }: NormAttrs): { r: Tensor; xHat: Tensor } => {
    const r = rsqrt(add(sigma2, eps));
    return { r, xHat: mul(sub(x, mu), r) };
  };
  const inputGrad: Vjp<Affine, NormAttrs> = (_, { inputs: [x, weight], outputs: [, mu, sigma2], grads, attrs }) => {
    const { axes, affine } = attrs;
    const [g, gMu, gSigma2] = grads;
    const average = (t: Tensor): Tensor => mean(t, axes, { keepdim: true });
    const { r, xHat } = parts(x, mu!, sigma2!, attrs);
    const n = sizeOf(axes.map((i) => x.shape[i]!));
    const terms: Tensor[] = [];
    if (g != null) {
      const gHat = weight === null ? g : mul(g, reshape(weight, affine));
      terms.push(mul(r, sub(sub(gHat, average(gHat)), mul(xHat, average(mul(gHat, xHat))))));
    }
    if (gMu != null) terms.push(div(gMu, n));
    if (gSigma2 != null) terms.push(mul(mul(gSigma2, 2 / n), sub(x, mu!)));
    return terms.reduce((a, b) => add(a, b));
  };
  return composite<Affine, NormAttrs>({
    name,
    outputs: ([x, weight, bias], dtypes, { axes, affine }) => {
      const dtype = floating(name)(dtypes);
      for (const p of [weight, bias])
        if (p !== null && sizeOf(p) !== sizeOf(affine))
          throw new ShapeError(
            name,
            `weight and bias of an input ${show(x)} need ${sizeOf(affine)} elements, got ${show(p)}`,
            `pass them with shape [${affine.filter((size) => size !== 1)}] or null`,
          );
      const statistic = { shape: x.map((size, i) => (axes.includes(i) ? 1 : size)), dtype };
      return [{ shape: x, dtype }, statistic, statistic];
    },
    decompose: ([x, weight, bias], attrs) => {
      const mu = mean(x, attrs.axes, { keepdim: true });
      const sigma2 = variance(x, attrs.axes, { keepdim: true, correction: 0 });
      const { xHat } = parts(x, mu, sigma2, attrs);
      const scaled = weight === null ? xHat : mul(xHat, reshape(weight, attrs.affine));
      return [bias === null ? scaled : add(scaled, reshape(bias, attrs.affine)), mu, sigma2];
    },
    saves: ["inputs", "output1", "output2"],
    vjp: [
      inputGrad,
      (_, { inputs: [x, weight], outputs: [, mu, sigma2], grads: [g], attrs }) => {
        if (g == null) return null;
        const { xHat } = parts(x, mu!, sigma2!, attrs);
        return reshape(unbroadcast(mul(g, xHat), attrs.affine), weight!.shape);
      },
      (_, { inputs: [, , bias], grads: [g], attrs }) =>
        g == null ? null : reshape(unbroadcast(g, attrs.affine), bias!.shape),
    ],
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
  if (x.ndim < 2)
    throw new ShapeError("batchNorm", `expected [N,C,…], got ${show(x.shape)}`, "unsqueeze() what is missing");
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const affine = [x.shape[1]!, ...x.shape.slice(2).map(() => 1)];
  const [output, mu, sigma2] = batchNormOp([x, weight, bias], { axes, affine, eps });
  return { output: output!, mean: mu!, variance: sigma2! };
}

/** Layer normalisation over the last axes, which have the given shape (Ba et al. 2016). */
export function layerNorm(
  x: Tensor,
  normalizedShape: Shape,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  const lead = x.ndim - normalizedShape.length;
  if (normalizedShape.length === 0 || !sameShape(x.shape.slice(Math.max(0, lead)), normalizedShape))
    throw new ShapeError(
      "layerNorm",
      `the input ${show(x.shape)} must end in ${show(normalizedShape)}`,
      "normalise over the last axes that the input has",
    );
  const axes = normalizedShape.map((_, i) => lead + i);
  return layerNormOp([x, weight, bias], { axes, affine: normalizedShape, eps })[0]!;
}
