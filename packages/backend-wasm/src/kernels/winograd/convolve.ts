import { I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import type { Geometry } from "../conv2d/geometry.ts";
import { bestTile } from "../gemm/micro-kernel.ts";
import {
  FRAME,
  gridOf,
  PANEL,
  type Planes,
  POINTS,
  patchesOf,
  patchesOfBlock,
  planesOf,
  roundUp,
  tilesOf,
} from "./layout.ts";
import { loadPatch, loadScratch } from "./load.ts";
import { multiply } from "./products.ts";
import { STORE_SCRATCH, storePatch } from "./store.ts";
import { inputTransform } from "./transforms.ts";

/** Everything about a convolution that does not depend on the number of images. */
export interface ConvolvePlan {
  /** Patches of an image. */
  readonly patches: number;
  /** Tiles of a patch. */
  readonly tiles: number;
  /** Patches of a block, at most. */
  readonly block: number;
  /** Bytes from one point of the weights to the next. */
  readonly weightPlane: number;
  readonly inputs: Planes;
  readonly products: Planes;
  /** Per thread. */
  readonly scratchBytes: number;
}

export function convolvePlan(g: Geometry): ConvolvePlan {
  const grid = gridOf(g);
  const block = patchesOfBlock(g, grid);
  const rows = roundUp(block * tilesOf(grid), 12); // of register tiles, which have four or six
  const inputs = planesOf(rows, roundUp(g.channels, 4));
  const products = planesOf(rows, roundUp(g.outputs, PANEL));
  return {
    patches: patchesOf(grid),
    tiles: tilesOf(grid),
    block,
    weightPlane: 4 * g.channels * roundUp(g.outputs, PANEL) + 64,
    inputs,
    products,
    scratchBytes: inputs.bytes + products.bytes + Math.max(loadScratch(grid), STORE_SCRATCH),
  };
}

/** `(x, u, bias, y, patches, block)`: the convolution with transformed weights; an item is a block of so many of all patches. */
export function defineConvolve(m: KernelModule<"convolve">, g: Geometry): void {
  const { inputs, products, ...plan } = convolvePlan(g);
  const grid = gridOf(g);
  const images = { channels: g.channels, size: g.image, padding: g.padding };
  const load = loadPatch(m, grid, images, { size: FRAME, transform: inputTransform }, inputs);
  const product = multiply(m, bestTile(m), g, inputs, products);
  const store = storePatch(m, grid, { channels: g.outputs, size: g.positions, padding: [0, 0] }, products);

  const params = { x: I32, u: I32, bias: I32, y: I32, patches: I32, block: I32 };
  m.kernel("convolve", params, (f, { x, u, bias, y, patches, block }, { begin, end, scratch }) => {
    const out = f.let(scratch.add(inputs.bytes));
    const rest = f.let(out.add(products.bytes));
    f.for(begin, end, 1, (item) => {
      const first = f.let(item.mul(block));
      const left = f.let(patches.sub(first));
      const last = f.let(first.add(left.ltS(block).select(left, block)));
      const at = f.let(scratch);
      f.for(first, last, 1, (patch) => {
        f.call(load, x, patch, at, rest);
        at.set(at.add(plan.tiles * inputs.row));
      });
      const tiles = f.let(last.sub(first).mul(plan.tiles));
      const [a, b, c] = [f.let(scratch), f.let(u), f.let(out)];
      f.for(0, POINTS, 1, () => {
        f.call(product, a, b, c, tiles);
        a.set(a.add(inputs.plane));
        b.set(b.add(plan.weightPlane));
        c.set(c.add(products.plane));
      });
      at.set(out);
      f.for(first, last, 1, (patch) => {
        f.call(store, at, bias, y, patch, rest);
        at.set(at.add(plan.tiles * products.row));
      });
    });
  });
}
