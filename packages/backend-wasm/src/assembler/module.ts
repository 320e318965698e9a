import { type Code, flatten, sized, text, unsigned, vector } from "./encode.ts";
import { FunctionBuilder, type Target, type Var } from "./function.ts";
import type { Value, ValueType } from "./scalar.ts";

type Values<P extends readonly ValueType<Value>[]> = {
  readonly [K in keyof P]: P[K] extends ValueType<infer T> ? Var<T> : never;
};

/** A function of the module, for calls of others and for the table of types. */
export interface FunctionRef {
  readonly index: number;
}

interface Defined {
  readonly type: number;
  readonly exportName: string | null;
  readonly body: Code;
}

/** 64 KiB pages of a 32-bit address space. */
const MAX_PAGES = 65_536;

/** Puts functions together to a module that works on an imported memory (`env.memory`) and, where it needs one, table (`env.table`). */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #typeCodes: Code[] = [];
  readonly #functions: Defined[] = [];
  #usesTable = false;

  constructor(readonly target: Target) {}

  /** Defines a function and exports it under its name, unless that is `null`. What `build` returns is its result. */
  function<const P extends readonly ValueType<Value>[]>(
    exportName: string | null,
    params: P,
    build: (f: FunctionBuilder, ...values: Values<P>) => Value | undefined,
  ): FunctionRef {
    const index = this.#functions.length;
    const f = new FunctionBuilder(this.target, params, index);
    const result = build(f, ...(params.map((type, i) => f.param(type, i)) as unknown as Values<P>));
    const results = result === undefined ? [] : [result.constructor as ValueType<Value>];
    this.#functions.push({ type: this.type(params, results), exportName, body: f.body(result ?? undefined) });
    return { index };
  }

  /** The number of a function type. */
  type(params: readonly ValueType<Value>[], results: readonly ValueType<Value>[] = []): number {
    const code: Code = [0x60, vector(params.map(({ byte }) => [byte])), vector(results.map(({ byte }) => [byte]))];
    const key = flatten(code).join();
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    this.#typeCodes.push(code);
    return this.#types.push(key) - 1;
  }

  /** Imports the table of functions that `callTable` looks into. */
  useTable(): void {
    this.#usesTable = true;
  }

  /** The module in the binary format. */
  bytes(): Uint8Array<ArrayBuffer> {
    const memory: Code = [
      text("env"),
      text("memory"),
      0x02,
      this.target.shared ? 0x03 : 0x01,
      unsigned(0),
      unsigned(MAX_PAGES),
    ];
    const table: Code = [text("env"), text("table"), 0x01, 0x70, 0x00, unsigned(0)];
    const named = this.#functions.flatMap(({ exportName }, index) =>
      exportName === null ? [] : [[exportName, index]],
    );
    return Uint8Array.from(
      flatten([
        [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
        section(1, this.#typeCodes),
        section(2, this.#usesTable ? [memory, table] : [memory]),
        section(
          3,
          this.#functions.map(({ type }) => unsigned(type)),
        ),
        section(
          7,
          named.map(([name, index]) => [text(name as string), 0x00, unsigned(index as number)]),
        ),
        section(
          10,
          this.#functions.map(({ body }) => sized(body)),
        ),
      ]),
    );
  }
}

const section = (id: number, items: readonly Code[]): Code => [id, sized(vector(items))];
