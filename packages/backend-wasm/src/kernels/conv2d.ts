import type { Block, Conv2dAttrs, Operand, Shape, Spec } from "@descent/core";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import type { Algorithm, Compiled, Product } from "./conv2d/algorithm.ts";
import { columnProducts } from "./conv2d/column-products.ts";
import { depthwise } from "./conv2d/depthwise.ts";
import { type Geometry, geometryOf, keyOf } from "./conv2d/geometry.ts";
import { winograd } from "./winograd/winograd.ts";

type X = Operand<Block>;

/** How convolutions are computed. */
export interface ConvolutionOptions {
  /** Whether Winograd's algorithm is used where it is faster. Default true. */
  readonly winograd?: boolean;
  /** Geometries that kernels are compiled for. Code is never freed, so a program with ever new ones has to do without in the end. */
  readonly maxGeometries?: number;
}

/** `conv2d` and its gradients in float32. */
export const convolution = (runtime: Runtime, options: ConvolutionOptions = {}): FusedKernels =>
  convolutionBy(
    runtime,
    [depthwise, ...(options.winograd === false ? [] : [winograd()]), columnProducts],
    options.maxGeometries,
  );

/** The same by algorithms in the order in which they are asked, of which the last one suits everything. */
export function convolutionBy(runtime: Runtime, algorithms: readonly Algorithm[], maxGeometries = 1000) {
  const geometries = new Map<string, Map<string, Compiled>>();

  /** What `product` is compiled to; `null` where there is no more room for code. */
  function compiledFor(product: Product, geometry: Geometry, images: number, bias: boolean): Compiled | null {
    const key = keyOf(geometry);
    const products = geometries.get(key) ?? new Map<string, Compiled>();
    if (products.size === 0 && geometries.size >= maxGeometries) return null;
    const chosen = algorithms.findIndex((algorithm) => algorithm.suits(product, geometry, images));
    const name = `${product} ${chosen} ${bias}`;
    const compiled = products.get(name) ?? algorithms[chosen]![product](runtime, geometry, bias);
    geometries.set(key, products.set(name, compiled));
    return compiled;
  }

  /** A product with or without the bias. Leaves other dtypes, and images or kernels without any element, to the decomposition. */
  function compute(product: Product, geometry: Geometry, bias: boolean, operands: readonly X[], out: readonly Spec[]) {
    const shapes = [...operands.slice(0, 2), out[0]!].map(({ shape }) => shape.slice(1));
    if (out[0]!.dtype !== "float32" || shapes.flat().includes(0)) return null;
    const images = operands[0]!.shape[0]!;
    const compiled = compiledFor(product, geometry, images, bias);
    if (compiled === null) return null;
    const sizes = out.map(bytesOf);
    if (compiled.between !== undefined) sizes.push(compiled.between(images));
    const handles = operands.map((x) => x.handle);
    const blocks = runtime.run(product, handles, sizes, compiled.scratchBytes, (from, to, scratch) =>
      compiled.run(images, from, to, scratch),
    );
    for (const block of blocks.splice(out.length)) runtime.pager.free(block);
    return blocks;
  }

  return {
    conv2d: ([x, weight, bias]: readonly [X, X, X | null], attrs: Conv2dAttrs, out: readonly Spec[]) =>
      compute(
        "conv2d",
        geometryOf(x.shape, weight.shape, attrs),
        bias !== null,
        bias === null ? [x, weight] : [x, weight, bias],
        out,
      ),
    conv2dInputGrad: (
      operands: readonly [g: X, weight: X],
      attrs: Conv2dAttrs & { readonly image: Shape },
      out: readonly Spec[],
    ) => compute("conv2dInputGrad", geometryOf(attrs.image, operands[1].shape, attrs), false, operands, out),
    // A second output is the gradient of the bias.
    conv2dWeightGrad: (
      operands: readonly [x: X, g: X],
      attrs: Conv2dAttrs & { readonly weight: Shape },
      out: readonly Spec[],
    ) => compute("conv2dWeightGrad", geometryOf(operands[0].shape, attrs.weight, attrs), out.length > 1, operands, out),
  } satisfies FusedKernels;
}
