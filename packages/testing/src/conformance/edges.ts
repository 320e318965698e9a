import {
  cat,
  celu,
  conv2d,
  type DType,
  gather,
  grad,
  hardshrink,
  hardtanh,
  indexSelect,
  linear,
  matmul,
  maxPool2d,
  padZeros,
  type Shape,
  softshrink,
  split,
  stack,
  type Tensor,
  tanhshrink,
  tensor,
  threshold,
  type UnaryFn,
  where,
  withBackend,
  zeros,
} from "@descent/core";
import { type Elements, expectClose } from "../expect-close.ts";
import { outputsOf } from "../op-case.ts";
import type { Suite } from "./suite.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const { PI } = Math;

const SPECIAL = [nan, inf, -inf, -0, 0];
/** Every word of the vocabulary, with what it makes of NaN, ∞, −∞, −0 and 0. */
export const UNARY: Record<UnaryFn, readonly number[]> = {
  neg: [nan, -inf, inf, 0, -0],
  abs: [nan, inf, inf, 0, 0],
  // As in PyTorch, the only function that makes a number of NaN.
  sign: [0, 1, -1, 0, 0],
  exp: [nan, inf, 0, 1, 1],
  expm1: [nan, inf, -1, -0, 0],
  log: [nan, inf, nan, -inf, -inf],
  log1p: [nan, inf, nan, -0, 0],
  exp2: [nan, inf, 0, 1, 1],
  log2: [nan, inf, nan, -inf, -inf],
  log10: [nan, inf, nan, -inf, -inf],
  sqrt: [nan, inf, nan, -0, 0],
  rsqrt: [nan, 0, nan, -inf, inf],
  sin: [nan, nan, nan, -0, 0],
  cos: [nan, nan, nan, 1, 1],
  tan: [nan, nan, nan, -0, 0],
  asin: [nan, nan, nan, -0, 0],
  acos: [nan, nan, nan, PI / 2, PI / 2],
  atan: [nan, PI / 2, -PI / 2, -0, 0],
  sinh: [nan, inf, -inf, -0, 0],
  cosh: [nan, inf, inf, 1, 1],
  tanh: [nan, 1, -1, -0, 0],
  asinh: [nan, inf, -inf, -0, 0],
  acosh: [nan, inf, nan, nan, nan],
  atanh: [nan, nan, nan, -0, 0],
  sigmoid: [nan, 1, 0, 0.5, 0.5],
  erf: [nan, 1, -1, -0, 0],
  erfc: [nan, 0, 2, 1, 1],
  erfinv: [nan, nan, nan, -0, 0],
  relu: [nan, inf, 0, -0, 0],
  floor: [nan, inf, -inf, -0, 0],
  ceil: [nan, inf, -inf, -0, 0],
  round: [nan, inf, -inf, -0, 0],
  trunc: [nan, inf, -inf, -0, 0],
};

const of = (data: readonly number[], dtype: DType = "float32", shape: Shape = [data.length]): Elements => ({
  shape,
  data,
  dtype,
});
const empty = (...shape: number[]): Elements => ({ shape, data: [], dtype: "float32" });
const int = (...values: number[]): Tensor => tensor(values, { dtype: "int32" });
const nothing = (...shape: number[]): Tensor => zeros(shape);
const row = (...values: number[]): Tensor => tensor(values);

/** Of an activation, or another function of one tensor, what it makes of NaN, ∞, −∞, −0 and 0, and the gradients there. */
type FunctionEdge = readonly [fn: (x: Tensor) => Tensor, values: readonly number[], gradients?: readonly number[]];

