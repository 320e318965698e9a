import { readFileSync } from "node:fs";
import { type DType, type Shape, type Tensor, type TensorOptions, tensor } from "@descent/core";
import "@descent/core/methods";

/** The files of `golden/`, whose README says what their cases hold. */
export type GoldenFile =
  | "functions"
  | "edges"
  | "modules"
  | "losses"
  | "loss-edges"
  | "optimizers"
  | "schedulers"
  | "training";

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

/** The cases of a golden file, with NaN and the infinities as numbers. */
export function goldenCases<T>(file: GoldenFile): readonly T[] {
  const text = readFileSync(new URL(`../golden/${file}.json`, import.meta.url), "utf8");
  const { cases } = JSON.parse(text, (_, value) => (typeof value === "string" ? (SPECIAL[value] ?? value) : value));
  return cases;
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
