import { cpu } from "@descent/backend-cpu";
import {
  amax,
  arange,
  argmax,
  avgPool2d,
  type Backend,
  BackendError,
  batchNorm,
  cat,
  chunk,
  conv2d,
  dropout,
  expand,
  flatten,
  Generator,
  gather,
  indexSelect,
  layerNorm,
  linear,
  matmul,
  maxPool2d,
  mean,
  mseLoss,
  narrow,
  oneHot,
  ones,
  padZeros,
  permute,
  reshape,
  setBackend,
  softmax,
  softmaxCrossEntropy,
  split,
  stack,
  sum,
  TensorError,
  tensor,
  to,
  transpose,
  variance,
  where,
} from "@descent/core";
import "@descent/core/methods";
import { beforeAll, describe, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const int = { dtype: "int32" } as const;
const ints = (...values: number[]) => tensor(values, int);
const moves = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] } as const;
const average = { ...window, countIncludePad: true, divisorOverride: null };
const image = () => ones([1, 2, 4, 4]);

describe("bad operands get an error that names the op, the values and the remedy", () => {
  test.each<[call: () => unknown, message: string]>([
    // elementwise
    [
      () => ones([2]).add(ones([3])),
      "add: shapes do not broadcast: [2] and [3] (axis -1: 2 ≠ 3); reshape() or expand() one of them so that the axes are equal or 1",
    ],
    [() => where(ones([2]), ones([3]), 0), "where: shapes do not broadcast: [2] and [3]"],
    [() => tensor([true]).neg(), 'neg: bool has no arithmetic; convert it with .to("int32") or .to("float32")'],
    // reductions
    [() => sum(ones([2]), 1), "sum: axis 1 does not exist in a tensor of rank 1; axes run from -1 to 0"],
    [() => tensor(1).softmax(0), "softmax: axis 0 does not exist in a tensor of rank 0; a scalar has no axes"],
    [() => sum(ones([2, 2]), [0, -2]), "sum: an axis appears twice in [0,-2]; name each axis once"],
    [() => amax(ones([0, 2]), 0), "amax: [0,2] is empty, with nothing to select; look at the shape first"],
    [() => argmax(ones([0])), "argmax: [0] is empty, with nothing to select; look at the shape first"],
    [() => mean(ints(1)), 'mean: expected a floating dtype, got int32; convert it with .to("float32")'],
    [() => variance(ints(1)), "var: expected a floating dtype, got int32"],
    // movement
    [
      () => reshape(ones([2, 3]), [4]),
      "reshape: [2,3] has 6 elements and cannot become [4]; the sizes must multiply to 6; one of them may be -1",
    ],
    [() => reshape(ones([2, 3]), [-1, -1]), "reshape: [2,3] has 6 elements and cannot become [-1,-1]"],
    [() => reshape(ones([6]), [4, -1]), "reshape: [6] has 6 elements and cannot become [4,-1]"],
    [() => flatten(ones([2, 3]), 1, 0), "flatten: startDim 1 lies behind endDim 0 in [2,3]"],
    [() => permute(ones([2, 3]), 0, 0), "permute: [0,0] does not name each axis of [2,3] once"],
    [() => transpose(ones([2]), 0, 1), "transpose: axis 1 does not exist"],
    [() => expand(ones([2]), [3]), "expand: [2] does not stretch to [3]; only axes of size 1 stretch"],
    [
      () => narrow(ones([2]), 0, 1, 2),
      "narrow: 1 + 2 elements reach beyond axis 0 of [2]; start and length must lie within 2",
    ],
    [
      () =>
        padZeros(ones([2]), [
          [1, 1],
          [1, 1],
        ]),
      "pad: 2 axes to pad in [2]",
    ],
    [() => padZeros(ones([2]), [[-3, 0]]), "pad: sizes must be non-negative integers, got [-1]"],
    // joining and splitting
    [() => cat([]), "cat: the list of tensors is empty; pass at least one"],
    [() => stack([]), "stack: the list of tensors is empty"],
    [
      () => cat([ones([2, 2]), ones([2, 3])]),
      "cat: [2,2] and [2,3] differ in more than axis 0; make all other axes equal",
    ],
    [
      () => cat([ones([1]), ints(1)]),
      'cat: operands have different dtypes: float32 and int32; convert one with .to("float32")',
    ],
    [() => split(ones([4]), 0), "split: the size of the parts must be a positive integer, got 0"],
    [() => split(ones([4]), [1, 2]), "split: the sizes [1,2] do not add up to axis 0 of [4]; their sum must be 4"],
    [() => chunk(ones([4]), 1.5), "chunk: the number of parts must be a positive integer, got 1.5"],
    // indexing
    [() => indexSelect(ones([3]), 0, ints(3)), "indexSelect: index 3 is out of range for axis 0 of size 3; use 0 to 2"],
    [
      () => indexSelect(ones([3]), 0, ones([1])),
      'indexSelect: expected int32 as index, got float32; convert it with .to("int32")',
    ],
    [
      () => indexSelect(ones([3]), 0, arange(4).reshape([2, 2])),
      "indexSelect: expected 1 axes, got [2,2]; flatten() it, or use gather()",
    ],
    [() => gather(ones([2, 2]), 1, ints(0)), "gather: the index [1] does not fit into [2,2] beside axis 1"],
    [
      () => gather(ones([2, 2]), 1, ints(0, -1).reshape([2, 1])),
      "gather: index -1 is out of range for axis 1 of size 2",
    ],
    [() => oneHot(ints(5), 3), "oneHot: index 5 is out of range for axis 1 of size 3"],
    // products
    [
      () => matmul(ones([2, 3]), ones([4, 5])),
      "matmul: inner dimensions differ: [2,3] × [4,5] (3 ≠ 4); transpose or reshape one of them",
    ],
    [() => matmul(ones([2, 3]), ones([4, 5]), false, true), "matmul: inner dimensions differ: [2,3] × [4,5]ᵀ (3 ≠ 5)"],
    [() => matmul(tensor(1), ones([2])), "matmul: expected at least 1 axes, got []; use mul() for scalars"],
    [() => matmul(ones([2, 2]), ints(1, 2)), "matmul: operands have different dtypes: float32 and int32"],
    [
      () => linear(ones([2, 3]), ones([4, 5])),
      "linear: the input [2,3] must end in the 5 features of the weight [4,5]",
    ],
    [() => linear(ones([2, 5]), ones([4, 5]), ones([5])), "linear: the bias [5] must have the 4 outputs of the weight"],
    // images
    [
      () => conv2d(ones([2, 4, 4]), ones([1, 2, 2, 2]), null, moves),
      "conv2d: expected an input [N,C,H,W] and a weight [O,C/groups,kh,kw], got [2,4,4] and [1,2,2,2]",
    ],
    [
      () => conv2d(image(), ones([1, 3, 2, 2]), null, moves),
      "conv2d: the channels of the input [1,2,4,4] and the weight [1,3,2,2] do not fit 1 group(s); the input needs 3 channels, and groups must divide 1",
    ],
    [
      () => conv2d(image(), ones([3, 2, 2, 2]), ones([2]), moves),
      "conv2d: the bias [2] must have the 3 outputs of the weight",
    ],
    [
      () => conv2d(image(), ones([3, 2, 5, 5]), null, moves),
      "conv2d: the kernel [5,5] (dilation [1,1]) is larger than the image [1,2,4,4] with padding [0,0]",
    ],
    [
      () => conv2d(image(), ones([3, 2, 2, 2]), null, { ...moves, stride: [0, 1] }),
      "conv2d: kernel [2,2], stride [0,1] and dilation [1,1] must be positive integers",
    ],
    [() => maxPool2d(ones([4, 4]), window), "maxPool2d: expected images [N,C,H,W], got [4,4]"],
    [
      () => maxPool2d(image(), { ...window, padding: [2, 0] }),
      "maxPool2d: the padding [2,0] is more than half of the kernel [2,2]",
    ],
    [() => avgPool2d(image(), { ...average, kernel: [9, 1] }), "avgPool2d: the kernel [9,1]"],
    // normalisation, softmax, dropout
    [() => batchNorm(ones([2]), null, null, 1e-5), "batchNorm: expected at least 2 axes, got [2]; reshape() it"],
    [
      () => batchNorm(ones([2, 3]), ones([2]), null, 1e-5),
      "batchNorm: weight and bias of an input [2,3] need 3 elements, got [2]; pass as many, or null",
    ],
    [() => layerNorm(ones([2, 3]), [2], null, null, 1e-5), "layerNorm: the input [2,3] must end in [2]"],
    [() => softmax(ints(1), 0), "softmax: expected a floating dtype, got int32"],
    [() => mseLoss(ones([2, 1]), ones([2])), "mseLoss: the target [2] must be [2,1]; reshape() it"],
    [
      () => mseLoss(ints(1, 2), ints(3, 4)),
      'mseLoss: expected a floating dtype, got int32; convert it with .to("float32")',
    ],
    [
      () => softmaxCrossEntropy(ones([2, 3]), ints(0)),
      "softmaxCrossEntropy: expected logits [N,C] and classes [N], got [2,3] and [1]",
    ],
    [
      () => softmaxCrossEntropy(ones([1, 3]), ones([1])),
      'softmaxCrossEntropy: expected int32 as classes, got float32; convert it with .to("int32")',
    ],
    [
      () => softmaxCrossEntropy(ones([1, 3]), ints(3)),
      "softmaxCrossEntropy: index 3 is out of range for axis 1 of size 3",
    ],
    [() => dropout(ones([2]), 1.5, new Generator()), "dropout: the probability must lie in [0, 1], got 1.5"],
    // places
    [
      () => to(ones([2]), "float16" as "float32"),
      'to: unknown dtype "float16"; use one of bool, int32, float32, float64',
    ],
    [() => ones([2]).item(), "item: a tensor of shape [2] has 2 elements, not one; use toArray() or dataSync()"],
  ])("%#: %s", (call, message) => {
    expect(call).toThrow(TensorError);
    expect(call).toThrow(message);
  });
});

