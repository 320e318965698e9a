import { cpu } from "@descent/backend-cpu";
import {
  allocate,
  type Backend,
  type Conv2dAttrs,
  type FusedName,
  IndexError,
  type Operand,
  type Shape,
  type Spec,
  sizeOf,
  type TypedArray,
  threefry,
  uniform24,
  type Window,
} from "@descent/core";

type Kernel<I extends readonly unknown[], A = unknown> = (inputs: I, attrs: A, out: readonly Spec[]) => TypedArray[];
type X = Operand<TypedArray>;
type Size4 = readonly [number, number, number, number];
type WindowAttrs = Pick<Window, "stride" | "padding" | "dilation">;

const make = ({ shape, dtype }: Spec): TypedArray => allocate(dtype, sizeOf(shape));

const linear: Kernel<[x: X, weight: X, bias: X | null]> = ([x, weight, bias], _, [out]) => {
  const y = make(out!);
  const [outputs, inputs] = weight.shape as readonly [number, number];
  for (let at = 0; at < y.length; at++) {
    const [row, o] = [Math.floor(at / outputs), at % outputs];
    let sum = bias?.handle[o] ?? 0;
    for (let i = 0; i < inputs; i++) sum += x.handle[row * inputs + i]! * weight.handle[o * inputs + i]!;
    y[at] = sum;
  }
  return [y];
};

const silu: Kernel<[x: X]> = ([x], _, [out]) => {
  const y = make(out!);
  for (let i = 0; i < y.length; i++) y[i] = x.handle[i]! / (1 + Math.exp(-x.handle[i]!));
  return [y];
};

/** Calls `fn` with the positions of the elements of every line along an axis. */
function lines(shape: Shape, axis: number, fn: (positions: number[]) => void): void {
  const inner = sizeOf(shape.slice(axis + 1));
  const size = shape[axis]!;
  for (let o = 0; o < sizeOf(shape.slice(0, axis)); o++)
    for (let i = 0; i < inner; i++) fn(Array.from({ length: size }, (_, k) => (o * size + k) * inner + i));
}

/** The largest element of a line, and the logarithm of the sum of the exponentials of what is left without it. */
function partition({ handle }: X, line: readonly number[]): { most: number; log: number } {
  const most = Math.max(...line.map((at) => handle[at]!));
  return { most, log: Math.log(line.reduce((sum, at) => sum + Math.exp(handle[at]! - most), 0)) };
}

const logSoftmaxWith =
  (last: (x: number) => number): Kernel<[x: X], number> =>
  ([x], axis, [out]) => {
    const y = make(out!);
    lines(x.shape, axis, (line) => {
      const { most, log } = partition(x, line);
      for (const at of line) y[at] = last(x.handle[at]! - most - log);
    });
    return [y];
  };

const softmaxCrossEntropy: Kernel<[logits: X, target: X]> = ([logits, target], _, [out]) => {
  const y = make(out!);
  const [n, classes] = logits.shape as readonly [number, number];
  for (let row = 0; row < n; row++) {
    const { most, log } = partition(
      logits,
      Array.from({ length: classes }, (_, i) => row * classes + i),
    );
    const k = target.handle[row]!;
    if (k < 0 || k >= classes) throw new IndexError("softmaxCrossEntropy", `class ${k} of ${classes}`);
    y[row] = most + log - logits.handle[row * classes + k]!;
  }
  return [y];
};

/** Calls `fn` with the positions in image, weight and result of every product of a convolution. */
function products(
  image: Size4,
  weight: Size4,
  result: Size4,
  { stride, padding, dilation, groups }: Conv2dAttrs,
  fn: (x: number, w: number, y: number) => void,
): void {
  const [, channels, height, width] = image;
  const [outputs, each, kh, kw] = weight;
  for (let y = 0; y < sizeOf(result); y++) {
    const ow = y % result[3];
    const oh = Math.floor(y / result[3]) % result[2];
    const o = Math.floor(y / (result[3] * result[2])) % outputs;
    const n = Math.floor(y / (result[3] * result[2] * outputs));
    const first = Math.floor(o / (outputs / groups)) * each;
    for (let c = 0; c < each; c++)
      for (let i = 0; i < kh; i++)
        for (let j = 0; j < kw; j++) {
          const h = oh * stride[0] - padding[0] + i * dilation[0];
          const w = ow * stride[1] - padding[1] + j * dilation[1];
          if (h < 0 || h >= height || w < 0 || w >= width) continue;
          fn(((n * channels + first + c) * height + h) * width + w, ((o * each + c) * kh + i) * kw + j, y);
        }
  }
}

const size4 = ({ shape }: { readonly shape: Shape }): Size4 => shape as unknown as Size4;

/** Sums in doubles, rounded once. */
function summed(out: Spec, add: (sums: Float64Array) => void): TypedArray[] {
  const sums = new Float64Array(sizeOf(out.shape));
  add(sums);
  const y = make(out);
  y.set(sums);
  return [y];
}

