export type { Reduction } from "@descent/core";
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
export { Module } from "./base.ts";
export { Conv2d, type Conv2dOptions } from "./conv.ts";
export { Dropout, type DropoutOptions } from "./dropout.ts";
export { type BagMode, Embedding, EmbeddingBag, type EmbeddingBagOptions, type EmbeddingOptions } from "./embedding.ts";
export { Flatten, type FlattenOptions } from "./flatten.ts";
export * as functional from "./functional.ts";
export { functionalCall } from "./functional-call.ts";
export { Identity } from "./identity.ts";
export * as init from "./init.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export { CrossEntropyLoss, type CrossEntropyOptions, type LossOptions, MSELoss } from "./loss.ts";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions, LayerNorm, type LayerNormOptions } from "./normalization.ts";
export type { Size2 } from "./options.ts";
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
  AdaptiveAvgPool2d,
  AvgPool2d,
  type AvgPool2dOptions,
  MaxPool2d,
  type MaxPool2dOptions,
  type OutputSize,
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
export { decodeSafetensors, encodeSafetensors, loadSafetensors, saveSafetensors } from "./safetensors.ts";
export { type Layer, Sequential } from "./sequential.ts";
export { type Along, LogSoftmax, Softmax, Softmax2d, Softmin } from "./softmax.ts";
export type { LoadOptions, LoadResult, StateDict } from "./state-dict.ts";
