import type { ElementwiseProgram, ProgramFn } from "@descent/core";
import type { Device } from "../device.ts";
import { type GpuOperand, inOrder } from "../kernels/kernel.ts";
import { map } from "../kernels/map.ts";
import type { FusedKernels } from "./fused.ts";

/** Arrays that a WebGPU kernel of gpu.js can read. */
const MOST_ARRAYS = 7;

type Word = (x: string, y: string, z: string) => string;

/** Expressions. NaN shows in that no comparison holds. */
const WORDS: Record<ProgramFn, Word> = {
  neg: (x) => `-${x}`,
  abs: (x) => `Math.abs(${x})`,
  sign: (x) => `${x} > 0 ? 1 : (${x} < 0 ? -1 : 0)`,
  sqrt: (x) => `Math.sqrt(${x})`,
  add: (x, y) => `${x} + ${y}`,
  sub: (x, y) => `${x} - ${y}`,
  mul: (x, y) => `${x} * ${y}`,
  div: (x, y) => `${x} / ${y}`,
  maximum: (x, y) => `${x} >= ${y} ? ${x} : (${x} < ${y} ? ${y} : ${x} + ${y})`,
  minimum: (x, y) => `${x} <= ${y} ? ${x} : (${x} > ${y} ? ${y} : ${x} + ${y})`,
  eq: (x, y) => `${x} <= ${y} && ${x} >= ${y} ? 1 : 0`,
  gt: (x, y) => `${x} > ${y} ? 1 : 0`,
  ge: (x, y) => `${x} >= ${y} ? 1 : 0`,
  select: (condition, x, y) => `${condition} > 0 ? ${x} : ${y}`,
};

/** What computes one result of a program: the inputs that it depends on, and the statements. */
interface Slice {
  readonly key: string;
  /** Inputs by number: tensors first, then numbers. */
  readonly inputs: readonly number[];
  readonly body: string;
}

/** The part of a program that its result `output` depends on. */
function sliceOf({ tensors, instructions, outputs }: ElementwiseProgram, output: number): Slice {
  const needed = new Set([outputs[output]!]);
  // Later values depend on earlier ones only, so that one walk backwards finds all.
  for (let i = instructions.length - 1; i >= 0; i--)
    if (needed.has(tensors + i)) for (const operand of instructions[i]!.operands) needed.add(operand);
  const nameOf = (i = 0): string => (i < 0 ? `n${-1 - i}` : i < tensors ? `t${i}` : `v${i}`);
  const statements = instructions.flatMap(({ fn, operands: [a, b, c] }, i) =>
    needed.has(tensors + i) ? [`const ${nameOf(tensors + i)} = ${WORDS[fn](nameOf(a), nameOf(b), nameOf(c))};`] : [],
  );
  const body = [...statements, `return ${nameOf(outputs[output])};`].join("\n");
  const inputs = [...needed].filter((i) => i < tensors).map((i) => (i < 0 ? tensors - 1 - i : i));
  return { key: `program ${body}`, inputs: inputs.sort((a, b) => a - b), body };
}

/** The steps of optimizers, among others: one launch per result, which computes anew what it shares with the others. */
export function programs(device: Device): FusedKernels {
  const known = new WeakMap<ElementwiseProgram, readonly Slice[]>();
  return {
    elementwiseProgram(operands: readonly (GpuOperand | number)[], program: ElementwiseProgram) {
      let slices = known.get(program);
      if (slices === undefined) {
        slices = program.outputs.map((_, output) => sliceOf(program, output));
        known.set(program, slices);
      }
      const { tensors } = program;
      if (slices.some(({ inputs }) => inputs.filter((i) => i < tensors).length > MOST_ARRAYS)) return null;
      const { shape } = operands[0] as GpuOperand;
      return slices.map(({ key, inputs, body }) => {
        const named = inputs.map((i) => {
          const x = operands[i]!;
          return typeof x === "number" ? [`n${i - tensors}`, x] : [`t${i}`, inOrder(x)];
        });
        return map(device, { op: "elementwiseProgram", key, shape, inputs: Object.fromEntries(named), body });
      });
    },
  };
}
