import type { Member } from "../members.ts";
import { binary, cast, select, unary } from "./families/elementwise.ts";
import { concat, gatherView, put, scatterView, take } from "./families/movement.ts";
import { argReduce, matmul, reduce, scan, sort } from "./families/reduce.ts";
import type { Suite } from "./suite.ts";

/** What storage.ts tests. */
type Storage = "name" | "dtypes" | "synchronous" | "upload" | "download" | "read" | "free" | "fill";

// The compiler asks for every family that a backend gets, and each family for every word of its vocabulary.
const FAMILIES: Record<Exclude<Member, Storage>, (suite: Suite) => void> = {
  cast,
  unary,
  binary,
  select,
  reduce,
  argReduce,
  matmul,
  gatherView,
  scatterView,
  take,
  put,
  sort,
  scan,
  concat,
};

/** Every kernel family, called directly, on every dtype that the backend declares: what the reference gives. */
export function familyConformance(suite: Suite): void {
  for (const test of Object.values(FAMILIES)) test(suite);
}
