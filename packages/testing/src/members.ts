import type { Backend } from "@descent/core";

/** What every backend has. */
export type Member = Exclude<keyof Backend, "fused">;

// The compiler asks for every member that a backend gets.
const MEMBERS: Record<Member, true> = {
  name: true,
  dtypes: true,
  synchronous: true,
  upload: true,
  download: true,
  read: true,
  free: true,
  fill: true,
  cast: true,
  unary: true,
  binary: true,
  select: true,
  reduce: true,
  argReduce: true,
  matmul: true,
  gatherView: true,
  scatterView: true,
  take: true,
  put: true,
  sort: true,
  scan: true,
  concat: true,
};

type Method = (...args: never[]) => unknown;

/** The same device with other methods, and without fused kernels. Its methods are bound: a backend may have private fields. */
function rebuilt<H>(backend: Backend<H>, method: (name: Member, bound: Method) => Method): Backend<H> {
  const parts: Record<string, unknown> = {};
  for (const name of Object.keys(MEMBERS) as Member[]) {
    const member: unknown = backend[name];
    parts[name] = typeof member === "function" ? method(name, member.bind(backend)) : member;
  }
  return parts as unknown as Backend<H>;
}

/**
 * The same device without its fused kernels, so that every composite is decomposed. It shares memory with `backend` but is another
 * instance: their tensors do not mix.
 */
export const withoutFused = <H>(backend: Backend<H>): Backend<H> => rebuilt(backend, (_, method) => method);

/** The same device, where something happens before every call but `free`. */
export const withBefore = <H>(backend: Backend<H>, before: () => void): Backend<H> =>
  rebuilt(backend, (name, method) =>
    name === "free"
      ? method
      : (...args) => {
          before();
          return method(...args);
        },
  );