const FUNCTIONS: Record<string, FunctionEdge> = {
  square: [(x) => x.square(), [nan, inf, inf, 0, 0], [nan, inf, -inf, -0, 0]],
  reciprocal: [(x) => x.reciprocal(), [nan, 0, -0, -inf, inf], [nan, -0, -0, -inf, -inf]],
  frac: [(x) => x.frac(), [nan, nan, nan, 0, 0], [1, 1, 1, 1, 1]],
  logit: [(x) => x.logit(), [nan, nan, nan, -inf, -inf], [nan, nan, nan, inf, inf]],
  sinc: [(x) => x.sinc(), [nan, nan, nan, 1, 1], [nan, nan, nan, 0, 0]],
  rad2deg: [(x) => x.rad2deg(), [nan, inf, -inf, -0, 0]],
  positive: [(x) => x.positive(), [nan, inf, -inf, -0, 0], [1, 1, 1, 1, 1]],
  nanToNum: [(x) => x.nanToNum(), [0, 3.4028234663852886e38, -3.4028234663852886e38, -0, 0], [0, 0, 0, 1, 1]],
  "nanToNum with others": [(x) => x.nanToNum({ nan: 7, posinf: 8, neginf: 9 }), [7, 8, 9, -0, 0]],
  "copysign to −1": [(x) => x.copysign(-1), [nan, -inf, -inf, -0, -0]],
  heaviside: [(x) => x.heaviside(0.5), [0, 1, 0, 0.5, 0.5]],
  "clamp from 0": [(x) => x.clamp(0, 6), [nan, 6, 0, -0, 0], [0, 0, 0, 0, 0]],
  clampMin: [(x) => x.clampMin(-1), [nan, inf, -1, -0, 0], [0, 1, 0, 1, 1]],
  clampMax: [(x) => x.clampMax(1), [nan, 1, -inf, -0, 0], [0, 0, 1, 1, 1]],
  relu: [(x) => x.relu(), [nan, inf, 0, -0, 0], [1, 1, 0, 0, 0]],
  relu6: [(x) => x.relu6(), [nan, 6, 0, -0, 0], [0, 0, 0, 0, 0]],
  elu: [(x) => x.elu(), [nan, inf, -1, -0, 0], [nan, 1, 0, 1, 1]],
  celu: [(x) => celu(x, { alpha: 2 }), [nan, inf, -2, -0, 0], [nan, 1, 0, 1, 1]],
  selu: [(x) => x.selu(), [nan, inf, -1.7580993, -0, 0], [nan, 1.050701, 0, 1.7580993, 1.7580993]],
  leakyRelu: [(x) => x.leakyRelu(), [nan, inf, -inf, -0, 0], [0.01, 1, 0.01, 0.01, 0.01]],
  prelu: [(x) => x.prelu(tensor([0.5])), [nan, inf, -inf, -0, 0], [0.5, 1, 0.5, 0.5, 0.5]],
  threshold: [(x) => threshold(x, 0, 7), [nan, inf, 7, 7, 7], [1, 1, 0, 0, 0]],
  hardtanh: [(x) => hardtanh(x), [nan, 1, -1, -0, 0], [0, 0, 0, 1, 1]],
  hardsigmoid: [(x) => x.hardsigmoid(), [nan, 1, 0, 0.5, 0.5], [0, 0, 0, 1 / 6, 1 / 6]],
  hardswish: [(x) => x.hardswish(), [nan, inf, nan, -0, 0], [nan, 1, 0, 0.5, 0.5]],
  hardshrink: [(x) => hardshrink(x), [nan, inf, -inf, 0, 0], [0, 1, 1, 0, 0]],
  softshrink: [(x) => softshrink(x), [nan, inf, -inf, 0, 0], [0, 1, 1, 0, 0]],
  tanhshrink: [(x) => tanhshrink(x), [nan, inf, -inf, 0, 0], [nan, 1, 1, 0, 0]],
  softsign: [(x) => x.softsign(), [nan, nan, nan, -0, 0], [nan, nan, nan, 1, 1]],
  softplus: [(x) => x.softplus(), [nan, inf, 0, Math.LN2, Math.LN2], [nan, 1, 0, 0.5, 0.5]],
  logSigmoid: [(x) => x.logSigmoid(), [nan, 0, -inf, -Math.LN2, -Math.LN2], [nan, 0, 1, 0.5, 0.5]],
  silu: [(x) => x.silu(), [nan, inf, nan, -0, 0], [nan, nan, nan, 0.5, 0.5]],
  mish: [(x) => x.mish(), [nan, inf, nan, -0, 0], [nan, nan, nan, 0.6, 0.6]],
  gelu: [(x) => x.gelu(), [nan, inf, nan, -0, 0], [nan, nan, nan, 0.5, 0.5]],
};

type Edge = readonly [name: string, run: () => Tensor | readonly Tensor[], ...expected: Elements[]];

