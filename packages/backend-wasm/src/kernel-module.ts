import {
  type F32,
  type FunctionBuilder,
  I32,
  ModuleBuilder,
  type Target,
  type Value,
  type Var,
} from "./assembler/index.ts";
import { MAX_PARAMETERS } from "./layout.ts";

/** The names and types of what a kernel is given: addresses, counts and numbers. */
export type Parameters = Readonly<Record<string, typeof I32 | typeof F32>>;
/** What stands for them in code. */
export type Values<P extends Parameters> = { readonly [K in keyof P]: Var<InstanceType<P[K]>> };
type Types = readonly (typeof I32 | typeof F32)[];
type Listed<T extends Types> = { readonly [K in keyof T]: Var<InstanceType<T[K]>> };

/** The part of a kernel's work that one call does. */
export interface Range {
  /** The first item. */
  readonly begin: Var<I32>;
  /** The item after the last. */
  readonly end: Var<I32>;
  /** The address of memory that no other thread uses meanwhile. */
  readonly scratch: Var<I32>;
}

/** How many functions a kernel takes up: the one that JavaScript calls, and the one that workers find in the table. */
export const TABLE_SUFFIX = "@";

/** The type of the functions in the table: parameters (an address), begin, end, scratch. */
export const ENTRY = [I32, I32, I32, I32] as const;

/**
 * A module of kernels.
 *
 * A kernel works on a range of items that do not depend on each other, so that threads can share them; what it gives for an item must not
 * depend on the range, or results would depend on the number of threads. A range may be done twice: kernels write their results only, and
 * read their operands only.
 */
export class KernelModule<Name extends string> extends ModuleBuilder {
  /** Kernels by number; the numbers of all modules count on in the table. */
  readonly names: Name[] = [];

  constructor(
    target: Target,
    /** Rows of the matrix product's micro-kernel. */
    readonly tileRows: 4 | 6,
  ) {
    super(target);
  }

  /** A kernel whose parameters come one by one, as those of a function. */
  kernel<const T extends Types>(
    name: Name,
    params: T,
    build: (f: FunctionBuilder, range: Range, ...values: Listed<T>) => void,
  ): void;
  /** A kernel whose parameters come by name. */
  kernel<P extends Parameters>(
    name: Name,
    params: P,
    build: (f: FunctionBuilder, values: Values<P>, range: Range) => void,
  ): void;
  kernel(name: Name, params: Types | Parameters, build: (f: FunctionBuilder, ...values: never) => void): void {
    const names = Object.keys(params);
    const types = Object.values(params);
    if (names.length > MAX_PARAMETERS) throw new Error(`${name}: more than ${MAX_PARAMETERS} parameters`);
    const direct = this.function(name, [I32, I32, I32, ...types], (f, begin, end, scratch, ...values) => {
      const range = { begin, end, scratch };
      const named = Object.fromEntries(names.map((key, i) => [key, values[i]]));
      build(f, ...((Array.isArray(params) ? [range, ...values] : [named, range]) as never));
    });
    this.function(name + TABLE_SUFFIX, ENTRY, (f, from, begin, end, scratch) => {
      const loaded = types.map((type, i): Value => type.load(from, 4 * i));
      f.call(direct, begin, end, scratch, ...loaded);
    });
    this.names.push(name);
  }
}
