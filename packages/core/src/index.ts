export type { PagedMemory } from "./addresses.ts";
export type { Context, Definition, Input, Inputs, JointVjp, Vjp } from "./apply.ts";
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
export { backward, type GradOptions, grad } from "./backward.ts";
export * from "./dtype.ts";
export * from "./errors.ts";
export { Storage, scope } from "./memory.ts";
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
export { gelu, silu } from "./ops/activation.ts";
export { cast, to } from "./ops/cast.ts";
export { type Conv2dAttrs, conv2d } from "./ops/conv.ts";
export * from "./ops/creation.ts";
export { dropout } from "./ops/dropout.ts";
export * from "./ops/elementwise.ts";
export { checkIndex, gather, indexSelect, oneHot } from "./ops/indexing.ts";
export { cat, chunk, split, stack, unbind } from "./ops/join.ts";
export { mseLoss, type Reduction } from "./ops/loss.ts";
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
export { batchNorm, layerNorm, type Normalized } from "./ops/normalization.ts";
export { type AvgWindow, avgPool2d, maxPool2d } from "./ops/pool.ts";
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
export { type Range, slice } from "./ops/slice.ts";
export { logSoftmax, softmax, softmaxCrossEntropy } from "./ops/softmax.ts";
export { argsort, cumsum, type SortOptions, sort } from "./ops/sort.ts";
export { type ReduceOptions, sum } from "./ops/sum.ts";
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
export { enableGrad, type Hook, isGradEnabled, noGrad } from "./tape.ts";
export { detach, keep, type NestedArray, peekGrad, replaceGrad, Tensor } from "./tensor.ts";
export { Generator, type GeneratorState, threefry, uniform24, uniform53 } from "./threefry.ts";
export { type Differentiable, type GradcheckOptions, gradcheck, gradgradcheck } from "./transforms.ts";
export type { BackwardOptions } from "./walk.ts";
