import { I32 } from "../../assembler/index.ts";
import type { Kernel, Runtime } from "../../runtime.ts";
import type { Compiled } from "../conv2d/algorithm.ts";
import type { Geometry } from "../conv2d/geometry.ts";
import { bestTile } from "../gemm/micro-kernel.ts";
import { increase } from "../idioms.ts";
import { least } from "../lanes.ts";
import { KERNELS_COST, tileCost } from "./choice.ts";
import { FRAME, gridOf, PANEL, POINTS, patchesOf, patchesOfBlock, planesOf, roundUp, tilesOf } from "./layout.ts";
import { loadPatch, loadScratch } from "./load.ts";
import { multiply } from "./products.ts";
import { STORE_SCRATCH, storePatch } from "./store.ts";
import { inputTransform } from "./transforms.ts";

/**
 * The convolution of images with kernels that `transform` takes to points, where those of neighbouring channels and outputs lie so many bytes
 * apart. An item is a block of patches.
 */
export function convolve(
  runtime: Runtime,
  g: Geometry,
  transform: Kernel,
  distances: readonly [channel: number, output: number],
): Compiled {
  const grid = gridOf(g);
  const tilesOfPatch = tilesOf(grid);
  const most = patchesOfBlock(g, grid);
  const rows = roundUp(most * tilesOfPatch, 12); // of register tiles, which have four or six
  const inputs = planesOf(rows, roundUp(g.channels, 4));
  const products = planesOf(rows, roundUp(g.outputs, PANEL));
  /** Bytes from one point of the weights to the next. */
  const weightPlane = 4 * g.channels * roundUp(g.outputs, PANEL) + 64;

  const { kernel } = runtime.compile<"kernel">((m) => {
    const images = { channels: g.channels, size: g.image, padding: g.padding };
    const load = loadPatch(m, grid, images, { size: FRAME, transform: inputTransform }, inputs);
    const product = multiply(m, bestTile(m), g, inputs, products);
    const store = storePatch(m, grid, { channels: g.outputs, size: g.positions, padding: [0, 0] }, products);
    const params = [I32, I32, I32, I32, I32, I32] as const;
    m.kernel("kernel", params, (f, { begin, end, scratch }, x, u, bias, y, patches, block) => {
      const out = f.let(scratch.add(inputs.bytes));
      const rest = f.let(out.add(products.bytes));
      f.for(begin, end, 1, (item) => {
        const first = f.let(item.mul(block));
        const left = f.let(patches.sub(first));
        const last = f.let(first.add(least(left, block)));
        const at = f.let(scratch);
        f.for(first, last, 1, (patch) => {
          f.call(load, x, patch, at, rest);
          increase(at, tilesOfPatch * inputs.row);
        });
        const tiles = f.let(last.sub(first).mul(tilesOfPatch));
        const [a, b, c] = [f.let(scratch), f.let(u), f.let(out)];
        f.for(0, POINTS, 1, () => {
          f.call(product, a, b, c, tiles);
          increase(a, inputs.plane);
          increase(b, weightPlane);
          increase(c, products.plane);
        });
        at.set(out);
        f.for(first, last, 1, (patch) => {
          f.call(store, at, bias, y, patch, rest);
          increase(at, tilesOfPatch * products.row);
        });
      });
    });
  });

  return {
    scratchBytes: inputs.bytes + products.bytes + Math.max(loadScratch(grid), STORE_SCRATCH),
    between: () => POINTS * weightPlane,
    run(images, [x, weight, bias = 0], [y, u], scratch) {
      const patches = images * patchesOf(grid);
      // Few images: smaller blocks, so that there are some for every thread. Results do not depend on it.
      const block = Math.max(1, Math.min(most, Math.ceil(patches / (4 * runtime.pool.size))));
      const fours = (g.channels * roundUp(g.outputs, PANEL)) / 4;
      const weights = [weight!, u!, g.channels, g.outputs, ...distances, weightPlane];
      runtime.launch(transform, fours, KERNELS_COST, weights, [], scratch);
      const cost = block * tilesOfPatch * tileCost(g);
      runtime.launch(kernel, Math.ceil(patches / block), cost, [x!, u!, bias, y!, patches, block], [], scratch);
    },
  };
}
