import { F32x4, type FunctionRef, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Geometry } from "../conv2d/geometry.ts";
import { bestTile } from "../gemm/micro-kernel.ts";
import {
  FRAME,
  gridOf,
  type Planes,
  POINTS,
  patchesOf,
  patchesOfBlock,
  planesOf,
  roundUp,
  TILE,
  tilesOf,
} from "./layout.ts";
import { loadPatch, loadScratch } from "./load.ts";
import { accumulate } from "./products.ts";
import { inputTransform, outputGradTransform } from "./transforms.ts";

/** Tiles of a group, at least: writing and reading the sums of every group takes as long as ten tiles. */
const MIN_GROUP = 64;
/** Groups that the tiles fall into, at most. */
const MAX_GROUPS = 16;

/** Everything about the gradient of the weight that does not depend on the number of images. */
export interface WeightGradPlan {
  /** Patches of an image. */
  readonly patches: number;
  /** Tiles of a patch. */
  readonly tiles: number;
  /** Patches of a block, at most. */
  readonly block: number;
  readonly inputs: Planes;
  readonly gradients: Planes;
  readonly sums: Planes;
  /** Bytes of a group's sums: points of the weight's gradient, and after them the bias's gradient. */
  readonly groupBytes: number;
  /** Per thread. */
  readonly scratchBytes: number;
}

export function weightGradPlan(g: Geometry): WeightGradPlan {
  const grid = gridOf(g);
  const block = patchesOfBlock(g, grid);
  // Rows and columns of register tiles, which have four or six, and eight.
  const [outputs, channels] = [roundUp(g.outputs, 12), roundUp(g.channels, 8)];
  const inputs = planesOf(block * tilesOf(grid), channels);
  const gradients = planesOf(block * tilesOf(grid), outputs);
  const sums = planesOf(outputs, channels);
  return {
    patches: patchesOf(grid),
    tiles: tilesOf(grid),
    block,
    inputs,
    gradients,
    sums,
    groupBytes: sums.bytes + 4 * roundUp(outputs, 16),
    scratchBytes: inputs.bytes + gradients.bytes + loadScratch(grid),
  };
}

/** Patches of a group, given all of them: results depend on nothing else. */
export const patchesOfGroup = ({ tiles }: WeightGradPlan, patches: number): number =>
  Math.max(Math.ceil(MIN_GROUP / tiles), Math.ceil(patches / MAX_GROUPS));

/** `(x, g, u, patches, group)`: the sums of every group; an item is a group of so many of all patches. */
export function defineWeightGrad(m: KernelModule<"sumGroups">, geometry: Geometry): void {
  const { inputs, gradients, sums, ...plan } = weightGradPlan(geometry);
  const { channels, outputs, image, positions, padding } = geometry;
  const grid = gridOf(geometry);
  const load = loadPatch(
    m,
    grid,
    { channels, size: image, padding },
    { size: FRAME, transform: inputTransform },
    inputs,
  );
  const loadGrad = loadPatch(
    m,
    grid,
    { channels: outputs, size: positions, padding: [0, 0] },
    { size: TILE, transform: outputGradTransform },
    gradients,
  );
  const product = accumulate(m, bestTile(m), geometry, inputs, gradients, sums);
  const sumTiles = addTiles(m, outputs, gradients);

  m.kernel("sumGroups", { x: I32, g: I32, u: I32, patches: I32, group: I32 }, (f, values, { begin, end, scratch }) => {
    const { x, g, u, patches, group } = values;
    const gradient = f.let(scratch.add(inputs.bytes));
    const rest = f.let(gradient.add(gradients.bytes));
    f.for(begin, end, 1, (item) => {
      const first = f.let(item.mul(group));
      const left = f.let(patches.sub(first));
      const last = f.let(first.add(left.ltS(group).select(left, group)));
      const to = f.let(u.add(item.mul(plan.groupBytes)));
      f.for(first, last, plan.block, (from) => {
        left.set(last.sub(from));
        const count = f.let(left.ltS(plan.block).select(left, I32.const(plan.block)));
        const [b, a, c] = [f.let(scratch), f.let(gradient), f.let(to)];
        f.for(from, from.add(count), 1, (patch) => {
          f.call(load, x, patch, b, rest);
          f.call(loadGrad, g, patch, a, rest);
          b.set(b.add(plan.tiles * inputs.row));
          a.set(a.add(plan.tiles * gradients.row));
        });
        const tiles = f.let(count.mul(plan.tiles));
        const isFirst = f.let(from.eq(first));
        b.set(scratch);
        a.set(gradient);
        f.for(0, POINTS, 1, () => {
          f.call(product, b, a, c, tiles, isFirst);
          b.set(b.add(inputs.plane));
          a.set(a.add(gradients.plane));
          c.set(c.add(sums.plane));
        });
        f.call(sumTiles, gradient.add(ONES * gradients.plane), to.add(sums.bytes), tiles, isFirst);
      });
    });
  });
}

/** The point that is the plain sum of a tile's elements: the second row of `A` has ones only. */
const ONES = FRAME + 1;

/** A function `(gradients, sums, tiles, isFirst)` that adds the tiles of a plane to the sums, unless it is the first. */
function addTiles(m: KernelModule<string>, outputs: number, gradients: Planes): FunctionRef {
  return m.function(null, [I32, I32, I32, I32], (f, from, to, tiles, isFirst) => {
    f.for(0, outputs, 4, () => {
      const sum = f.let(isFirst.select(f.f32x4(0), F32x4.load(to)));
      const at = f.let(from);
      f.for(0, tiles, 1, () => {
        sum.set(sum.add(F32x4.load(at)));
        at.set(at.add(gradients.row));
      });
      f.store(to, sum);
      from.set(from.add(16));
      to.set(to.add(16));
    });
  });
}
