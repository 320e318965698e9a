import type { Block, Conv2dAttrs, Operand, Shape, Spec } from "@descent/core";
import type { FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import type { Algorithm, Product } from "./conv2d/algorithm.ts";
import { columnProducts } from "./conv2d/column-products.ts";
import { depthwise } from "./conv2d/depthwise.ts";
import { type Geometry, geometryOf, keyOf } from "./conv2d/geometry.ts";
import { Winograd } from "./winograd/winograd.ts";

type X = Operand<Block>;

/** How convolutions are computed. */
export interface ConvolutionOptions {
  /** Whether Winograd's algorithm is used where it is faster. Default true. */
  readonly winograd?: boolean;
  /** Geometries that kernels are compiled for. Code is never freed, so a program with ever new ones has to do without in the end. */
  readonly maxGeometries?: number;
}

/** `conv2d` and its gradients in float32. */
export function convolution(
  runtime: Runtime,
  { winograd = true, maxGeometries = 1000 }: ConvolutionOptions = {},
): FusedKernels {
  // In the order in which they are asked; the last one suits everything.
  const algorithms: readonly Algorithm[] = [
    depthwise(runtime),
    ...(winograd ? [new Winograd(runtime)] : []),
    columnProducts(runtime),
  ];
  const geometries = new Set<string>();

  function choose(product: Product, geometry: Geometry, images: number): Algorithm | null {
    if (geometries.size >= maxGeometries && !geometries.has(keyOf(geometry))) return null;
    geometries.add(keyOf(geometry));
    return algorithms.find((algorithm) => algorithm.suits(product, geometry, images))!;
  }

  return {
    conv2d: float32Only(([x, weight, bias]: readonly [X, X, X | null], attrs: Conv2dAttrs) => {
      const geometry = geometryOf(x.shape, weight.shape, attrs);
      const [images] = x.shape as readonly [number];
      const algorithm = choose("forward", geometry, images);
      return algorithm && [algorithm.forward(geometry, images, x.handle, weight.handle, bias?.handle ?? null)];
    }),
    conv2dInputGrad: float32Only(([g, weight]: readonly [X, X], attrs: Conv2dAttrs & { readonly image: Shape }) => {
      const geometry = geometryOf(attrs.image, weight.shape, attrs);
      const [images] = g.shape as readonly [number];
      const algorithm = choose("inputGrad", geometry, images);
      return algorithm && [algorithm.inputGrad(geometry, images, g.handle, weight.handle)];
    }),
    conv2dWeightGrad: float32Only(
      ([x, g]: readonly [X, X], attrs: Conv2dAttrs & { readonly weight: Shape }, out: readonly Spec[]) => {
        const geometry = geometryOf(x.shape, attrs.weight, attrs);
        const [images] = x.shape as readonly [number];
        const algorithm = choose("weightGrad", geometry, images);
        // A second output is the gradient of the bias.
        return algorithm?.weightGrad(geometry, images, x.handle, g.handle, out.length > 1) ?? null;
      },
    ),
  };
}

/** Leaves other dtypes, and images or kernels without any element, to the decomposition. */
const float32Only =
  <X extends readonly (Spec | null)[], A, Y>(kernel: (operands: X, attrs: A, out: readonly Spec[]) => Y) =>
  (operands: X, attrs: A, out: readonly Spec[]): Y | null => {
    const shapes = [...operands.slice(0, 2), out[0]!].map((spec) => spec!.shape.slice(1));
    return out[0]!.dtype === "float32" && shapes.flat().every((n) => n > 0) ? kernel(operands, attrs, out) : null;
  };
