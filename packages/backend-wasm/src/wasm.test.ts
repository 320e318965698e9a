import { describeBackend } from "@descent/testing";
import { wasm } from "./index.ts";

describeBackend("wasm", () => wasm({ threads: 1 }), { tolerance: 1e-6 });
