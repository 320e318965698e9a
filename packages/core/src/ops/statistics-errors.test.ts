import { cpu } from "@descent/backend-cpu";
import {
  bernoulli,
  bucketize,
  fromTypedArray,
  logspace,
  multinomial,
  norm,
  normal,
  ones,
  searchsorted,
  setBackend,
  TensorError,
  type TensorLike,
  tensor,
  zeros,
} from "@descent/core";
import "@descent/core/methods";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const ints = (...values: number[]) => tensor(values, { dtype: "int32" });
const floats = (op: string) => `${op}: expected a floating dtype, got int32; convert it with .to("float32")`;

test.each<[call: () => unknown, message: string]>([
  // reductions
  [
    () => zeros([0, 2]).norm(Number.POSITIVE_INFINITY),
    "norm: [0,2] is empty, with nothing to select; look at the shape first",
  ],
  [() => zeros([0]).norm(-1), "norm: [0] is empty, with nothing to select; look at the shape first"],
  [() => norm(ones([1]), Number.NaN), 'norm: there is no norm of order NaN; use a number, ±Infinity or "fro"'],
  [() => norm(ones([1]), "nuc" as "fro"), "norm: there is no norm of order nuc"],
  [() => ints(1).norm(), floats("norm")],
  [() => ones([1]).prod(1), "prod: axis 1 does not exist in a tensor of rank 1"],
  [() => ints(1).nanmean(), floats("nanmean")],
  [() => zeros([0]).max(), "max: [0] is empty, with nothing to select; look at the shape first"],
  [() => zeros([2, 0]).min(), "min: [2,0] is empty, with nothing to select"],
  [() => zeros([0, 2]).max(0), "max: [0,2] is empty, with nothing to select; look at the shape first"],
  [() => zeros([0]).median(0), "median: [0] is empty, with nothing to select; look at the shape first"],
  [() => zeros([0]).mode(), "mode: [0] is empty, with nothing to select; look at the shape first"],
  [() => zeros([0]).aminmax(), "amin: [0] is empty, with nothing to select; look at the shape first"],
  [() => ones([2]).max(1), "max: axis 1 does not exist in a tensor of rank 1; axes run from -1 to 0"],
  // running and sorted
  [() => ones([2]).cumprod(1), "cumprod: axis 1 does not exist in a tensor of rank 1"],
  [() => ones([2]).cummax(1), "cummax: axis 1 does not exist in a tensor of rank 1"],
  [() => tensor(1).sort({ dim: 1 }), "sort: axis 1 does not exist in a tensor of rank 1"],
  [() => ints(1).logcumsumexp(0), floats("logcumsumexp")],
  [() => ones([2]).topk(3), "topk: k = 3 must be an integer from 0 to the 2 elements of the axis"],
  [() => ones([2]).kthvalue(0), "kthvalue: k = 0 must be an integer from 1 to the 2 elements of the axis"],
  // statistics
  [() => ints(1).quantile(0.5), floats("quantile")],
  [() => ones([1]).quantile(1.5), "quantile: a quantile lies in [0, 1], got 1.5"],
  [() => zeros([0]).nanquantile(0), "nanquantile: axis 0 of [0] is empty; look at the shape first"],
  [() => ones([2]).diff({ n: -1 }), "diff: differences are taken a whole number of times, got -1"],
  [() => tensor(1).diff(), "diff: axis -1 does not exist in a tensor of rank 0"],
  [() => ones([1, 1, 1]).cov(), "cov: expected variables [V,N] or [N], got [1,1,1]"],
  [() => ones([1, 1, 1]).corrcoef(), "corrcoef: expected variables [V,N] or [N], got [1,1,1]"],
  [() => ones([2, 3]).cov({ aweights: ones([2]) }), "cov: weights [2] for 3 observations; use one axis of 3"],
  // counting
  [() => ones([1]).bincount(), 'bincount: cannot count float32; convert it with .to("int32")'],
  [() => ints(1).reshape([1, 1]).bincount(), "bincount: expected one axis, got [1,1]; flatten() it"],
  [() => ints(-1).bincount(), "bincount: cannot count the negative number -1"],
  [() => ints(1).bincount({ weights: ones([2]) }), "bincount: weights [2] for elements [1]"],
  [() => ints(1).bincount({ minlength: 0.5 }), "bincount: minlength must be a non-negative integer, got 0.5"],
  [() => ints(1).histc(), floats("histc")],
  [() => ones([1]).histc({ bins: 0 }), "histc: the number of bins must be a positive integer, got 0"],
  [() => ones([1]).histc({ min: 2, max: 1 }), "histc: there are no bins between 2 and 1; give finite min < max"],
  [() => tensor([1, Number.NaN]).histc(), "histc: there are no bins between NaN and NaN"],
  [() => ones([2]).unique({ dim: 1 }), "unique: axis 1 does not exist in a tensor of rank 1"],
  [
    () => searchsorted(ones([2, 3]), ones([3, 2])),
    "searchsorted: cannot look for [3,2] in [2,3]; give the sequence one axis, or all axes but the last like those of the values",
  ],
  [() => searchsorted(ones([2, 3]), 1), "searchsorted: cannot look for [] in [2,3]"],
  [() => searchsorted(tensor(1), tensor(1)), "searchsorted: cannot look for [] in []"],
  [() => searchsorted(ints(1), ones([1])), "searchsorted: operands have different dtypes: int32 and float32"],
  [
    () => searchsorted(ones([1]), 1, { right: true, side: "left" }),
    'searchsorted: right: true contradicts side: "left"; give one of them',
  ],
  [() => bucketize(ones([1]), ones([1, 1])), "bucketize: the boundaries must have one axis, got [1,1]"],
  // random
  [() => normal(tensor([1]), -1), "normal: the standard deviation must not be negative, got -1"],
  [() => normal(0, tensor([1, -1])), "normal: the standard deviation must not be negative, got -1"],
  [() => normal(ints(1), 1), "normal: a continuous distribution has no int32 values"],
  [() => bernoulli(tensor([1.5])), "bernoulli: the probability must lie in [0, 1], got 1.5"],
  [() => bernoulli(tensor([Number.NaN])), "bernoulli: the probability must lie in [0, 1], got NaN"],
  [() => bernoulli(ints(1)), floats("bernoulli")],
  [() => multinomial(ints(1), 1), floats("multinomial")],
  [() => multinomial(ones([1, 1, 1]), 1), "multinomial: expected weights [N] or [M,N], got [1,1,1]"],
  [() => multinomial(ones([1]), 0), "multinomial: the number of samples must be a positive integer, got 0"],
  [() => multinomial(tensor([1, -1]), 1), "multinomial: the weights must be finite and not negative"],
  [
    () => multinomial(tensor([1, 0]), 2),
    "multinomial: 2 samples without replacement of 1 positive weights; draw fewer, or with replacement: true",
  ],
  [() => multinomial(zeros([2]), 1, { replacement: true }), "multinomial: 1 samples of 0 positive weights"],
  // creation
  [
    () => tensor([ones([1])] as unknown as TensorLike),
    "tensor: expected a number at [0], got a tensor; join tensors with stack()",
  ],
  [
    () => tensor([Float32Array.of(1), Float32Array.of(1, 2)]),
    "tensor: the nested arrays are ragged: [1] has 2 elements, the first row of its kind 1",
  ],
  [
    () => fromTypedArray(Float32Array.of(1, 2), [3]),
    "fromTypedArray: 2 elements do not fill [3]; pass 3 elements or another shape",
  ],
  [() => logspace(0, 1, -1), "logspace: sizes must be non-negative integers, got [-1]"],
])("%#: %s", (call, message) => {
  expect(call).toThrow(TensorError);
  expect(call).toThrow(message);
});
