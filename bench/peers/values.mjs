// What tasks are fed with: the same for every contender that JavaScript runs, values of no consequence.

export const sizeOf = (shape) => shape.reduce((size, n) => size * n, 1);

/** Numbers between −scale and scale. */
export const random = (size, scale = 1) => Float32Array.from({ length: size }, () => scale * (2 * Math.random() - 1));

/** A weight that keeps activations in bounds, as the layers of descent and PyTorch begin. */
export const weight = (shape, fanIn) => random(sizeOf(shape), 1 / Math.sqrt(fanIn));

export const classes = (n, count) => Int32Array.from({ length: n }, (_, i) => (7 * i) % count);

/** Classes as rows with a single one. */
export function oneHot(n, count) {
  const rows = new Float32Array(n * count);
  classes(n, count).forEach((c, i) => {
    rows[i * count + c] = 1;
  });
  return rows;
}
