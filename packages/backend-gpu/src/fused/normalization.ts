import { type NormAttrs, type NormGradAttrs, reducedShape, type Shape } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { type GpuOperand, type Source, stretched } from "../kernels/kernel.ts";
import { map } from "../kernels/map.ts";
import { reduceAxes } from "../kernels/reduce.ts";
import type { FusedKernel, FusedKernels } from "./fused.ts";

/** Batch and layer normalisation: the statistics of the lines, and then the result, in a few launches. */
export const normalization = (device: Device): FusedKernels => ({
  batchNorm: forward(device, "batchNorm"),
  layerNorm: forward(device, "layerNorm"),
  batchNormGrad: gradient(device, "batchNormGrad"),
  layerNormGrad: gradient(device, "layerNormGrad"),
});

type Inputs = Readonly<Record<string, Source | number>>;

/** The operand in another shape. It may be a tensor, whose handle is no property of its own. */
const shaped = ({ handle, dtype }: GpuOperand, shape: Shape): GpuOperand => ({ handle, dtype, shape });

const isEmpty = (shape: Shape): boolean => shape.includes(0);

/** The mean, over some axes, of a body at every element. */
function mean(
  device: Device,
  op: string,
  key: string,
  shape: Shape,
  axes: readonly number[],
  inputs: Inputs,
  body: string,
) {
  const kept = reducedShape(shape, axes, true);
  const elements = map(device, { op, key: `normalise ${key}`, shape, inputs, body });
  const sum = reduceAxes(device, "sum", elements, shape, axes, op);
  device.free(elements);
  const share = 1 / axes.reduce((n, axis) => n * shape[axis]!, 1);
  const x = stretched({ handle: sum, shape: kept, dtype: "float32" }, kept);
  const handle = map(device, { op, key: "scale", shape: kept, inputs: { x, share }, body: "return x * share;" });
  device.free(sum);
  return { handle, shape: kept, dtype: "float32" } as const;
}

const forward =
  (
    device: Device,
    op: string,
  ): FusedKernel<readonly [x: GpuOperand, weight: GpuOperand | null, bias: GpuOperand | null], NormAttrs> =>
  ([x, weight, bias], { axes, affine, eps }) => {
    const { shape } = x;
    if (isEmpty(shape)) return null;
    const read = (t: GpuOperand): Source | number => stretched(t, shape);
    const parameter = (t: GpuOperand | null, missing: number): Source | number =>
      t === null ? missing : read(shaped(t, affine));
    const mu = mean(device, op, "mean", shape, axes, { x: read(x) }, "return x;");
    const sigma2 = mean(
      device,
      op,
      "variance",
      shape,
      axes,
      { x: read(x), mu: read(mu) },
      "const d = x - mu;\nreturn d * d;",
    );
    const y = map(device, {
      op,
      key: "normalise",
      shape,
      inputs: {
        x: read(x),
        mu: read(mu),
        sigma2: read(sigma2),
        w: parameter(weight, 1),
        b: parameter(bias, 0),
        eps,
      },
      body: "return (x - mu) / Math.sqrt(sigma2 + eps) * w + b;",
    });
    return [y, mu.handle, sigma2.handle];
  };

const gradient =
  (
    device: Device,
    op: string,
  ): FusedKernel<
    readonly [g: GpuOperand, x: GpuOperand, weight: GpuOperand | null, mean: GpuOperand, variance: GpuOperand],
    NormGradAttrs
  > =>
  ([g, x, weight, mu, sigma2], { axes, affine, eps, needs }) => {
    const { shape } = x;
    if (isEmpty(shape)) return null;
    const read = (t: GpuOperand): Source | number => stretched(t, shape);
    const inputs = {
      g: read(g),
      x: read(x),
      w: weight === null ? 1 : read(shaped(weight, affine)),
      mu: read(mu),
      sigma2: read(sigma2),
      eps,
    };
    const hat = "const r = 1 / Math.sqrt(sigma2 + eps);\nconst hat = (x - mu) * r;\n";
    const inputGrad = (): GpuArray => {
      const slope = mean(device, op, "gradient", shape, axes, { g: inputs.g, w: inputs.w }, "return g * w;");
      const dot = mean(device, op, "dot", shape, axes, inputs, `${hat}return g * w * hat;`);
      const dx = map(device, {
        op,
        key: "normalise backwards",
        shape,
        inputs: { ...inputs, slope: read(slope), dot: read(dot) },
        body: `${hat}return r * (g * w - slope - hat * dot);`,
      });
      device.free(slope.handle);
      device.free(dot.handle);
      return dx;
    };
    // What weight and bias were stretched along is summed over.
    const lead = shape.length - affine.length;
    const stretchedAxes = shape.flatMap((size, i) => (i < lead || affine[i - lead] !== size ? [i] : []));
    const weightGrad = (): GpuArray => {
      const { x, g, mu, sigma2 } = inputs;
      const parts = map(device, {
        op,
        key: "normalise weight",
        shape,
        inputs: { x, g, mu, sigma2, eps },
        body: `${hat}return g * hat;`,
      });
      const sum = reduceAxes(device, "sum", parts, shape, stretchedAxes, op);
      device.free(parts);
      return sum;
    };
    const biasGrad = (): GpuArray => reduceAxes(device, "sum", g.handle, shape, stretchedAxes, op);
    return [inputGrad, weightGrad, biasGrad].flatMap((make, i) => (needs[i] ? [make()] : []));
  };
