import { type DType, type Shape, type Tensor, type TensorOptions, tensor } from "@descent/core";
import "@descent/core/methods";
import edges from "../golden/edges.json" with { type: "json" };
import functions from "../golden/functions.json" with { type: "json" };
import lossEdges from "../golden/loss-edges.json" with { type: "json" };
import lossOptions from "../golden/loss-options.json" with { type: "json" };
import losses from "../golden/losses.json" with { type: "json" };
import modules from "../golden/modules.json" with { type: "json" };
import optimizers from "../golden/optimizers.json" with { type: "json" };
import printing from "../golden/printing.json" with { type: "json" };
import schedulers from "../golden/schedulers.json" with { type: "json" };
import training from "../golden/training.json" with { type: "json" };

// Imported, not read: the suite runs in browsers too.
const FILES = {
  functions,
  edges,
  modules,
  losses,
  "loss-edges": lossEdges,
  "loss-options": lossOptions,
  optimizers,
  printing,
  schedulers,
  training,
};

/** The files of `golden/`, whose README says what their cases hold. */
export type GoldenFile = keyof typeof FILES;

/** A tensor of a golden file; float32 where no dtype is given. */
export interface GoldenTensor {
  readonly shape: Shape;
  readonly data: readonly number[];
  readonly dtype?: DType;
}

/** A case of functions.json and edges.json. */
export interface FunctionCase {
  readonly op: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly output: GoldenTensor;
  readonly gradOutput?: GoldenTensor;
  /** The gradients of the floating inputs, where the output has one. */
  readonly grads?: Readonly<Record<string, GoldenTensor>>;
}

const SPECIAL: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};

const revived = new Map<GoldenFile, readonly unknown[]>();

/** The cases of a golden file, with NaN and the infinities as numbers. */
export function goldenCases<T>(file: GoldenFile): readonly T[] {
  const cases = revived.get(file) ?? (revive(FILES[file].cases) as readonly unknown[]);
  revived.set(file, cases);
  return cases as readonly T[];
}

function revive(value: unknown): unknown {
  if (typeof value === "string") return SPECIAL[value] ?? value;
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

/** A tensor of a golden file as a leaf. */
export function goldenTensor(
  { shape, data, dtype = "float32" }: GoldenTensor,
  { requiresGrad = false, ...options }: Omit<TensorOptions, "dtype"> = {},
): Tensor {
  const x = tensor(Float64Array.from(data), { ...options, dtype }).reshape(shape);
  x.requiresGrad = requiresGrad;
  return x;
}

/** A case in a line. */
export const titleOf = ({ op, args, inputs }: FunctionCase): string =>
  `${op}(${Object.entries({ ...args, ...inputs })
    .map(([name, value]) => `${name}: ${isTensor(value) ? `[${value.shape}]` : JSON.stringify(value)}`)
    .join(", ")})`;

const isTensor = (value: unknown): value is GoldenTensor =>
  typeof value === "object" && value !== null && "shape" in value && "data" in value;
