export {
  celu,
  type EluOptions,
  elu,
  flatten,
  type GluOptions,
  glu,
  type HardtanhOptions,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  type LeakyReluOptions,
  leakyRelu,
  logSigmoid,
  mish,
  oneHot,
  prelu,
  relu,
  relu6,
  type ShrinkOptions,
  type SoftplusOptions,
  selu,
  sigmoid,
  silu,
  softplus,
  softshrink,
  softsign,
  tanh,
  tanhshrink,
  threshold,
} from "@descent/core";
export { type GELUOptions, gelu } from "./activation.ts";
export { conv2d, type FunctionalConv2dOptions } from "./conv.ts";
export { dropout, type FunctionalDropoutOptions } from "./dropout.ts";
export { embedding, embeddingBag, type FunctionalEmbeddingBagOptions } from "./embedding.ts";
export { type FunctionalLinearOptions, linear } from "./linear.ts";
export {
  type CrossEntropyOptions,
  crossEntropy,
  type LossOptions,
  mseLoss,
  type NLLLossOptions,
  nllLoss,
} from "./loss.ts";
export {
  batchNorm,
  type FunctionalBatchNormOptions,
  type FunctionalLayerNormOptions,
  layerNorm,
} from "./normalization.ts";
export { type FunctionalRReLUOptions, rrelu } from "./parametric-activation.ts";
export {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  type MaxPool2dOptions,
  maxPool2d,
  type OutputSize,
} from "./pooling.ts";
export { type Along, type GumbelSoftmaxOptions, gumbelSoftmax, logSoftmax, softmax, softmin } from "./softmax.ts";
