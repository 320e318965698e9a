import { defineConfig } from "vite";
import { mnistFiles } from "./mnist-files.ts";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [mnistFiles()],
  // Isolated from other pages, so that threads may share memory.
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
});
