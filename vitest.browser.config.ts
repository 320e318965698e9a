import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { mnistFiles } from "./examples/browser/mnist-files.ts";

const { CHROMIUM, FC_SEED } = process.env;

/** Shaders are computed in software where there is no GPU. */
const SHADERS = [
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
];

/** The tests of the fast backend, and shaders, in the browser that scripts/browser-tests.mjs has found. */
export default defineConfig({
  plugins: [mnistFiles()],
  define: { "process.env.FC_SEED": FC_SEED ?? "undefined" },
  // Isolated from other pages, so that threads may share memory.
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  test: {
    include: [
      "packages/backend-wasm/src/**/*.test.ts",
      "packages/backend-gpu/src/**/*.browser.test.ts",
      "examples/**/*.browser.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/process.test.ts", "**/*.slow.test.ts"], // the second starts processes
    setupFiles: ["packages/testing/src/setup.ts"],
    testTimeout: 30_000, // for machines that are busy with something else
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
          args: ["--no-sandbox", ...SHADERS],
        },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});
