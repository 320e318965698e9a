import { type Code, unsigned } from "./encode.ts";
import { I32, I64 } from "./scalar.ts";

const atomic = (opcode: number): Code => [0xfe, opcode];

/** An access whose alignment is no hint: atomics trap on any other. */
const aligned = (opcode: number, log2: number, address: I32, ...operands: readonly (I32 | I64)[]): Code => [
  address.code,
  operands.map((x) => x.code),
  atomic(opcode),
  log2,
  unsigned(0),
];

/** Sequentially consistent accesses to shared memory, at addresses that are multiples of the size. */
export const atomicI32 = {
  load: (address: I32): I32 => new I32(aligned(0x10, 2, address)),
  /** Adds and returns what was there before. */
  add: (address: I32, value: I32): I32 => new I32(aligned(0x1e, 2, address, value)),
  /** Stores and returns what was there before. */
  exchange: (address: I32, value: I32): I32 => new I32(aligned(0x41, 2, address, value)),
  /** Sleeps while `expected` is there, at most `timeout` nanoseconds (−1: for ever). 0: woken, 1: something else was there, 2: timed out. */
  wait: (address: I32, expected: I32, timeout: I64): I32 => new I32(aligned(0x01, 2, address, expected, timeout)),
  /** Wakes at most `count` sleepers and returns how many. */
  notify: (address: I32, count: I32): I32 => new I32(aligned(0x00, 2, address, count)),
};

/** As `atomicI32`. */
export const atomicI64 = {
  load: (address: I32): I64 => new I64(aligned(0x11, 3, address)),
  exchange: (address: I32, value: I64): I64 => new I64(aligned(0x42, 3, address, value)),
  /** Stores `value` where `expected` is; returns what was there before. */
  compareExchange: (address: I32, expected: I64, value: I64): I64 =>
    new I64(aligned(0x49, 3, address, expected, value)),
};
