import { describeBackend } from "@descent/testing";
import { gpu } from "./index.ts";
import { CONFORMANCE } from "./testing/deviations.ts";

describeBackend("gpu (webgpu) in a browser", () => gpu({ mode: "webgpu" }), {
  ...CONFORMANCE,
  draws: 4,
  report: true,
});

describeBackend("gpu (webgl2) in a browser", () => gpu({ mode: "webgl2" }), {
  ...CONFORMANCE,
  draws: 4,
  report: true,
  skip: [...CONFORMANCE.skip, { test: "storage: fill", reason: "−0 arrives at a shader as 0" }],
});
