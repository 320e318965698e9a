import { add, mul, type Tensor } from "@descent/core";

/** The mean of tensors of one shape. */
export const meanOf = (xs: readonly Tensor[]): Tensor =>
  mul(
    xs.reduce((sum, x) => add(sum, x)),
    1 / xs.length,
  );
