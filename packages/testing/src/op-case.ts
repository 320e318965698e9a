import { type Backend, type Definition, type DType, type Shape, sizeOf, type Tensor, tensor } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { bools, distinct, type GridOptions, grid, indices, integers } from "./arbitraries.ts";

/** An input of a call, as data. */
export interface CaseInput {
  readonly shape: Shape;
  readonly values: readonly number[];
  /** Default: the floating dtype in which the call is tried. */
  readonly dtype?: "int32" | "bool";
  /** Whether its gradient is checked. Default: for floating inputs. */
  readonly requiresGrad?: boolean;
}

/** A call of an op through its public function. */
export interface OpCall {
  readonly inputs: readonly CaseInput[];
  /** What determines the call beside the inputs; fast-check shows it. */
  readonly attrs: unknown;
  readonly call: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** The step of the differences, where the usual one does not suit. */
  readonly eps?: number;
}

/** Calls of an op over shapes, values and attributes. */
export type OpCase = fc.Arbitrary<OpCall>;

/** Inputs and attributes that a case draws. */
export interface Drawn<A> {
  readonly inputs: readonly CaseInput[];
  readonly attrs: A;
}

/** A case of inputs and attributes, and what is called with them. */
export const opCase = <A>(
  drawn: fc.Arbitrary<Drawn<A>>,
  call: (inputs: Tensor[], attrs: A) => Tensor | readonly Tensor[],
): OpCase => drawn.map(({ inputs, attrs }) => ({ inputs, attrs, call: (...xs) => call(xs, attrs) }));

const input =
  (rest: Omit<CaseInput, "shape" | "values">) =>
  (shape: Shape, values: fc.Arbitrary<number[]>): fc.Arbitrary<CaseInput> =>
    values.map((values) => ({ shape, values, ...rest }));

/** Floats on a grid. */
export const floats = (shape: Shape, options?: GridOptions): fc.Arbitrary<CaseInput> =>
  input({})(shape, grid(shape, options));
/** Floats of which no two are equal. */
export const distinctFloats = (shape: Shape): fc.Arbitrary<CaseInput> => input({})(shape, distinct(shape));
/** Small integers as floats, many of them equal, where no gradient is asked for. */
export const ties = (shape: Shape): fc.Arbitrary<CaseInput> =>
  input({ requiresGrad: false })(shape, integers(shape, -2, 2));
/** An int32 index into an axis of `size` elements. */
export const index = (shape: Shape, size: number): fc.Arbitrary<CaseInput> =>
  input({ dtype: "int32" })(shape, indices(shape, size));
export const condition = (shape: Shape): fc.Arbitrary<CaseInput> => input({ dtype: "bool" })(shape, bools(shape));

/** Draws inputs and attributes one after the other, since shapes depend on what came before. */
export const draw = <A>(attrs: A, ...inputs: fc.Arbitrary<CaseInput>[]): fc.Arbitrary<Drawn<A>> =>
  fc.tuple(...inputs).map((inputs) => ({ inputs, attrs }));

/** The inputs of a call as leaves on a backend. */
export const leavesOf = (
  { inputs }: Pick<OpCall, "inputs">,
  { dtype: float, backend }: { readonly dtype: "float32" | "float64"; readonly backend: Backend },
): Tensor[] =>
  inputs.map(({ shape, values, dtype = float as DType, requiresGrad = dtype === float }) => {
    if (values.length !== sizeOf(shape)) throw new Error(`${values.length} values for an input of shape [${shape}]`);
    const x = tensor(Float64Array.from(values), { dtype, backend }).reshape(shape);
    x.requiresGrad = requiresGrad;
    return x;
  });

/** The outputs of a call, one or many, as a list. */
export const outputsOf = (y: Tensor | readonly Tensor[]): readonly Tensor[] => ("shape" in y ? [y] : y);

/** More inputs than any op has. */
const MANY = 10;

/** The inputs, by number, in which an op is differentiable; of an op with any number of inputs, the first ten. */
export const differentiableInputs = (op: Pick<Definition, "differentiable">): number[] =>
  Array.from({ length: MANY }, (_, i) => i).filter((i) => op.differentiable(i));
