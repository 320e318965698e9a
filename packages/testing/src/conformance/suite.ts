import { type Backend, type DType, isFloat } from "@descent/core";
import { test } from "vitest";
import { type Elements, expectClose, type Tolerance } from "../expect-close.ts";

/** A test that a backend does not run, and why. */
export interface Skip {
  /** The full name, such as `"family: sort"` or `"op: conv2d"`. */
  readonly test: string;
  readonly reason: string;
}

/** Options of `describeBackend`. */
export interface ConformanceOptions {
  /**
   * How far float32 results may be from the reference, relative and absolute; for float64 a millionth of it. 0 wants the same bits. The
   * golden values and edge cases are not the reference's: there 1e-4 is the least, and 0 wants the signs of zeros.
   */
  readonly tolerance: number;
  /** How many calls of every op are drawn. Default 40; functions made of ops and optimizers get half as many, fused kernels half as many more. */
  readonly draws?: number;
  /** The largest int32 that the backend holds, where it is not 2³¹ − 1. */
  readonly maxInt?: number;
  readonly skip?: readonly Skip[];
  /** Whether the largest error of every test is printed at the end. Default false. */
  readonly report?: boolean;
}

/** What the parts of the suite are told. */
export class Suite {
  readonly #skips: ReadonlyMap<string, string>;
  readonly #names = new Set<string>();
  /** The largest error of every test that compares with the reference, relative to numbers beyond 1. */
  readonly #errors = new Map<string, number>();
  #running = "";

  constructor(
    readonly backend: Backend,
    readonly reference: Backend,
    readonly options: ConformanceOptions,
  ) {
    this.#skips = new Map(options.skip?.map(({ test, reason }) => [test, reason]));
  }

  /** Floating dtypes of the backend. */
  get floats(): ("float32" | "float64")[] {
    return this.backend.dtypes.filter(isFloat) as ("float32" | "float64")[];
  }

  tolerance(dtype: DType): number {
    return dtype === "float64" ? this.options.tolerance * 1e-6 : isFloat(dtype) ? this.options.tolerance : 0;
  }

  /** The tolerance for numbers that were not computed by the reference. */
  get golden(): Tolerance {
    const { tolerance } = this.options;
    return { rtol: Math.max(1e-4, tolerance), atol: Math.max(1e-5, tolerance), signedZero: tolerance === 0 };
  }

  test(name: string, fn: () => unknown): void {
    if (this.#names.has(name)) throw new Error(`two conformance tests have the name "${name}"`);
    this.#names.add(name);
    const reason = this.#skips.get(name);
    if (reason !== undefined) test.skip(`${name} (${reason})`, () => {});
    else
      test(
        name,
        async () => {
          this.#running = name;
          await fn();
        },
        TIMEOUT,
      );
  }

  /** Compares a result with the reference's, and keeps the error for the report. */
  compare(actual: Elements, expected: Elements, what: string): void {
    let most = this.#errors.get(this.#running) ?? 0;
    for (let i = 0; i < expected.data.length; i++) {
      const [a, b] = [actual.data[i]!, expected.data[i]!];
      const error = Math.abs(a - b) / Math.max(1, Math.abs(b));
      if (error > most) most = error;
    }
    this.#errors.set(this.#running, most);
    expectClose(actual, expected, this.tolerance(actual.dtype!), what);
  }

  /** Throws where a skip names no test, so that none outlives what it was for. */
  end(): void {
    for (const name of this.#skips.keys())
      if (!this.#names.has(name)) throw new Error(`skip: the conformance suite has no test "${name}"`);
  }

  /** Which tests have run on the backend, the largest error first. */
  report(): string {
    const lines = [...this.#errors]
      .sort(([, a], [, b]) => b - a)
      .map(([name, error]) => `${error.toExponential(1)}  ${name}`);
    return [
      `backend "${this.backend.name}": largest error of ${lines.length} tests against the reference`,
      ...lines,
    ].join("\n");
  }
}

/** Slow machines and slow devices need longer than the usual five seconds. */
const TIMEOUT = 60_000;
