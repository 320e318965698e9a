import { type Geometry, resultPixels } from "./geometry.ts";

// A frame is a plane with zeros for its padding, cut into one plane for each column modulo the stride, so that a tap of the kernel sees
// neighbours from neighbouring positions. It is the columns of a kernel [1, stride] at stride [1, stride].

/** The geometry whose columns are the frame of a plane of the image. */
export function frameOf({ image, kernel, positions, stride, padding, dilation }: Geometry): Geometry {
  const rows = (positions[0] - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1;
  const columns = positions[1] + Math.floor(((kernel[1] - 1) * dilation[1]) / stride[1]);
  return {
    ...ONE_PLANE,
    image,
    padding,
    kernel: [1, stride[1]],
    stride: [1, stride[1]],
    positions: [rows, columns],
  };
}

/** The geometry whose columns are the frame of a plane of the result, in which the taps look back. */
export function resultFrameOf({ image, kernel, positions, stride, padding, dilation }: Geometry): Geometry {
  const before = ([0, 1] as const).map((axis) => Math.floor(((kernel[axis] - 1) * dilation[axis]) / stride[axis]));
  const [rows, columns] = ([0, 1] as const).map(
    (axis) => Math.floor((image[axis] - 1 + padding[axis]) / stride[axis]) + before[axis]! + 1,
  );
  return {
    ...ONE_PLANE,
    image: positions,
    padding: [before[0]!, before[1]!],
    kernel: [1, 1],
    stride: [1, 1],
    positions: [rows!, columns!],
  };
}

const ONE_PLANE = { channels: 1, outputs: 1, groups: 1, dilation: [1, 1] } as const;

/** Floats of a frame. */
export const frameFloats = (frame: Geometry): number => frame.kernel[1] * resultPixels(frame);

/** Where an element of the kernel looks in the frame of the image, in floats from where the element 0 does. */
export function tapOffset(g: Geometry, frame: Geometry, i: number, j: number): number {
  const [rows, columns] = frame.positions;
  const column = j * g.dilation[1];
  const plane = column % g.stride[1];
  return (plane * rows + i * g.dilation[0]) * columns + Math.floor(column / g.stride[1]);
}
