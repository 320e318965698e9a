export { celu, elu, flatten, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leakyRelu, logSigmoid, mish, oneHot, pad, prelu, relu, relu6, selu, sigmoid, silu, softplus, softshrink, softsign, tanh, tanhshrink, threshold, type EluOptions, type GluOptions, type HardtanhOptions, type LeakyReluOptions, type PadMode, type PadOptions, type ShrinkOptions, type SoftplusOptions } from "@descent/core";
export { gelu, type GELUOptions } from "./activation.ts";
export { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d, adaptiveMaxPool1d, adaptiveMaxPool2d, adaptiveMaxPool3d, type AdaptiveMaxPool, type OutputSize, type OutputSize1, type OutputSize3 } from "./adaptive-pooling.ts";
export { scaledDotProductAttention, type AttentionOptions } from "./attention.ts";
export { batchNorm, type FunctionalBatchNormOptions } from "./batch-norm.ts";
export { bilinear, type FunctionalBilinearOptions } from "./bilinear.ts";
export { conv1d, conv2d, conv3d, type FunctionalConv1dOptions, type FunctionalConv2dOptions, type FunctionalConv3dOptions, type FunctionalConvOptions } from "./conv.ts";
export { convTranspose1d, convTranspose2d, convTranspose3d, type FunctionalConvTransposeOptions } from "./conv-transpose.ts";
export { alphaDropout, dropout, dropout1d, dropout2d, dropout3d, featureAlphaDropout, type FunctionalDropoutOptions } from "./dropout.ts";
export { embedding, embeddingBag, type FunctionalEmbeddingBagOptions } from "./embedding.ts";
export { groupNorm, type FunctionalGroupNormOptions } from "./group-norm.ts";
export { instanceNorm, type FunctionalInstanceNormOptions } from "./instance-norm.ts";
export { interpolate, type InterpolateOptions, type InterpolationMode } from "./interpolate.ts";
export { layerNorm, rmsNorm, type FunctionalLayerNormOptions, type FunctionalRMSNormOptions } from "./layer-norm.ts";
export { linear, type FunctionalLinearOptions } from "./linear.ts";
export { localResponseNorm, type LocalResponseNormOptions } from "./local-response-norm.ts";
export { rrelu, type FunctionalRReLUOptions } from "./parametric-activation.ts";
export { avgPool1d, avgPool2d, avgPool3d, lpPool1d, lpPool2d, lpPool3d, maxPool1d, maxPool2d, maxPool3d, type AvgPool1dOptions, type AvgPool2dOptions, type AvgPool3dOptions, type AvgPoolOptions, type LPPool1dOptions, type LPPool2dOptions, type LPPool3dOptions, type LPPoolOptions, type MaxPool, type MaxPool1dOptions, type MaxPool2dOptions, type MaxPool3dOptions, type MaxPoolOptions } from "./pooling.ts";
export { channelShuffle, pixelShuffle, pixelUnshuffle } from "./shuffle.ts";
export { gumbelSoftmax, logSoftmax, softmax, softmin, type Along, type GumbelSoftmaxOptions } from "./softmax.ts";
export { fold, type UnfoldOptions, unfold } from "./unfold.ts";
export { cosineSimilarity, normalize, pairwiseDistance, type CosineSimilarityOptions, type NormalizeOptions, type PairwiseDistanceOptions } from "./distance.ts";
export { binaryCrossEntropy, binaryCrossEntropyWithLogits, multilabelSoftMarginLoss, softMarginLoss, type BCELossOptions, type BCEWithLogitsLossOptions } from "./loss/binary.ts";
export { crossEntropy, nllLoss, type CrossEntropyOptions, type NLLLossOptions } from "./loss/classification.ts";
export { ctcLoss, type CTCLossOptions, type Lengths } from "./loss/ctc.ts";
export { cosineEmbeddingLoss, tripletMarginLoss, tripletMarginWithDistanceLoss, type DistanceFunction, type TripletMarginLossOptions, type TripletMarginWithDistanceLossOptions } from "./loss/embedding.ts";
export { type LossOptions } from "./loss/loss.ts";
export { hingeEmbeddingLoss, marginRankingLoss, multiMarginLoss, multilabelMarginLoss, type MarginOptions, type MultiMarginLossOptions } from "./loss/margin.ts";
export { gaussianNllLoss, klDiv, poissonNllLoss, type GaussianNLLLossOptions, type KLDivLossOptions, type PoissonNLLLossOptions } from "./loss/probability.ts";
export { huberLoss, l1Loss, mseLoss, smoothL1Loss, type HuberLossOptions, type SmoothL1LossOptions } from "./loss/regression.ts";



