export { flatten, logSoftmax, oneHot, relu, sigmoid, silu, softmax, tanh } from "@descent/core";
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
export {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  type MaxPool2dOptions,
  maxPool2d,
  type OutputSize,
} from "./pooling.ts";
