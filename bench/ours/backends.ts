import { type Backend, cpu, getBackend, setBackend, wasm } from "descent";

/** The backends that `--backend` names, made for so many threads. */
export const BACKENDS: Readonly<Record<string, (threads: number) => Backend | Promise<Backend>>> = {
  wasm: (threads) => wasm({ threads }),
  cpu: () => cpu(),
};

/** Makes the named backend the current one; `null` stands for the one that `descent` chooses, made anew for so many threads. */
export async function useBackend(name: string | null, threads: number): Promise<Backend> {
  const backend = await BACKENDS[name ?? getBackend().name]!(threads);
  setBackend(backend);
  return backend;
}
