import { F32, F32x4, type FunctionBuilder, type I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { visitRuns } from "../runs.ts";
import { type Channelwise, defineChannelwise } from "./channelwise.ts";
import { gatherMoments, gatherSums, inputGradient, inverseDeviation, mergeMoments, storeMoments } from "./moments.ts";

export type BatchNormKernel = `batchNorm${"" | "Grad"}${"" | "Sums" | "Results"}`;

export function defineBatchNorm(m: KernelModule<BatchNormKernel>): void {
  defineChannelwise(m, "batchNorm", forward);
  defineChannelwise(m, "batchNormGrad", gradient);
}

/** The float at an address; `otherwise` where that is 0. */
function floatAt(f: FunctionBuilder, address: I32, at: I32, otherwise: number): F32 {
  const value = f.let(F32.const(otherwise));
  f.if(address, () => value.set(F32.load(address.add(at))));
  return value;
}

const nothing = (): void => {};

/** `y = (x − mean) / √(variance + eps) · weight + bias` per channel. An address of 0 stands for no weight and no bias. */
const forward: Channelwise<"x" | "weight" | "bias" | "y" | "mean" | "variance"> = {
  addresses: ["x", "weight", "bias", "y", "mean", "variance"],
  gather: (f, p, _, runs, moments) => gatherMoments(f, p.x, runs, moments),
  merge: mergeMoments,
  finish(f, p, channel, runs, moments) {
    const place = f.let(channel.shl(2));
    const [toMean, toVariance] = [f.let(p.mean.add(place)), f.let(p.variance.add(place))];
    storeMoments(f, moments, toMean, toVariance);
    const mean = f.let(F32x4.loadSplat(toMean));
    const deviation = f.let(inverseDeviation(toVariance, p.eps));
    const scale = f.let(F32x4.splat(deviation.mul(floatAt(f, p.weight, place, 1))));
    const bias = f.let(F32x4.splat(floatAt(f, p.bias, place, 0)));
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
  gather: (f, p, channel, runs, sums) =>
    gatherSums(
      f,
      (at, offset, lanes) => lanes.load(p.g.add(at), offset),
      p.x,
      f.let(F32x4.loadSplat(p.mean.add(channel.shl(2)))),
      runs,
      sums,
    ),
  merge(_, sums, others) {
    for (const [i, sum] of sums.entries()) increase(sum, others[i]!);
  },
  finish(f, p, channel, runs, sums) {
    const place = f.let(channel.shl(2));
    const r = f.let(inverseDeviation(p.variance.add(place), p.eps));
    f.if(p.dweight, () => f.store(p.dweight.add(place), sums[1].mul(r.toF64()).toF32()));
    f.if(p.dbias, () => f.store(p.dbias.add(place), sums[0].toF32()));
    f.if(p.dx, () => {
      const mean = f.let(F32x4.loadSplat(p.mean.add(place)));
      const slope = f.let(r.mul(floatAt(f, p.weight, place, 1)));
      const count = f.let(p.outer.toF64().mul(p.innerBytes.shrU(2).toF64()));
      const [ofCentered, constant] = inputGradient(f, slope, r, sums, count);
      const ofG = f.let(F32x4.splat(slope));
      visitRuns(
        f,
        runs,
        (at, offset, lanes) => {
          const rest = f.madd(lanes.load(p.x.add(at), offset).sub(mean), ofCentered, constant);
          lanes.store(f, p.dx.add(at), f.madd(lanes.load(p.g.add(at), offset), ofG, rest), offset);
        },
        nothing,
      );
    });
  },
};
