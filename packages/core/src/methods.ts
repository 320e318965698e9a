/**
 * Gives tensors their methods.
 *
 * @module @descent/core/methods
 */
import { backward } from "./backward.ts";
import { gelu, silu, softsign } from "./ops/activation.ts";
import { addcdiv, addcmul, lerp } from "./ops/blend.ts";
import { to } from "./ops/cast.ts";
import { allclose, equal, isclose } from "./ops/closeness.ts";
import {
  bincount,
  type FindUnique,
  type GroupOptions,
  histc,
  type Unique,
  unique,
  uniqueConsecutive,
} from "./ops/counting.ts";
import { diag, diagEmbed, diagflat, diagonal, trace, tril, triu } from "./ops/diagonal.ts";
import { dist } from "./ops/distance.ts";
import { divide, floorDivide, fmod, frac, remainder } from "./ops/division.ts";
import {
  abs,
  add,
  ceil,
  cos,
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
  trunc,
  where,
} from "./ops/elementwise.ts";
import { diagonalScatter, indexPut, selectScatter, sliceScatter } from "./ops/index-put.ts";
import { gather, indexSelect, oneHot, take, takeAlongDim } from "./ops/indexing.ts";
import { chunk, split, unbind } from "./ops/join.ts";
import { clamp, clampMax, clampMin, fmax, fmin } from "./ops/limits.ts";
import { det, logdet, slogdet } from "./ops/linalg/det.ts";
import { matrixExp } from "./ops/linalg/matrix-exp.ts";
import { inv, matrixPower } from "./ops/linalg/solve.ts";
import { maskedFill, maskedScatter, maskedSelect } from "./ops/mask.ts";
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
import { argwhere, nonzero } from "./ops/nonzero.ts";
import { norm } from "./ops/norm.ts";
import { prod } from "./ops/prod.ts";
import { addbmm, addmm, addmv, addr, baddbmm, bmm, cross, dot, inner, kron, mm, mv, outer } from "./ops/products.ts";
import {
  fliplr,
  flipud,
  movedim,
  mT,
  ravel,
  reshapeAs,
  roll,
  rot90,
  swapaxes,
  t,
  unflatten,
  view,
  viewAs,
} from "./ops/rearrange.ts";
import { hardshrink, hardsigmoid, hardswish, leakyRelu, prelu, relu6 } from "./ops/rectifiers.ts";
import { all, amax, amin, any, argmax, argmin, logsumexp, mean, std, variance } from "./ops/reduce.ts";
import { broadcastTo, expandAs, repeat, repeatInterleave, tile } from "./ops/repeat.ts";
import { cummax, cummin, cumprod, logcumsumexp, type Selected } from "./ops/running.ts";
import { indexAdd, indexCopy, indexFill, scatter, scatterAdd, scatterReduce } from "./ops/scatter.ts";
import { aminmax, kthvalue, max, median, min, mode, nanmedian, type Select, topk } from "./ops/selection.ts";
import { copysign, heaviside, isneginf, isposinf, nanToNum, positive, signbit } from "./ops/signs.ts";
import { at, select, slice } from "./ops/slice.ts";
import { elu, logSigmoid, mish, selu, softplus } from "./ops/soft-rectifiers.ts";
import { logSoftmax, softmax } from "./ops/softmax.ts";
import { argsort, cumsum, sort } from "./ops/sort.ts";
import { tensorSplit } from "./ops/stacks.ts";
import { corrcoef, countNonzero, cov, diff, nanmean, nanquantile, nansum, quantile } from "./ops/statistics.ts";
import { type ReduceOptions, sum } from "./ops/sum.ts";
import {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  cosh,
  deg2rad,
  erfc,
  erfinv,
  exp2,
  hypot,
  log2,
  log10,
  logaddexp,
  logaddexp2,
  logit,
  rad2deg,
  sinc,
  sinh,
  tan,
  xlogy,
} from "./ops/transcendental.ts";
import { unfold } from "./ops/unfold.ts";
import { bernoulli, multinomial } from "./random.ts";
import { registerHook, retainGrad } from "./tape.ts";
import { detach, Tensor } from "./tensor.ts";

