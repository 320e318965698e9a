import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "examples/**/*.test.ts", "bench/**/*.test.ts", "docs/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.slow.test.ts", "**/*.browser.test.ts"], // vitest.slow.config.ts, vitest.browser.config.ts
    setupFiles: ["packages/testing/src/setup.ts"],
    maxWorkers: "100%", // of the cores: the default leaves one idle, which is half of a small machine
    testTimeout: 30_000, // for machines that are busy with something else
  },
});