const EDGES: readonly Edge[] = [
  [
    "add and sub",
    () => [row(inf, inf, nan, 1).add(row(1, -inf, 1, 2)), row(inf, 1).sub(row(inf, inf))],
    of([inf, nan, nan, 3]),
    of([nan, -inf]),
  ],
  [
    "mul and div",
    () => [row(0, inf).mul(row(inf, -1)), row(1, -1, 0, inf).div(row(0, 0, 0, inf))],
    of([nan, -inf]),
    of([inf, -inf, nan, nan]),
  ],
  ["division of int32 by zero", () => int(1, -1, 0).div(int(0, 0, 0)), of([inf, -inf, nan])],
  ["pow", () => row(0, 1, -1, 0, -2, -8).pow(row(0, nan, inf, -1, 3, 0.5)), of([1, 1, 1, inf, -8, nan])],
  [
    "maximum and minimum",
    () => [row(nan, 1, inf).maximum(row(1, nan, 2)), row(nan, 1, -inf).minimum(row(1, nan, 2))],
    of([nan, nan, inf]),
    of([nan, nan, -inf]),
  ],
  ["clamp of int32", () => [int(1, 5).clamp(2), int(1, 5).clamp(2, 2.5)], of([2, 5], "int32"), of([2, 2.5])],
  ["clamp", () => row(nan, inf, -inf, -0).clamp(-1, 2), of([nan, 2, -1, -0])],
  [
    "comparisons",
    () => [
      row(nan, inf, -0).eq(row(nan, inf, 0)),
      row(nan, 1).ne(row(nan, 1)),
      row(nan, 1, inf).le(row(nan, 1, inf)),
      row(nan, -inf).lt(row(1, inf)),
    ],
    of([0, 1, 1], "bool"),
    of([1, 0], "bool"),
    of([0, 1, 1], "bool"),
    of([0, 1], "bool"),
  ],
  [
    "isnan, isinf, isfinite",
    () => [row(...SPECIAL).isnan(), row(...SPECIAL).isinf(), row(...SPECIAL).isfinite()],
    of([1, 0, 0, 0, 0], "bool"),
    of([0, 1, 1, 0, 0], "bool"),
    of([0, 0, 0, 1, 1], "bool"),
  ],
  [
    "signbit, isposinf, isneginf",
    () => [row(...SPECIAL).signbit(), row(...SPECIAL).isposinf(), row(...SPECIAL).isneginf()],
    of([0, 0, 1, 1, 0], "bool"),
    of([0, 1, 0, 0, 0], "bool"),
    of([0, 0, 1, 0, 0], "bool"),
  ],
  [
    "fmax and fmin",
    () => [row(nan, 1, inf, nan).fmax(row(1, nan, nan, nan)), row(nan, 1, -inf).fmin(row(1, nan, 2))],
    of([1, 1, inf, nan]),
    of([1, 1, -inf]),
  ],
  [
    "clamp to tensors, and where the interval is empty",
    () => [
      row(nan, 5, -5, 0).clamp(row(0, 0, 0, 3), row(1, 1, 1, 1)),
      row(1, 1).clamp(row(nan, 0), row(1, nan)),
      row(-5, 0, 5).clamp(2, 1),
    ],
    of([nan, 1, 0, 1]),
    of([nan, nan]),
    of([1, 1, 1]),
  ],
  [
    "atan2",
    () => row(0, -0, 0, -0, inf, -inf, inf, 1, nan).atan2(row(0, 0, -0, -0, inf, inf, -1, -inf, 1)),
    of([0, -0, PI, -PI, PI / 4, -PI / 4, PI / 2, PI, nan]),
  ],
  ["hypot", () => row(3, 0, inf, nan, nan, 3e30).hypot(row(4, 0, nan, -inf, 1, 4e30)), of([5, 0, inf, inf, nan, 5e30])],
  [
    "logaddexp and logaddexp2",
    () => [
      row(inf, -inf, -inf, inf, nan, 1000).logaddexp(row(inf, -inf, 1, -inf, 1, 1000)),
      row(inf, -inf, 1000).logaddexp2(row(inf, -inf, 1000)),
    ],
    of([inf, -inf, 1, inf, nan, 1000.6931]),
    of([inf, -inf, 1001]),
  ],
  ["xlogy", () => row(0, 0, 0, 0, 2, 2, nan).xlogy(row(0, inf, nan, -1, 0, -1, 1)), of([0, 0, nan, 0, -inf, nan, nan])],
  [
    "fmod, remainder, floorDivide",
    () =>
      (["fmod", "remainder", "floorDivide"] as const).map((fn) =>
        row(5, -5, 5, -5, 1, inf, -1, -6, -0, 1)[fn](row(3, 3, -3, -3, 0, 1, inf, 3, 1, 0.1)),
      ),
    of([2, -2, 2, -2, nan, nan, -1, -0, -0, 0.1]),
    of([2, 1, -1, -2, nan, nan, inf, -0, -0, 0.1]),
    of([1, -2, -2, 1, inf, nan, -1, -2, -0, 9]),
  ],
  [
    "division of int32, rounded",
    () => [
      ...(["fmod", "remainder", "floorDivide"] as const).map((fn) => int(5, -5, 5, -5, 5)[fn](int(3, 3, -3, -3, 0))),
      int(5, -5, 2147483647).div(int(3, 3, 1), { roundingMode: "trunc" }),
      row(5, -5, -0.5).div(3, { roundingMode: "trunc" }),
    ],
    of([2, -2, 2, -2, 0], "int32"),
    of([2, 1, -1, -2, 0], "int32"),
    of([1, -2, -2, 1, 0], "int32"),
    of([1, -1, 2147483647], "int32"),
    of([1, -1, -0]),
  ],
  [
    "isclose",
    () => [
      row(nan, inf, inf, 1, 1e30).isclose(row(nan, inf, -inf, 1.000001, inf)),
      row(nan, 0, 1).isclose(row(nan, 1e-9, 2), { equalNan: true }),
      int(3, 4).isclose(row(3, 4.5)),
    ],
    of([0, 1, 0, 1, 0], "bool"),
    of([1, 1, 0], "bool"),
    of([1, 0], "bool"),
  ],
  [
    "lerp is exact at its ends",
    () => [row(0.1, 1e30).lerp(row(0.3, 1), 1), row(0.1, 1e30).lerp(row(0.3, 1), row(0, 1))],
    of([0.3, 1]),
    of([0.1, 1]),
  ],
  [
    "steady far out",
    () => [
      row(-90, 90, 3e38).softplus(),
      row(-90, 90, -3e38).logSigmoid(),
      row(-90, 90).mish(),
      row(-1e-6, -200).elu(),
    ],
    of([8.194013e-40, 90, 3e38]),
    of([-90, -8.194013e-40, -3e38]),
    of([-7.374612e-38, 90]),
    of([-9.999995e-7, -1]),
  ],
  ["where takes nothing of the other side", () => where(tensor([true, false]), row(1, nan), row(nan, 2)), of([1, 2])],
  [
    "int32 wraps around",
    () => [int(2 ** 31 - 1).add(int(1)), int(65537).mul(int(65537)), int(-(2 ** 31)).neg(), int(-(2 ** 31)).abs()],
    of([-(2 ** 31)], "int32"),
    of([131073], "int32"),
    of([-(2 ** 31)], "int32"),
    of([-(2 ** 31)], "int32"),
  ],
  [
    "cast to int32 and bool",
    () => [row(-1.75, 2.75, -0).to("int32"), row(nan, -0, 0.25, -inf).to("bool")],
    of([-1, 2, 0], "int32"),
    of([1, 0, 1, 1], "bool"),
  ],

  [
    "sum of nothing",
    () => [nothing(0).sum(), nothing(0, 3).sum(0), nothing(2, 0).sum(1, { keepdim: true })],
    of([0], "float32", []),
    of([0, 0, 0]),
    of([0, 0], "float32", [2, 1]),
  ],
  [
    "mean of nothing, var of one",
    () => [nothing(0).mean(), row(3).var()],
    of([nan], "float32", []),
    of([nan], "float32", []),
  ],
  ["any and all of nothing", () => [nothing(0).any(), nothing(0).all()], of([0], "bool", []), of([1], "bool", [])],
  ["sum of bool", () => tensor([true, true, false]).sum(), of([2], "int32", [])],
  [
    "sum of infinities",
    () => [row(inf, 1).sum(), row(inf, -inf).sum(), row(nan, 1).sum()],
    of([inf], "float32", []),
    of([nan], "float32", []),
    of([nan], "float32", []),
  ],
  [
    "amax and amin",
    () => [row(1, nan, 3).amax(), row(1, nan, 3).amin(), row(-inf, -inf).amax(), row(5).amin(0)],
    of([nan], "float32", []),
    of([nan], "float32", []),
    of([-inf], "float32", []),
    of([5], "float32", []),
  ],
  [
    "argmax and argmin",
    () => [row(1, nan, 9, nan).argmax(), row(nan, 1).argmin(), row(2, 2).argmax(0), tensor(7).argmax()],
    of([1], "int32", []),
    of([0], "int32", []),
    of([0], "int32", []),
    of([0], "int32", []),
  ],
  [
    "logsumexp",
    () => [row(-inf, -inf).logsumexp(), row(inf, 1).logsumexp(), row(1000, 1000).logsumexp()],
    of([-inf], "float32", []),
    of([inf], "float32", []),
    of([1000.6931], "float32", []),
  ],
  [
    "softmax",
    () => [row(1000, -1000, -inf).softmax(0), row(-inf, -inf).softmax(0), row(7).softmax(0), nothing(0, 2).softmax(1)],
    of([1, 0, 0]),
    of([nan, nan]),
    of([1]),
    empty(0, 2),
  ],
  ["logSoftmax", () => [row(1000, 0).logSoftmax(0), row(7).logSoftmax(0)], of([0, -1000]), of([0])],
  [
    "cumsum",
    () => [row(1, inf, 1, -inf, 1).cumsum(0), nothing(0).cumsum(0), tensor([true, true]).cumsum(0)],
    of([1, inf, inf, nan, nan]),
    empty(0),
    of([1, 2], "int32"),
  ],
  [
    "cumprod, cummax and cummin",
    () => [
      row(2, inf, 0, 1).cumprod(0),
      nothing(0).cumprod(0),
      ...Object.values(row(1, nan, 3, nan).cummax(0)),
      ...Object.values(row(-0, 0, -inf, 1).cummin(0)),
    ],
    of([2, inf, nan, nan]),
    empty(0),
    of([1, nan, nan, nan]),
    of([0, 1, 1, 3], "int32"),
    of([-0, 0, -inf, -inf]),
    of([0, 1, 2, 2], "int32"),
  ],
  [
    "prod and norm of nothing",
    () => [nothing(0).prod(), nothing(0, 2).prod(0), nothing(0).norm(), nothing(0, 2).norm(1, 0)],
    of([1], "float32", []),
    of([1, 1]),
    of([0], "float32", []),
    of([0, 0]),
  ],
  [
    "norms of infinities and NaN",
    () => [row(inf, 1).norm(), row(nan, 1).norm(inf), row(-inf, 0).norm(-inf), row(nan, 0).norm(0)],
    of([inf], "float32", []),
    of([nan], "float32", []),
    of([0], "float32", []),
    of([1], "float32", []),
  ],
  [
    "median and nanmedian",
    () => [nothing(0).median(), row(nan, 1).median(), row(nan, 1, inf, 2).nanmedian()],
    of([nan], "float32", []),
    of([nan], "float32", []),
    of([2], "float32", []),
  ],
  [
    "sort",
    () => Object.values(row(2, nan, -inf, 2, inf).sort()),
    of([-inf, 2, 2, inf, nan]),
    of([2, 0, 3, 4, 1], "int32"),
  ],
  [
    "sort, descending",
    () => Object.values(row(2, nan, -inf, 2, inf).sort({ descending: true })),
    of([nan, inf, 2, 2, -inf]),
    of([1, 4, 0, 3, 2], "int32"),
  ],
  ["sort of nothing and of one", () => [nothing(0).sort().values, row(7).argsort()], empty(0), of([0], "int32")],

  [
    "matmul over nothing",
    () => [
      matmul(nothing(2, 0), nothing(0, 3)),
      matmul(nothing(0, 2), nothing(2, 3)),
      matmul(nothing(0, 2, 3), nothing(3, 4)),
      matmul(nothing(0), nothing(0)),
    ],
    of([0, 0, 0, 0, 0, 0], "float32", [2, 3]),
    empty(0, 3),
    empty(0, 2, 4),
    of([0], "float32", []),
  ],
  ["matmul of infinities", () => matmul(tensor([[inf, 0]]), tensor([[1], [1]])), of([inf], "float32", [1, 1])],
  ["linear of no rows", () => linear(nothing(0, 3), nothing(2, 3), nothing(2)), empty(0, 2)],
  [
    "movement of nothing",
    () => [
      nothing(0, 3).permute(1, 0),
      nothing(2, 0).flip(0),
      nothing(1, 0).expand([4, 0]),
      nothing(0, 2).reshape([2, 0]),
    ],
    empty(3, 0),
    empty(2, 0),
    empty(4, 0),
    empty(2, 0),
  ],
  [
    "movement of a scalar",
    () => [tensor(5).reshape([1, 1]), tensor(5).expand([2]), tensor(5).permute(), tensor(5).flatten()],
    of([5], "float32", [1, 1]),
    of([5, 5]),
    of([5], "float32", []),
    of([5]),
  ],
  ["an empty slice", () => [row(1, 2, 3).slice("2:1"), row(1, 2, 3).narrow(0, 3, 0)], empty(0), empty(0)],
  ["padding nothing", () => padZeros(nothing(0), [[1, 1]]), of([0, 0])],
  ["cat and stack", () => [cat([row(1), nothing(0), row(2)]), stack([tensor(1), tensor(2)])], of([1, 2]), of([1, 2])],
  ["split into nothing", () => split(row(1, 2), [0, 2]), empty(0), of([1, 2])],
  [
    "an empty index",
    () => [indexSelect(row(1, 2), 0, int()), gather(row(1, 2), 0, int()), indexSelect(nothing(3, 0), 0, int(2, 2))],
    empty(0),
    empty(0),
    empty(2, 0),
  ],
  ["an index that repeats", () => indexSelect(row(1, nan), 0, int(1, 0, 1)), of([nan, 1, nan])],
  [
    "images of one pixel",
    () => [
      conv2d(nothing(1, 1, 1, 1), nothing(2, 1, 1, 1), row(1, 2), {
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
      }),
      maxPool2d(tensor([[[[nan]]]]), { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1] }),
    ],
    of([1, 2], "float32", [1, 2, 1, 1]),
    of([nan], "float32", [1, 1, 1, 1]),
  ],
  [
    "a batch of no images",
    () => {
      const weight = zeros([2, 1, 3, 3], { requiresGrad: true });
      const y = conv2d(nothing(0, 1, 3, 3), weight, null, {
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
      });
      const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] } as const;
      return [y, grad(y.sum(), weight), maxPool2d(nothing(0, 1, 2, 2), window)];
    },
    empty(0, 2, 1, 1),
    of(new Array(18).fill(0), "float32", [2, 1, 3, 3]),
    empty(0, 1, 1, 1),
  ],
];

