import { describeBackend } from "@descent/testing";
import { gpu } from "./index.ts";
import { CONFORMANCE } from "./testing/deviations.ts";
import { provideWebGpu } from "./testing/webgpu.ts";

await provideWebGpu();

describeBackend("gpu (webgpu)", () => gpu({ mode: "webgpu" }), { ...CONFORMANCE, draws: 2 });
