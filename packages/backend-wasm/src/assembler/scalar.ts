import { type Code, float32, float64, signed, unsigned } from "./encode.ts";

/**
 * An expression: code that leaves one value on the stack. Using it twice computes it twice; `let` of the function builder keeps it.
 *
 * The classes of values are WebAssembly's types, with vectors told apart by their lanes, and the methods are its instructions.
 */
export abstract class Value {
  /** Makes the class part of the type: two classes with equal methods do not stand in for each other. */
  protected abstract readonly kind: string;

  constructor(readonly code: Code) {}
}

/** A class of values: how the binary format names it, and how an instance is made from code. */
export interface ValueType<T extends Value> {
  readonly byte: number;
  new (code: Code): T;
}

/** A memory access at `address + offset`; the alignment is a hint, and a lie about it costs nothing. */
export const access = (opcode: Code, address: I32, offset: number): Code => [address.code, opcode, 0, unsigned(offset)];

/** A 32-bit integer, also an address or a truth value. Plain numbers stand for constants. */
export class I32 extends Value {
  static readonly byte = 0x7f;
  protected readonly kind = "i32";

  static const = (value: number): I32 => new I32([0x41, signed(value | 0)]);
  static load = (address: I32, offset = 0): I32 => new I32(access([0x28], address, offset));
  static load8u = (address: I32, offset = 0): I32 => new I32(access([0x2d], address, offset));

  add(y: I32 | number): I32 {
    return y === 0 ? this : this.#with(y, 0x6a);
  }
  sub(y: I32 | number): I32 {
    return this.#with(y, 0x6b);
  }
  mul(y: I32 | number): I32 {
    return this.#with(y, 0x6c);
  }
  divS(y: I32 | number): I32 {
    return this.#with(y, 0x6d);
  }
  divU(y: I32 | number): I32 {
    return this.#with(y, 0x6e);
  }
  remU(y: I32 | number): I32 {
    return this.#with(y, 0x70);
  }
  and(y: I32 | number): I32 {
    return this.#with(y, 0x71);
  }
  or(y: I32 | number): I32 {
    return this.#with(y, 0x72);
  }
  xor(y: I32 | number): I32 {
    return this.#with(y, 0x73);
  }
  shl(y: I32 | number): I32 {
    return this.#with(y, 0x74);
  }
  shrU(y: I32 | number): I32 {
    return this.#with(y, 0x76);
  }
  eqz(): I32 {
    return new I32([this.code, 0x45]);
  }
  eq(y: I32 | number): I32 {
    return this.#with(y, 0x46);
  }
  ne(y: I32 | number): I32 {
    return this.#with(y, 0x47);
  }
  ltS(y: I32 | number): I32 {
    return this.#with(y, 0x48);
  }
  ltU(y: I32 | number): I32 {
    return this.#with(y, 0x49);
  }
  gtS(y: I32 | number): I32 {
    return this.#with(y, 0x4a);
  }
  leS(y: I32 | number): I32 {
    return this.#with(y, 0x4c);
  }
  geS(y: I32 | number): I32 {
    return this.#with(y, 0x4e);
  }
  geU(y: I32 | number): I32 {
    return this.#with(y, 0x4f);
  }

  /** `this ≠ 0 ? a : b`; both are computed. */
  select<T extends Value>(a: T, b: T): T {
    return new (a.constructor as ValueType<T>)([a.code, b.code, this.code, 0x1b]);
  }
  toF32(): F32 {
    return new F32([this.code, 0xb2]);
  }
  toI64(): I64 {
    return new I64([this.code, 0xad]);
  }
  toF64(): F64 {
    return new F64([this.code, 0xb7]);
  }

  #with(y: I32 | number, opcode: number): I32 {
    return new I32([this.code, i32(y).code, opcode]);
  }
}

/** A number as a constant, an expression as it is. */
export const i32 = (x: I32 | number): I32 => (typeof x === "number" ? I32.const(x) : x);

/** A 64-bit integer: what the thread pool claims its chunks with. */
export class I64 extends Value {
  static readonly byte = 0x7e;
  protected readonly kind = "i64";

  static const = (value: bigint): I64 => new I64([0x42, signed(value)]);
  static load = (address: I32, offset = 0): I64 => new I64(access([0x29], address, offset));

  add(y: I64): I64 {
    return new I64([this.code, y.code, 0x7c]);
  }
  or(y: I64): I64 {
    return new I64([this.code, y.code, 0x84]);
  }
  shl(bits: number): I64 {
    return new I64([this.code, I64.const(BigInt(bits)).code, 0x86]);
  }
  shrU(bits: number): I64 {
    return new I64([this.code, I64.const(BigInt(bits)).code, 0x88]);
  }
  eq(y: I64): I32 {
    return new I32([this.code, y.code, 0x51]);
  }
  /** The lower half. */
  toI32(): I32 {
    return new I32([this.code, 0xa7]);
  }
}

/** A 32-bit float. */
export class F32 extends Value {
  static readonly byte = 0x7d;
  protected readonly kind = "f32";

  static const = (value: number): F32 => new F32([0x43, float32(value)]);
  static load = (address: I32, offset = 0): F32 => new F32(access([0x2a], address, offset));

  add(y: F32): F32 {
    return new F32([this.code, y.code, 0x92]);
  }
  sub(y: F32): F32 {
    return new F32([this.code, y.code, 0x93]);
  }
  mul(y: F32): F32 {
    return new F32([this.code, y.code, 0x94]);
  }
  div(y: F32): F32 {
    return new F32([this.code, y.code, 0x95]);
  }
  /** NaN where one of them is. */
  max(y: F32): F32 {
    return new F32([this.code, y.code, 0x97]);
  }
  eq(y: F32): I32 {
    return new I32([this.code, y.code, 0x5b]);
  }
  gt(y: F32): I32 {
    return new I32([this.code, y.code, 0x5e]);
  }
  toF64(): F64 {
    return new F64([this.code, 0xbb]);
  }
}

/** A 64-bit float: what long sums are kept in. */
export class F64 extends Value {
  static readonly byte = 0x7c;
  protected readonly kind = "f64";

  static const = (value: number): F64 => new F64([0x44, float64(value)]);
  static load = (address: I32, offset = 0): F64 => new F64(access([0x2b], address, offset));

  sqrt(): F64 {
    return new F64([this.code, 0x9f]);
  }
  add(y: F64): F64 {
    return new F64([this.code, y.code, 0xa0]);
  }
  sub(y: F64): F64 {
    return new F64([this.code, y.code, 0xa1]);
  }
  mul(y: F64): F64 {
    return new F64([this.code, y.code, 0xa2]);
  }
  div(y: F64): F64 {
    return new F64([this.code, y.code, 0xa3]);
  }
  toF32(): F32 {
    return new F32([this.code, 0xb6]);
  }
}
