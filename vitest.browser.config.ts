import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

// The same tests in a browser that is already there: none is downloaded.
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig({
  define: { "process.env.FC_SEED": process.env.FC_SEED ?? "undefined" },
  // Isolated from other pages, so that threads may share memory.
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  test: {
    include: ["packages/backend-wasm/src/**/*.test.ts"],
    exclude: ["**/process.test.ts"], // starts processes
    setupFiles: ["packages/testing/src/setup.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath, args: ["--no-sandbox"] } }),
      instances: [{ browser: "chromium" }],
    },
  },
});
