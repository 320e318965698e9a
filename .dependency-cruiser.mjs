// Who may import whom at run time. Type-only imports are free: they are erased before this looks.
import { readdirSync } from "node:fs";

/** Packages, and the packages each may import. */
const ARROWS = {
  core: [],
  "backend-cpu": ["core"],
  "backend-wasm": ["core", "backend-cpu"],
  "backend-gpu": ["core"],
  nn: ["core"],
  optim: ["core"],
  data: ["core"],
  descent: ["core", "backend-cpu", "backend-wasm", "nn", "optim", "data"],
  testing: ["core", "backend-cpu", "nn", "optim"],
};
/** Packages that promise to run anywhere and to depend on nothing but the packages above. */
const PURE = ["core", "backend-cpu", "backend-wasm", "nn", "optim"];

/** Files (and folders) of core: each imports only from its left. What is behind the index is an entry of its own, which it cannot reach. */
const CORE_ORDER = `
  errors dtype shape threefry backend format display memory addresses pager tape tensor anomaly apply op ops walk backward transforms random methods parameter autograd index safetensors-format safetensors
`.match(/\S+/g);

const CORE = "packages/core/src";
const TESTS = String.raw`(\.test\.ts$|/src/testing/)`; // and what tests share
const anyOf = (names) => `(${names.join("|")})`;
const coreFile = (names) => String.raw`^${CORE}/${anyOf(names)}(\.ts$|/)`;

for (const entry of readdirSync(new URL(CORE, import.meta.url)))
  if (!entry.endsWith(".test.ts") && !CORE_ORDER.includes(entry.replace(/\.ts$/, "")))
    throw new Error(`${CORE}/${entry} has no place in CORE_ORDER (.dependency-cruiser.mjs)`);

const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

export default {
  forbidden: [
    forbid("resolvable", "Every import resolves.", {}, { couldNotResolve: true }),
    forbid("no-cycles", "No cycles between files at run time.", {}, { circular: true }),
    forbid(
      "public-entrances",
      "Another package is entered through what its `exports` name.",
      { path: "^packages/([^/]+)/", pathNot: TESTS },
      {
        path: "^packages/",
        pathNot: [
          "^packages/$1/",
          String.raw`^packages/[^/]+/src/(index|methods|safetensors|(test-functions|learned|population)/index)\.ts$`,
        ],
      },
    ),
    forbid(
      "pure",
      "These packages use neither dependencies nor Node's modules.",
      { path: `^packages/${anyOf(PURE)}/`, pathNot: TESTS },
      { pathNot: "^packages/" },
    ),
    ...Object.entries(ARROWS).map(([from, to]) =>
      forbid(
        `arrows-of-${from}`,
        `packages/${from} → ${to.join(", ") || "nothing"} (DESIGN: packages).`,
        { path: `^packages/${from}/`, pathNot: TESTS },
        { path: "^(packages|examples|bench)/", pathNot: `^packages/${anyOf([from, ...to])}/` },
      ),
    ),
    forbid(
      "arrows-of-examples",
      "Programs use what people install.",
      { path: "^examples/", pathNot: TESTS },
      { path: "^packages/", pathNot: "^packages/(descent|backend-gpu)/" },
    ),
    ...CORE_ORDER.slice(0, -1).map((name, i) =>
      forbid(
        `core-order-${name}`,
        `In core, a file imports only from its left: ${CORE_ORDER.join(" · ")}.`,
        { path: coreFile([name]), pathNot: TESTS },
        { path: coreFile(CORE_ORDER.slice(i + 1)) },
      ),
    ),
    forbid(
      "core-index-without-methods",
      "Who uses plain functions only bundles no methods.",
      { path: coreFile(["index"]) },
      { path: coreFile(["methods"]), reachable: true },
    ),
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: false,
    doNotFollow: "node_modules",
    exclude: "/dist/",
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
