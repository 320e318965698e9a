import { readFileSync } from "node:fs";
import { cpu } from "@descent/backend-cpu";
import { type DType, setBackend, type Tensor, tensor } from "@descent/core";
import { describe, expect, test } from "vitest";
import * as nn from "./index.ts";

setBackend(cpu());

interface Encoded {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
  readonly dtype?: DType;
}
type Named = Readonly<Record<string, Encoded>>;
type Args = Readonly<Record<string, unknown>>;
interface ModuleCase {
  readonly module: string;
  readonly args: Args;
  readonly train: boolean;
  readonly stateDict: Named;
  readonly inputs: readonly Encoded[];
  readonly output: Encoded;
  readonly gradOutput: Encoded;
  readonly inputGrads: readonly (Encoded | null)[];
  readonly paramGrads: Named;
  readonly buffersAfter: Named;
}
interface LossCase {
  readonly loss: string;
  readonly args: Args;
  readonly input: Encoded;
  readonly extra: readonly Encoded[];
  readonly target: Encoded;
  readonly output: Encoded;
  readonly gradOutput: Encoded;
  readonly inputGrad: Encoded;
}

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../testing/golden/${name}.json`, import.meta.url), "utf8")).cases as T;
const numbers = ({ data }: Encoded): number[] =>
  data.map((v) => (v === "inf" ? Number.POSITIVE_INFINITY : v === "-inf" ? Number.NEGATIVE_INFINITY : Number(v)));
const decode = (x: Encoded, requiresGrad = false): Tensor => {
  const t = tensor(numbers(x), { dtype: x.dtype ?? "float32" }).reshape(x.shape);
  return requiresGrad && x.dtype === undefined ? Object.assign(t.detach(), { requiresGrad }) : t;
};
const isEncoded = (value: unknown): value is Encoded => typeof value === "object" && value !== null && "data" in value;

function expectClose(what: string, actual: Tensor | null, expected: Encoded): void {
  expect(actual?.shape, what).toEqual(expected.shape);
  const [got, want] = [actual!.dataSync(), numbers(expected)];
  const off = want.findIndex(
    (w, i) => !(Object.is(w, got[i]) || w === got[i] || Math.abs(got[i]! - w) <= 1e-5 + 1e-4 * Math.abs(w)),
  );
  expect(off < 0 ? "close" : `${what}[${off}] is ${got[off]}, PyTorch says ${want[off]}`).toBe("close");
}

/** The arguments without those that are positional, and tensors in place of what stands for them. */
function options(args: Args, ...positional: string[]): never {
  const rest = Object.entries(args).filter(([name]) => !positional.includes(name));
  return Object.fromEntries(rest.map(([name, v]) => [name, isEncoded(v) ? decode(v) : v])) as never;
}

const sized =
  (Layer: new (...args: never[]) => nn.Module, ...positional: string[]) =>
  (args: Args): nn.Module =>
    new Layer(...([...positional.map((name) => args[name]), options(args, ...positional)] as never[]));

const MODULES: Record<string, (args: Args) => nn.Module> = {
  Linear: sized(nn.Linear, "inFeatures", "outFeatures"),
  Conv2d: sized(nn.Conv2d, "inChannels", "outChannels", "kernelSize"),
  BatchNorm1d: sized(nn.BatchNorm1d, "numFeatures"),
  BatchNorm2d: sized(nn.BatchNorm2d, "numFeatures"),
  LayerNorm: sized(nn.LayerNorm, "normalizedShape"),
  MaxPool2d: sized(nn.MaxPool2d, "kernelSize"),
  AvgPool2d: sized(nn.AvgPool2d, "kernelSize"),
  AdaptiveAvgPool2d: ({ outputSize }) => new nn.AdaptiveAvgPool2d(outputSize as nn.OutputSize),
};
/** In the files of PyTorch's answers, but not yet in this package. */
const PENDING_MODULES = [
  "AdaptiveMaxPool2d",
  "Bilinear",
  "Conv1d",
  "Conv3d",
  "ConvTranspose2d",
  "Embedding",
  "GLU",
  "GRU",
  "GroupNorm",
  "InstanceNorm2d",
  "LSTM",
  "LocalResponseNorm",
  "MultiheadAttention",
  "PReLU",
  "PixelShuffle",
  "RMSNorm",
  "RNN",
  "ReflectionPad2d",
  "TransformerEncoderLayer",
  "Unfold",
  "Upsample",
];

type Loss = (input: Tensor, extra: readonly Tensor[], target: Tensor) => Tensor;
const LOSSES: Record<string, (args: Args) => Loss> = {
  CrossEntropyLoss: (args) => {
    const loss = new nn.CrossEntropyLoss(options(args, "targetIsProbabilities"));
    return (input, _, target) => loss.call(input, target);
  },
  MSELoss: (args) => {
    const loss = new nn.MSELoss(options(args));
    return (input, _, target) => loss.call(input, target);
  },
  // Only as a function so far.
  NLLLoss: (args) => (input, _, target) => nn.functional.nllLoss(input, target, options(args)),
};
const PENDING_LOSSES = [
  "BCELoss",
  "BCEWithLogitsLoss",
  "CosineEmbeddingLoss",
  "HuberLoss",
  "KLDivLoss",
  "L1Loss",
  "SmoothL1Loss",
  "TripletMarginLoss",
];

const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();
const label = (name: string, args: Args, i: number): string => `${i} ${name} ${JSON.stringify(args).slice(0, 80)}`;

const moduleCases = read<ModuleCase[]>("modules");
describe("modules as in PyTorch", () => {
  test("every case is run or listed as pending, and what is pending does not exist yet", () => {
    expect(unique(moduleCases.map((c) => c.module))).toEqual(unique([...Object.keys(MODULES), ...PENDING_MODULES]));
    expect(PENDING_MODULES.filter((name) => name in nn)).toEqual([]);
  });

  const cases = moduleCases.filter((c) => c.module in MODULES);
  test.each(cases.map((c, i) => [label(c.module, c.args, i), c] as const))("%s", (_, c) => {
    const module = MODULES[c.module]!(c.args).train(c.train) as nn.Layer;
    expect(Object.keys(module.stateDict())).toEqual(Object.keys(c.stateDict));
    module.loadStateDict(Object.entries(c.stateDict).map(([name, value]) => [name, decode(value)]));
    const inputs = c.inputs.map((x) => decode(x, true));
    const y = module.call(inputs[0]!);
    expectClose("output", y, c.output);
    y.backward(decode(c.gradOutput));
    c.inputGrads.forEach((g, i) => {
      if (g !== null) expectClose(`grad of input ${i}`, inputs[i]!.grad, g);
    });
    const grads = new Map(module.namedParameters());
    expect([...grads.keys()]).toEqual(Object.keys(c.paramGrads));
    for (const [name, g] of Object.entries(c.paramGrads)) expectClose(`grad of ${name}`, grads.get(name)!.grad, g);
    const buffers = new Map(module.namedBuffers());
    expect([...buffers.keys()]).toEqual(Object.keys(c.buffersAfter));
    for (const [name, b] of Object.entries(c.buffersAfter)) expectClose(name, buffers.get(name)!, b);
  });
});

const lossCases = [...read<LossCase[]>("losses"), ...read<LossCase[]>("loss-edges")];
describe("losses as in PyTorch", () => {
  test("every case is run or listed as pending, and what is pending does not exist yet", () => {
    expect(unique(lossCases.map((c) => c.loss))).toEqual(unique([...Object.keys(LOSSES), ...PENDING_LOSSES]));
    expect(PENDING_LOSSES.filter((name) => name in nn)).toEqual([]);
  });

  const cases = lossCases.filter((c) => c.loss in LOSSES);
  test.each(cases.map((c, i) => [label(c.loss, c.args, i), c] as const))("%s", (_, c) => {
    const input = decode(c.input, true);
    const y = LOSSES[c.loss]!(c.args)(
      input,
      c.extra.map((x) => decode(x)),
      decode(c.target),
    );
    expectClose("output", y, c.output);
    y.backward(decode(c.gradOutput));
    expectClose("grad of the input", input.grad, c.inputGrad);
  });
});

interface FunctionCase {
  readonly op: string;
  readonly inputs: Named;
  readonly args: Args;
  readonly output: Encoded;
  readonly gradOutput: Encoded;
  readonly grads: Named;
}
const geluCases = read<FunctionCase[]>("functions").filter(({ op }) => op === "gelu");
test.each(geluCases.map((c) => [JSON.stringify(c.args), c] as const))("gelu %s as in PyTorch", (_, c) => {
  const x = decode(c.inputs.a!, true);
  const y = nn.functional.gelu(x, c.args);
  expectClose("output", y, c.output);
  y.backward(decode(c.gradOutput));
  expectClose("grad", x.grad, c.grads.a!);
});

describe("architectures printed as in PyTorch", () => {
  const lenet = (): nn.Layer[] => [
    new nn.Conv2d(1, 6, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(400, 120),
    new nn.ReLU(),
    new nn.Linear(120, 84),
    new nn.ReLU(),
    new nn.Linear(84, 10),
  ];
  const convbn = (): nn.Layer[] => [
    new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3, { padding: 1, groups: 2 }),
    new nn.BatchNorm2d(16),
    new nn.SiLU(),
    new nn.AvgPool2d(2),
    new nn.Flatten(),
    new nn.Linear(256, 5),
  ];
  const models: Record<string, () => nn.Layer[]> = { lenet, convbn };
  const cases = read<{ model: string; layers: string[]; finalSums: Record<string, number> }[]>("training");

  test.each(cases.map((c) => [c.model, c] as const))("%s", (name, c) => {
    const model = new nn.Sequential(models[name]!());
    expect([...model].map(String)).toEqual(c.layers);
    const floats = Object.entries(model.stateDict()).filter(([, t]) => t.dtype === "float32");
    expect(floats.map(([key]) => key)).toEqual(Object.keys(c.finalSums));
  });
});
