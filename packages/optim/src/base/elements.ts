import type { ElementwiseProgram, Instruction, ProgramFn, Tensor } from "@descent/core";

/**
 * What a pointwise rule computes with, in the words of tensors: numbers that stand for an element of each tensor.
 *
 * A tensor is one. Optimizers hand rules another, which writes down what it is asked for: so a rule is compiled into one kernel.
 */
export interface Elements {
  neg(): Elements;
  abs(): Elements;
  sign(): Elements;
  sqrt(): Elements;
  square(): Elements;
  add(x: Elements | number): Elements;
  sub(x: Elements | number): Elements;
  mul(x: Elements | number): Elements;
  div(x: Elements | number): Elements;
  maximum(x: Elements | number): Elements;
  minimum(x: Elements | number): Elements;
  eq(x: Elements | number): Elements;
  gt(x: Elements | number): Elements;
  ge(x: Elements | number): Elements;
  /** The elements where the condition holds, those of `other` elsewhere. */
  where(condition: Elements, other: Elements | number): Elements;
}

/** A state whose tensors are elements. */
export type Elementwise<S> = { readonly [K in keyof S]: Tensor extends S[K] ? Exclude<S[K], Tensor> | Elements : S[K] };

/** Elements on paper: the number of a value in the program that is being written. */
export class Value implements Elements {
  readonly #writer: ProgramWriter;
  readonly index: number;

  constructor(writer: ProgramWriter, index: number) {
    this.#writer = writer;
    this.index = index;
  }

  neg(): Value {
    return this.#writer.write("neg", this);
  }
  abs(): Value {
    return this.#writer.write("abs", this);
  }
  sign(): Value {
    return this.#writer.write("sign", this);
  }
  sqrt(): Value {
    return this.#writer.write("sqrt", this);
  }
  square(): Value {
    return this.#writer.write("mul", this, this);
  }
  add(x: Elements | number): Value {
    return this.#writer.write("add", this, x);
  }
  sub(x: Elements | number): Value {
    return this.#writer.write("sub", this, x);
  }
  mul(x: Elements | number): Value {
    return this.#writer.write("mul", this, x);
  }
  div(x: Elements | number): Value {
    return this.#writer.write("div", this, x);
  }
  maximum(x: Elements | number): Value {
    return this.#writer.write("maximum", this, x);
  }
  minimum(x: Elements | number): Value {
    return this.#writer.write("minimum", this, x);
  }
  eq(x: Elements | number): Value {
    return this.#writer.write("eq", this, x);
  }
  gt(x: Elements | number): Value {
    return this.#writer.write("gt", this, x);
  }
  ge(x: Elements | number): Value {
    return this.#writer.write("ge", this, x);
  }
  where(condition: Elements, other: Elements | number): Value {
    return this.#writer.write("select", condition, this, other);
  }
}

/** All programs so far, so that equal ones are one, which backends have compiled. */
const known = new Map<string, ElementwiseProgram>();

/**
 * Writes a program down while a rule runs. Rules say the same in most steps, with other numbers: as long as that is so, nothing is
 * made, and `previous` is the program.
 */
export class ProgramWriter {
  /** The numbers that the rule computed with, in the order in which it used them. */
  readonly numbers: number[] = [];
  readonly #tensors: number;
  #previous: ElementwiseProgram | null;
  #instructions: Instruction[] = [];
  #count = 0;

  constructor(tensors: number, previous: ElementwiseProgram | null) {
    this.#tensors = tensors;
    this.#previous = previous?.tensors === tensors ? previous : null;
  }

  /** Stands for the elements of tensor `i`. */
  tensor(i: number): Value {
    return new Value(this, i);
  }

  /** @internal Adds an instruction. */
  write(fn: ProgramFn, x: Elements, y?: Elements | number, z?: Elements | number): Value {
    const [a, b, c] = [this.#operand(x), this.#operand(y), this.#operand(z)];
    const next = this.#previous?.instructions[this.#count];
    if (
      next === undefined ||
      next.fn !== fn ||
      next.operands[0] !== a ||
      next.operands[1] !== b ||
      next.operands[2] !== c
    ) {
      this.#diverge();
      const operands = [a, b, c].filter((operand) => operand !== undefined);
      this.#instructions.push({ fn, operands });
    }
    return new Value(this, this.#tensors + this.#count++);
  }

  /** The program that has been written. */
  finish(outputs: readonly number[]): ElementwiseProgram {
    const { instructions = null, outputs: results } = this.#previous ?? {};
    if (
      instructions?.length === this.#count &&
      results!.length === outputs.length &&
      results!.every((x, i) => x === outputs[i])
    )
      return this.#previous!;
    this.#diverge();
    const program = { tensors: this.#tensors, instructions: this.#instructions, outputs };
    const key = JSON.stringify(program);
    const same = known.get(key);
    if (same === undefined) known.set(key, program);
    return same ?? program;
  }

  #operand(x: Elements | number | undefined): number | undefined {
    if (typeof x !== "number") return x && (x as Value).index;
    return -this.numbers.push(x);
  }

  /** From here on, the program is another one than before. */
  #diverge(): void {
    if (this.#previous === null) return;
    this.#instructions = this.#previous.instructions.slice(0, this.#count);
    this.#previous = null;
  }
}