const conv2d: Kernel<[x: X, weight: X, bias: X | null], Conv2dAttrs> = ([x, weight, bias], attrs, [out]) =>
  summed(out!, (y) => {
    const [, outputs, oh, ow] = size4(out!);
    if (bias !== null) for (let i = 0; i < y.length; i++) y[i] = bias.handle[Math.floor(i / (oh * ow)) % outputs]!;
    products(size4(x), size4(weight), size4(out!), attrs, (i, j, k) => {
      y[k]! += x.handle[i]! * weight.handle[j]!;
    });
  });

const conv2dInputGrad: Kernel<[g: X, weight: X], Conv2dAttrs> = ([g, weight], attrs, [out]) =>
  summed(out!, (y) =>
    products(size4(out!), size4(weight), size4(g), attrs, (i, j, k) => {
      y[i]! += g.handle[k]! * weight.handle[j]!;
    }),
  );

const conv2dWeightGrad: Kernel<[x: X, g: X], Conv2dAttrs> = ([x, g], attrs, [out]) =>
  summed(out!, (y) =>
    products(size4(x), size4(out!), size4(g), attrs, (i, j, k) => {
      y[j]! += x.handle[i]! * g.handle[k]!;
    }),
  );

/** Calls `fn` with the positions in the image that each element of the pooled result sees, padding left out. */
function pooled(
  image: Size4,
  result: Size4,
  kernel: Window["kernel"],
  window: WindowAttrs,
  fn: (seen: number[], y: number) => void,
): void {
  const channel = { ...window, groups: 1 };
  const seen: number[][] = Array.from({ length: sizeOf(result) }, () => []);
  const planes = image[0] * image[1];
  products([planes, 1, image[2], image[3]], [1, 1, ...kernel], [planes, 1, result[2], result[3]], channel, (i, _, k) =>
    seen[k]!.push(i),
  );
  seen.forEach(fn);
}

const maxPool2d: Kernel<[x: X], Window> = ([x], { kernel, ...window }, [out]) => {
  const y = make(out!);
  pooled(size4(x), size4(out!), kernel, window, (seen, k) => {
    y[k] = Math.max(...seen.map((i) => x.handle[i]!));
  });
  return [y];
};

const maxPool2dInputGrad: Kernel<[g: X, x: X], Window> = ([g, x], { kernel, ...window }, [out]) =>
  summed(out!, (y) =>
    pooled(size4(x), size4(g), kernel, window, (seen, k) => {
      const most = Math.max(...seen.map((i) => x.handle[i]!));
      const first = seen.find((i) => x.handle[i] === most);
      if (first !== undefined) y[first]! += g.handle[k]!;
    }),
  );

interface NormAttrs {
  readonly axes: readonly number[];
  readonly eps: number;
}

/** Channels are axis 1. */
const batchNorm: Kernel<[x: X, weight: X | null, bias: X | null], NormAttrs> = ([x, weight, bias], { eps }, out) => {
  const [y, mean, variance] = out.map(make) as [TypedArray, TypedArray, TypedArray];
  const [, channels] = x.shape as readonly number[];
  const inner = sizeOf(x.shape.slice(2));
  for (let c = 0; c < channels!; c++) {
    const mine = Array.from(x.handle.keys()).filter((at) => Math.floor(at / inner) % channels! === c);
    const average = (of: (value: number) => number): number =>
      mine.reduce((sum, at) => sum + of(x.handle[at]!), 0) / mine.length;
    const mu = average((value) => value);
    const sigma2 = average((value) => (value - mu) ** 2);
    const scale = (weight?.handle[c] ?? 1) / Math.sqrt(sigma2 + eps);
    for (const at of mine) y[at] = (x.handle[at]! - mu) * scale + (bias?.handle[c] ?? 0);
    mean[c] = mu;
    variance[c] = sigma2;
  }
  return [y, mean, variance];
};

const dropout: Kernel<[x: X, p: number, key0: number, key1: number, counter: number]> = ([x, p, ...draw], _, [out]) => {
  const y = make(out!);
  const words = threefry(...draw, y.length);
  for (let i = 0; i < y.length; i++) y[i] = uniform24(words[i]!) >= p ? x.handle[i]! / (1 - p) : 0;
  return [y];
};

const KERNELS = {
  linear,
  silu,
  softmax: logSoftmaxWith(Math.exp),
  logSoftmax: logSoftmaxWith((x) => x),
  softmaxCrossEntropy,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  maxPool2d,
  maxPool2dInputGrad,
  batchNorm,
  dropout,
} satisfies Partial<Record<FusedName, Kernel<never, never>>>;

/** Kernels for some composites, in plain loops that do not look at how core decomposes them. */
export const FUSED_KERNELS = KERNELS as unknown as NonNullable<Backend<TypedArray>["fused"]>;

/** The reference backend with fused kernels: for what core has to do when a composite was not decomposed. */
export const fusedBackend = (): Backend<TypedArray> => ({ ...cpu(), name: "fused", fused: FUSED_KERNELS });
