import { type Backend, type Buffer, type DType, DTypeError, isFloat, type Parameter } from "@descent/core";

/** Moves variables to a backend, or converts the floating ones to a floating dtype: all of them or, where it throws, none. */
export function relocate(variables: Iterable<Parameter | Buffer>, target: Backend | DType): void {
  const isDType = typeof target === "string";
  if (isDType && !isFloat(target))
    throw new DTypeError("Module.to", `parameters cannot become ${target}`, "use float32 or float64");
  const moves = [...variables].filter(({ dtype, backend }) =>
    isDType ? isFloat(dtype) && dtype !== target : backend !== target,
  );
  for (const { backend, dtype } of moves) {
    const [home, kind] = isDType ? [backend, target] : [target, dtype];
    if (!home.dtypes.includes(kind))
      throw new DTypeError(
        "Module.to",
        `backend "${home.name}" has no ${kind}`,
        `use one of ${home.dtypes.join(", ")}`,
      );
  }
  for (const variable of moves) variable.relocate(target);
}
