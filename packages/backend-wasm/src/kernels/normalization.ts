import { type Block, type Operand, type Shape, type Spec, sizeOf } from "@descent/core";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { lazy } from "./lazy.ts";
import { type BatchNormKernel, defineBatchNorm } from "./normalization/batch-norm.ts";
import { PARTIAL_BYTES } from "./normalization/channelwise.ts";
import { defineLayerNorm } from "./normalization/layer-norm.ts";
import { COLUMNS } from "./reduce/columns.ts";
import { FOLD, partition, partitioned } from "./runs.ts";

type X = Operand<Block>;
type Affine = readonly [x: X, weight: X | null, bias: X | null];
type Backward = readonly [g: X, x: X, weight: X | null, mean: X, variance: X];

interface NormAttrs {
  readonly eps: number;
  /** The shape of weight and bias beside `x`. */
  readonly affine: Shape;
  /** Which of the gradients of `x`, weight and bias are wanted, backward. */
  readonly needs?: readonly boolean[];
}

/** Nanoseconds that an element takes in one pass. */
const COST = 0.1;
/** So many channels are work enough for all threads. */
const CHANNELS = 16;
/** Of smaller planes than this, vectors would be empty; without a kernel, the op walks over channels side by side. */
const LEAST_PLANE = 4;
/** Into how many parts rows are divided for sums over them, of at most `FOLD` rows each where there are more. */
const PARTS = 32;

const ALL: readonly boolean[] = [true, true, true];

/** `batchNorm, batchNormGrad, layerNorm, layerNormGrad`, in float32. */
export function normalization(runtime: Runtime) {
  const { pager } = runtime;
  const batchNorm = lazy(() => runtime.compile(defineBatchNorm));
  const layerNorm = lazy(() => runtime.compile(defineLayerNorm));

  /** A kernel on the channels of an operand, whole or in parts. */
  const onChannels =
    (name: "batchNorm" | "batchNormGrad", ofX: 0 | 1) =>
    (operands: readonly (X | null)[], { eps, needs = ALL }: NormAttrs, out: readonly Spec[]): Block[] | null => {
      const { shape } = operands[ofX]!;
      const [outer, kept] = shape as readonly [number, number];
      const inner = sizeOf(shape.slice(2));
      if (!isSupported(operands[ofX]!) || inner < LEAST_PLANE) return null;
      const by = partition(outer, kept, inner, CHANNELS);
      const cost = (2 * COST * outer * inner) / by.parts;
      const sizes = out.map(bytesOf);
      if (by.parts > 1) sizes.push(by.parts * kept * PARTIAL_BYTES);
      const steps: readonly BatchNormKernel[] = by.parts > 1 ? [`${name}Sums`, `${name}Results`] : [name];
      const blocks = pager.run(name, present(operands), sizes, (from, to) => {
        const addresses = [...inPlaces(from, operands), ...inPlaces(to, needs)];
        const division = [...partitioned(outer, kept, inner, by), by.parts, to[out.length] ?? 0];
        for (const step of steps)
          runtime.launch(batchNorm()[step], kept * by.parts, cost, [...addresses, ...division], [eps]);
      });
      for (const block of blocks.splice(out.length)) pager.free(block);
      return blocks;
    };

  /** Runs a kernel on rows of `size` floats; `body` also gets the addresses of as many ones and zeros, for want of weight and bias. */
  function onRows(
    name: string,
    operands: readonly (X | null)[],
    size: number,
    sizes: readonly number[],
    body: (operands: readonly number[], results: readonly number[], ones: number, zeros: number) => void,
  ): Block[] {
    return runtime.run(name, present(operands), sizes, 8 * size, (from, to, { address }) => {
      const first = address >> 2;
      runtime.memory.f32.fill(1, first, first + size).fill(0, first + size, first + 2 * size);
      body(inPlaces(from, operands), to, address, address + 4 * size);
    });
  }

  return {
    batchNorm: onChannels("batchNorm", 0),
    batchNormGrad: onChannels("batchNormGrad", 1),

    layerNorm(operands: Affine, { eps, affine }: NormAttrs, out: readonly Spec[]) {
      const [x] = operands;
      if (!isSupported(x)) return null;
      const size = sizeOf(affine);
      const rows = sizeOf(x.shape) / size;
      return onRows("layerNorm", operands, size, out.map(bytesOf), ([x, weight, bias], to, ones, zeros) => {
        const addresses = [x!, weight || ones, bias || zeros, ...to];
        runtime.launch(layerNorm().layerNorm, rows, 2 * COST * size, [...addresses, 4 * size], [eps]);
      });
    },

    layerNormGrad(operands: Backward, { eps, affine, needs = ALL }: NormAttrs, out: readonly Spec[]) {
      const [, x] = operands;
      if (!isSupported(x)) return null;
      const size = sizeOf(affine);
      const rows = sizeOf(x.shape) / size;
      const rowsPart = Math.min(FOLD, Math.ceil(rows / PARTS));
      const parts = Math.ceil(rows / rowsPart);
      // The kernel gives all three gradients, of weight and bias by parts; nearly always all are wanted.
      const sizes = [...out.map(bytesOf), needs[0] ? 0 : bytesOf(x), parts * 4 * size, parts * 4 * size];
      const blocks = onRows("layerNormGrad", operands, size, sizes, (from, to, ones) => {
        const [g, x, weight, mean, variance] = from as [number, number, number, number, number];
        const [dx, dweight, dbias] = inPlaces(to.slice(0, out.length), needs);
        const [unused, ...partial] = to.slice(out.length);
        const addresses = [g, x, weight || ones, mean, variance, dx || unused!, ...partial];
        const cost = 3 * COST * size * rowsPart;
        runtime.launch(layerNorm().layerNormGrad, parts, cost, [...addresses, rows, rowsPart, 4 * size], [eps]);
        for (const [i, sum] of [dweight!, dbias!].entries())
          if (sum !== 0) {
            const integers = [partial[i]!, sum, 1, parts, 4 * size, parts];
            runtime.launch(layerNorm().sumParts, Math.ceil(size / COLUMNS), COST * COLUMNS * parts, integers);
          }
      });
      for (const block of blocks.splice(out.length)) pager.free(block);
      return blocks;
    },
  } satisfies FusedKernels;
}

const isSupported = ({ shape, dtype }: X): boolean => dtype === "float32" && sizeOf(shape) > 0;

const present = (operands: readonly (X | null)[]): Block[] => operands.flatMap((x) => (x === null ? [] : [x.handle]));

/** Addresses that exist for some places only, each in its own; 0 for the others. */
function inPlaces(addresses: readonly number[], places: readonly (object | boolean | null)[]): number[] {
  let at = 0;
  return places.map((taken) => (taken ? addresses[at++]! : 0));
}
