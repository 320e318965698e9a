import { type Geometry, ONE_TO_ONE, resultPixels } from "./geometry.ts";

// A frame is a plane with zeros for its padding, cut into one plane for each column modulo the stride, so that a tap of the kernel sees
// neighbours from neighbouring positions. It is the columns of a kernel [1, stride] at stride [1, stride].

/** The geometry whose columns are the frame of a plane of the image. */
export function frameOf({ image, kernel, positions, stride, padding, dilation }: Geometry): Geometry {
  const rows = (positions[0] - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1;
  const columns = positions[1] + Math.floor(((kernel[1] - 1) * dilation[1]) / stride[1]);
  const across = [1, stride[1]] as const;
  return { ...ONE_PLANE, image, padding, kernel: across, stride: across, positions: [rows, columns] };
}

/** The geometry whose columns are the frame of a plane of the result, in which the taps look back. */
export function resultFrameOf({ image, kernel, positions, stride, padding, dilation }: Geometry): Geometry {
  const along = (axis: 0 | 1) => {
    const before = Math.floor(((kernel[axis] - 1) * dilation[axis]) / stride[axis]);
    return { before, size: Math.floor((image[axis] - 1 + padding[axis]) / stride[axis]) + before + 1 };
  };
  const [down, across] = [along(0), along(1)];
  return {
    ...ONE_PLANE,
    image: positions,
    padding: [down.before, across.before],
    positions: [down.size, across.size],
  };
}

/** Of one plane, without a gap or a change of place. */
export const ONE_PLANE = { ...ONE_TO_ONE, channels: 1, outputs: 1, groups: 1, dilation: [1, 1] } as const;

/** Floats of a frame. */
export const frameFloats = (frame: Geometry): number => frame.kernel[1] * resultPixels(frame);

/** Where a tap of the kernel looks in the frame of the image, in floats from where the first one does. */
export function tapOffset(g: Geometry, frame: Geometry, tap: number): number {
  const [rows, columns] = frame.positions;
  const row = Math.floor(tap / g.kernel[1]) * g.dilation[0];
  const column = (tap % g.kernel[1]) * g.dilation[1];
  return ((column % g.stride[1]) * rows + row) * columns + Math.floor(column / g.stride[1]);
}
