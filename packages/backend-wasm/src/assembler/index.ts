export { atomicI32, atomicI64 } from "./atomic.ts";
export { FunctionBuilder, type Target, type Var } from "./function.ts";
export { type FunctionRef, ModuleBuilder } from "./module.ts";
export { F32, F64, I32, I64, i32, Value, type ValueType } from "./scalar.ts";
export { F32x4, F64x2, I8x16, I16x8, I32x4, type Lanes } from "./simd.ts";
