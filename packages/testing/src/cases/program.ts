import { type ElementwiseProgram, elementwiseProgram, type Instruction } from "@descent/core";
import fc from "fast-check";
import { shape } from "../arbitraries.ts";
import { draw, floats, type OpCase, opCase } from "../op-case.ts";

interface Drawn {
  readonly program: ElementwiseProgram;
  readonly numbers: readonly number[];
}

/** `√(x² + 1)`, by which the others may divide. The numbers of programs are −1 (it is 1), −2, −3. */
const root = (tensors: number): Instruction[] => [
  { fn: "mul", operands: [0, 0] },
  { fn: "add", operands: [tensors, -1] },
  { fn: "sqrt", operands: [tensors + 1] },
];

/** Programs without kinks, of words that keep small numbers small. */
const program = (tensors: number): fc.Arbitrary<Drawn> =>
  fc
    .record({
      steps: fc.array(
        fc.record({ fn: fc.constantFrom("neg", "add", "sub", "mul", "div"), a: fc.nat(), b: fc.integer() }),
        { maxLength: 5 },
      ),
      outputs: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      numbers: fc.tuple(fc.constant(1), fc.constantFrom(0.5, -0.25), fc.constantFrom(0.75, -1)),
    })
    .map(({ steps, outputs, numbers }) => {
      const instructions = root(tensors);
      for (const { fn, a, b } of steps) {
        const made = tensors + instructions.length;
        const second = fn === "div" ? tensors + 2 : b < 0 ? -1 - (-b % 3) : b % made;
        instructions.push({ fn, operands: fn === "neg" ? [a % made] : [a % made, second] } as Instruction);
      }
      const values = tensors + instructions.length;
      // All tensors count: an input that no output depends on has no gradient.
      for (let i = 0; i < tensors; i++)
        instructions.push({ fn: "add", operands: [i === 0 ? values - 1 : tensors + instructions.length - 1, i] });
      const last = tensors + instructions.length - 1;
      return { program: { tensors, instructions, outputs: [last, ...outputs.map((i) => i % values)] }, numbers };
    });

/** Programs over elements. Kinks, and words that optimizers alone use, are tried where their kernels are. */
export const PROGRAM: Record<string, OpCase> = {
  elementwiseProgram: opCase(
    fc
      .tuple(shape(), fc.integer({ min: 1, max: 3 }))
      .chain(([s, tensors]) =>
        program(tensors).chain((drawn) =>
          draw(drawn, ...Array.from({ length: tensors }, () => floats(s, { min: -1, max: 1 }))),
        ),
      ),
    (xs, { program, numbers }) => elementwiseProgram([...xs, ...numbers], program),
  ),
};

/** The same with one tensor as both operands. */
export const PROGRAM_TWICE: Record<string, OpCase> = {
  elementwiseProgram: opCase(
    fc.tuple(shape(), program(2)).chain(([s, drawn]) => draw(drawn, floats(s, { min: -1, max: 1 }))),
    ([x], { program, numbers }) => elementwiseProgram([x!, x!, ...numbers], program),
  ),
};
