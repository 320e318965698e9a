// descent as a contender: main.ts THREADS [BACKEND]
import { readFileSync } from "node:fs";
import { manualSeed } from "descent";
import { serve } from "../protocol/serve.ts";
import { useBackend } from "./backends.ts";
import { make } from "./tasks.ts";

const [threads = "1", backend = null] = process.argv.slice(2);
const manifest = new URL("../../packages/descent/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };

manualSeed(0);
const { name } = await useBackend(backend, Number(threads));
await serve(
  {
    library: `descent ${version}`,
    runtime: `backend ${name}, Node ${process.versions.node}`,
    threads: name === "cpu" ? 1 : Number(threads),
  },
  make,
);
