import { defineConfig } from "vitest/config";

/** Tests that take minutes: part of `.ci/run`, not of `npm test`. One after the other, because they watch the process's memory. */
export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.slow.test.ts"],
    setupFiles: ["packages/testing/src/setup.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 600_000,
  },
});
