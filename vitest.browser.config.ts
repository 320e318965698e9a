import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { launchOptions } from "./scripts/chromium.ts";

/** The tests of the fast backend and of shaders in a browser, and those of a page that a browser shows. */
export default defineConfig({
  test: {
    projects: [
      {
        define: { "process.env.FC_SEED": process.env.FC_SEED ?? "undefined" },
        // Isolated from other pages, so that threads may share memory.
        server: {
          headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
        },
        test: {
          name: "in the browser",
          include: ["packages/backend-wasm/src/**/*.test.ts", "packages/backend-gpu/src/**/*.browser.test.ts"],
          exclude: ["**/node_modules/**", "**/process.test.ts", "**/*.slow.test.ts"], // the second starts processes
          setupFiles: ["packages/testing/src/setup.ts"],
          testTimeout: 30_000, // for machines that are busy with something else
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        test: {
          name: "pages",
          include: ["examples/**/*.browser.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
