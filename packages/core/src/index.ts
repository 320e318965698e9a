/**
 * Tensors, the tape, ops, automatic differentiation, memory and randomness.
 *
 * @module @descent/core
 */
export type { PagedMemory } from "./addresses.ts";
export { detectAnomaly, isAnomalyEnabled, setDetectAnomaly, setLocator } from "./anomaly.ts";
export type { Context, Definition, Input, Inputs, JointVjp, Vjp } from "./apply.ts";
export { checkpoint, checkpointSequential } from "./autograd/checkpoint.ts";
export { CustomFunction, CustomFunction as Function, type FunctionContext } from "./autograd/function.ts";
export { type FunctionalOptions, hessian, hvp, jacobian, jvp, vhp, vjp } from "./autograd/functional.ts";
export * as autograd from "./autograd/index.ts";
export {
  type ArgReduceFn,
  type ArithmeticFn,
  type Backend,
  type BinaryFn,
  type ComparisonFn,
  type FusedKernel,
  type FusedName,
  getBackend,
  type LogicalFn,
  type Operand,
  type PutMode,
  type ReduceFn,
  type ScanFn,
  type Spec,
  setBackend,
  type UnaryFn,
  withBackend,
} from "./backend.ts";
export { type BackwardToLeavesOptions, backward, type GradOptions, grad } from "./backward.ts";
export * from "./dtype.ts";
export * from "./errors.ts";
export { type PrintOptions, setPrintOptions } from "./format.ts";
export { Storage, scope, Workspace } from "./memory.ts";
export {
  composite,
  floating,
  type HostArray,
  hostArray,
  type Op,
  primitive,
  registry,
  type Save,
  sameDType,
} from "./op.ts";
export * from "./ops/activation.ts";
export { binaryCrossEntropy, binaryCrossEntropyWithLogits } from "./ops/binary-cross-entropy.ts";
export { addcdiv, addcmul, lerp, type ScaledOptions } from "./ops/blend.ts";
export { cast, to } from "./ops/cast.ts";
export * from "./ops/closeness.ts";
export { type Conv2dAttrs, type ConvAttrs, conv2d } from "./ops/conv.ts";
export { convolution, type TransposedConvAttrs, transposedConvolution } from "./ops/convolution.ts";
export {
  type BincountOptions,
  bincount,
  bucketize,
  type FindUnique,
  type GroupOptions,
  type HistcOptions,
  histc,
  type SearchOptions,
  searchsorted,
  type Unique,
  type UniqueOptions,
  unique,
  uniqueConsecutive,
} from "./ops/counting.ts";
export * from "./ops/creation.ts";
export { diag, diagEmbed, diagflat, diagonal, trace, tril, trilIndices, triu, triuIndices } from "./ops/diagonal.ts";
export { cdist, type DistanceOptions, dist } from "./ops/distance.ts";
export { type DivOptions, divide as div, floorDivide, fmod, frac, remainder } from "./ops/division.ts";
export { dropout } from "./ops/dropout.ts";
export { einsum } from "./ops/einsum.ts";
export * from "./ops/elementwise.ts";
export {
  type ElementwiseProgram,
  elementwiseProgram,
  type Instruction,
  type ProgramFn,
} from "./ops/elementwise-program.ts";
export {
  diagonalScatter,
  type IndexPutOptions,
  indexPut,
  type SliceScatterOptions,
  selectScatter,
  sliceScatter,
} from "./ops/index-put.ts";
export { checkIndex, gather, indexSelect, oneHot, take, takeAlongDim } from "./ops/indexing.ts";
export { cat, chunk, split, stack, unbind } from "./ops/join.ts";
export * from "./ops/limits.ts";
export { det, logdet, slogdet } from "./ops/linalg/det.ts";
export * as linalg from "./ops/linalg/index.ts";
export { matrixExp } from "./ops/linalg/matrix-exp.ts";
export { inv as inverse, matrixPower } from "./ops/linalg/solve.ts";
export { mseLoss, type Reduction } from "./ops/loss.ts";
export { maskedFill, maskedScatter, maskedSelect } from "./ops/mask.ts";
export { linear, linearRelu, matmul } from "./ops/matmul.ts";
export {
  clone,
  expand,
  flatten,
  flip,
  narrow,
  padZeros,
  permute,
  reshape,
  squeeze,
  transpose,
  unsqueeze,
} from "./ops/movement.ts";
export { argwhere, type NonzeroOptions, nonzero } from "./ops/nonzero.ts";
export { type NormOrder, norm } from "./ops/norm.ts";
export {
  batchNorm,
  layerNorm,
  type NormAttrs,
  type Normalized,
  type NormGradAttrs,
  rmsNorm,
} from "./ops/normalization.ts";
export { type PadMode, type PadOptions, pad } from "./ops/pad.ts";
export { type AvgWindow, avgPool2d, maxPool2d } from "./ops/pool.ts";
export { avgPool, maxPool, maxPoolIndices } from "./ops/pooling.ts";
export { prod } from "./ops/prod.ts";
export {
  type AddProductOptions,
  type AlongOptions,
  addbmm,
  addmm,
  addmv,
  addr,
  baddbmm,
  bmm,
  cross,
  dot,
  inner,
  kron,
  mm,
  mv,
  outer,
  type TensordotOptions,
  tensordot,
  vecdot,
} from "./ops/products.ts";
export {
  fliplr,
  flipud,
  movedim,
  ravel,
  reshapeAs,
  roll,
  rot90,
  type Sizes,
  swapaxes,
  t,
  unflatten,
  view,
  viewAs,
} from "./ops/rearrange.ts";
export * from "./ops/rectifiers.ts";
export {
  all,
  amax,
  amin,
  any,
  argmax,
  argmin,
  logsumexp,
  mean,
  std,
  type VarianceOptions,
  variance,
} from "./ops/reduce.ts";
export {
  broadcastTensors,
  broadcastTo,
  cartesianProd,
  expandAs,
  type MeshgridOptions,
  meshgrid,
  type RepeatInterleaveOptions,
  repeat,
  repeatInterleave,
  tile,
} from "./ops/repeat.ts";
export { cummax, cummin, cumprod, logcumsumexp, type Selected } from "./ops/running.ts";
export {
  type IndexAddOptions,
  indexAdd,
  indexCopy,
  indexFill,
  type ScatterReduceOptions,
  type ScatterReduction,
  scatter,
  scatterAdd,
  scatterReduce,
} from "./ops/scatter.ts";
export {
  aminmax,
  kthvalue,
  max,
  median,
  min,
  mode,
  nanmedian,
  type Select,
  type TopKOptions,
  topk,
} from "./ops/selection.ts";
export * from "./ops/signs.ts";
export { at, type Index, type IndexList, select, slice } from "./ops/slice.ts";
export * from "./ops/soft-rectifiers.ts";
export { logSoftmax, softmax, softmaxCrossEntropy } from "./ops/softmax.ts";
export { argsort, cumsum, type SortOptions, sort } from "./ops/sort.ts";
export {
  atleast1d,
  atleast2d,
  atleast3d,
  blockDiag,
  columnStack,
  dstack,
  hstack,
  tensorSplit,
  vstack,
} from "./ops/stacks.ts";
export {
  type CovOptions,
  corrcoef,
  countNonzero,
  cov,
  type DiffOptions,
  diff,
  nanmean,
  nanquantile,
  nansum,
  type QuantileOptions,
  quantile,
  stdMean,
  varMean,
} from "./ops/statistics.ts";
export { type ReduceOptions, sum } from "./ops/sum.ts";
export * from "./ops/transcendental.ts";
export { col2im, im2col, unfold } from "./ops/unfold.ts";
export type { Window } from "./ops/windows.ts";
export { type Block, type Collector, Pager, type PagerOptions } from "./pager.ts";
export { Buffer, Parameter } from "./parameter.ts";
export * from "./random.ts";
export {
  broadcastShapes,
  broadcastStrides,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  type Shape,
  sameShape,
  show,
  sizeOf,
  stridesOf,
  type View,
} from "./shape.ts";
export {
  enableGrad,
  type Hook,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  retainGrad,
  setGradEnabled,
} from "./tape.ts";
export { detach, keep, type NestedArray, peekGrad, replaceGrad, Tensor } from "./tensor.ts";
export { Generator, type GeneratorState, threefry, uniform24, uniform53 } from "./threefry.ts";
export { type Differentiable, type GradcheckOptions, gradcheck, gradgradcheck } from "./transforms.ts";
export type { BackwardOptions } from "./walk.ts";

// `CustomFunction` is the name for who would not shadow the global `Function`.