describe("a backend that computes asynchronously", () => {
  const later: Backend = { ...cpu(), name: "later", synchronous: false } as Backend;

  test("refuses to be waited for, and says how to wait", async () => {
    const x = ones([2], { backend: later });
    expect(() => x.dataSync()).toThrow(BackendError);
    expect(() => x.item()).toThrow("item: a tensor of shape [2] has 2 elements");
    expect(() => x.sum().item()).toThrow('dataSync: backend "later" computes asynchronously; use await data()');
    expect(() => x.to(cpu())).toThrow('to: backend "later" computes asynchronously; make a tensor from await data()');
    expect(String(x)).toBe("tensor(…, shape=[2], dtype=float32, backend=later)");
    expect([...(await x.add(1).data())]).toEqual([2, 2]);
  });

  test("refuses dtypes that it does not have", () => {
    const single: Backend = { ...cpu(), name: "single", dtypes: ["float32", "int32", "bool"] } as Backend;
    const message = (op: string): string => `${op}: backend "single" has no float64; use one of float32, int32, bool`;
    expect(() => ones([2], { backend: single, dtype: "float64" })).toThrow(message("full"));
    expect(() => ones([2], { backend: single }).to("float64")).toThrow(message("to"));
    expect(() => ones([2], { dtype: "float64" }).to(single)).toThrow(
      'to: backend "single" has no float64; use one of float32, int32, bool',
    );
  });
});
