// Node's types are not used here: the package also runs in browsers.

interface NodeHost {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
}

interface NodeV8 {
  setFlagsFromString(flags: string): void;
}

interface NodeVm {
  runInNewContext(code: string): () => void;
}

/** What collects garbage on request: Node can, browsers cannot. */
export function garbageCollector(): (() => void) | null {
  const builtin = (globalThis as NodeHost).process?.getBuiltinModule;
  if (builtin === undefined) return null;
  const [v8, vm] = [builtin("node:v8") as NodeV8, builtin("node:vm") as NodeVm];
  let collect: (() => void) | null = null;
  return () => {
    if (collect === null) {
      v8.setFlagsFromString("--expose-gc");
      collect = vm.runInNewContext("gc");
      v8.setFlagsFromString("--no-expose-gc");
    }
    collect();
  };
}
