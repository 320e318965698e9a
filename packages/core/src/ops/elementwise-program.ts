import type { Input } from "../apply.ts";
import { ShapeError } from "../errors.ts";
import { composite, floating } from "../op.ts";
import { sameShape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { abs, add, div, eq, ge, gt, maximum, minimum, mul, neg, sign, sqrt, sub, where } from "./elementwise.ts";
import type { Scalar } from "./pointwise.ts";

/** What an instruction computes: words of the backends' vocabularies, and `select`, which is `condition ? a : b`. */
export type ProgramFn = keyof typeof OPS;

/** A function of values that came before: tensors are 0, 1, …, the results of instructions follow, and numbers are −1, −2, … */
export interface Instruction {
  readonly fn: ProgramFn;
  readonly operands: readonly number[];
}

/**
 * A function from elements to elements, as data: backends compile it into one kernel.
 *
 * The numbers it computes with are operands, because they change from call to call; a program is made once, and is its own cache key.
 */
export interface ElementwiseProgram {
  /** How many tensors it reads, all of one shape. */
  readonly tensors: number;
  readonly instructions: readonly Instruction[];
  /** The values that are its results. */
  readonly outputs: readonly number[];
}

/** The ops that a program stands for. */
const OPS = {
  neg: (x: Scalar) => neg(x as Tensor),
  abs: (x: Scalar) => abs(x as Tensor),
  sign: (x: Scalar) => sign(x as Tensor),
  sqrt: (x: Scalar) => sqrt(x as Tensor),
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  eq,
  gt,
  ge,
  select: (condition: Scalar, a: Scalar, b: Scalar) => where(condition as Tensor, a, b),
};

/** Runs a program: its tensors, then its numbers, give its results. */
export const elementwiseProgram = composite<readonly Input[], ElementwiseProgram>({
  name: "elementwiseProgram",
  outputs: (shapes, dtypes, { tensors, outputs }) => {
    const shape = shapes[0]!;
    for (let i = 1; i < tensors; i++)
      if (!sameShape(shapes[i]!, shape))
        throw new ShapeError("elementwiseProgram", `tensors differ in shape: ${show(shape)} and ${show(shapes[i]!)}`);
    const spec = { shape, dtype: floating("elementwiseProgram")(dtypes) };
    return outputs.map(() => spec);
  },
  decompose: (inputs, { tensors, instructions, outputs }) => {
    const values = inputs.slice(0, tensors) as Tensor[];
    const operandOf = (i: number): Scalar => (i >= 0 ? values[i]! : (inputs[tensors - 1 - i] as number));
    for (const { fn, operands } of instructions)
      values.push((OPS[fn] as (...operands: Scalar[]) => Tensor)(...operands.map(operandOf)));
    return outputs.map((i) => values[i]!);
  },
});
