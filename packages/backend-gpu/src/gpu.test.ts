import { describeBackend } from "@descent/testing";
import { gpu } from "./index.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

await provideWebGpu();

describeBackend("gpu (webgpu)", () => gpu({ mode: "webgpu" }), {
  tolerance: 1e-5,
  draws: 4,
  maxInt: 2 ** 24 - 1,
  skip: [
    { test: "edge: division of int32, rounded", reason: "int32 is exact up to 2^24" },
    { test: "edge: int32 wraps around", reason: "int32 is exact up to 2^24" },
    ...["relu", "abs", "sign"].map((fn) => ({
      test: `golden: edges ${fn}(a: [8])`,
      reason: "devices take the smallest numbers for zero",
    })),
  ],
});
