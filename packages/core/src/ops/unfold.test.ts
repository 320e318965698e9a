import { cpu } from "@descent/backend-cpu";
import { arange, col2im, im2col, ones, setBackend } from "@descent/core";
import "@descent/core/methods";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

test("unfold lists the windows of an axis, and what fills none is left out", () => {
  fc.assert(
    fc.property(fc.nat(6), fc.nat(6), fc.integer({ min: 1, max: 4 }), (n, size, step) => {
      if (size > n) return;
      const x = arange(2 * n * 2).reshape([2, n, 2]);
      const y = x.unfold(1, size, step);
      const count = Math.floor((n - size) / step) + 1;
      expect(y.shape).toEqual([2, count, 2, size]);
      for (let i = 0; i < count; i++)
        expect(y.narrow(1, i, 1).squeeze(1).toArray()).toEqual(
          x
            .narrow(1, i * step, size)
            .transpose(1, 2)
            .toArray(),
        );
    }),
  );
});

const window = { kernel: [2, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 2] } as const;

test("im2col lists columns by channel and place in the kernel, col2im adds them up", () => {
  const x = arange(1, 1 + 2 * 3 * 6, 1, { dtype: "float32" }).reshape([1, 2, 3, 6]);
  const columns = im2col(x, window);
  expect(columns.shape).toEqual([1, 12, 4]);
  // The second row of the kernel, its last column, of the first channel.
  expect(columns.narrow(1, 5, 1).flatten().toArray()).toEqual([5, 6, 17, 18]);
  expect(columns.narrow(1, 0, 1).flatten().toArray()).toEqual([0, 0, 7, 8]);
  const seen = col2im(im2col(ones([1, 2, 3, 6]), window), [3, 6], window);
  expect(col2im(columns, [3, 6], window).toArray()).toEqual(x.mul(seen).toArray());
});

test("bad arguments", () => {
  const x = ones([2, 3]);
  expect(() => x.unfold(1, 4, 1)).toThrow(
    "unfold: windows of 4 elements, 1 apart, do not fit axis 1 of [2,3]; size must lie in 0 to 3, step must be positive",
  );
  expect(() => x.unfold(1, 2, 0)).toThrow("unfold: windows of 2 elements, 0 apart, do not fit axis 1 of [2,3]");
  expect(() => x.unfold(2, 1, 1)).toThrow("unfold: axis 2 does not exist in a tensor of rank 2");
  expect(() => im2col(ones([3, 4, 4]), window)).toThrow("unfold: expected 4 axes, got [3,4,4]; reshape() it");
  expect(() => col2im(ones([1, 12, 3]), [3, 6], window)).toThrow(
    "fold: expected columns [N,C·6,4] for an image [3,6], got [1,12,3]",
  );
  expect(() => col2im(ones([1, 12, 4]), [3, 4], window)).toThrow(
    "fold: the kernel [2,3] (dilation [1,2]) is larger than the image [3,4] with padding [1,0]",
  );
});
