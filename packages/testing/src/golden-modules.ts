import type { Tensor } from "@descent/core";
import * as nn from "@descent/nn";
import { type GoldenTensor, goldenTensor } from "./golden.ts";

/** Arguments by PyTorch's names, in camelCase. */
type Args = Readonly<Record<string, unknown>>;

/** A case of modules.json. */
export interface ModuleCase {
  readonly module: string;
  readonly args: Args;
  readonly train: boolean;
  readonly stateDict: Readonly<Record<string, GoldenTensor>>;
  readonly inputs: readonly GoldenTensor[];
  readonly output: GoldenTensor;
  readonly gradOutput: GoldenTensor;
  readonly inputGrads: readonly (GoldenTensor | null)[];
  readonly paramGrads: Readonly<Record<string, GoldenTensor>>;
  readonly buffersAfter: Readonly<Record<string, GoldenTensor>>;
}

/** A case of losses.json, loss-edges.json and loss-options.json. */
export interface LossCase {
  readonly loss: string;
  readonly args: Args;
  readonly input: GoldenTensor;
  readonly target: GoldenTensor;
  readonly extra: readonly GoldenTensor[];
  readonly output: GoldenTensor;
  readonly gradOutput: GoldenTensor;
  readonly inputGrad: GoldenTensor;
}

const isGolden = (value: unknown): value is GoldenTensor =>
  typeof value === "object" && value !== null && "data" in value;

/** The arguments without those that are positional, and tensors in place of what stands for them. */
function options(args: Args, ...positional: string[]): never {
  const rest = Object.entries(args).filter(([name]) => !positional.includes(name));
  return Object.fromEntries(rest.map(([name, v]) => [name, isGolden(v) ? goldenTensor(v) : v])) as never;
}

const sized =
  <M>(Layer: new (...args: never[]) => M, ...positional: string[]) =>
  (args: Args): M =>
    new Layer(...([...positional.map((name) => args[name]), options(args, ...positional)] as never[]));

/** How a module of modules.json is made. */
export const GOLDEN_MODULES: Readonly<Record<string, (args: Args) => nn.Module>> = {
  Linear: sized(nn.Linear, "inFeatures", "outFeatures"),
  Conv1d: sized(nn.Conv1d, "inChannels", "outChannels", "kernelSize"),
  Conv2d: sized(nn.Conv2d, "inChannels", "outChannels", "kernelSize"),
  Conv3d: sized(nn.Conv3d, "inChannels", "outChannels", "kernelSize"),
  ConvTranspose2d: sized(nn.ConvTranspose2d, "inChannels", "outChannels", "kernelSize"),
  BatchNorm1d: sized(nn.BatchNorm1d, "numFeatures"),
  BatchNorm2d: sized(nn.BatchNorm2d, "numFeatures"),
  LayerNorm: sized(nn.LayerNorm, "normalizedShape"),
  PReLU: sized(nn.PReLU),
  GLU: sized(nn.GLU),
  InstanceNorm2d: sized(nn.InstanceNorm2d, "numFeatures"),
  RMSNorm: sized(nn.RMSNorm, "normalizedShape"),
  GroupNorm: sized(nn.GroupNorm, "numGroups", "numChannels"),
  Bilinear: sized(nn.Bilinear, "in1Features", "in2Features", "outFeatures"),
  MultiheadAttention: sized(nn.MultiheadAttention, "embedDim", "numHeads"),
  TransformerEncoderLayer: sized(nn.TransformerEncoderLayer, "dModel", "nhead"),
  MaxPool2d: sized(nn.MaxPool2d, "kernelSize"),
  AvgPool2d: sized(nn.AvgPool2d, "kernelSize"),
  Embedding: sized(nn.Embedding, "numEmbeddings", "embeddingDim"),
  RNN: sized(nn.RNN, "inputSize", "hiddenSize"),
  LSTM: sized(nn.LSTM, "inputSize", "hiddenSize"),
  GRU: sized(nn.GRU, "inputSize", "hiddenSize"),
  LocalResponseNorm: sized(nn.LocalResponseNorm, "size"),
  PixelShuffle: ({ upscaleFactor }) => new nn.PixelShuffle(upscaleFactor as number),
  ReflectionPad2d: ({ padding }) => new nn.ReflectionPad2d(padding as nn.Padding2),
  Unfold: sized(nn.Unfold, "kernelSize"),
  Upsample: sized(nn.Upsample),
  AdaptiveMaxPool2d: ({ outputSize }) => new nn.AdaptiveMaxPool2d(outputSize as nn.OutputSize),
  AdaptiveAvgPool2d: ({ outputSize }) => new nn.AdaptiveAvgPool2d(outputSize as nn.OutputSize),
};

/** Of the loss, what is called with the input, the extra tensors and the target. */
type Loss = (input: Tensor, extra: readonly Tensor[], target: Tensor) => Tensor;

const loss =
  (Loss: new (options: never) => nn.Module) =>
  (args: Args): Loss => {
    const made = new Loss(options(args, "targetIsProbabilities"));
    return (input, extra, target) => made.call(...([input, ...extra, target] as never[])) as Tensor;
  };

/** How a loss of losses.json is made and called. */
export const GOLDEN_LOSSES: Readonly<Record<string, (args: Args) => Loss>> = {
  BCELoss: loss(nn.BCELoss),
  BCEWithLogitsLoss: loss(nn.BCEWithLogitsLoss),
  CosineEmbeddingLoss: loss(nn.CosineEmbeddingLoss),
  CrossEntropyLoss: loss(nn.CrossEntropyLoss),
  GaussianNLLLoss: loss(nn.GaussianNLLLoss),
  HingeEmbeddingLoss: loss(nn.HingeEmbeddingLoss),
  HuberLoss: loss(nn.HuberLoss),
  KLDivLoss: loss(nn.KLDivLoss),
  L1Loss: loss(nn.L1Loss),
  MSELoss: loss(nn.MSELoss),
  MarginRankingLoss: loss(nn.MarginRankingLoss),
  MultiLabelMarginLoss: loss(nn.MultiLabelMarginLoss),
  MultiLabelSoftMarginLoss: loss(nn.MultiLabelSoftMarginLoss),
  MultiMarginLoss: loss(nn.MultiMarginLoss),
  NLLLoss: loss(nn.NLLLoss),
  PoissonNLLLoss: loss(nn.PoissonNLLLoss),
  SmoothL1Loss: loss(nn.SmoothL1Loss),
  SoftMarginLoss: loss(nn.SoftMarginLoss),
  TripletMarginLoss: loss(nn.TripletMarginLoss),
};
