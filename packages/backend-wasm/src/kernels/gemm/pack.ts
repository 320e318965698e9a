import { F32, F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { type Routine, subroutine } from "./micro-kernel.ts";

/**
 * Defines a function that packs a matrix into panels as the micro-kernel reads them: `width` lanes (rows of A, or columns of B) side by
 * side, for one `k` after the other, then the next panel. The last panel is filled up with lanes of zeros.
 *
 * Strides are in bytes; either lanes or steps of `k` lie side by side.
 */
export function definePacking(
  m: KernelModule<string>,
  width: number,
): Routine<"to" | "from" | "laneStride" | "kStride" | "lanes" | "k"> {
  return subroutine(m, ["to", "from", "laneStride", "kStride", "lanes", "k"], (f, x) => {
    const { to, from, laneStride, kStride, lanes, k } = x;
    // Where lanes lie side by side, several panels at a time read whole cache lines.
    const strips = f.let(laneStride.eq(4).select(lanes.divU(STRIP * width).mul(STRIP * width), I32.const(0)));
    f.for(0, strips, STRIP * width, (lane) => {
      copy(f, { to, source: from.add(lane.shl(2)), laneStride, kStride, k }, width, STRIP);
      to.set(to.add(k.mul(4 * width * STRIP)));
    });
    f.for(strips, lanes, width, (lane) => {
      const source = f.let(from.add(lane.mul(laneStride)));
      const left = f.let(lanes.sub(lane));
      const panel = { to, source, laneStride, kStride, k };
      f.if(
        left.ltS(width),
        () => packPart(f, panel, width, left),
        () =>
          f.if(
            kStride.eq(4),
            () => transpose(f, panel, width),
            () => copy(f, panel, width, 1),
          ),
      );
      to.set(to.add(k.mul(4 * width)));
    });
  });
}

/** Panels that are packed together where lanes lie side by side. */
const STRIP = 4;

interface Panel {
  readonly to: I32;
  readonly source: I32;
  readonly laneStride: I32;
  readonly kStride: I32;
  readonly k: I32;
}

/** Panels whose lanes lie side by side. */
function copy(f: FunctionBuilder, { to, source, kStride, k }: Panel, width: number, panels: number): void {
  const from = f.let(source);
  const targets = [f.let(to)];
  while (targets.length < panels) targets.push(f.let(targets.at(-1)!.add(k.mul(4 * width))));
  f.for(0, k, 1, () => {
    for (const [i, at] of targets.entries())
      for (const lane of vectorsOf(width)) f.store(at, F32x4.load(from, 4 * (i * width + lane)), 4 * lane);
    from.set(from.add(kStride));
    for (const at of targets) at.set(at.add(4 * width));
  });
}

/** First lanes of the vectors that cover a width; the last one overlaps the one before where it must. */
const vectorsOf = (width: number): number[] =>
  Array.from({ length: Math.ceil(width / 4) }, (_, i) => Math.min(4 * i, width - 4));

/** A panel whose steps of `k` lie side by side, four by four. */
function transpose(f: FunctionBuilder, { to, source, laneStride, k }: Panel, width: number): void {
  const at = f.let(to);
  const rows: Var<I32>[] = [f.let(source)];
  for (let lane = 1; lane < width; lane++) rows.push(f.let(rows[lane - 1]!.add(laneStride)));
  const advance = (steps: number): void => {
    for (const row of rows) row.set(row.add(4 * steps));
    at.set(at.add(4 * steps * width));
  };
  f.for(3, k, 4, () => {
    let lane = 0;
    for (; lane + 4 <= width; lane += 4) {
      const load = (i: number): F32x4 => f.let(F32x4.load(rows[lane + i]!));
      for (const [i, step] of transpose4(f, [load(0), load(1), load(2), load(3)]).entries())
        f.store(at, step, 4 * (i * width + lane));
    }
    if (lane < width) {
      const [x, y] = [f.let(F32x4.load(rows[lane]!)), f.let(F32x4.load(rows[lane + 1]!))];
      for (const half of [0, 1]) {
        const steps = f.let(interleave(x, y, half));
        f.storeHalf(at, steps, 0, 4 * (2 * half * width + lane));
        f.storeHalf(at, steps, 1, 4 * ((2 * half + 1) * width + lane));
      }
    }
    advance(4);
  });
  f.for(0, k.and(3), 1, () => {
    for (const [lane, row] of rows.entries()) f.store(at, F32.load(row), 4 * lane);
    advance(1);
  });
}

/** A panel with fewer lanes than it has room for. */
function packPart(f: FunctionBuilder, { to, source, laneStride, kStride, k }: Panel, width: number, lanes: I32): void {
  const at = f.let(to);
  f.fill(to, I32.const(0), k.mul(4 * width));
  f.for(0, k, 1, (step) => {
    const from = f.let(source.add(step.mul(kStride)));
    f.for(0, lanes, 1, (lane) => {
      f.store(at.add(lane.shl(2)), F32.load(from));
      from.set(from.add(laneStride));
    });
    at.set(at.add(4 * width));
  });
}

type Quad = readonly [F32x4, F32x4, F32x4, F32x4];

/** Rows of a 4 × 4 matrix from its columns. */
export function transpose4(f: FunctionBuilder, [a, b, c, d]: Quad): Quad {
  const [ac, bd] = [f.let(interleave(a, c, 0)), f.let(interleave(b, d, 0))];
  const [ac2, bd2] = [f.let(interleave(a, c, 1)), f.let(interleave(b, d, 1))];
  return [interleave(ac, bd, 0), interleave(ac, bd, 1), interleave(ac2, bd2, 0), interleave(ac2, bd2, 1)];
}

/** The lanes of one half of two vectors, in turns. */
const interleave = (x: F32x4, y: F32x4, half: number): F32x4 => x.shuffle(y, half === 0 ? [0, 4, 1, 5] : [2, 6, 3, 7]);
