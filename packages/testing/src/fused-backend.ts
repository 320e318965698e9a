import { cpu } from "@descent/backend-cpu";
import {
  allocate,
  type Backend,
  broadcastStrides,
  type Conv2dAttrs,
  type ElementwiseProgram,
  type FusedName,
  IndexError,
  type Operand,
  type ProgramFn,
  type Reduction,
  type Shape,
  type Spec,
  sizeOf,
  stridesOf,
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

const linearRelu: Kernel<[x: X, weight: X, bias: X | null]> = (inputs, attrs, out) =>
  linear(inputs, attrs, out).map((y) => y.map((value) => Math.max(value, 0)));

const linearWeightGrad: Kernel<[x: X, g: X]> = ([x, g], _, out) => {
  const [dw, db] = out.map(make);
  const [outputs, inputs] = out[0]!.shape as readonly [number, number];
  for (let at = 0; at < g.handle.length; at++) {
    const [row, o] = [Math.floor(at / outputs), at % outputs];
    for (let i = 0; i < inputs; i++) dw![o * inputs + i]! += g.handle[at]! * x.handle[row * inputs + i]!;
    if (db !== undefined) db[o]! += g.handle[at]!;
  }
  return db === undefined ? [dw!] : [dw!, db];
};

/** The gradient of an elementwise function, from that of its result and from what `x` is for it. */
const pointwise =
  (fn: (g: number, x: number) => number): Kernel<[g: X, x: X]> =>
  ([g, x], _, [out]) => {
    const y = make(out!);
    for (let i = 0; i < y.length; i++) y[i] = fn(g.handle[i]!, x.handle[i]!);
    return [y];
  };

const reluGrad = pointwise((g, y) => (y <= 0 ? 0 : g));
const tanhGrad = pointwise((g, y) => g * (1 - y * y));
const sigmoidGrad = pointwise((g, y) => g * y * (1 - y));
const siluGrad = pointwise((g, x) => {
  const s = 1 / (1 + Math.exp(-x));
  return g * s * (1 + x * (1 - s));
});

const reference = cpu();
const geluGrad: Kernel<[g: X, x: X]> = ([g, x], attrs, out) => {
  const erf = reference.unary("erf", { ...x, handle: x.handle.map((value) => value * Math.SQRT1_2) }, x);
  const density = (value: number): number => Math.exp((-value * value) / 2) / Math.sqrt(2 * Math.PI);
  const slope = x.handle.map((value, i) => (1 + erf[i]!) / 2 + value * density(value));
  return pointwise((g, slope) => g * slope)([g, { ...x, handle: slope }], attrs, out);
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

const softmaxGrad: Kernel<[g: X, y: X], number> = ([g, y], axis, [out]) => {
  const dx = make(out!);
  lines(y.shape, axis, (line) => {
    const dot = line.reduce((sum, at) => sum + g.handle[at]! * y.handle[at]!, 0);
    for (const at of line) dx[at] = y.handle[at]! * (g.handle[at]! - dot);
  });
  return [dx];
};

const logSoftmaxGrad: Kernel<[g: X, y: X], number> = ([g, y], axis, [out]) => {
  const dx = make(out!);
  lines(y.shape, axis, (line) => {
    const sum = line.reduce((sum, at) => sum + g.handle[at]!, 0);
    for (const at of line) dx[at] = g.handle[at]! - Math.exp(y.handle[at]!) * sum;
  });
  return [dx];
};

const softmaxCrossEntropyGrad: Kernel<[g: X, logits: X, target: X]> = ([g, logits, target], _, [out]) => {
  const dx = make(out!);
  let row = 0;
  lines(logits.shape, 1, (line) => {
    const { most, log } = partition(logits, line);
    line.forEach((at, i) => {
      const p = Math.exp(logits.handle[at]! - most - log);
      dx[at] = g.handle[row]! * (p - (target.handle[row] === i ? 1 : 0));
    });
    row++;
  });
  return [dx];
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

const conv2dWeightGrad: Kernel<[x: X, g: X], Conv2dAttrs> = ([x, g], attrs, [dw, db]) => {
  const weight = summed(dw!, (y) =>
    products(size4(x), size4(dw!), size4(g), attrs, (i, j, k) => {
      y[j]! += x.handle[i]! * g.handle[k]!;
    }),
  );
  if (db === undefined) return weight;
  const [, outputs, oh, ow] = size4(g);
  const bias = summed(db, (y) => {
    for (let k = 0; k < g.handle.length; k++) y[Math.floor(k / (oh * ow)) % outputs]! += g.handle[k]!;
  });
  return [...weight, ...bias];
};

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

/** Which element of a tensor of shape `from` each element of shape `to` reads. */
function readFrom(from: Shape, to: Shape): number[] {
  const [strides, steps] = [broadcastStrides(from, to), stridesOf(to)];
  return Array.from({ length: sizeOf(to) }, (_, at) =>
    strides.reduce((sum, stride, i) => sum + stride * (Math.floor(at / steps[i]!) % to[i]!), 0),
  );
}

interface NormGradAttrs extends NormAttrs {
  readonly affine: Shape;
  readonly needs: readonly boolean[];
}

const normGrad: Kernel<[g: X, x: X, weight: X | null, mean: X, variance: X], NormGradAttrs> = (
  [g, x, weight, mean, variance],
  { affine, needs, eps },
  out,
) => {
  const [line, parameter] = [readFrom(mean.shape, x.shape), readFrom(affine, x.shape)];
  const n = x.handle.length / mean.handle.length;
  const [sums, dots] = [new Float64Array(mean.handle.length), new Float64Array(mean.handle.length)];
  const [dx, dw, db] = [x.shape, affine, affine].map((shape) => new Float64Array(sizeOf(shape)));
  const rOf = (i: number): number => 1 / Math.sqrt(variance.handle[line[i]!]! + eps);
  const xHatOf = (i: number): number => (x.handle[i]! - mean.handle[line[i]!]!) * rOf(i);
  const gHatOf = (i: number): number => g.handle[i]! * (weight?.handle[parameter[i]!] ?? 1);
  for (const i of x.handle.keys()) {
    sums[line[i]!]! += gHatOf(i);
    dots[line[i]!]! += gHatOf(i) * xHatOf(i);
    dw![parameter[i]!]! += g.handle[i]! * xHatOf(i);
    db![parameter[i]!]! += g.handle[i]!;
  }
  for (const i of x.handle.keys())
    dx![i] = rOf(i) * (gHatOf(i) - sums[line[i]!]! / n - (xHatOf(i) * dots[line[i]!]!) / n);
  return [dx!, dw!, db!]
    .filter((_, i) => needs[i])
    .map((values, i) => {
      const y = make(out[i]!);
      y.set(values);
      return y;
    });
};

const WORDS: Record<ProgramFn, (a: number, b: number, c: number) => number> = {
  neg: (a) => -a,
  abs: Math.abs,
  sign: (a) => Math.sign(a) || 0,
  sqrt: Math.sqrt,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  eq: (a, b) => Number(a === b),
  gt: (a, b) => Number(a > b),
  ge: (a, b) => Number(a >= b),
  select: (condition, a, b) => (condition === 0 ? b : a),
};

/** Element by element: all instructions of one before the next. */
const elementwiseProgram: Kernel<(X | number)[], ElementwiseProgram> = (inputs, program, out) => {
  const tensors = inputs.slice(0, program.tensors) as X[];
  const made = out.map(make);
  for (const i of tensors[0]!.handle.keys()) {
    const values = tensors.map((x) => x.handle[i]!);
    const operandOf = (operand = 0): number =>
      (operand < 0 ? inputs[tensors.length - 1 - operand] : values[operand]) as number;
    for (const { fn, operands } of program.instructions)
      values.push(WORDS[fn](operandOf(operands[0]), operandOf(operands[1]), operandOf(operands[2])));
    for (const [k, y] of made.entries()) y[i] = values[program.outputs[k]!]!;
  }
  return made;
};

const mseLoss: Kernel<[x: X, target: X], Reduction> = ([x, target], reduction, [out]) => {
  const y = make(out!);
  const squares = Float64Array.from(x.handle, (value, i) => (value - target.handle[i]!) ** 2);
  if (reduction === "none") y.set(squares);
  else y[0] = squares.reduce((sum, square) => sum + square, 0) / (reduction === "mean" ? squares.length : 1);
  return [y];
};

const mseLossGrad: Kernel<[g: X, x: X, target: X], Reduction> = ([g, x, target], reduction, [out]) => {
  const dx = make(out!);
  const n = reduction === "mean" ? dx.length : 1;
  for (let i = 0; i < dx.length; i++)
    dx[i] = (g.handle[reduction === "none" ? i : 0]! * 2 * (x.handle[i]! - target.handle[i]!)) / n;
  return [dx];
};

const dropout: Kernel<[x: X, p: number, key0: number, key1: number, counter: number]> = ([x, p, ...draw], _, [out]) => {
  const y = make(out!);
  const words = threefry(...draw, y.length);
  for (let i = 0; i < y.length; i++) y[i] = uniform24(words[i]!) >= p ? x.handle[i]! / (1 - p) : 0;
  return [y];
};

const KERNELS = {
  linear,
  linearRelu,
  linearWeightGrad,
  reluGrad,
  tanhGrad,
  sigmoidGrad,
  silu,
  siluGrad,
  geluGrad,
  softmax: logSoftmaxWith(Math.exp),
  softmaxGrad,
  logSoftmax: logSoftmaxWith((x) => x),
  logSoftmaxGrad,
  softmaxCrossEntropy,
  softmaxCrossEntropyGrad,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  maxPool2d,
  maxPool2dInputGrad,
  batchNorm,
  batchNormGrad: normGrad,
  layerNormGrad: normGrad,
  mseLoss,
  mseLossGrad,
  dropout,
  elementwiseProgram,
} satisfies Partial<Record<FusedName, Kernel<never, never>>>;

/** Kernels for some composites, in plain loops that do not look at how core decomposes them. */
export const FUSED_KERNELS = KERNELS as unknown as NonNullable<Backend<TypedArray>["fused"]>;

/** The reference backend with fused kernels: for what core has to do when a composite was not decomposed. */
export const fusedBackend = (): Backend<TypedArray> => ({ ...cpu(), name: "fused", fused: FUSED_KERNELS });
