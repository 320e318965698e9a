import { backward } from "./backward.ts";
import { gelu, silu } from "./ops/activation.ts";
import { to } from "./ops/cast.ts";
import {
  abs,
  add,
  ceil,
  clamp,
  cos,
  div,
  eq,
  erf,
  exp,
  expm1,
  floor,
  ge,
  gt,
  isfinite,
  isinf,
  isnan,
  le,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  pow,
  reciprocal,
  relu,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
} from "./ops/elementwise.ts";
import { gather, indexSelect, oneHot } from "./ops/indexing.ts";
import { chunk, split, unbind } from "./ops/join.ts";
import { matmul } from "./ops/matmul.ts";
import {
  clone,
  expand,
  flatten,
  flip,
  narrow,
  permute,
  reshape,
  squeeze,
  transpose,
  unsqueeze,
} from "./ops/movement.ts";
import { all, amax, amin, any, argmax, argmin, logsumexp, mean, std, variance } from "./ops/reduce.ts";
import { slice } from "./ops/slice.ts";
import { logSoftmax, softmax } from "./ops/softmax.ts";
import { argsort, cumsum, sort } from "./ops/sort.ts";
import { sum } from "./ops/sum.ts";
import { registerHook } from "./tape.ts";
import { detach, Tensor } from "./tensor.ts";

/** Every function here becomes a method: its first parameter is the tensor, and the types follow from the function. */
const METHODS = {
  abs,
  add,
  all,
  amax,
  amin,
  any,
  argmax,
  argmin,
  argsort,
  backward,
  ceil,
  chunk,
  clamp,
  clone,
  cos,
  cumsum,
  detach,
  div,
  eq,
  erf,
  exp,
  expand,
  expm1,
  flatten,
  flip,
  floor,
  gather,
  ge,
  gelu,
  gt,
  indexSelect,
  isfinite,
  isinf,
  isnan,
  le,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  logSoftmax,
  logsumexp,
  lt,
  matmul,
  maximum,
  mean,
  minimum,
  mul,
  narrow,
  ne,
  neg,
  oneHot,
  permute,
  pow,
  reciprocal,
  registerHook,
  relu,
  reshape,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  slice,
  softmax,
  sort,
  split,
  sqrt,
  square,
  squeeze,
  std,
  sub,
  sum,
  tanh,
  to,
  transpose,
  unbind,
  unsqueeze,
  var: variance,
};

/** The method that a function becomes: the same function without its first parameter. */
type Method<F> = F extends (x: Tensor, ...args: infer A) => infer R ? (...args: A) => R : never;

type Methods = { readonly [K in keyof typeof METHODS]: Method<(typeof METHODS)[K]> };

declare module "./tensor.ts" {
  interface Tensor extends Methods {}
}

for (const [name, fn] of Object.entries(METHODS)) {
  const call = fn as (x: Tensor, ...args: unknown[]) => unknown;
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...args: unknown[]) {
      return call(this, ...args);
    },
    configurable: true,
    writable: true,
  });
}
