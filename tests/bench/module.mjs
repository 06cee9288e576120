// A host for the module that does nothing: calls go through it under Node as they go through a proxy, and what they cost is the module's
// own code. `module.py` starts it, with the policy, the headers and the body in one file of JSON.
//
//     node module.mjs MODULE GIVEN CALLS
//
// Prints the microseconds of a call, the best of five rounds; where CALLS is 0, how often a call asks the host for each function.

import fs from "node:fs";

const [, , file, given, count] = process.argv;
const { policy, headers, body } = JSON.parse(fs.readFileSync(given, "utf8"));
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const OK = 0, NOT_FOUND = 1, CAS_MISMATCH = 8;
const REQUEST_BODY = 0, PLUGIN_CONFIGURATION = 7, REQUEST_HEADERS = 0;
const ROOT = 1;

/// The ABI's list of pairs: a count, the sizes of each name and value, then names and values, a NUL behind each.
function pairs(list) {
  const texts = list.map((pair) => pair.map((text) => encoder.encode(text)));
  const bytes = new Uint8Array(4 + texts.reduce((sum, [name, value]) => sum + 10 + name.length + value.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, texts.length, true);
  texts.flat().forEach((text, index) => view.setUint32(4 + 4 * index, text.length, true));
  let at = 4 + 8 * texts.length;
  for (const text of texts.flat()) {
    bytes.set(text, at);
    at += text.length + 1;
  }
  return bytes;
}

const configuration = encoder.encode(policy);
const head = pairs(headers);
const number = (value) => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
const properties = new Map([["plugin_name", encoder.encode("eventguard")], ["xds\0node\0id", encoder.encode("bench")], ["response\0code", number(200)]]);
const status = encoder.encode("200");
const shared = new Map();
let exports, memory, view, buffer, metrics = 0, calls = 0, changes = 0, refused = null, asked = {};
const sent = [];

/// The module's memory moves when it grows.
function seen() {
  if (!view || view.buffer !== memory.buffer) view = new DataView(memory.buffer);
  return view;
}
const bytes = (at, length) => new Uint8Array(memory.buffer, at, length);
const text = (at, length) => decoder.decode(bytes(at, length));

function give(value, data, size) {
  if (!value) return NOT_FOUND;
  const at = exports.proxy_on_memory_allocate(value.length);
  bytes(at, value.length).set(value);
  seen().setUint32(data, at, true);
  seen().setUint32(size, value.length, true);
  return OK;
}

const done = () => OK;
function clock(at) {
  seen().setBigUint64(at, BigInt(Date.now()) * 1_000_000n, true);
  return OK;
}

const host = {
  proxy_log(level, at, length) {
    if (level >= 3) console.error(text(at, length));
    return OK;
  },
  proxy_get_buffer_bytes(kind, start, max, data, size) {
    const value = { [REQUEST_BODY]: buffer, [PLUGIN_CONFIGURATION]: configuration }[kind];
    return give(value?.subarray(start, Math.min(value.length, start + max)), data, size);
  },
  proxy_get_header_map_pairs: (kind, data, size) => give(kind === REQUEST_HEADERS ? head : null, data, size),
  proxy_get_header_map_value: (_kind, name, length, data, size) => give(text(name, length) === ":status" ? status : null, data, size),
  proxy_get_property: (path, length, data, size) => give(properties.get(text(path, length)), data, size),
  proxy_send_local_response(code, details, length, answer, size) {
    refused = `${code} ${text(details, length)} ${text(answer, size)}`;
    return OK;
  },
  proxy_define_metric(kind, name, length, id) {
    seen().setUint32(id, ++metrics, true);
    return OK;
  },
  proxy_get_shared_data(key, length, data, size, cas) {
    const found = shared.get(text(key, length));
    if (found) seen().setUint32(cas, found.cas, true);
    return give(found?.value, data, size);
  },
  proxy_set_shared_data(key, length, value, size, cas) {
    const name = text(key, length), found = shared.get(name);
    if (found && cas !== 0 && found.cas !== cas) return CAS_MISMATCH;
    shared.set(name, { value: bytes(value, size).slice(), cas: ++changes });
    return OK;
  },
  proxy_http_call(...args) {
    sent.push(++calls);
    seen().setUint32(args.at(-1), calls, true);
    return OK;
  },
  proxy_call_foreign_function: () => NOT_FOUND,
  proxy_get_current_time_nanoseconds: clock,
  clock_time_get: (_id, _precision, at) => clock(at),
  random_get(at, length) {
    crypto.getRandomValues(bytes(at, length));
    return OK;
  },
  environ_sizes_get(variables, size) {
    seen().setUint32(variables, 0, true);
    seen().setUint32(size, 0, true);
    return OK;
  },
  proc_exit(code) {
    throw new Error(`the module ended itself: ${code}`);
  },
};

const module = new WebAssembly.Module(fs.readFileSync(file));
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  const act = host[name] ?? done;
  (imports[from] ??= {})[name] = count === "0" ? (...args) => ((asked[name] = (asked[name] ?? 0) + 1), act(...args)) : act;
}
exports = new WebAssembly.Instance(module, imports).exports;
memory = exports.memory;
exports._initialize?.();
exports.proxy_on_context_create(ROOT, 0);
exports.proxy_on_vm_start(ROOT, 0);
if (!exports.proxy_on_configure(ROOT, configuration.length)) throw new Error("the policy is refused");
exports.proxy_on_tick(ROOT);

let context = ROOT;

/// One call, every one with another event id and of the same length; each thousandth a tick, and what it sends is taken.
function call() {
  context += 1;
  const id = `"e-${context}"`;
  buffer = encoder.encode(body.replace('"e-1"', id).replace("a".repeat(id.length - '"e-1"'.length), ""));
  exports.proxy_on_context_create(context, ROOT);
  exports.proxy_on_request_headers(context, headers.length, 0);
  exports.proxy_on_request_body(context, buffer.length, 0);
  exports.proxy_on_request_body(context, buffer.length, 1);
  exports.proxy_on_response_headers(context, 1, 1);
  exports.proxy_on_done(context);
  exports.proxy_on_log(context);
  exports.proxy_on_delete(context);
  if (refused) throw new Error(refused);
  if (context % 1000 === 0) exports.proxy_on_tick(ROOT);
  while (sent.length) exports.proxy_on_http_call_response(ROOT, sent.pop(), 1, 0, 0);
}

for (let index = 0; index < 2000; index += 1) call();
if (count === "0") {
  asked = {};
  for (let index = 0; index < 100; index += 1) call();
  console.log(JSON.stringify(Object.fromEntries(Object.entries(asked).map(([name, times]) => [name, times / 100]))));
} else {
  const rounds = Array.from({ length: 5 }, () => {
    const began = process.hrtime.bigint();
    for (let index = 0; index < count / 5; index += 1) call();
    return Number(process.hrtime.bigint() - began) / (count / 5) / 1000;
  });
  console.log(Math.min(...rounds).toFixed(2));
}
