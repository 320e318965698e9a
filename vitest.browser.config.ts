import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const { CHROMIUM, FC_SEED } = process.env;

/** The tests of the fast backend, in the browser that scripts/browser-tests.mjs has found. */
export default defineConfig({
  define: { "process.env.FC_SEED": FC_SEED ?? "undefined" },
  // Isolated from other pages, so that threads may share memory.
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  test: {
    include: ["packages/backend-wasm/src/**/*.test.ts"],
    exclude: ["**/process.test.ts", "**/*.slow.test.ts"], // the first starts processes
    setupFiles: ["packages/testing/src/setup.ts"],
    testTimeout: 30_000, // for machines that are busy with something else
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: { ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }), args: ["--no-sandbox"] },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});