/** Empty and scalar operands, size 1, NaN, infinities and −0, with what PyTorch answers. */
export function edgeConformance(suite: Suite): void {
  const run = async (fn: Edge[1], expected: readonly Elements[]): Promise<void> => {
    const outputs = withBackend(suite.backend, () => outputsOf(fn()));
    for (const [i, y] of outputs.entries())
      expectClose({ shape: y.shape, dtype: y.dtype, data: await y.data() }, expected[i]!, suite.golden, `output ${i}`);
  };
  for (const [fn, expected] of Object.entries(UNARY))
    suite.test(`edge: ${fn}`, () => run(() => row(...SPECIAL)[fn as UnaryFn](), [of(expected)]));
  for (const [name, [fn, values, gradients]] of Object.entries(FUNCTIONS)) {
    const both = (x: Tensor): readonly Tensor[] => {
      x.requiresGrad = gradients !== undefined;
      const y = fn(x);
      return gradients === undefined ? [y] : [y, grad(y.sum(), x)];
    };
    suite.test(`edge: ${name}, with its gradient`, () =>
      run(() => both(row(...SPECIAL)), [of(values), ...(gradients === undefined ? [] : [of(gradients)])]),
    );
  }
  for (const [name, fn, ...expected] of EDGES) suite.test(`edge: ${name}`, () => run(fn, expected));
}
