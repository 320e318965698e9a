// Lets Node run TypeScript as the compiler would emit it. The loader `tsx`, which runs everything else, wraps every function that has a name in a
// call that keeps it, and so takes a tenth off the speed of small ops; published packages do not.
import { register } from "node:module";

register("./typescript-hooks.mjs", import.meta.url);
