import { F32, F32x4, F64, type FunctionBuilder, type I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { visitRuns } from "../runs.ts";
import { type Channelwise, defineChannelwise, type Given } from "./channelwise.ts";
import { gatherMoments, gatherSums, inverseDeviation, mergeMoments, storeMoments } from "./moments.ts";

const FORWARD = ["batchNorm", "batchNormSums", "batchNormResults"] as const;
const GRADIENT = ["batchNormGrad", "batchNormGradSums", "batchNormGradResults"] as const;

export type BatchNormKernel = (typeof FORWARD)[number] | (typeof GRADIENT)[number];

export function defineBatchNorm(m: KernelModule<BatchNormKernel>): void {
  defineChannelwise(m, FORWARD, forward);
  defineChannelwise(m, GRADIENT, gradient);
}

/** The float of a channel; `otherwise` where there are none. */
function floatOf(f: FunctionBuilder, address: I32, channel: I32, otherwise: number): F32 {
  const value = f.let(F32.const(otherwise));
  f.if(address, () => value.set(F32.load(address.add(channel.shl(2)))));
  return value;
}

const nothing = (): void => {};

/** `y = (x − mean) / √(variance + eps) · weight + bias` per channel. An address of 0 stands for no weight and no bias. */
const forward: Channelwise<"x" | "weight" | "bias" | "y" | "mean" | "variance"> = {
  addresses: ["x", "weight", "bias", "y", "mean", "variance"],
  gather: (f, p, _, runs, [count, sum, squares]) =>
    gatherMoments(f, p.x, runs, { count: count!, sum: sum!, squares: squares! }),
  merge: (f, [count, sum, squares], [otherCount, otherSum, otherSquares]) =>
    mergeMoments(
      f,
      { count: count!, sum: sum!, squares: squares! },
      { count: otherCount!, sum: otherSum!, squares: otherSquares! },
    ),
  finish(f, p, channel, runs, [count, sum, squares]) {
    const [toMean, toVariance] = [p.mean, p.variance].map((address) => f.let(address.add(channel.shl(2))));
    storeMoments(f, { count: count!, sum: sum!, squares: squares! }, toMean!, toVariance!);
    const mean = f.let(F32x4.loadSplat(toMean!));
    const deviation = f.let(inverseDeviation(F32.load(toVariance!), p.eps));
    const scale = f.let(F32x4.splat(deviation.mul(floatOf(f, p.weight, channel, 1))));
    const bias = f.let(F32x4.splat(floatOf(f, p.bias, channel, 0)));
    visitRuns(
      f,
      runs,
      (at, offset, lanes) =>
        lanes.store(f, p.y.add(at), f.madd(lanes.load(p.x.add(at), offset).sub(mean), scale, bias), offset),
      nothing,
    );
  },
};

/**
 * With `r = 1 / √(variance + eps)`: `dweight = r Σ g (x − mean)`, `dbias = Σ g`, and
 * `dx = weight · r · (g − dbias / n − (x − mean) · r · dweight / n)`. An address of 0 stands for a result that is not wanted.
 */
const gradient: Channelwise<"g" | "x" | "weight" | "mean" | "variance" | "dx" | "dweight" | "dbias"> = {
  addresses: ["g", "x", "weight", "mean", "variance", "dx", "dweight", "dbias"],
  gather: (f, p, channel, runs, [plain, centered]) =>
    gatherSums(
      f,
      (at, offset, lanes) => lanes.load(p.g.add(at), offset),
      p.x,
      f.let(F32x4.loadSplat(p.mean.add(channel.shl(2)))),
      runs,
      { plain: plain!, centered: centered! },
    ),
  merge(_, sums, others) {
    for (const [i, sum] of sums.entries()) sum.set(sum.add(others[i]!));
  },
  finish(f, p, channel, runs, [plain, centered]) {
    const at = f.let(channel.shl(2));
    const r = f.let(inverseDeviation(F32.load(p.variance.add(at)), p.eps));
    f.if(p.dweight, () => f.store(p.dweight.add(at), centered!.mul(r.toF64()).toF32()));
    f.if(p.dbias, () => f.store(p.dbias.add(at), plain!.toF32()));
    f.if(p.dx, () => {
      const mean = f.let(F32x4.loadSplat(p.mean.add(at)));
      const slope = f.let(r.mul(floatOf(f, p.weight, channel, 1)));
      const { ofCentered, constant } = inputGradient(f, slope, r, plain!, centered!, elementsOf(f, p));
      const ofG = f.let(F32x4.splat(slope));
      visitRuns(
        f,
        runs,
        (at, offset, lanes) => {
          const centered = lanes.load(p.x.add(at), offset).sub(mean);
          const rest = f.madd(centered, ofCentered, constant);
          lanes.store(f, p.dx.add(at), f.madd(lanes.load(p.g.add(at), offset), ofG, rest), offset);
        },
        nothing,
      );
    });
  },
};

/** Elements of a channel. */
const elementsOf = (f: FunctionBuilder, p: Given<never>): F64 =>
  f.let(p.outer.toF64().mul(p.innerBytes.shrU(2).toF64()));

/** What `slope · (g − Σ g / n − (x − mean) · r² · Σ g (x − mean) / n)` is made of beside `slope · g`: a multiple of `x − mean` and a constant. */
export function inputGradient(
  f: FunctionBuilder,
  slope: F32,
  r: F32,
  plain: F64,
  centered: F64,
  n: F64,
): { readonly ofCentered: F32x4; readonly constant: F32x4 } {
  const minus = f.let(F64.const(0).sub(slope.toF64()).div(n));
  const inverse = f.let(r.toF64());
  return {
    ofCentered: f.let(F32x4.splat(minus.mul(inverse).mul(inverse).mul(centered).toF32())),
    constant: f.let(F32x4.splat(minus.mul(plain).toF32())),
  };
}
