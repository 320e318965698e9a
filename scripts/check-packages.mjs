// Do the packages work for those who install them? Builds and packs them, lints the tarballs, then uses them in an empty project.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = `
import { nn, optim, tensor } from "descent";
import { LSTMOptimizer } from "descent/learned";
import { logUniform } from "descent/population";
import { booth } from "descent/test-functions";

const x = tensor([[1], [2], [3]]);
const model = new nn.Linear(1, 1);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
const losses = Array.from({ length: 20 }, () => {
  const error = model.call(x).sub(x.mul(2));
  const loss = error.mul(error).mean();
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
});
const learned = new LSTMOptimizer(model.parameters());
model.call(x).square().mean().backward();
const before = model.weight.item();
learned.step();
if (model.weight.item() === before) throw new Error("LSTMOptimizer");
if (!logUniform(1e-4, 1).expected) throw new Error("logUniform");
if (booth.f(tensor([1, 3])).item() !== 0) throw new Error("booth");
if (!(losses[19]! < losses[0]!)) throw new Error(\`did not learn: \${losses}\`);
`;

/** What `@descent/backend-gpu` adds, in the mode that needs no GPU. */
const GPU_PROGRAM = `
import { gpu } from "@descent/backend-gpu";
import { setBackend, tensor } from "descent";

setBackend(await gpu({ mode: "cpu" }));
const y = await tensor([1, 2]).add(tensor([3, 4])).data();
if (y.join() !== "4,6") throw new Error(\`wrong: \${y}\`);
`;

const root = fileURLToPath(new URL("..", import.meta.url));
const manifest = (...path) => JSON.parse(readFileSync(join(root, ...path, "package.json"), "utf8"));
const { packageManager } = manifest();
const folders = readdirSync(join(root, "packages")).filter((name) => !manifest("packages", name).private);
const project = mkdtempSync(join(tmpdir(), "descent-packages-"));
process.env.PATH = join(root, "node_modules", ".bin") + delimiter + process.env.PATH;

function run(cwd, command, ...args) {
  console.log(`$ ${command} ${args.join(" ")}`);
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) throw new Error(`failed in ${cwd}: ${command} ${args.join(" ")}`);
}

function runProgram(text) {
  writeFileSync(join(project, "program.ts"), text);
  run(project, "tsc", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "", "program.ts");
  run(project, "node", "program.js");
}

try {
  // A file deleted from src must not live on in dist.
  for (const name of folders) rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true });
  run(root, "tsc", "-b", "tsconfig.build.json");

  const pack = ["-y", packageManager, "pack", "--pack-destination", project];
  for (const name of folders) run(join(root, "packages", name), "npx", ...pack);
  const tarballs = readdirSync(project).map((file) => `./${file}`);
  for (const tarball of tarballs) {
    run(project, "publint", "run", tarball, "--strict");
    run(project, "attw", tarball, "--profile", "esm-only", "--no-summary");
  }

  // As the README of backend-gpu says: gpu.js's own webgpu is unusable, and gl, which is optional, compiles.
  const overrides = { "gpu.js": { webgpu: manifest("packages", "backend-gpu", "node_modules", "webgpu").version } };
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", overrides }));
  const install = ["install", "--no-audit", "--no-fund", "--omit=optional"];
  const isGpu = (file) => file.includes("backend-gpu");

  run(project, "npm", ...install, ...tarballs.filter((file) => !isGpu(file)));
  runProgram(PROGRAM);
  const native = readdirSync(join(project, "node_modules"), { recursive: true }).filter((file) =>
    /\.node$|binding\.gyp$/.test(file),
  );
  if (native.length > 0) throw new Error(`installing descent brings native code: ${native}`);

  run(project, "npm", ...install, ...tarballs.filter(isGpu));
  runProgram(GPU_PROGRAM);
} finally {
  rmSync(project, { recursive: true });
}
