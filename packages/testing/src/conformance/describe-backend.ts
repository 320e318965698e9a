import { cpu } from "@descent/backend-cpu";
import type { Backend } from "@descent/core";
import { afterAll, describe } from "vitest";
import { edgeConformance } from "./edges.ts";
import { familyConformance } from "./families.ts";
import { fusedConformance } from "./fused.ts";
import { goldenConformance } from "./golden.ts";
import { goldenModuleConformance } from "./golden-modules.ts";
import { indexConformance } from "./indices.ts";
import { opConformance } from "./ops.ts";
import { optimizerConformance } from "./optimizers.ts";
import { storageConformance } from "./storage.ts";
import { type ConformanceOptions, Suite } from "./suite.ts";

/** Runs what every backend has to pass, on one instance that `make` makes, and compares with the reference backend. */
export function describeBackend(
  name: string,
  make: () => Backend | Promise<Backend>,
  options: ConformanceOptions,
): void {
  describe(`${name} conforms`, async () => {
    const backend = await make();
    const suite = new Suite(backend, { ...cpu(), dtypes: backend.dtypes }, options);
    storageConformance(suite);
    familyConformance(suite);
    indexConformance(suite);
    opConformance(suite);
    fusedConformance(suite);
    edgeConformance(suite);
    goldenConformance(suite);
    goldenModuleConformance(suite);
    optimizerConformance(suite);
    suite.end();
    if (options.report) afterAll(() => console.log(suite.report()));
  });
}
