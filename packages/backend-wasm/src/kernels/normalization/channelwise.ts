import { F32, F64, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule, Parameters } from "../../kernel-module.ts";
import { PARTITIONED, type Runs, runsOfPart } from "../runs.ts";

const COMMON = { ...PARTITIONED, parts: I32, partial: I32 } as const;

/** What a kernel on channels is given: its own addresses by name, how the runs are divided, and eps. */
export type Given<Name extends string> = Readonly<Record<Name | keyof typeof COMMON, Var<I32>>> & {
  readonly eps: Var<F32>;
};

/** An operation on the channels of `[N, C, …]`, which needs some sums over a whole channel before it can write results. */
export interface Channelwise<Name extends string> {
  readonly addresses: readonly Name[];
  /** Adds what some runs of a channel give to its sums. */
  readonly gather: (f: FunctionBuilder, p: Given<Name>, channel: I32, runs: Runs, sums: readonly Var<F64>[]) => void;
  /** Adds the sums of another part of the channel. */
  readonly merge: (f: FunctionBuilder, sums: readonly Var<F64>[], others: readonly F64[]) => void;
  /** Writes what there is one of for a channel, and the results for some of its runs. */
  readonly finish: (f: FunctionBuilder, p: Given<Name>, channel: I32, runs: Runs, sums: readonly Var<F64>[]) => void;
}

/** How many sums there may be. */
const SUMS = 3;
/** Bytes of a part's sums. */
export const PARTIAL_BYTES = 8 * SUMS;

/**
 * Three kernels for an operation: one that does whole channels, whose second pass finds in the cache what the first one left there, and two
 * that do parts of channels where there are only a few of these: first their sums, then the results.
 */
export function defineChannelwise<Name extends string, Kernels extends string>(
  m: KernelModule<Kernels>,
  [whole, partialSums, results]: readonly [Kernels, Kernels, Kernels],
  { addresses, gather, merge, finish }: Channelwise<Name>,
): void {
  const names = Object.fromEntries(addresses.map((name) => [name, I32]));
  const params: Parameters = { ...names, ...COMMON, eps: F32 };

  /** A kernel with one item for each part of a channel, part by part. */
  const kernel = (
    name: Kernels,
    body: (f: FunctionBuilder, p: Given<Name>, channel: I32, runs: Runs, sums: readonly Var<F64>[], item: I32) => void,
  ): void =>
    m.kernel(name, params, (f, values, { begin, end }) => {
      const p = values as unknown as Given<Name>;
      const sums = Array.from({ length: SUMS }, () => f.var(F64));
      f.for(begin, end, 1, (item) => {
        for (const sum of sums) sum.set(F64.const(0));
        const channel = f.let(item.remU(p.kept));
        body(f, p, channel, runsOfPart(f, p, channel, item.divU(p.kept)), sums, item);
      });
    });

  kernel(whole, (f, p, channel, runs, sums) => {
    gather(f, p, channel, runs, sums);
    finish(f, p, channel, runs, sums);
  });
  kernel(partialSums, (f, p, channel, runs, sums, item) => {
    gather(f, p, channel, runs, sums);
    const to = f.let(p.partial.add(item.mul(PARTIAL_BYTES)));
    for (const [i, sum] of sums.entries()) f.store(to, sum, 8 * i);
  });
  kernel(results, (f, p, channel, runs, sums) => {
    f.for(0, p.parts, 1, (part) => {
      const from = f.let(p.partial.add(part.mul(p.kept).add(channel).mul(PARTIAL_BYTES)));
      merge(
        f,
        sums,
        sums.map((_, i) => f.let(F64.load(from, 8 * i))),
      );
    });
    finish(f, p, channel, runs, sums);
  });
}
