import { type Code, flatten, unsigned } from "./encode.ts";
import { F32, F64, I32, I64, i32, type Value, type ValueType } from "./scalar.ts";
import { F32x4, I32x4 } from "./simd.ts";

/** A local variable: its value, and the way to another one. */
export type Var<T extends Value> = T & { set(value: T): void };

/** What code may be made of, which differs between engines. */
export interface Target {
  /** Whether there are relaxed instructions; without them `madd` multiplies and adds. */
  readonly relaxed: boolean;
  /** Whether the memory is shared between threads. */
  readonly shared: boolean;
  /** Whether constants of loops belong into locals, because the engine would load them anew in every turn. */
  readonly hoist: boolean;
}

/** A place that `breakTo` leaves for: the end of a block. */
export interface Label {
  readonly depth: number;
}

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const EMPTY = 0x40;

/** Emits the body of one function: declares locals and appends statements, which are made of expressions. */
export class FunctionBuilder {
  readonly #locals: number[] = [];
  readonly #code: number[] = [];
  /** Runs before everything else: constants in locals. */
  readonly #prologue: number[] = [];
  readonly #constants = new Map<string, F32x4 | I32x4>();
  #depth = 0;

  constructor(
    readonly target: Target,
    readonly params: readonly ValueType<Value>[],
    /** The number of the function in its module. */
    readonly index: number,
  ) {}

  /** The value of a parameter, which can be changed like that of any local. */
  param<T extends Value>(type: ValueType<T>, i: number): Var<T> {
    return this.#variable(type, i);
  }

  /** A local of the given type, zero at first. */
  var<T extends Value>(type: ValueType<T>): Var<T> {
    this.#locals.push(type.byte);
    return this.#variable(type, this.params.length + this.#locals.length - 1);
  }

  /** Computes a value once and keeps it in a local. */
  let<T extends Value>(value: T): Var<T> {
    const local = this.var(value.constructor as ValueType<T>);
    local.set(value);
    return local;
  }

  /** A float in all four lanes. */
  f32x4(value: number): F32x4 {
    return this.#constant(`f${Object.is(value, -0) ? "-0" : value}`, F32x4.const(value));
  }

  /** An integer in all four lanes. */
  i32x4(value: number): I32x4 {
    return this.#constant(`i${value}`, I32x4.const(value));
  }

  /** `x · y + z`, in one instruction where the engine has one. */
  madd(x: F32x4, y: F32x4, z: F32x4): F32x4 {
    return this.target.relaxed ? x.relaxedMadd(y, z) : x.mul(y).add(z);
  }

  /** `z − x · y`, in one instruction where the engine has one. */
  nmadd(x: F32x4, y: F32x4, z: F32x4): F32x4 {
    return this.target.relaxed ? x.relaxedNmadd(y, z) : z.sub(x.mul(y));
  }

  /** Lanes of `a` where a mask has ones, of `b` where it has zeros: in one instruction where the engine has one. */
  select(mask: I32x4, a: F32x4, b: F32x4): F32x4 {
    return this.target.relaxed ? mask.relaxedSelect(a, b) : mask.select(a, b);
  }

  /** Writes a value to `address + offset`. */
  store(address: I32, value: Value, offset = 0): void {
    this.emit(address.code, value.code, STORE[(value.constructor as ValueType<Value>).byte]!, 0, unsigned(offset));
  }

  /** Writes the lowest byte. */
  store8(address: I32, value: I32, offset = 0): void {
    this.emit(address.code, value.code, 0x3a, 0, unsigned(offset));
  }

  /** Writes the first or the last two lanes to `address + offset`. */
  storeHalf(address: I32, value: F32x4, half: 0 | 1, offset = 0): void {
    this.emit(address.code, value.code, 0xfd, 0x5b, 0, unsigned(offset), half);
  }

