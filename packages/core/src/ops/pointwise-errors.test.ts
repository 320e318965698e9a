import { cpu } from "@descent/backend-cpu";
import {
  addcdiv,
  celu,
  clamp,
  div,
  glu,
  hardtanh,
  isclose,
  lerp,
  ones,
  positive,
  prelu,
  setBackend,
  softshrink,
  tensor,
  zeros,
} from "@descent/core";
import { beforeAll, expect, test } from "vitest";

beforeAll(() => setBackend(cpu()));

const ints = zeros([2], { dtype: "int32", backend: cpu() });

test.each<[call: () => unknown, message: string]>([
  [() => clamp(ones([2])), "clamp: neither min nor max is given"],
  [
    () => div(ones([2]), 2, { roundingMode: "up" as "floor" }),
    'div: unknown roundingMode "up"; use one of trunc, floor',
  ],
  [() => positive(tensor([true])), 'positive: bool has no arithmetic; convert it with .to("int32") or .to("float32")'],
  [() => lerp(ints, ints, 0.5), 'lerp: expected a floating dtype, got int32; convert it with .to("float32")'],
  [
    () => addcdiv(ones([2]), ints, ints),
    'addcdiv: integers are not divided: int32 and int32; convert with .to("float32")',
  ],
  [() => isclose(ones([2]), ones([2]), { rtol: -1 }), "isclose: rtol must not be negative, got -1"],
  [() => isclose(ones([2]), ones([2]), { atol: Number.NaN }), "isclose: atol must not be negative, got NaN"],
  [() => hardtanh(ones([2]), { minVal: 2 }), "hardtanh: minVal 2 is greater than maxVal 1"],
  [() => softshrink(ones([2]), { lambd: -1 }), "softshrink: lambd must not be negative, got -1"],
  [() => celu(ones([2]), { alpha: 0 }), "celu: alpha must not be 0"],
  [() => prelu(ones([2]), ones([1, 1])), "prelu: weights [1,1] for 1 channels of [2]; give each channel one"],
  [() => prelu(ones([3]), ones([3])), "prelu: weights [3] for 1 channels of [3]; give each channel one"],
  [() => glu(ones([2, 3])), "glu: axis 1 of [2,3] cannot be halved; its size must be even"],
  [() => glu(tensor(1)), "glu: axis -1 does not exist in a tensor of rank 0"],
])("%s", (call, message) => {
  expect(call).toThrow(message);
});
