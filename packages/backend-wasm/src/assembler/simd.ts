import { type Code, float32, int32, unsigned } from "./encode.ts";
import { access, F32, F64, I32, i32, Value } from "./scalar.ts";

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];

/** 128 bits, seen as lanes by the classes below; the `as…` methods look at the same bits another way. */
abstract class V128 extends Value {
  static readonly byte = 0x7b;

  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
  asF64x2(): F64x2 {
    return new F64x2(this.code);
  }
  asI32x4(): I32x4 {
    return new I32x4(this.code);
  }
}

/** The 32-bit lanes `lanes` of two vectors, whose lanes count from 0 to 3 and from 4 to 7. */
const shuffle = (a: V128, b: V128, lanes: Lanes): Code => [
  a.code,
  b.code,
  simd(13),
  lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
];
export type Lanes = readonly [number, number, number, number];

/** Four 32-bit floats. */
export class F32x4 extends V128 {
  protected readonly kind = "f32x4";

  static const = (value: number): F32x4 => new F32x4([simd(12), [0, 1, 2, 3].map(() => float32(value))]);
  static splat = (x: F32): F32x4 => new F32x4([x.code, simd(19)]);
  static load = (address: I32, offset = 0): F32x4 => new F32x4(access(simd(0), address, offset));
  /** One float in all lanes. */
  static loadSplat = (address: I32, offset = 0): F32x4 => new F32x4(access(simd(9), address, offset));
  /** One float and zeros. */
  static loadOne = (address: I32, offset = 0): F32x4 => new F32x4(access(simd(92), address, offset));
  /** Two floats and zeros. */
  static loadTwo = (address: I32, offset = 0): F32x4 => new F32x4(access(simd(93), address, offset));

  add(y: F32x4): F32x4 {
    return this.#with(y, 228);
  }
  sub(y: F32x4): F32x4 {
    return this.#with(y, 229);
  }
  mul(y: F32x4): F32x4 {
    return this.#with(y, 230);
  }
  div(y: F32x4): F32x4 {
    return this.#with(y, 231);
  }
  /** NaN where one of them is; several times slower than `pmax`. */
  max(y: F32x4): F32x4 {
    return this.#with(y, 233);
  }
  /** `y < this ? y : this`. */
  pmin(y: F32x4): F32x4 {
    return this.#with(y, 234);
  }
  /** `this < y ? y : this`. */
  pmax(y: F32x4): F32x4 {
    return this.#with(y, 235);
  }
  abs(): F32x4 {
    return this.#only(224);
  }
  neg(): F32x4 {
    return this.#only(225);
  }
  sqrt(): F32x4 {
    return this.#only(227);
  }
  ceil(): F32x4 {
    return this.#only(103);
  }
  floor(): F32x4 {
    return this.#only(104);
  }
  nearest(): F32x4 {
    return this.#only(106);
  }
  eq(y: F32x4): I32x4 {
    return this.#compare(y, 65);
  }
  ne(y: F32x4): I32x4 {
    return this.#compare(y, 66);
  }
  lt(y: F32x4): I32x4 {
    return this.#compare(y, 67);
  }
  gt(y: F32x4): I32x4 {
    return this.#compare(y, 68);
  }
  le(y: F32x4): I32x4 {
    return this.#compare(y, 69);
  }
  ge(y: F32x4): I32x4 {
    return this.#compare(y, 70);
  }
  /** `this · y + z`, rounded once or twice as the machine likes; needs relaxed SIMD, so use `madd` of the function builder. */
  relaxedMadd(y: F32x4, z: F32x4): F32x4 {
    return new F32x4([this.code, y.code, z.code, simd(0x105)]);
  }
  /** `z − this · y`, likewise. */
  relaxedNmadd(y: F32x4, z: F32x4): F32x4 {
    return new F32x4([this.code, y.code, z.code, simd(0x106)]);
  }
  lane(i: number): F32 {
    return new F32([this.code, simd(31), i]);
  }
  shuffle(y: F32x4, lanes: Lanes): F32x4 {
    return new F32x4(shuffle(this, y, lanes));
  }
  /** Towards zero; what does not fit becomes the nearest integer that there is, NaN becomes 0. */
  toI32x4(): I32x4 {
    return new I32x4([this.code, simd(248)]);
  }
  /** The first two lanes. */
  toF64x2(): F64x2 {
    return new F64x2([this.code, simd(95)]);
  }

  #only(opcode: number): F32x4 {
    return new F32x4([this.code, simd(opcode)]);
  }
  #with(y: F32x4, opcode: number): F32x4 {
    return new F32x4([this.code, y.code, simd(opcode)]);
  }
  #compare(y: F32x4, opcode: number): I32x4 {
    return new I32x4([this.code, y.code, simd(opcode)]);
  }
}

/** Two 64-bit floats. */
export class F64x2 extends V128 {
  protected readonly kind = "f64x2";

  static splat = (x: F64): F64x2 => new F64x2([x.code, simd(20)]);

  add(y: F64x2): F64x2 {
    return new F64x2([this.code, y.code, simd(240)]);
  }
  lane(i: number): F64 {
    return new F64([this.code, simd(33), i]);
  }
  /** Both lanes, and two zeros. */
  toF32x4(): F32x4 {
    return new F32x4([this.code, simd(94)]);
  }
}

/** Four 32-bit integers; masks have lanes of all ones and all zeros. */
export class I32x4 extends V128 {
  protected readonly kind = "i32x4";

