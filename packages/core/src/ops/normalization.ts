import { ShapeError } from "../errors.ts";
import { scope } from "../memory.ts";
import { composite, floating } from "../op.ts";
import { type Shape, sameShape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, div, mul, rsqrt, sub } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
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

interface NormGradAttrs extends NormAttrs {
  /** Which of the gradients of `x`, weight and bias are wanted: these are the outputs, in this order. */
  readonly needs: readonly boolean[];
}

/** Results that exist for some places only, each in its own. */
function inPlaces(found: readonly Tensor[], places: readonly boolean[]): (Tensor | null)[] {
  let at = 0;
  return places.map((taken) => (taken ? (found[at++] ?? null) : null));
}

/** Normalises over some axes: the result, and the mean and (biased) variance it was made with, which keep the axes as size 1. */
function normalization(name: "batchNorm" | "layerNorm") {
  const parts = (x: Tensor, mu: Tensor, sigma2: Tensor, { eps }: NormAttrs): { r: Tensor; xHat: Tensor } => {
    const r = rsqrt(add(sigma2, eps));
    return { r, xHat: mul(sub(x, mu), r) };
  };
  const gradient = composite<
    [g: Tensor, x: Tensor, weight: Tensor | null, mean: Tensor, variance: Tensor],
    NormGradAttrs
  >({
    name: `${name}Grad`,
    outputs: ([, x], [dtype], { affine, needs }) =>
      [x, affine, affine].filter((_, i) => needs[i]).map((shape) => ({ shape, dtype })),
    decompose: ([g, x, weight, mu, sigma2], { needs, ...attrs }) => {
      const { axes, affine } = attrs;
      const db = needs[2] ? [unbroadcast(g, affine)] : [];
      if (!needs[0] && !needs[1]) return db;
      const { r, xHat } = parts(x, mu, sigma2, attrs);
      const dw = needs[1] ? [unbroadcast(mul(g, xHat), affine)] : [];
      if (!needs[0]) return [...dw, ...db];
      const average = (t: Tensor): Tensor => mean(t, axes, { keepdim: true });
      const gHat = weight === null ? g : mul(g, reshape(weight, affine));
      const dx = mul(r, sub(sub(gHat, average(gHat)), mul(xHat, average(mul(gHat, xHat)))));
      return [dx, ...dw, ...db];
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
    saves: ["input0", "input1", "output1", "output2"],
    vjp: (_, { inputs: [x, weight], outputs: [, mu, sigma2], grads: [g, gMu, gSigma2], needs, specs, attrs }) => {
      const found = g == null ? [] : gradient([g, x, weight, mu!, sigma2!], { ...attrs, needs });
      const [dx, dw, db] = inPlaces(found, needs);
      const like = (t: Tensor | null, i: number): Tensor | null => t && reshape(t, specs[i]!.shape);
      if (!needs[0]) return [null, like(dw!, 1), like(db!, 2)];
      const n = sizeOf(attrs.axes.map((i) => x.shape[i]!));
      const terms = [dx!];
      if (gMu != null) terms.push(expand(div(gMu, n), x.shape));
      if (gSigma2 != null) terms.push(mul(mul(gSigma2, 2 / n), sub(x, mu!)));
      return [terms.filter((t) => t !== null).reduce((a, b) => add(a, b)), like(dw!, 1), like(db!, 2)];
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
  if (x.ndim < 2)
    throw new ShapeError("batchNorm", `expected [N,C,…], got ${show(x.shape)}`, "unsqueeze() what is missing");
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
  if (weight !== null && !sameShape(weight.shape, normalizedShape))
    throw new ShapeError("rmsNorm", `the weight ${show(weight.shape)} must have the shape ${show(normalizedShape)}`);
  return scope(() => {
    const epsilon = eps ?? (x.dtype === "float64" ? Number.EPSILON : 2 ** -23);
    const y = mul(x, rsqrt(add(mean(mul(x, x), axes, { keepdim: true }), epsilon)));
    return weight === null ? y : mul(y, weight);
  });
}
