import { F32, F32x4, type FunctionBuilder, type FunctionRef, I32, type Var } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase, times, transposed } from "../idioms.ts";
import { least } from "../lanes.ts";
import { FRAME, type Grid, type Planes, TILE } from "./layout.ts";
import { type Images, positionOf } from "./patch.ts";
import { outputTransform } from "./transforms.ts";

/** Bytes of a tile's points on the way between the two passes, and of its outputs where they do not all lie in the image. */
export const STORE_SCRATCH = 16 * (TILE * FRAME + TILE * TILE);

/** A function `(planes, bias, images, patch, scratch)` that transforms products back and writes the outputs of a patch. */
export function storePatch(m: KernelModule<string>, grid: Grid, images: Images, planes: Planes): FunctionRef {
  const { channels } = images;
  const [height, width] = images.size;
  const isRagged = channels % 4 !== 0 || height % (TILE * grid.rows) !== 0 || width % (TILE * grid.columns) !== 0;
  const clip = isRagged ? clipTile(m, 4 * height * width, 4 * width) : null;

  return m.function(null, [I32, I32, I32, I32, I32], (f, from, bias, to, patch, scratch) => {
    const { image, down, across } = positionOf(f, grid, patch);
    const y0 = f.let(down.mul(TILE * grid.rows));
    const x0 = f.let(across.mul(TILE * grid.columns));
    const line = f.let(image.mul(channels * height).add(y0));
    increase(to, line.mul(width).add(x0).shl(2));
    const clipped = f.let(scratch.add(16 * TILE * FRAME));
    f.for(0, channels, 4, (c) => {
      const shift = f.let(bias.ne(0).select(F32x4.load(bias.add(c.shl(2))), f.f32x4(0)));
      const [at, row] = [f.let(from), f.let(to)];
      f.for(0, grid.rows, 1, (i) => {
        const tile = f.let(row);
        f.for(0, grid.columns, 1, (j) => {
          const target: Target = {
            first: f.let(tile),
            plane: f.let(I32.const(4 * height * width)),
            line: f.let(I32.const(4 * width)),
          };
          if (clip === null) storeTile(f, planes, at, shift, target, scratch);
          else {
            const sizes = [
              I32.const(channels).sub(c),
              I32.const(height).sub(y0).sub(i.shl(2)),
              I32.const(width).sub(x0).sub(j.shl(2)),
            ].map((left) => f.let(least(f.let(left), TILE)));
            const isPart = f.let(sizes.map((size) => size.ne(TILE)).reduce((a, b) => a.or(b)));
            f.if(isPart, () => {
              target.first.set(clipped);
              target.plane.set(I32.const(16 * TILE));
              target.line.set(I32.const(16));
            });
            storeTile(f, planes, at, shift, target, scratch);
            f.if(isPart, () => f.call(clip, clipped, tile, ...sizes));
          }
          increase(at, planes.row);
          increase(tile, 4 * TILE);
        });
        increase(row, 4 * TILE * width);
      });
      increase(from, 16);
      increase(to, 16 * height * width);
    });
  });
}

/** Where the outputs of a tile go: the first one, and the distances of channels and lines. */
type Target = Readonly<Record<"first" | "plane" | "line", Var<I32>>>;

/** The outputs of one tile and four channels. */
function storeTile(f: FunctionBuilder, planes: Planes, at: I32, bias: F32x4, target: Target, scratch: I32): void {
  for (let s = 0; s < FRAME; s++) {
    const column = times(FRAME, (r) => {
      const value = F32x4.load(at, (r * FRAME + s) * planes.plane);
      // This point goes into every output, once.
      return r === 1 && s === 1 ? value.add(bias) : value;
    });
    for (const [r, value] of outputTransform(f, column).entries()) f.store(scratch, value, 16 * (r * FRAME + s));
  }
  const pixels = [target.first];
  for (let k = 1; k < 4; k++) pixels.push(f.let(pixels[k - 1]!.add(target.plane)));
  for (let r = 0; r < TILE; r++) {
    const points = times(FRAME, (s) => F32x4.load(scratch, 16 * (r * FRAME + s)));
    for (const [k, value] of transposed(
      f,
      outputTransform(f, points).map((value) => f.let(value)),
    ).entries()) {
      f.store(pixels[k]!, value);
      if (r < TILE - 1) increase(pixels[k]!, target.line);
    }
  }
}

/** A function `(from, to, channels, rows, columns)` that copies what lies in the image of a tile `[4, 4, 4]` of outputs. */
function clipTile(m: KernelModule<string>, plane: number, line: number): FunctionRef {
  return m.function(null, [I32, I32, I32, I32, I32], (f, from, to, channels, rows, columns) => {
    f.for(0, channels, 1, (c) =>
      f.for(0, rows, 1, (r) =>
        f.for(0, columns, 1, (i) => {
          const source = from
            .add(c.mul(16 * TILE))
            .add(r.shl(4))
            .add(i.shl(2));
          f.store(to.add(c.mul(plane)).add(r.mul(line)).add(i.shl(2)), F32.load(source));
        }),
      ),
    );
  });
}