  static const = (value: number): I32x4 => new I32x4([simd(12), [0, 1, 2, 3].map(() => int32(value))]);
  static splat = (x: I32): I32x4 => new I32x4([x.code, simd(17)]);
  static load = (address: I32, offset = 0): I32x4 => new I32x4(access(simd(0), address, offset));

  add(y: I32x4): I32x4 {
    return this.#with(y, 174);
  }
  sub(y: I32x4): I32x4 {
    return this.#with(y, 177);
  }
  mul(y: I32x4): I32x4 {
    return this.#with(y, 181);
  }
  minS(y: I32x4): I32x4 {
    return this.#with(y, 182);
  }
  maxS(y: I32x4): I32x4 {
    return this.#with(y, 184);
  }
  maxU(y: I32x4): I32x4 {
    return this.#with(y, 185);
  }
  abs(): I32x4 {
    return new I32x4([this.code, simd(160)]);
  }
  neg(): I32x4 {
    return new I32x4([this.code, simd(161)]);
  }
  and(y: I32x4): I32x4 {
    return this.#with(y, 78);
  }
  /** `this & ~y`. */
  andNot(y: I32x4): I32x4 {
    return this.#with(y, 79);
  }
  or(y: I32x4): I32x4 {
    return this.#with(y, 80);
  }
  xor(y: I32x4): I32x4 {
    return this.#with(y, 81);
  }
  shl(bits: I32 | number): I32x4 {
    return this.#shift(bits, 171);
  }
  shrS(bits: I32 | number): I32x4 {
    return this.#shift(bits, 172);
  }
  shrU(bits: I32 | number): I32x4 {
    return this.#shift(bits, 173);
  }
  eq(y: I32x4): I32x4 {
    return this.#with(y, 55);
  }
  ne(y: I32x4): I32x4 {
    return this.#with(y, 56);
  }
  ltS(y: I32x4): I32x4 {
    return this.#with(y, 57);
  }
  gtS(y: I32x4): I32x4 {
    return this.#with(y, 59);
  }
  leS(y: I32x4): I32x4 {
    return this.#with(y, 61);
  }
  geS(y: I32x4): I32x4 {
    return this.#with(y, 63);
  }
  /** Bits of `a` where this has ones, else of `b`. */
  select(a: F32x4, b: F32x4): F32x4 {
    return new F32x4([a.code, b.code, this.code, simd(82)]);
  }
  /** Lanes of `a` where this has ones, else of `b`; needs relaxed SIMD, so use `select` of the function builder. */
  relaxedSelect(a: F32x4, b: F32x4): F32x4 {
    return new F32x4([a.code, b.code, this.code, simd(0x10b)]);
  }
  /** Bits of `a` where this has ones, else of `b`. */
  selectI32(a: I32x4, b: I32x4): I32x4 {
    return new I32x4([a.code, b.code, this.code, simd(82)]);
  }
  anyTrue(): I32 {
    return new I32([this.code, simd(83)]);
  }
  lane(i: number): I32 {
    return new I32([this.code, simd(27), i]);
  }
  shuffle(y: I32x4, lanes: Lanes): I32x4 {
    return new I32x4(shuffle(this, y, lanes));
  }
  toF32x4(): F32x4 {
    return new F32x4([this.code, simd(250)]);
  }
  /** The lanes of both, saturated to 16 bits. */
  narrow(y: I32x4): I16x8 {
    return new I16x8([this.code, y.code, simd(133)]);
  }

  #with(y: I32x4, opcode: number): I32x4 {
    return new I32x4([this.code, y.code, simd(opcode)]);
  }
  #shift(bits: I32 | number, opcode: number): I32x4 {
    return new I32x4([this.code, i32(bits).code, simd(opcode)]);
  }
}

/** Eight 16-bit integers: on the way between masks of floats and bools. */
export class I16x8 extends V128 {
  protected readonly kind = "i16x8";

  /** The lanes of both, saturated to 8 bits. */
  narrow(y: I16x8): I8x16 {
    return new I8x16([this.code, y.code, simd(101)]);
  }
  /** The first four lanes, with their signs. */
  extendLow(): I32x4 {
    return new I32x4([this.code, simd(167)]);
  }
  /** The last four lanes, with their signs. */
  extendHigh(): I32x4 {
    return new I32x4([this.code, simd(168)]);
  }
}

/** Sixteen 8-bit integers: bools. */
export class I8x16 extends V128 {
  protected readonly kind = "i8x16";

  static splat = (x: I32): I8x16 => new I8x16([x.code, simd(15)]);
  static load = (address: I32, offset = 0): I8x16 => new I8x16(access(simd(0), address, offset));

  and(y: I8x16): I8x16 {
    return this.#with(y, 78);
  }
  or(y: I8x16): I8x16 {
    return this.#with(y, 80);
  }
  xor(y: I8x16): I8x16 {
    return this.#with(y, 81);
  }
  neg(): I8x16 {
    return new I8x16([this.code, simd(97)]);
  }
  eq(y: I8x16): I8x16 {
    return this.#with(y, 35);
  }
  /** The first eight lanes, with their signs. */
  extendLow(): I16x8 {
    return new I16x8([this.code, simd(135)]);
  }
  /** The last eight lanes, with their signs. */
  extendHigh(): I16x8 {
    return new I16x8([this.code, simd(136)]);
  }

  #with(y: I8x16, opcode: number): I8x16 {
    return new I8x16([this.code, y.code, simd(opcode)]);
  }
}
