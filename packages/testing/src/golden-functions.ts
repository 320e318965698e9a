import { cat, einsum, pad, stack, type Tensor, where } from "@descent/core";
import { functional } from "@descent/nn";
import type { FunctionCase } from "./golden.ts";

import "@descent/core/methods";

/** What the files give, by name; `never` because each function knows its own type. */
type Arguments = Readonly<
  Record<
    | "dim"
    | "dims"
    | "keepdim"
    | "min"
    | "max"
    | "shape"
    | "diagonal"
    | "approximate"
    | "equation"
    | "alpha"
    | "beta"
    | "threshold"
    | "negativeSlope"
    | "padding"
    | "value"
    | "mode",
    never
  >
>;

/** Our call of an op of functions.json and edges.json, given inputs and arguments by name. */
type Call = (inputs: Readonly<Record<string, Tensor>>, args: Arguments) => Tensor;

const each = <const N extends string>(names: readonly N[], call: (name: N) => Call): Record<N, Call> =>
  Object.fromEntries(names.map((name) => [name, call(name)])) as Record<N, Call>;

const UNARY = ["neg", "abs", "sign", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "reciprocal", "square"] as const;
const MORE_UNARY = ["sin", "cos", "tanh", "sigmoid", "erf", "relu", "silu", "floor", "ceil", "round"] as const;
const REDUCTIONS = ["sum", "mean", "var", "std", "amax", "amin", "logsumexp", "prod"] as const;
const TRANSCENDENTAL = ["tan", "asin", "acos", "atan", "sinh", "cosh", "atanh", "log2"] as const;
const ACTIVATIONS = ["relu6", "selu", "hardswish", "hardsigmoid", "mish", "logSigmoid", "softsign"] as const;
/** With options: whatever arguments there are. */
const PARAMETRIC = ["softplus", "elu", "leakyRelu"] as const;
const BINARY = ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "matmul", "atan2"] as const;
const ALONG_AXIS = ["softmax", "logSoftmax", "cumsum", "argmax"] as const;

/** What calls the op of that name. */
export const GOLDEN_FUNCTIONS: Readonly<Record<string, Call>> = {
  ...each(
    [...UNARY, ...MORE_UNARY, ...TRANSCENDENTAL, ...ACTIVATIONS],
    (name) =>
      ({ a }) =>
        a![name](),
  ),
  ...each(
    PARAMETRIC,
    (name) =>
      ({ a }, args) =>
        a![name](args),
  ),
  ...each(
    BINARY,
    (name) =>
      ({ a, b }) =>
        a![name](b!),
  ),
  ...each(
    REDUCTIONS,
    (name) =>
      ({ a }, { dim, keepdim }) =>
        a![name](dim ?? undefined, { keepdim }),
  ),
  ...each(
    ALONG_AXIS,
    (name) =>
      ({ a }, { dim }) =>
        a![name](dim),
  ),
  norm: ({ a }, { dim, keepdim }) => a!.norm(2, dim ?? undefined, { keepdim }),
  gelu: ({ a }, args) => functional.gelu(a!, args),
  clamp: ({ a }, { min, max }) => a!.clamp(min, max),
  sort: ({ a }, { dim }) => a!.sort({ dim }).values,
  permute: ({ a }, { dims }) => a!.permute(dims),
  flip: ({ a }, { dims }) => a!.flip(dims),
  tril: ({ a }, { diagonal }) => a!.tril(diagonal),
  expand: ({ a }, { shape }) => a!.expand(shape),
  pad: ({ a }, { padding, mode, value }) => pad(a!, padding, { mode, value: value ?? 0 }),
  cat: ({ a, b }, { dim }) => cat([a!, b!], dim),
  stack: ({ a, b }, { dim }) => stack([a!, b!], dim),
  einsum: (inputs, { equation }) => einsum(equation, Object.values(inputs)),
  where: ({ condition, a, b }) => where(condition!, a!, b!),
  gather: ({ a, index }, { dim }) => a!.gather(dim, index!),
  indexSelect: ({ a, index }, { dim }) => a!.indexSelect(dim, index!),
};

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Cases, by title, in which we differ from PyTorch on purpose, with what we give instead. */
export const DEVIATIONS: Readonly<Record<string, Pick<FunctionCase, "output">>> = {
  // PyTorch's vector kernel makes NaN of gelu(∞), where its scalar one, like x · Φ(x), gives ∞.
  "gelu(a: [8])": { output: { shape: [8], data: [nan, inf, nan, 0, -0, 1e38, -0, 5e-41] } },
};
