import type { Algorithm } from "./algorithm.ts";
import { forward } from "./forward.ts";
import { inputGrad } from "./input-grad.ts";
import { weightGrad } from "./weight-grad.ts";

/** Products of weights and columns (im2col): suits every convolution. */
export const columnProducts: Algorithm = {
  suits: () => true,
  conv2d: forward,
  conv2dInputGrad: inputGrad,
  conv2dWeightGrad: weightGrad,
};
