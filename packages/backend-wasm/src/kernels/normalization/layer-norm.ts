import { F32, F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { least, sweep } from "../lanes.ts";
import { REDUCTIONS } from "../reduce/accumulators.ts";
import { defineColumns } from "../reduce/kernels.ts";
import { gatherMoments, gatherSums, inputGradient, inverseDeviation, reset, storeMoments, sumsOf } from "./moments.ts";

export function defineLayerNorm(m: KernelModule<"layerNorm" | "layerNormGrad" | "sumParts">): void {
  // `y = (x − mean) / √(variance + eps) · weight + bias`, where every row has mean and variance of its own. One item per row.
  m.kernel(
    "layerNorm",
    [I32, I32, I32, I32, I32, I32, I32, F32],
    (f, { begin, end }, x, weight, bias, y, means, variances, bytes, eps) => {
      const moments = sumsOf(f);
      f.for(begin, end, 1, (row) => {
        const at = f.let(row.mul(bytes));
        const [toMean, toVariance] = [f.let(means.add(row.shl(2))), f.let(variances.add(row.shl(2)))];
        reset(moments);
        gatherMoments(f, x, { first: at, stride: bytes, count: I32.const(1), bytes }, moments);
        storeMoments(f, moments, toMean, toVariance);
        const mean = f.let(F32x4.loadSplat(toMean));
        const r = f.let(F32x4.splat(inverseDeviation(toVariance, eps)));
        const [from, to] = [f.let(x.add(at)), f.let(y.add(at))];
        sweep(f, bytes, 2, (at, offset, lanes) => {
          const here = (address: I32): F32x4 => lanes.load(address.add(at), offset);
          lanes.store(f, to.add(at), f.madd(here(from).sub(mean).mul(r), here(weight), here(bias)), offset);
        });
      });
    },
  );

  // With `r = 1 / √(variance + eps)`, `x̂ = (x − mean) r` and `ĝ = g · weight` in a row: `dx = r (ĝ − mean of ĝ − x̂ · mean of ĝ x̂)`. One
  // item for `rowsPart` rows, over which it sums `dweight = Σ g x̂` and `dbias = Σ g`: `[parts, size]`.
  const addresses = { g: I32, x: I32, weight: I32, mean: I32, variance: I32, dx: I32, dweight: I32, dbias: I32 };
  const params = { ...addresses, rows: I32, rowsPart: I32, bytes: I32, eps: F32 };
  m.kernel("layerNormGrad", params, (f, p, { begin, end }) => {
    const sums = sumsOf(f);
    const size = f.let(p.bytes.shrU(2).toF64());
    f.for(begin, end, 1, (part) => {
      const [dweight, dbias] = [f.let(p.dweight.add(part.mul(p.bytes))), f.let(p.dbias.add(part.mul(p.bytes)))];
      for (const sum of [dweight, dbias]) f.fill(sum, I32.const(0), p.bytes);
      const first = f.let(part.mul(p.rowsPart));
      f.for(first, least(p.rows, first.add(p.rowsPart)), 1, (row) => {
        const rowOf = (address: I32): I32 => f.let(address.add(row.mul(p.bytes)));
        const [g, x, dx] = [rowOf(p.g), rowOf(p.x), rowOf(p.dx)];
        const mean = f.let(F32x4.loadSplat(p.mean.add(row.shl(2))));
        const r = f.let(inverseDeviation(p.variance.add(row.shl(2)), p.eps));
        reset(sums);
        gatherSums(
          f,
          (at, offset, lanes) => lanes.load(g.add(at), offset).mul(lanes.load(p.weight.add(at), offset)),
          x,
          mean,
          { first: I32.const(0), stride: p.bytes, count: I32.const(1), bytes: p.bytes },
          sums,
        );
        const [ofCentered, constant] = inputGradient(f, r, r, sums, size);
        const scale = f.let(F32x4.splat(r));
        sweep(f, p.bytes, 2, (at, offset, lanes) => {
          const here = (address: I32): F32x4 => lanes.load(address.add(at), offset);
          const there = (address: I32, value: F32x4): void => lanes.store(f, address.add(at), value, offset);
          const scaled = f.let(here(g).mul(scale));
          const centered = f.let(here(x).sub(mean));
          there(dx, f.madd(scaled, here(p.weight), f.madd(centered, ofCentered, constant)));
          there(dweight, f.madd(scaled, centered, here(dweight)));
          there(dbias, here(dbias).add(here(g)));
        });
      });
    });
  });

  defineColumns(m, "sumParts", REDUCTIONS.sum);
}
