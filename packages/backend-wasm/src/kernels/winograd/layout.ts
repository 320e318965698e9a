import type { Geometry } from "../conv2d/geometry.ts";

/** Outputs along a side of a tile. */
export const TILE = 4;
/** Inputs along a side of a tile, and points that they are transformed to. */
export const FRAME = 6;
/** Points of a tile. */
export const POINTS = FRAME * FRAME;
/** Outputs that the weights of a point are packed by. */
export const PANEL = 8;

/**
 * How the tiles of an image fall into patches of `rows` × `columns`, all of them equal: a patch at the edge may have tiles outside of the
 * image. A patch is what the transforms work on at a time.
 */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** Patches of an image. */
  readonly down: number;
  readonly across: number;
}

/** Tiles of a patch, at most: the lines that their 36 points lie in take up more than half of the first-level cache. */
const PATCH = 8;

export function gridOf({ positions }: Geometry): Grid {
  const [tilesDown, tilesAcross] = positions.map((size) => Math.ceil(size / TILE)) as [number, number];
  const across = Math.ceil(tilesAcross / PATCH);
  const columns = Math.ceil(tilesAcross / across);
  // Of the heights that leave the fewest tiles outside, the largest one.
  let rows = 1;
  const covered = (rows: number): number => Math.ceil(tilesDown / rows) * rows;
  for (let more = 2; more * columns <= PATCH; more++) if (covered(more) <= covered(rows)) rows = more;
  return { rows, columns, down: Math.ceil(tilesDown / rows), across };
}

/** Tiles that an image takes. */
export const tilesOfImage = ({ positions: [rows, columns] }: Geometry): number =>
  Math.ceil(rows / TILE) * Math.ceil(columns / TILE);

export const patchesOf = ({ down, across }: Grid): number => down * across;
export const tilesOf = ({ rows, columns }: Grid): number => rows * columns;

/** Bytes that the points of a block may take up: a part of the second-level cache. */
const BLOCK_BYTES = 2 ** 18;
/** Tiles of a block, at least: with fewer, bringing the weights to the processor takes longer than using them. */
const MIN_BLOCK = 36;

/** Patches of a block, at most: what the 36 products work on at a time. */
export function patchesOfBlock({ channels, outputs }: Geometry, grid: Grid): number {
  const tiles = Math.max(MIN_BLOCK, BLOCK_BYTES / (4 * POINTS * (channels + outputs)));
  return Math.max(1, Math.floor(tiles / tilesOf(grid)));
}

/** Where the points of a block of tiles lie, in bytes: `[36, tiles, channels]`, the channels side by side. */
export interface Planes {
  /** From one tile to the next. */
  readonly row: number;
  /** From one point to the next. */
  readonly plane: number;
  readonly bytes: number;
}

/** Planes for so many tiles and channels, both rounded up by the caller to what kernels write. */
export function planesOf(tiles: number, channels: number): Planes {
  // Neither rows nor planes at multiples of 4096 bytes, which would share a few lines of the cache.
  const row = 4 * (channels % 256 === 0 ? channels + 16 : channels);
  const plane = roundUp(tiles * row, 128) + 64;
  return { row, plane, bytes: POINTS * plane };
}

export const roundUp = (count: number, step: number): number => Math.ceil(count / step) * step;