  /** Fills `bytes` bytes with the lowest byte of `value`. */
  fill(to: I32, value: I32, bytes: I32): void {
    this.emit(to.code, value.code, bytes.code, 0xfc, 0x0b, 0);
  }

  /** `for (i = from; i < to; i += step)`, signed; the variable keeps its last value. */
  for(from: I32 | number, to: I32 | number, step: I32 | number, body: (i: Var<I32>) => void): void {
    const i = this.let(i32(from));
    const end = typeof to === "number" ? I32.const(to) : this.let(to);
    // The test stands at the end, so that a turn has one jump.
    this.if(i.ltS(end), () =>
      this.loop((again) => {
        body(i);
        i.set(i.add(step));
        again(i.ltS(end));
      }),
    );
  }

  /** Runs `body`, and again while the condition that it calls `again` with (at its end) holds. */
  loop(body: (again: (condition: I32) => void) => void): void {
    this.emit(LOOP, EMPTY);
    this.#depth++;
    const { depth } = this.#label();
    body((condition) => this.emit(condition.code, 0x0d, unsigned(this.#depth - depth)));
    this.#end();
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.emit(condition.code, IF, EMPTY);
    this.#depth++;
    then();
    if (otherwise !== undefined) {
      this.emit(ELSE);
      otherwise();
    }
    this.#end();
  }

  /** A block that `breakIf` can leave. */
  block(body: (end: Label) => void): void {
    this.emit(BLOCK, EMPTY);
    this.#depth++;
    body(this.#label());
    this.#end();
  }

  /** Goes on after the block. */
  breakIf(label: Label, condition: I32): void {
    this.emit(condition.code, 0x0d, unsigned(this.#depth - label.depth));
  }

  return(value?: Value): void {
    this.emit(value?.code ?? [], 0x0f);
  }

  /** Calls a function of the module that returns nothing. */
  call(callee: { readonly index: number }, ...args: readonly Value[]): void {
    this.emit(
      args.map((x) => x.code),
      0x10,
      unsigned(callee.index),
    );
  }

  /** Calls the function of a type that stands at `index` of the table. */
  callTable(type: number, index: I32, ...args: readonly Value[]): void {
    this.emit(
      args.map((x) => x.code),
      index.code,
      0x11,
      unsigned(type),
      0,
    );
  }

  /** Computes a value for its effect alone. */
  drop(value: Value): void {
    this.emit(value.code, 0x1a);
  }

  emit(...code: Code): void {
    flatten(code, this.#code);
  }

  /** Locals and code, as the binary format has them. */
  body(result: Value | undefined): Code {
    const runs: [count: number, type: number][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    const locals = [unsigned(runs.length), runs.map(([count, type]) => [unsigned(count), type])];
    return [locals, this.#prologue, this.#code, result?.code ?? [], END];
  }

  #constant<T extends F32x4 | I32x4>(key: string, value: T): T {
    if (!this.target.hoist) return value;
    let local = this.#constants.get(key);
    if (local === undefined) {
      const fresh = this.var(value.constructor as ValueType<T>);
      flatten([value.code, 0x21, this.#indexOf(fresh)], this.#prologue);
      this.#constants.set(key, fresh);
      local = fresh;
    }
    return local as T;
  }

  #indexOf = (local: Value): Code => local.code.slice(1);

  #variable<T extends Value>(type: ValueType<T>, index: number): Var<T> {
    const at = unsigned(index);
    const set = (value: T): void => this.emit(value.code, 0x21, at);
    return Object.assign(new type([0x20, ...at]), { set });
  }

  #label(): Label {
    return { depth: this.#depth };
  }

  #end(): void {
    this.emit(END);
    this.#depth--;
  }
}

const STORE: Record<number, Code> = {
  [I32.byte]: [0x36],
  [I64.byte]: [0x37],
  [F32.byte]: [0x38],
  [F64.byte]: [0x39],
  [F32x4.byte]: [0xfd, 11],
};
