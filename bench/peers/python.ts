import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { Missing } from "./install.ts";

const HOW = `Make one that can:
  python3 -m venv ~/torch
  ~/torch/bin/pip install torch==2.15.0
  npm run bench -- --against torch --python ~/torch/bin/python`;

/** The Python that was named, or else `DESCENT_BENCH_PYTHON`, or else the first `python3` on the path that can import torch. */
export function pythonWithTorch(named: string | null): string {
  const chosen = named ?? process.env.DESCENT_BENCH_PYTHON;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = chosen === undefined ? folders.map((folder) => join(folder, "python3")) : [chosen];
  const found = candidates.find(importsTorch);
  if (found === undefined)
    throw new Missing(
      `${chosen === undefined ? "no python3 on the path can" : `${chosen} cannot`} import torch.\n${HOW}`,
    );
  return found;
}

const importsTorch = (python: string): boolean =>
  spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0;
