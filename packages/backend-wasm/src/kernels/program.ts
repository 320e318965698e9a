import { type Block, type ElementwiseProgram, type Operand, type ProgramFn, type Spec, sizeOf } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32, type I32x4 } from "../assembler/index.ts";
import { MAX_PARAMETERS } from "../layout.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";
import { lanewise } from "./elementwise/binary-functions.ts";

/** Elements of an item: a cache line of floats. Blocks end with one, so there are no remainders. */
const ITEM = 16;

/** Floats, or what comparisons give. */
type Lanes = F32x4 | I32x4;
type Word = (f: FunctionBuilder, a: F32x4, b: F32x4, c: F32x4) => Lanes;

const pair = (fn: Parameters<typeof lanewise>[0]): Word => {
  const { of } = lanewise(fn, "float32")!;
  return (_, a, b) => of(a, b);
};
/** Of what looks at its operands several times. */
const extreme = (fn: "maximum" | "minimum"): Word => {
  const of = pair(fn);
  return (f, a, b, c) => of(f, f.let(a), b, c);
};

const WORDS: Record<ProgramFn, Word> = {
  neg: (_, x) => x.neg(),
  abs: (_, x) => x.abs(),
  sqrt: (_, x) => x.sqrt(),
  // One with the sign bit of x, but for zeros and NaN.
  sign: (f, lanes) => {
    const x = f.let(lanes);
    const zero = f.f32x4(0);
    const one = x.asI32x4().and(f.f32x4(-0).asI32x4()).or(f.f32x4(1).asI32x4());
    return x.lt(zero).or(x.gt(zero)).and(one).asF32x4();
  },
  add: pair("add"),
  sub: pair("sub"),
  mul: pair("mul"),
  div: pair("div"),
  maximum: extreme("maximum"),
  minimum: extreme("minimum"),
  eq: pair("eq"),
  gt: pair("gt"),
  ge: pair("ge"),
  select: (f, condition, a, b) => f.select(condition as unknown as I32x4, a, b),
};

/** The steps of optimizers, among others: one pass over all operands, whatever the program. */
export function programs(runtime: Runtime): Pick<FusedKernels, "elementwiseProgram"> {
  const { pager } = runtime;
  const kernels = new WeakMap<ElementwiseProgram, Kernel>();

  return {
    elementwiseProgram(
      inputs: readonly (Operand<Block> | number)[],
      program: ElementwiseProgram,
      out: readonly Spec[],
    ) {
      const { tensors } = program;
      const [first] = inputs as readonly [Operand<Block>];
      if (first.dtype !== "float32" || inputs.length + out.length > MAX_PARAMETERS) return null;
      let kernel = kernels.get(program);
      if (kernel === undefined) {
        kernel = compile(runtime, program, inputs.length - tensors);
        kernels.set(program, kernel);
      }
      const blocks = new Array<Block>(tensors);
      for (let i = 0; i < tensors; i++) blocks[i] = (inputs[i] as Operand<Block>).handle;
      const bytes = bytesOf(out[0]!);
      const sizes = new Array<number>(out.length);
      for (let i = 0; i < out.length; i++) sizes[i] = bytes;
      const made = pager.start("elementwiseProgram", blocks, sizes);
      const addresses = new Array<number>(tensors + out.length);
      for (let i = 0; i < tensors; i++) addresses[i] = pager.address(blocks[i]!);
      for (let i = 0; i < out.length; i++) addresses[tensors + i] = pager.address(made[i]!);
      const numbers = new Array<number>(inputs.length - tensors);
      for (let i = 0; i < numbers.length; i++) numbers[i] = inputs[tensors + i] as number;
      runtime.launch(kernel, Math.ceil(sizeOf(first.shape) / ITEM), costOf(program), addresses, numbers);
      return made;
    },
  };
}

/** Nanoseconds of an item: four vectors to load, compute and store. */
const costOf = ({ tensors, instructions, outputs }: ElementwiseProgram): number =>
  0.8 * (tensors + outputs.length) + 0.3 * instructions.length;

function compile(runtime: Runtime, { tensors, instructions, outputs }: ElementwiseProgram, numbers: number): Kernel {
  const addresses = new Array<typeof I32>(tensors + outputs.length).fill(I32);
  const params = [...addresses, ...new Array<typeof F32>(numbers).fill(F32)];
  const uses = usesOf(tensors, instructions, outputs);
  return runtime.compile<"program">((m) =>
    m.kernel("program", params, (f, { begin, end }, ...values) => {
      const pointers = values.slice(0, addresses.length) as I32[];
      const constants = (values.slice(addresses.length) as F32[]).map((x) => f.let(F32x4.splat(x)));
      f.for(begin.shl(6), end.shl(6), 16, (at) => {
        const made: Lanes[] = [];
        const operandOf = (i: number): F32x4 => {
          if (i < 0) return constants[-1 - i]!;
          made[i] ??= uses[i] === 1 ? compute(i) : f.let<Lanes>(compute(i));
          return made[i] as F32x4;
        };
        const compute = (i: number): Lanes => {
          if (i < tensors) return F32x4.load(pointers[i]!.add(at));
          const { fn, operands } = instructions[i - tensors]!;
          const [a, b] = operands as readonly [number, number];
          // A product that is used once and added is one instruction with the sum.
          const product = (x: number): readonly number[] | null =>
            x >= tensors && uses[x] === 1 && instructions[x - tensors]!.fn === "mul"
              ? instructions[x - tensors]!.operands
              : null;
          const factors = fn === "add" || fn === "sub" ? product(b) : null;
          if (factors !== null) {
            const [x, y, z] = [operandOf(factors[0]!), operandOf(factors[1]!), operandOf(a)];
            return fn === "add" ? f.madd(x, y, z) : f.nmadd(x, y, z);
          }
          const others = fn === "add" ? product(a) : null;
          if (others !== null) return f.madd(operandOf(others[0]!), operandOf(others[1]!), operandOf(b));
          return WORDS[fn](f, ...(operands.map(operandOf) as [F32x4, F32x4, F32x4]));
        };
        for (const [k, i] of outputs.entries()) f.store(pointers[tensors + k]!.add(at), operandOf(i));
      });
    }),
  ).program;
}

/** How often each value is used. */
function usesOf(
  tensors: number,
  instructions: ElementwiseProgram["instructions"],
  outputs: readonly number[],
): number[] {
  const uses = new Array<number>(tensors + instructions.length).fill(0);
  for (const i of [...instructions.flatMap(({ operands }) => operands), ...outputs]) if (i >= 0) uses[i]!++;
  return uses;
}
