// Runs a command of the workspace on a machine that may have nothing but Node and npm: `node scripts/bootstrap.mjs vitest run`.
// Dependencies are installed first, once per lockfile.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(join(root, file), "utf8");
const { engines, packageManager } = JSON.parse(read("package.json"));
const shell = process.platform === "win32"; // npx and the commands are .cmd files there

function fail(message) {
  console.error(`bootstrap: ${message}`);
  process.exit(1);
}

function checkNode() {
  const number = (version) => version.split(".").reduce((sum, part, i) => sum + Number(part) / 1000 ** i, 0);
  const wanted = engines.node.replace(">=", "");
  if (number(process.versions.node) < number(wanted))
    fail(`Node ${wanted} or newer is needed, this is Node ${process.versions.node}`);
}

function installOnce() {
  const stamp = join(root, "node_modules", ".lockfile-hash"); // inside, so that deleting node_modules deletes it too
  const hash = createHash("sha256").update(packageManager).update(read("pnpm-lock.yaml")).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;

  console.error(`bootstrap: installing dependencies with ${packageManager} (first run, or the lockfile has changed)`);
  const args = ["-y", packageManager, "install", "--frozen-lockfile"];
  // Its output goes to stderr: stdout belongs to the command.
  const { status } = spawnSync("npx", args, { cwd: root, stdio: ["inherit", 2, "inherit"], shell });
  if (status !== 0)
    fail(
      "the installation failed, see above. It needs the npm registry: check the network, or the proxy and registry of npm.",
    );
  writeFileSync(stamp, hash);
}

function run([command, ...args]) {
  process.env.PATH = join(root, "node_modules", ".bin") + delimiter + process.env.PATH;
  const child = spawn(command, args, { stdio: "inherit", shell });
  process.on("SIGINT", () => {}); // Ctrl-C reaches the child too; this process waits to pass on how it ended
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => fail(`cannot run ${command}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

checkNode();
installOnce();
run(process.argv.slice(2));
