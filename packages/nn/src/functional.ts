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
  type PadMode,
  type PadOptions,
  pad,
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
export {
  type AdaptiveMaxPool,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type OutputSize,
  type OutputSize1,
  type OutputSize3,
} from "./adaptive-pooling.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts";
export { batchNorm, type FunctionalBatchNormOptions } from "./batch-norm.ts";
export { bilinear, type FunctionalBilinearOptions } from "./bilinear.ts";
export {
  conv1d,
  conv2d,
  conv3d,
  type FunctionalConv1dOptions,
  type FunctionalConv2dOptions,
  type FunctionalConv3dOptions,
  type FunctionalConvOptions,
} from "./conv.ts";
export {
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type FunctionalConvTransposeOptions,
} from "./conv-transpose.ts";
export {
  type CosineSimilarityOptions,
  cosineSimilarity,
  type NormalizeOptions,
  normalize,
  type PairwiseDistanceOptions,
  pairwiseDistance,
} from "./distance.ts";
export {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  type FunctionalDropoutOptions,
  featureAlphaDropout,
} from "./dropout.ts";
export { embedding, embeddingBag, type FunctionalEmbeddingBagOptions } from "./embedding.ts";
export { type AffineGridOptions, affineGrid, type GridSampleOptions, gridSample } from "./grid-sample.ts";
export { type FunctionalGroupNormOptions, groupNorm } from "./group-norm.ts";
export { type FunctionalInstanceNormOptions, instanceNorm } from "./instance-norm.ts";
export { type InterpolateOptions, type InterpolationMode, interpolate } from "./interpolate.ts";
export { type FunctionalLayerNormOptions, type FunctionalRMSNormOptions, layerNorm, rmsNorm } from "./layer-norm.ts";
export { type FunctionalLinearOptions, linear } from "./linear.ts";
export { type LocalResponseNormOptions, localResponseNorm } from "./local-response-norm.ts";
export {
  type BCELossOptions,
  type BCEWithLogitsLossOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  multilabelSoftMarginLoss,
  softMarginLoss,
} from "./loss/binary.ts";
export { type CrossEntropyOptions, crossEntropy, type NLLLossOptions, nllLoss } from "./loss/classification.ts";
export { type CTCLossOptions, ctcLoss, type Lengths } from "./loss/ctc.ts";
export {
  cosineEmbeddingLoss,
  type DistanceFunction,
  type TripletMarginLossOptions,
  type TripletMarginWithDistanceLossOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from "./loss/embedding.ts";
export type { LossFunction, LossOptions } from "./loss/loss.ts";
export {
  hingeEmbeddingLoss,
  type MarginOptions,
  type MultiMarginLossOptions,
  marginRankingLoss,
  multilabelMarginLoss,
  multiMarginLoss,
} from "./loss/margin.ts";
export {
  type GaussianNLLLossOptions,
  gaussianNllLoss,
  type KLDivLossOptions,
  klDiv,
  type PoissonNLLLossOptions,
  poissonNllLoss,
} from "./loss/probability.ts";
export {
  type HuberLossOptions,
  huberLoss,
  l1Loss,
  mseLoss,
  type SmoothL1LossOptions,
  smoothL1Loss,
} from "./loss/regression.ts";
export { type FunctionalRReLUOptions, rrelu } from "./parametric-activation.ts";
export {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  type AvgPool3dOptions,
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type LPPool1dOptions,
  type LPPool2dOptions,
  type LPPool3dOptions,
  type LPPoolOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  type MaxPool,
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  type MaxPool3dOptions,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from "./pooling.ts";
export { channelShuffle, pixelShuffle, pixelUnshuffle } from "./shuffle.ts";
export { type Along, type GumbelSoftmaxOptions, gumbelSoftmax, logSoftmax, softmax, softmin } from "./softmax.ts";
export { fold, type UnfoldOptions, unfold } from "./unfold.ts";
