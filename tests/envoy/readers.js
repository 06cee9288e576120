// How a consumer on Node reads calls, for test_readers.py: a call a line in, what JSON.parse makes of it a line out.

const bytes = (text) => Buffer.from(text, "base64");
const parse = (body) => JSON.parse(body.toString("utf8"));
const event = (value) => ({ type: value.type, id: value.id, source: value.source });

/** The JSON objects that stand one behind the other. No object is the start of another one. */
function stream(body) {
  const values = [];
  let rest = body.toString("utf8");
  while (rest.trim() !== "") {
    const ends = [...rest.matchAll(/}/g)].map((match) => match.index + 1);
    const end = ends.find((end) => { try { JSON.parse(rest.slice(0, end)); return true; } catch { return false; } });
    values.push(JSON.parse(rest.slice(0, end)));
    rest = rest.slice(end);
  }
  return values;
}

/** The attributes in `pairs`, or the event in the data where they say that it is one, or say nothing. */
function bound(prefix, pairs, data) {
  const named = Object.fromEntries(pairs);
  if ((named["content-type"] ?? "").toLowerCase().startsWith("application/cloudevents") || named[`${prefix}type`] === undefined) return event(data());
  return { type: named[`${prefix}type`], id: named[`${prefix}id`], source: named[`${prefix}source`] };
}

function record({ headers, value }) {
  const data = () => ({ JSON: () => value.data, STRING: () => JSON.parse(value.data), BINARY: () => parse(bytes(value.data)) })[value.type]();
  return bound("ce_", (headers ?? []).map(({ name, value }) => [name, bytes(value ?? "").toString("utf8")]), data);
}

const readers = {
  structured: (body) => [event(parse(body))],
  batch: (body) => parse(body).map(event),
  envelope: (body) => [parse(body)].map((value) => ({ type: value.eventType, id: value.meta?.id, source: value.source })),
  "kafka-v2-json": (body) => parse(body).records.map(({ value }) => event(value)),
  "kafka-v2-binary": (body) => parse(body).records.map(({ value }) => event(parse(bytes(value)))),
  "kafka-v3": (body) => stream(body).map(record),
  pubsub: (body) => parse(body).messages.map(({ attributes, data }) => bound("ce-", Object.entries(attributes ?? {}), () => parse(bytes(data)))),
  dapr: (body) => [event(parse(body))],
};

function read({ form, topic, body }) {
  try {
    return readers[form](bytes(body)).map(({ type, id, source }) => [type, id ?? null, source ?? null, topic]);
  } catch (error) {
    return String(error);
  }
}

const lines = require("node:fs").readFileSync(0, "utf8").trimEnd().split("\n");
process.stdout.write(lines.map((line) => JSON.stringify(read(JSON.parse(line)))).join("\n") + "\n");
