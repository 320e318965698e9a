import type { ConformanceOptions } from "@descent/testing";

const RANGE = "int32 is exact up to 2^24";
const SMALLEST = "devices take the smallest numbers for zero";

/** What the GPU backend promises less of than others, and why. */
export const CONFORMANCE: ConformanceOptions & { readonly skip: NonNullable<ConformanceOptions["skip"]> } = {
  tolerance: 1e-5,
  maxInt: 2 ** 24 - 1,
  skip: [
    { test: "edge: division of int32, rounded", reason: RANGE },
    { test: "edge: int32 wraps around", reason: RANGE },
    { test: "golden: edges relu(a: [8])", reason: SMALLEST },
    { test: "golden: edges abs(a: [8])", reason: SMALLEST },
    { test: "golden: edges sign(a: [8])", reason: SMALLEST },
  ],
};
