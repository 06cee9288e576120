// Runs tests that were built for wasm32-wasip1 under Node.js: what `make test-node` has cargo call, with the module and the arguments of
// its test harness. Of a proxy there is no more than what a module must find to be loaded.
import { readFile } from "node:fs/promises";
import process from "node:process";
import { WASI } from "node:wasi";

const [file, ...rest] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  // What a test prints is shown as it comes: a panic ends the module, and the harness could not show it afterwards.
  args: [file, "--nocapture", ...rest],
  env: process.env,
  // No directory: no test reads a file. (proptest, which looks for cases that failed before, says of each property that it cannot.)
});
const module = await WebAssembly.compile(await readFile(file));
const absent = (name) => () => {
  throw new Error(`${name}: there is no proxy`);
};
const asked = WebAssembly.Module.imports(module).filter((entry) => entry.module === "env");
const env = Object.fromEntries(asked.map(({ name }) => [name, absent(name)]));
const { exports } = await WebAssembly.instantiate(module, { env, wasi_snapshot_preview1: wasi.wasiImport });
try {
  // Node takes a module that also has `_initialize`, which is for the proxy, for a mistake.
  process.exitCode = wasi.start({ exports: { memory: exports.memory, _start: exports._start } });
} catch (error) {
  console.error(`\n${error.stack}\n\nthe test that was named last has failed, and those behind it were not run`);
  process.exitCode = 101;
}
