import { describe, expect, test } from "vitest";
import * as d from "./index.ts";

// What PyTorch rejects is rejected, by an error that names the op, the values, and what to do. Every line is a call, the op that it
// blames, and what its message has to show; what else it says is quoted in the tests of its subject.

const { nn, optim, linalg, data } = d;
const F = nn.functional;
const { zeros, ones } = d;
const int = (...values: number[]): d.Tensor => d.tensor(values, { dtype: "int32" });
const bool = (...values: boolean[]): d.Tensor => d.tensor(values);
const leaf = (...shape: number[]): d.Tensor => zeros(shape, { requiresGrad: true });
const wrong = (value: unknown): never => value as never;
const parameter = new d.Parameter(zeros([2]));
const find = (options: d.optim.FindLearningRateOptions): unknown =>
  optim.findLearningRate(new optim.SGD([parameter]), () => parameter.sum(), options);
const sgd = new optim.SGD([parameter], { lr: 0.1 });

type BadCall = readonly [call: () => unknown, op: string, ...shown: string[]];

const CALLS: Readonly<Record<string, readonly BadCall[]>> = {
  creation: [
    [() => d.tensor([[1, 2], [3]]), "tensor", "[1]", "1 elements", "2"],
    [() => d.tensor([[1], 2] as never), "tensor", "[1]"],
    [() => d.tensor([2 ** 40], { dtype: "int32" }), "tensor", "1099511627776", "int32"],
    [() => d.tensor([1], { dtype: wrong("float16") }), "tensor", "float16", "float32"],
    [() => zeros([-1]), "full", "[-1]"],
    [() => zeros([1.5]), "full", "[1.5]"],
    [() => d.arange(0, 5, 0), "arange", "0", "5"],
    [() => d.arange(0, 5, -1), "arange", "-1"],
    [() => d.linspace(0, 1, -1), "linspace", "-1"],
    [() => d.eye(-1), "eye", "-1"],
    [() => d.randint(3, 3, [1]), "randint", "[3, 3)"],
    [() => d.uniform(1, 0, [1]), "uniform", "[1, 0)"],
    [() => d.normal(0, -1, [1]), "normal", "-1"],
    [() => d.rand([1], { dtype: "int32" }), "uniform", "int32", "float32"],
    [() => d.bernoulli(2, [1]), "bernoulli", "2", "[0, 1]"],
    [() => d.multinomial(d.tensor([0, 0]), 1), "multinomial"],
    [() => d.multinomial(d.tensor([1, 1]), 3), "multinomial", "3", "2"],
    [() => d.fromTypedArray(new Float32Array(3), [2]), "fromTypedArray", "3", "[2]"],
    [() => d.manualSeed(1.5), "manualSeed", "1.5"],
  ],
  elementwise: [
    [() => ones([2, 3]).add(ones([4])), "add", "[2,3]", "[4]"],
    [() => ones([2]).mul(wrong([1, 2])), "mul", "an array", "tensor("],
    [() => ones([2]).sub(wrong(undefined)), "sub", "undefined"],
    [() => bool(true).neg(), "neg", "bool", "int32"],
    [() => ones([2]).maximum(ones([3])), "maximum", "[2]", "[3]"],
    [() => ones([2, 2]).lt(ones([3])), "lt", "[2,2]", "[3]"],
    [() => d.where(bool(true, false), ones([3]), 0), "where", "[2]", "[3]"],
    [() => ones([2]).clamp(), "clamp", "min", "max"],
    [() => ones([2]).lerp(ones([3]), 0.5), "lerp", "[2]", "[3]"],
    [() => ones([2]).addcmul(ones([3]), ones([2])), "addcmul", "[2]", "[3]"],
    [() => ones([2]).div(ones([2]), { roundingMode: wrong("up") }), "div", "up"],
    [() => ones([2]).to(wrong("complex64")), "to", "complex64"],
    [() => F.glu(ones([3])), "glu", "[3]"],
    [() => F.prelu(ones([2, 3]), ones([2])), "prelu", "[2,3]", "[2]"],
    [() => F.gelu(ones([1]), { approximate: wrong("erf") }), "gelu", "erf", "tanh"],
    [() => new nn.GELU({ approximat: "tanh" } as never), "GELU", "approximat"],
    [() => new nn.PReLU({ numParameters: 0 }), "PReLU", "0"],
  ],
  reductions: [
    [() => ones([2, 3]).sum(2), "sum", "2", "rank 2"],
    [() => ones([2, 3]).mean([0, 0]), "mean", "0"],
    [() => int(1).mean(), "mean", "int32", "float32"],
    [() => zeros([0, 2]).amax(0), "amax", "[0,2]"],
    [() => zeros([0]).argmax(), "argmax", "[0]"],
    [() => ones([2]).argmin(1), "argmin", "1"],
    [() => ones([2]).var(3), "var", "3"],
    [() => int(1).std(), "std", "int32"],
    [() => ones([2]).softmax(2), "softmax", "2"],
    [() => ones([2]).logsumexp(-3), "logsumexp", "-3"],
    [() => ones([2]).cumsum(1), "cumsum", "1"],
    [() => ones([2]).cumprod(4), "cumprod", "4"],
    [() => ones([2]).norm(wrong("nuc")), "norm", "nuc"],
    [() => ones([2]).norm(Number.NaN), "norm", "NaN"],
    [() => zeros([0]).max(), "max", "[0]"],
    [() => ones([3]).topk(4), "topk", "4", "3"],
    [() => ones([3]).kthvalue(0), "kthvalue", "0"],
    [() => ones([3]).sort({ dim: 1 }), "sort", "1"],
    [() => ones([3]).quantile(2), "quantile", "2"],
    [() => d.bincount(ones([2])), "bincount", "float32"],
    [() => d.bincount(int(-1)), "bincount", "-1"],
    [() => d.searchsorted(ones([2, 2]), ones([3, 2])), "searchsorted", "[2,2]", "[3,2]"],
    [() => ones([2]).diff({ n: -1 }), "diff", "-1"],
  ],
  shape: [
    [() => ones([2, 3]).reshape([4]), "reshape", "[2,3]", "[4]", "6"],
    [() => ones([2, 3]).reshape([-1, -1]), "reshape", "[-1,-1]"],
    [() => ones([2, 3]).permute(0), "permute", "[2,3]"],
    [() => ones([2, 3]).permute(0, 0), "permute", "[0,0]"],
    [() => ones([2, 3]).transpose(0, 2), "transpose", "2"],
    [() => ones([2, 3]).expand([3, 3]), "expand", "[2,3]", "[3,3]"],
    [() => ones([2]).squeeze(1), "squeeze", "1"],
    [() => ones([2]).unsqueeze(3), "unsqueeze", "3"],
    [() => ones([2, 3]).flatten(1, 0), "flatten", "1", "0"],
    [() => ones([6]).unflatten(0, [4, 2]), "unflatten", "[4,2]"],
    [() => d.cat([]), "cat", "empty"],
    [() => d.cat([ones([2, 3]), ones([3, 2])]), "cat", "[2,3]", "[3,2]", "axis 0"],
    [() => d.stack([ones([2]), ones([3])]), "stack", "[2]", "[3]"],
    [() => ones([4]).split([1, 2]), "split", "[1,2]", "4"],
    [() => ones([4]).split(0), "split", "0"],
    [() => ones([4]).chunk(0), "chunk", "0"],
    [() => ones([2]).flip(1), "flip", "1"],
    [() => ones([2]).roll([1, 2], 0), "roll"],
    [() => ones([2]).tril(), "tril", "[2]"],
    [() => ones([2, 2, 2]).t(), "t", "[2,2,2]"],
    [() => ones([2]).repeat(-1), "repeat", "-1"],
    [() => ones([2, 2, 2]).diag(), "diag", "[2,2,2]"],
    [() => ones([2]).trace(), "trace", "[2]"],
    [() => ones([2, 2]).diagonal(0, 0, 0), "diagonal", "0"],
    [() => ones([2]).movedim(0, 2), "movedim", "2"],
    [() => ones([2]).narrow(0, 1, 2), "narrow", "1", "2"],
    [() => d.pad(ones([2]), [1, 1, 1, 1]), "pad", "[2]"],
    [() => d.pad(ones([2]), [1]), "pad", "[1]"],
    [() => d.pad(ones([1, 2]), [2, 0], { mode: "reflect" }), "pad", "2"],
    [() => d.pad(ones([1, 2]), [1, 0], { mode: wrong("mirror") }), "pad", "mirror"],
    [() => ones([3]).unfold(0, 4, 1), "unfold", "4", "3"],
  ],
  index: [
    [() => ones([2]).at(2), "at", "2", "-2 to 1"],
    [() => ones([2]).slice("1"), "slice", '"1"'],
    [() => ones([2]).slice("::0"), "slice", '"::0"'],
    [() => ones([2]).at(0, 0), "at", "[2]"],
    [() => ones([2]).at(int(5)), "at", "5"],
    [() => ones([2]).at(bool(true, false, true)), "at", "[3]"],
    [() => ones([2, 2]).at(int(0, 1), int(0, 1, 1)), "at", "[2]", "[3]"],
    [() => ones([2]).indexPut([0], ones([3])), "indexPut", "[3]"],
    [() => ones([2, 2]).gather(0, int(0)), "gather", "[1]", "[2,2]"],
    [() => ones([2]).gather(0, int(2)), "gather", "2", "0 to 1"],
    [() => ones([2]).gather(0, ones([1])), "gather", "float32", "int32"],
    [() => ones([2]).scatter(0, int(2), ones([1])), "scatter", "2"],
    [() => ones([2]).scatterAdd(0, int(0, 1, 0), ones([2])), "scatterAdd", "[3]", "[2]"],
    [() => ones([2]).scatterReduce(0, int(0), ones([1]), wrong("median")), "scatterReduce", "median"],
    [() => ones([2, 2]).indexSelect(0, int(3)), "indexSelect", "3", "axis 0"],
    [() => ones([2, 2]).indexSelect(2, int(0)), "indexSelect", "2"],
    [() => ones([2, 2]).indexAdd(0, int(0), ones([2, 2])), "indexAdd", "[2,2]"],
    [() => ones([2]).take(int(4)), "take", "4"],
    [() => ones([2]).maskedSelect(bool(true, false, true)), "maskedSelect", "[2]", "[3]"],
    [() => ones([2]).maskedFill(ones([2]), 0), "maskedFill", "float32", "bool"],
    [() => int(3).oneHot(2), "oneHot", "3", "0 to 1"],
    [() => ones([2]).select(0, 2), "select", "2"],
  ],
  products: [
    [() => ones([2, 3]).matmul(ones([4, 5])), "matmul", "[2,3]", "[4,5]", "3 ≠ 4"],
    [() => d.tensor(1).matmul(ones([2])), "matmul", "[]", "mul()"],
    [() => ones([2, 2]).matmul(int(1, 2)), "matmul", "float32", "int32"],
    [() => ones([2]).mm(ones([2, 2])), "mm", "[2]"],
    [() => ones([2, 2]).bmm(ones([2, 2])), "bmm", "[2,2]"],
    [() => ones([2, 2]).dot(ones([2])), "dot", "[2,2]"],
    [() => ones([2]).cross(ones([2])), "cross", "[2]"],
    [() => d.einsum("ij,jk", ones([2, 3])), "einsum", "ij,jk"],
    [() => d.einsum("ij,jk->ik", ones([2, 3]), ones([4, 5])), "einsum", "j", "3", "4"],
    [() => d.einsum("ij->k", ones([2, 3])), "einsum", "k"],
    [() => d.tensordot(ones([2, 3]), ones([4, 3]), { dims: 1 }), "tensordot", "3", "4"],
    [() => linalg.inv(ones([2, 3])), "inv", "[2,3]"],
    [() => linalg.inv(ones([2, 2])), "inv", "singular"],
    [() => linalg.solve(ones([2, 2]), ones([3, 1])), "solve", "[2,2]", "[3,1]"],
    [
      () =>
        linalg.cholesky(
          d.tensor([
            [1, 2],
            [2, 1],
          ]),
        ),
      "cholesky",
    ],
    [() => linalg.det(ones([3])), "det", "[3]"],
    [() => linalg.qr(ones([3])), "qr", "[3]"],
    [() => linalg.svd(ones([3])), "svd", "[3]"],
    [() => linalg.eigh(ones([2, 3])), "eigh", "[2,3]"],
    [() => linalg.matrixPower(ones([2, 2]), 0.5), "matrixPower", "0.5"],
    [() => linalg.matrixNorm(ones([2, 2]), { ord: wrong(3) }), "matrixNorm", "3"],
  ],
  autograd: [
    [() => leaf(2).backward(), "backward", "[2]"],
    [() => ones([]).backward(), "backward", "requires"],
    [() => d.grad(leaf(1).sum(), ones([1])), "grad", "requires"],
    [() => d.grad(leaf(1).sum(), leaf(1)), "grad", "allowUnused"],
    [() => d.grad(leaf(2).mul(2), leaf(2), { gradOutputs: ones([3]) }), "grad", "[3]", "[2]"],
    [
      () => {
        const y = leaf(2).exp().sum();
        y.backward();
        y.backward();
      },
      "backward",
      "retainGraph",
    ],
    [
      () => {
        int(1).requiresGrad = true;
      },
      "requiresGrad",
      "int32",
      "float32",
    ],
    [
      () => {
        leaf(1).mul(2).requiresGrad = false;
      },
      "requiresGrad",
      "detach",
    ],
    [
      () => {
        leaf(2).grad = ones([3]);
      },
      "grad",
      "[3]",
      "[2]",
    ],
    [() => ones([1]).registerHook(() => {}), "registerHook", "requiresGrad"],
    [() => parameter.assign(ones([3])), "assign", "[3]", "[2]"],
    [() => new d.Parameter(int(1)), "Parameter", "int32", "Buffer"],
    [() => d.noGrad(() => Promise.resolve(1)), "noGrad", "promise"],
    [() => d.gradcheck((x) => x.mul(2), [ones([1])]), "gradcheck", "requiresGrad"],
    [() => d.gradcheck((x) => x.mul(2), [leaf(1)]), "gradcheck", "float32", "float64"],
    [
      () => {
        const x = ones([2]);
        x.dispose();
        x.add(1);
      },
      "add",
      "[2]",
      "disposed",
    ],
    [() => ones([2]).add(zeros([2], { backend: d.cpu() })), "add", "wasm", "cpu", ".to("],
    [() => ones([2]).item(), "item", "[2]"],
  ],
  layers: [
    [() => new nn.Linear(3, 2).call(ones([4])), "linear", "[4]", "[2,3]", "(in Linear)"],
    [() => new nn.Linear(0, 2), "Linear", "inFeatures", "0"],
    [() => new nn.Linear(1, 2, { bais: true } as never), "Linear", "bais", "bias"],
    [() => new nn.Conv2d(3, 4, 3).call(ones([1, 2, 8, 8])), "conv2d", "[1,2,8,8]", "(in Conv2d)"],
    [() => new nn.Conv2d(3, 4, 3, { groups: 2 }), "Conv2d", "3", "2"],
    [() => new nn.Conv2d(1, 1, 3, { padding: "same", stride: 2 }), "Conv2d", "same", "[2,2]"],
    [() => new nn.Conv2d(1, 1, 3, { paddingMode: wrong("mirror") }), "Conv2d", "mirror"],
    [() => new nn.Conv1d(1, 1, 5).call(ones([1, 1, 3])), "conv1d", "5", "3"],
    [() => new nn.Conv3d(1, 1, 2).call(ones([1, 1, 2])), "conv3d", "[1,1,2]"],
    [() => new nn.ConvTranspose2d(1, 1, 3, { outputPadding: 1 }).call(ones([1, 1, 3, 3])), "convTranspose2d", "1"],
    [() => new nn.MaxPool2d(2, { padding: 2 }).call(ones([1, 1, 4, 4])), "maxPool2d", "2"],
    [() => new nn.AvgPool2d(0), "AvgPool2d", "0"],
    [() => new nn.AdaptiveAvgPool2d(2).call(ones([2])), "AdaptiveAvgPool2d", "[2]"],
    [() => new nn.BatchNorm2d(3).call(ones([2, 3])), "BatchNorm2d", "[2,3]"],
    [() => new nn.BatchNorm1d(3).call(ones([2, 4])), "BatchNorm1d", "[2,4]", "3"],
    [() => new nn.BatchNorm1d(3).call(ones([1, 3])), "batchNorm", "[1,3]"],
    [() => new nn.LayerNorm([3]).call(ones([2, 4])), "layerNorm", "[2,4]", "[3]"],
    [() => new nn.GroupNorm(2, 3), "GroupNorm", "2", "3"],
    [() => new nn.GroupNorm(2, 4).call(ones([2, 6])), "groupNorm", "[2,6]"],
    [() => new nn.Dropout({ p: 1.5 }), "Dropout", "1.5", "[0, 1]"],
    [() => new nn.Embedding(3, 2).call(int(3)), "indexSelect", "3", "(in Embedding)"],
    [() => new nn.Embedding(3, 2, { paddingIdx: 5 }), "Embedding", "5", "-3 to 2"],
    [() => new nn.LSTM(3, 2).call(ones([4, 5])), "LSTM", "[4,5]", "(in LSTM)"],
    [() => new nn.GRU(3, 2, { numLayers: 0 }), "GRU", "0"],
    [() => nn.packPaddedSequence(ones([3, 2]), [1, 3]), "packPaddedSequence", "[1,3]"],
    [() => new nn.MultiheadAttention(5, 2), "MultiheadAttention", "5", "2"],
    [
      () => F.scaledDotProductAttention(ones([2, 3]), ones([2, 4]), ones([2, 4])),
      "scaledDotProductAttention",
      "[2,3]",
      "[2,4]",
    ],
    [() => new nn.Bilinear(2, 3, 1).call(ones([4, 2]), ones([4, 2])), "bilinear", "[4,2]"],
    [() => new nn.PixelShuffle(2).call(ones([1, 3, 2, 2])), "PixelShuffle", "3"],
    [() => new nn.Upsample({}).call(ones([1, 1, 2])), "Upsample"],
    [() => new nn.Unfold(3).call(ones([1, 1, 2, 2])), "unfold", "3"],
    [() => new nn.ReflectionPad2d(4).call(ones([1, 2, 2])), "pad", "4"],
    [() => new nn.Sequential(wrong("relu")), "Sequential"],
    [() => new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(2, 1)).call(ones([2])), "linear", "(in 1 (Linear))"],
    [() => new nn.Linear(2, 1).loadStateDict({ weight: ones([1, 3]) }), "loadStateDict", "weight", "bias"],
    [() => new nn.Linear(2, 1).getParameter("wieght"), "Linear", "wieght"],
    [() => nn.functionalCall(new nn.Linear(2, 1), { wieght: ones([1, 2]) }, ones([2])), "functionalCall", "wieght"],
    [() => nn.init.xavierUniform([3]), "init.xavierUniform", "[3]"],
    [() => nn.init.calculateGain(wrong("gelu")), "init.calculateGain", "gelu"],
    [() => nn.utils.weightNorm(new nn.Linear(1, 1), { name: "wieght" }), "registerParametrization", "wieght"],
  ],
  losses: [
    [() => F.mseLoss(ones([2]), ones([3])), "mseLoss", "[2]", "[3]"],
    [() => F.mseLoss(ones([2]), ones([2]), { reduction: wrong("average") }), "mseLoss", "average", "mean"],
    [() => F.crossEntropy(ones([2, 3]), int(0, 1, 2)), "crossEntropy", "[2,3]", "[3]"],
    [() => F.crossEntropy(ones([2, 3]), int(0, 3)), "crossEntropy", "3", "0 to 2"],
    [() => F.crossEntropy(ones([2, 3]), ones([2])), "crossEntropy", "float32", "int32"],
    [() => F.crossEntropy(ones([2, 3]), int(0, 1), { labelSmoothing: 2 }), "crossEntropy", "2"],
    [() => F.nllLoss(ones([2, 3]), int(0, 1), { weight: ones([2]) }), "nllLoss", "[2]", "[2,3]"],
    [() => F.binaryCrossEntropy(ones([2]), ones([3])), "binaryCrossEntropy", "[2]", "[3]"],
    [() => F.l1Loss(ones([2]), ones([3])), "l1Loss", "[2]", "[3]"],
    [() => F.huberLoss(ones([2]), ones([2]), { delta: 0 }), "huberLoss", "0"],
    [() => F.multiMarginLoss(ones([2, 3]), int(0)), "multiMarginLoss", "[2,3]", "[1]"],
    [() => F.cosineEmbeddingLoss(ones([2, 3]), ones([2, 3]), ones([3])), "cosineEmbeddingLoss", "[2]", "[3]"],
    [() => F.ctcLoss(zeros([4, 1, 3]), int(1), [5], [1]), "ctcLoss", "5"],
    [() => new nn.HuberLoss({ detla: 1 } as never), "HuberLoss", "detla"],
  ],
  training: [
    [() => new optim.SGD([], { lr: 0.1 }), "SGD"],
    [() => new optim.SGD([parameter], { lr: -1 }), "SGD", "-1"],
    [() => new optim.Adam([parameter], { betas: [1, 0.9] }), "Adam", "1"],
    [() => new optim.SGD([parameter, parameter], { lr: 0.1 }), "SGD"],
    [() => new optim.StepLR(sgd, { stepSize: 0 }), "StepLR", "0"],
    [() => new optim.MultiStepLR(sgd, { milestones: [3, 1] }), "MultiStepLR", "[3, 1]"],
    [() => new optim.ConstantLR(sgd, { factor: 2 }), "ConstantLR", "2"],
    [() => new optim.LinearLR(sgd, { startFactor: 0 }), "LinearLR", "0"],
    [() => new optim.ExponentialLR(sgd, wrong(0.9)), "ExponentialLR", "0.9", "gamma"],
    [() => new optim.PolynomialLR(sgd, { totalIters: -1 }), "PolynomialLR", "-1"],
    [() => new optim.LambdaLR(sgd, { lrLambda: wrong(0.9) }), "LambdaLR", "0.9"],
    [() => new optim.MultiplicativeLR(sgd, { lrLambda: [] }), "MultiplicativeLR", "0 entries", "1 parameter groups"],
    [() => new optim.FactorLR(sgd, { factor: 2 }), "FactorLR", "2"],
    [() => new optim.CosineAnnealingLR(sgd, { TMax: 0 }), "CosineAnnealingLR", "0"],
    [() => new optim.CosineAnnealingWarmRestarts(sgd, { T0: 0 }), "CosineAnnealingWarmRestarts", "T0", "0"],
    [() => new optim.CosineAnnealingWarmRestarts(sgd, { T0: 1, TMult: 1.5 }), "CosineAnnealingWarmRestarts", "1.5"],
    [() => new optim.CyclicLR(sgd, { baseLr: 0, maxLr: 1, mode: wrong("tri") }), "CyclicLR", "tri", "triangular2"],
    [() => new optim.OneCycleLR(sgd, { maxLr: 1 }), "OneCycleLR", "totalSteps", "epochs"],
    [() => new optim.ReduceLROnPlateau(sgd, { factor: 1 }), "ReduceLROnPlateau", "1"],
    [() => new optim.ReduceLROnPlateau(sgd).step(wrong(undefined)), "ReduceLROnPlateau.step", "undefined", "number"],
    [() => new optim.SWALR(sgd, { swaLr: -1 }), "SWALR", "-1"],
    [() => new optim.WarmupLR(sgd, { steps: -1 }), "WarmupLR", "-1"],
    [() => new optim.SequentialLR(sgd, [], { milestones: [] }), "SequentialLR", "[]"],
    [() => new optim.ChainedScheduler([]), "ChainedScheduler", "[]"],
    [() => new optim.LBFGS([parameter], { lr: -1 }), "LBFGS", "-1"],
    [() => new optim.LBFGS([parameter], { maxIter: 0 }), "LBFGS", "0"],
    [() => new optim.LBFGS([parameter], { maxEval: 0 }), "LBFGS", "0", "null"],
    [() => new optim.LBFGS([parameter], { historySize: 0 }), "LBFGS", "0"],
    [() => new optim.LBFGS([parameter], { lineSearchFn: wrong("armijo") }), "LBFGS", "armijo", "strong_wolfe"],
    [() => new optim.LBFGS([{ params: parameter }, { params: new d.Parameter(ones([1])) }]), "LBFGS", "2"],
    [() => new optim.LBFGS([parameter]).step(), "LBFGS.step", "undefined", "backward()"],
    [() => new optim.SLS([parameter], { c: 0 }), "SLS", "0", "(0, 1)"],
    [() => new optim.SLS([parameter], { betaB: 1 }), "SLS", "1", "(0, 1)"],
    [() => new optim.SLS([parameter], { initStepSize: -1 }), "SLS", "-1"],
    [() => new optim.SLS([parameter], { etaMax: 0 }), "SLS", "0"],
    [() => new optim.SLS([parameter], { resetOption: wrong(3) }), "SLS", "3"],
    [() => new optim.SLS([parameter], { lineSearchFn: wrong("wolfe") }), "SLS", "wolfe", "goldstein"],
    [() => new optim.SLS([parameter]).step(() => ones([2])), "SLS.step", "[2]", "one element"],
    [() => new optim.SlsAcc([parameter], { momentum: -1 }), "SlsAcc", "-1"],
    [() => new optim.SlsAcc([parameter], { accelerationMethod: wrong("heavy") }), "SlsAcc", "heavy", "polyak"],
    [() => optim.clipGradNorm([parameter], -1), "clipGradNorm", "-1"],
    [() => optim.clipGradNorm([parameter], 1, { normType: 0 }), "clipGradNorm", "normType", "0"],
    [() => optim.getTotalNorm([parameter], wrong({ p: 1 })), "getTotalNorm", "p", "normType"],
    [() => optim.clipGradsWithNorm([parameter], 1, wrong(3)), "clipGradsWithNorm", "3", "getTotalNorm()"],
    [() => optim.clipGradAdaptive([parameter], { clipFactor: -1 }), "clipGradAdaptive", "clipFactor", "-1"],
    [() => optim.clipGradAdaptive([parameter], { eps: 0 }), "clipGradAdaptive", "eps", "0"],
    [() => new optim.GradientAccumulator(new optim.SGD([parameter]), { steps: 0 }), "GradientAccumulator", "0"],
    [() => new optim.AveragedParameters([parameter], { avgFn: wrong(0.9) }), "AveragedParameters", "0.9"],
    [() => optim.getEmaAvgFn(1.5), "getEmaAvgFn", "1.5", "[0, 1]"],
    [() => optim.gradientStatistics([]), "gradientStatistics", "namedParameters()"],
    [() => optim.gradientStatistics([["p", parameter]], { exploding: -1 }), "gradientStatistics", "exploding", "-1"],
    [() => optim.gradientStatistics([["p", parameter]], { vanishing: -1 }), "gradientStatistics", "vanishing", "-1"],
    [() => optim.gradientStatistics([["p", parameter]], { step: wrong(1) }), "gradientStatistics", "step", "1"],
    [() => find({ startLr: 0 }), "findLearningRate", "startLr", "0"],
    [() => find({ endLr: 1e-9 }), "findLearningRate", "endLr", "1e-9", "1e-7"],
    [() => find({ steps: 1 }), "findLearningRate", "steps", "1"],
    [() => find({ mode: wrong("cosine") }), "findLearningRate", "cosine", "exponential"],
    [() => find({ smoothing: 1 }), "findLearningRate", "smoothing", "1"],
    [() => find({ divergence: 1 }), "findLearningRate", "divergence", "1"],
    [() => find({ restore: wrong(3) }), "findLearningRate", "restore", "3"],
    [() => new data.TensorDataset(ones([2]), ones([3])), "TensorDataset", "[2]", "[3]"],
    [() => new data.DataLoader(new data.TensorDataset(ones([2])), { batchSize: 0 }), "DataLoader", "0"],
    [() => d.setNumThreads(0), "wasm", "0"],
  ],
};

const titled = Object.entries(CALLS).flatMap(([subject, calls]) =>
  calls.map(([call, op, ...shown]) => ({
    title: `${subject}: ${op} (${shown.join(", ")})`,
    call,
    op,
    shown,
  })),
);

test("there are at least 150 of them, of all kinds", () => {
  expect(titled.length).toBeGreaterThanOrEqual(150);
});

describe("a bad call names the op, the values and the remedy", () => {
  test.each(titled)("$title", ({ call, op, shown }) => {
    let error: unknown = null;
    try {
      call();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(d.TensorError);
    const { message, op: blamed } = error as d.TensorError;
    expect(blamed).toBe(op);
    expect(message.startsWith(`${op}: `)).toBe(true);
    expect(shown.filter((text) => !message.includes(text))).toEqual([]);
  });
});
