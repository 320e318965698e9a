// Runs the tests of the fast backend, and shaders, in headless Chromium: $CHROMIUM, or the first that is installed. None is ever downloaded.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const places = process.env.PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));

const isExecutable = (file) => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const CHROMIUM = process.env.CHROMIUM ?? places.find(isExecutable);
if (CHROMIUM === undefined) {
  console.log(
    `skipped: no browser is installed (looked for ${NAMES.join(", ")} on the PATH; CHROMIUM=… names another)`,
  );
  process.exit(0);
}
const args = ["run", "--config", "vitest.browser.config.ts", ...process.argv.slice(2)];
process.exit(spawnSync("vitest", args, { stdio: "inherit", env: { ...process.env, CHROMIUM } }).status ?? 1);
