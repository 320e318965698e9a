/**
 * Modules, layers, losses, initialisation and files.
 *
 * @module @descent/nn
 */
export type { Reduction } from "@descent/core";
export {
  decodeSafetensors,
  decodeSafetensorsMetadata,
  encodeSafetensors,
  loadSafetensors,
  type Metadata,
  saveSafetensors,
} from "@descent/core/safetensors";
export {
  GELU,
  type GELUOptions,
  Hardsigmoid,
  Hardswish,
  LogSigmoid,
  Mish,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softsign,
  Tanh,
  Tanhshrink,
} from "./activation.ts";
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  type OutputSize,
  type OutputSize1,
  type OutputSize3,
} from "./adaptive-pooling.ts";
export { Module } from "./base.ts";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from "./batch-norm.ts";
export { Bilinear, type BilinearOptions } from "./bilinear.ts";
export { ModuleDict, ModuleList, ParameterDict, ParameterList } from "./containers.ts";
export {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  Conv3d,
  type Conv3dOptions,
  type ConvOptions,
} from "./conv.ts";
export {
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  ConvTranspose3d,
  type ConvTranspose3dOptions,
  type ConvTransposeOptions,
} from "./conv-transpose.ts";
export {
  CosineSimilarity,
  type CosineSimilarityOptions,
  PairwiseDistance,
  type PairwiseDistanceOptions,
} from "./distance.ts";
export {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  Dropout3d,
  type DropoutArguments,
  type DropoutOptions,
  FeatureAlphaDropout,
} from "./dropout.ts";
export { type BagMode, Embedding, EmbeddingBag, type EmbeddingBagOptions, type EmbeddingOptions } from "./embedding.ts";
export { Flatten, type FlattenOptions, Unflatten } from "./flatten.ts";
export * as functional from "./functional.ts";
export { functionalCall } from "./functional-call.ts";
export { GroupNorm, type GroupNormOptions } from "./group-norm.ts";
export { Identity } from "./identity.ts";
export * as init from "./init.ts";
export { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormOptions } from "./instance-norm.ts";
export {
  type InterpolateOptions,
  type InterpolationMode,
  Upsample,
  type UpsampleOptions,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from "./interpolate.ts";
export { LayerNorm, type LayerNormOptions, RMSNorm, type RMSNormOptions } from "./layer-norm.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export { LocalResponseNorm, type LocalResponseNormOptions } from "./local-response-norm.ts";
export {
  BCELoss,
  type BCELossOptions,
  BCEWithLogitsLoss,
  type BCEWithLogitsLossOptions,
  MultiLabelSoftMarginLoss,
  SoftMarginLoss,
} from "./loss/binary.ts";
export { CrossEntropyLoss, type CrossEntropyOptions, NLLLoss, type NLLLossOptions } from "./loss/classification.ts";
export { CTCLoss, type CTCLossOptions, type Lengths } from "./loss/ctc.ts";
export {
  CosineEmbeddingLoss,
  type DistanceFunction,
  TripletMarginLoss,
  type TripletMarginLossOptions,
  TripletMarginWithDistanceLoss,
  type TripletMarginWithDistanceLossOptions,
} from "./loss/embedding.ts";
export { Loss, type LossFunction, type LossOptions } from "./loss/loss.ts";
export {
  HingeEmbeddingLoss,
  type MarginOptions,
  MarginRankingLoss,
  MultiLabelMarginLoss,
  MultiMarginLoss,
  type MultiMarginLossOptions,
} from "./loss/margin.ts";
export {
  GaussianNLLLoss,
  type GaussianNLLLossOptions,
  KLDivLoss,
  type KLDivLossOptions,
  PoissonNLLLoss,
  type PoissonNLLLossOptions,
} from "./loss/probability.ts";
export {
  HuberLoss,
  type HuberLossOptions,
  L1Loss,
  MSELoss,
  SmoothL1Loss,
  type SmoothL1LossOptions,
} from "./loss/regression.ts";
export {
  MultiheadAttention,
  type MultiheadAttentionCall,
  type MultiheadAttentionOptions,
} from "./multihead-attention.ts";
export type { Size, Size1, Size2, Size3 } from "./options.ts";
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  type Padding1,
  type Padding2,
  type Padding3,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from "./padding.ts";
export {
  CELU,
  ELU,
  GLU,
  Hardshrink,
  Hardtanh,
  LeakyReLU,
  PReLU,
  type PReLUOptions,
  RReLU,
  type RReLUOptions,
  Softplus,
  Softshrink,
  Threshold,
} from "./parametric-activation.ts";
export {
  AvgPool1d,
  type AvgPool1dOptions,
  AvgPool2d,
  type AvgPool2dOptions,
  AvgPool3d,
  type AvgPool3dOptions,
  type AvgPoolOptions,
  LPPool1d,
  type LPPool1dOptions,
  LPPool2d,
  type LPPool2dOptions,
  LPPool3d,
  type LPPool3dOptions,
  type LPPoolOptions,
  MaxPool1d,
  type MaxPool1dOptions,
  MaxPool2d,
  type MaxPool2dOptions,
  MaxPool3d,
  type MaxPool3dOptions,
  type MaxPoolOptions,
} from "./pooling.ts";
export { type CellOptions, GRUCell, LSTMCell, RNNCell, type RNNCellOptions } from "./recurrent/cells.ts";
export { GRU, LSTM, type LSTMOptions, type RecurrentOptions, RNN, type RNNOptions } from "./recurrent/layers.ts";
export {
  PackedSequence,
  type PackOptions,
  type PadOptions,
  type PadPackedOptions,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  unpackSequence,
  unpadSequence,
} from "./recurrent/packed.ts";
export { type Layer, Sequential } from "./sequential.ts";
export { ChannelShuffle, PixelShuffle, PixelUnshuffle } from "./shuffle.ts";
export { type Along, LogSoftmax, Softmax, Softmax2d, Softmin } from "./softmax.ts";
export type { LoadOptions, LoadResult, StateDict } from "./state-dict.ts";
export { type ExampleInput, Summary, type SummaryOptions, type SummaryRow, summary } from "./summary.ts";
export {
  type DecoderLayer,
  type Encoder,
  type EncoderLayer,
  Transformer,
  type TransformerCall,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerEncoderCall,
  type TransformerOptions,
  type TransformerStackOptions,
} from "./transformer.ts";
export {
  type TransformerDecoderCall,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerEncoderLayerCall,
  type TransformerLayerOptions,
} from "./transformer-layer.ts";
export { Fold, Unfold, type UnfoldOptions } from "./unfold.ts";
export * as utils from "./utils/index.ts";
