import { F32, F32x4, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { least, sweep } from "../lanes.ts";
import { REDUCTIONS } from "../reduce/accumulators.ts";
import { defineColumns } from "../reduce/kernels.ts";
import { inputGradient } from "./batch-norm.ts";
import {
  gatherMoments,
  gatherSums,
  inverseDeviation,
  noMoments,
  noSums,
  resetMoments,
  resetSums,
  storeMoments,
} from "./moments.ts";

export type LayerNormKernel = "layerNorm" | "layerNormGrad" | "sumParts";

export function defineLayerNorm(m: KernelModule<LayerNormKernel>): void {
  defineForward(m);
  defineGradient(m);
  defineColumns(m, "sumParts", REDUCTIONS.sum);
}

/** `y = (x − mean) / √(variance + eps) · weight + bias`, where every row has mean and variance of its own. One item per row. */
function defineForward(m: KernelModule<LayerNormKernel>): void {
  const params = { x: I32, weight: I32, bias: I32, y: I32, mean: I32, variance: I32, bytes: I32, eps: F32 };
  m.kernel("layerNorm", params, (f, p, { begin, end }) => {
    const moments = noMoments(f);
    f.for(begin, end, 1, (row) => {
      const at = f.let(row.mul(p.bytes));
      const [toMean, toVariance] = [p.mean, p.variance].map((address) => f.let(address.add(row.shl(2))));
      resetMoments(moments);
      gatherMoments(f, p.x, { first: at, stride: p.bytes, count: I32.const(1), bytes: p.bytes }, moments);
      storeMoments(f, moments, toMean!, toVariance!);
      const mean = f.let(F32x4.loadSplat(toMean!));
      const r = f.let(F32x4.splat(inverseDeviation(F32.load(toVariance!), p.eps)));
      const [from, to] = [p.x, p.y].map((address) => f.let(address.add(at)));
      sweep(f, p.bytes, 2, (at, offset, lanes) => {
        const [x, weight, bias] = [from!, p.weight, p.bias].map((address) => lanes.load(address.add(at), offset));
        lanes.store(f, to!.add(at), f.madd(x!.sub(mean).mul(r), weight!, bias!), offset);
      });
    });
  });
}

/**
 * With `r = 1 / √(variance + eps)`, `x̂ = (x − mean) r` and `ĝ = g · weight` in a row: `dx = r (ĝ − mean of ĝ − x̂ · mean of ĝ x̂)`. One item
 * for `rowsPart` rows, over which it sums `dweight = Σ g x̂` and `dbias = Σ g`: `[parts, size]`.
 */
function defineGradient(m: KernelModule<LayerNormKernel>): void {
  const addresses = { g: I32, x: I32, weight: I32, mean: I32, variance: I32, dx: I32, dweight: I32, dbias: I32 };
  const params = { ...addresses, rows: I32, rowsPart: I32, bytes: I32, eps: F32 };
  m.kernel("layerNormGrad", params, (f, p, { begin, end }) => {
    const sums = noSums(f);
    const size = f.let(p.bytes.shrU(2).toF64());
    f.for(begin, end, 1, (part) => {
      const [dweight, dbias] = [p.dweight, p.dbias].map((address) => f.let(address.add(part.mul(p.bytes))));
      for (const sum of [dweight!, dbias!]) f.fill(sum, I32.const(0), p.bytes);
      const first = f.let(part.mul(p.rowsPart));
      f.for(first, least(p.rows, first.add(p.rowsPart)), 1, (row) => {
        const [g, x, dx] = [p.g, p.x, p.dx].map((address) => f.let(address.add(row.mul(p.bytes))));
        const mean = f.let(F32x4.loadSplat(p.mean.add(row.shl(2))));
        const r = f.let(inverseDeviation(F32.load(p.variance.add(row.shl(2))), p.eps));
        resetSums(sums);
        gatherSums(
          f,
          (at, offset, lanes) => lanes.load(g!.add(at), offset).mul(lanes.load(p.weight.add(at), offset)),
          x!,
          mean,
          { first: I32.const(0), stride: p.bytes, count: I32.const(1), bytes: p.bytes },
          sums,
        );
        const { ofCentered, constant } = inputGradient(f, r, r, sums.plain, sums.centered, size);
        const scale = f.let(F32x4.splat(r));
        sweep(f, p.bytes, 2, (at, offset, lanes) => {
          const here = (address: I32): F32x4 => lanes.load(address.add(at), offset);
          const there = (address: I32, value: F32x4): void => lanes.store(f, address.add(at), value, offset);
          const scaled = f.let(here(g!).mul(scale));
          const centered = f.let(here(x!).sub(mean));
          there(dx!, f.madd(scaled, here(p.weight), f.madd(centered, ofCentered, constant)));
          there(dweight!, f.madd(scaled, centered, here(dweight!)));
          there(dbias!, here(dbias!).add(here(g!)));
        });
      });
    });
  });
}
