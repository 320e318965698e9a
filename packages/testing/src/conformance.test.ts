import { cpu } from "@descent/backend-cpu";
import { expect, test } from "vitest";
import { describeBackend } from "./conformance/describe-backend.ts";
import { type Skip, Suite } from "./conformance/suite.ts";
import { fusedBackend } from "./fused-backend.ts";
import { withBefore } from "./members.ts";
import { pagedBackend } from "./paged-backend.ts";

describeBackend("cpu", cpu, { tolerance: 0 });

describeBackend("a backend with fused kernels", fusedBackend, { tolerance: 1e-6 });

const BUDGET = 96 * 1024;
const paged = pagedBackend({ budget: BUDGET });
/** Needs the whole budget, so that everything else is moved to the host. */
const evictAll = (): void => paged.free(paged.fill(0, { shape: [BUDGET], dtype: "bool" }));

describeBackend("a paged backend on which every call evicts", () => withBefore(paged, evictAll), { tolerance: 0 });

test("on the paged backend every call did evict, and what left came back", () => {
  expect(paged.pager.stats.evictions).toBeGreaterThan(20_000);
  expect(paged.pager.stats.reloads).toBeGreaterThan(20_000);
  expect(paged.pager.stats.peak).toBeLessThanOrEqual(BUDGET);
});

describeBackend(
  "a backend that nobody can wait for",
  async () => ({
    ...cpu(),
    name: "later",
    synchronous: false,
    download: () => {
      throw new Error("download of a backend that computes asynchronously");
    },
  }),
  { tolerance: 0 },
);

describeBackend("a backend without float64", () => ({ ...cpu(), dtypes: ["bool", "int32", "float32"] }), {
  tolerance: 0,
});

test("a skip says why, and names a test that exists", () => {
  // @ts-expect-error the reason is missing
  const unexplained: Skip = { test: "op: clamp" };
  const suite = new Suite(cpu(), cpu(), {
    tolerance: 0,
    skip: [{ ...unexplained, test: "op: clmap", reason: "a slip" }],
  });
  expect(() => suite.end()).toThrow('skip: the conformance suite has no test "op: clmap"');
});
