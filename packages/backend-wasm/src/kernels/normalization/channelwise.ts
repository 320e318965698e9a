import { F32, F64, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule, Parameters } from "../../kernel-module.ts";
import { PARTITIONED, type Runs, runsOfPart } from "../runs.ts";
import { reset, type Sums, sumsOf } from "./moments.ts";

const COMMON = { ...PARTITIONED, parts: I32, partial: I32 } as const;

/** What a kernel on channels is given: its own addresses by name, how the runs are divided, and eps. */
type Given<Name extends string> = Readonly<Record<Name | keyof typeof COMMON, Var<I32>>> & {
  readonly eps: Var<F32>;
};
/** Does something about some runs of a channel, which are one item. */
type Step<Name extends string> = (
  f: FunctionBuilder,
  p: Given<Name>,
  channel: I32,
  runs: Runs,
  sums: Sums,
  item: I32,
) => void;

/** An operation on the channels of `[N, C, …]`, which needs some sums over a whole channel before it can write results. */
export interface Channelwise<Name extends string> {
  readonly addresses: readonly Name[];
  /** Adds what the runs give to the sums of the channel. */
  readonly gather: Step<Name>;
  /** Adds the sums of another part of the channel. */
  readonly merge: (f: FunctionBuilder, sums: Sums, others: readonly [F64, F64, F64]) => void;
  /** Writes what there is one of for a channel, and the results for the runs. */
  readonly finish: Step<Name>;
}

/** Bytes of a part's sums. */
export const PARTIAL_BYTES = 24;

/**
 * Three kernels for an operation: one that does whole channels, whose second pass finds in the cache what the first one left there, and two
 * that do parts of channels where there are only a few of these: first their sums, then the results.
 */
export function defineChannelwise<Name extends string, Kernel extends string>(
  m: KernelModule<Kernel | `${Kernel}Sums` | `${Kernel}Results`>,
  kernel: Kernel,
  { addresses, gather, merge, finish }: Channelwise<Name>,
): void {
  const names = Object.fromEntries(addresses.map((name) => [name, I32]));
  const params: Parameters = { ...names, ...COMMON, eps: F32 };

  /** A kernel with one item for each part of a channel, part by part. */
  const define = (suffix: "" | "Sums" | "Results", ...steps: Step<Name>[]): void =>
    m.kernel(`${kernel}${suffix}` as Kernel, params, (f, values, { begin, end }) => {
      const p = values as unknown as Given<Name>;
      const sums = sumsOf(f);
      f.for(begin, end, 1, (item) => {
        reset(sums);
        const channel = f.let(item.remU(p.kept));
        const runs = runsOfPart(f, p, channel, item.divU(p.kept));
        for (const step of steps) step(f, p, channel, runs, sums, item);
      });
    });

  define("", gather, finish);
  define("Sums", gather, (f, p, _channel, _runs, sums, item) => {
    const to = f.let(p.partial.add(item.mul(PARTIAL_BYTES)));
    for (const [i, sum] of sums.entries()) f.store(to, sum, 8 * i);
  });
  define(
    "Results",
    (f, p, channel, _, sums) =>
      f.for(0, p.parts, 1, (part) => {
        const from = f.let(p.partial.add(part.mul(p.kept).add(channel).mul(PARTIAL_BYTES)));
        const others = sums.map((_, i) => f.let(F64.load(from, 8 * i)));
        merge(f, sums, others as unknown as readonly [F64, F64, F64]);
      }),
    finish,
  );
}