/** Every function here becomes a method: its first parameter is the tensor, and the types follow from the function. */
const METHODS = {
  abs,
  acos,
  acosh,
  add,
  addbmm,
  addcdiv,
  addcmul,
  addmm,
  addmv,
  addr,
  all,
  allclose,
  amax,
  amin,
  aminmax,
  any,
  argmax,
  argmin,
  argsort,
  argwhere,
  asin,
  asinh,
  at,
  atan,
  atan2,
  atanh,
  backward,
  baddbmm,
  bernoulli,
  bincount,
  bmm,
  broadcastTo,
  ceil,
  chunk,
  clamp,
  clampMax,
  clampMin,
  clone,
  copysign,
  corrcoef,
  cos,
  cosh,
  countNonzero,
  cov,
  cross,
  cummax,
  cummin,
  cumprod,
  cumsum,
  deg2rad,
  det,
  detach,
  diag,
  diagEmbed,
  diagflat,
  diagonal,
  diagonalScatter,
  diff,
  dist,
  div: divide,
  dot,
  elu,
  eq,
  equal,
  erf,
  erfc,
  erfinv,
  exp,
  exp2,
  expand,
  expandAs,
  expm1,
  flatten,
  flip,
  fliplr,
  flipud,
  floor,
  floorDivide,
  fmax,
  fmin,
  fmod,
  frac,
  gather,
  ge,
  gelu,
  gt,
  hardshrink,
  hardsigmoid,
  hardswish,
  heaviside,
  histc,
  hypot,
  indexAdd,
  indexCopy,
  indexFill,
  indexPut,
  indexSelect,
  inner,
  inverse: inv,
  isclose,
  isfinite,
  isinf,
  isnan,
  isneginf,
  isposinf,
  kron,
  kthvalue,
  le,
  leakyRelu,
  lerp,
  log,
  log10,
  log1p,
  log2,
  logaddexp,
  logaddexp2,
  logcumsumexp,
  logdet,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  logit,
  logSigmoid,
  logSoftmax,
  logsumexp,
  lt,
  maskedFill,
  maskedScatter,
  maskedSelect,
  matmul,
  matrixExp,
  matrixPower,
  max,
  maximum,
  mean,
  median,
  min,
  minimum,
  mish,
  mm,
  mode,
  movedim,
  mul,
  multinomial,
  mv,
  nanmean,
  nanmedian,
  nanquantile,
  nansum,
  nanToNum,
  narrow,
  ne,
  neg,
  norm,
  oneHot,
  outer,
  permute,
  positive,
  pow,
  prelu,
  prod,
  quantile,
  rad2deg,
  ravel,
  reciprocal,
  registerHook,
  relu,
  relu6,
  remainder,
  repeat,
  repeatInterleave,
  reshape,
  reshapeAs,
  retainGrad,
  roll,
  rot90,
  round,
  rsqrt,
  scatter,
  scatterAdd,
  scatterReduce,
  select,
  selectScatter,
  selu,
  sigmoid,
  sign,
  signbit,
  silu,
  sin,
  sinc,
  sinh,
  slice,
  sliceScatter,
  slogdet,
  softmax,
  softplus,
  softsign,
  sort,
  split,
  sqrt,
  square,
  squeeze,
  std,
  sub,
  sum,
  swapaxes,
  t,
  take,
  takeAlongDim,
  tan,
  tanh,
  tensorSplit,
  tile,
  to,
  topk,
  trace,
  transpose,
  tril,
  triu,
  trunc,
  unbind,
  unflatten,
  unfold,
  unique,
  uniqueConsecutive,
  unsqueeze,
  var: variance,
  view,
  viewAs,
  xlogy,
};

/** The method that a function becomes: the same function without its first parameter. Of overloads, inference sees the last alone. */
type Method<F> = F extends Select
  ? { (): Tensor; (dim: number, options?: ReduceOptions): Selected }
  : F extends FindUnique<infer O>
    ? UniqueMethod<O>
    : F extends (x: Tensor, ...args: infer A) => infer R
      ? (...args: A) => R
      : never;

interface UniqueMethod<O extends GroupOptions> {
  (options?: O & { readonly returnInverse?: false; readonly returnCounts?: false }): Tensor;
  (options: O): Unique;
}

/** Every function here of one tensor becomes a property. */
const GETTERS = { T: t, mT };

type Methods = { readonly [K in keyof typeof METHODS]: Method<(typeof METHODS)[K]> };

declare module "./tensor.ts" {
  interface Tensor extends Methods {
    /** Where the elements are true, or not zero: a row each, or with `asTuple` one index tensor per axis. */
    nonzero(options: { readonly asTuple: true }): readonly Tensor[];
    nonzero(options?: { readonly asTuple?: false }): Tensor;
    /** The elements where the condition holds, those of `other` elsewhere. */
    where(condition: Tensor, other: Tensor | number): Tensor;
    /** The transposed matrix. */
    readonly T: Tensor;
    /** The last two axes exchanged. */
    readonly mT: Tensor;
  }
}

/** Whose types do not follow: several signatures, or the tensor in another place. */
const SPECIAL = {
  nonzero,
  where: (x: Tensor, condition: Tensor, other: Tensor | number): Tensor => where(condition, x, other),
};

for (const [name, fn] of Object.entries({ ...METHODS, ...SPECIAL })) {
  const call = fn as (x: Tensor, ...args: unknown[]) => unknown;
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...args: unknown[]) {
      return call(this, ...args);
    },
    configurable: true,
    writable: true,
  });
}

for (const [name, get] of Object.entries(GETTERS))
  Object.defineProperty(Tensor.prototype, name, {
    get(this: Tensor) {
      return get(this);
    },
    configurable: true,
  });
