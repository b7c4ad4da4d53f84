// OpenTelemetry's SDK for Node.js: its exporters send bodies in pieces, without a length.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

// Past the proxy that writes down: it would give the body a length.
const url = `${process.env.AUTOFORGE_DIRECT_URL}/v1/traces`;
const headers = { Authorization: `Bearer ${process.env.AUTOFORGE_API_KEY}` };

async function send(name, exporter) {
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = provider.getTracer("shop").startSpan(name);
  span.setAttributes({
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.prompt": "Greet 愛子. \ud83d", // cut within a character, as limits of attributes do
    "gen_ai.completion": "Hello",
  });
  span.end();
  await provider.forceFlush();
  await provider.shutdown();
}

const [command, ...rest] = JSON.parse(process.env.MANAGE);
const code =
  "import json; from evaluations.models import CallRecord; " +
  "print(json.dumps(list(CallRecord.objects.order_by('id').values('name', 'messages'))))";
let failures = 0;
for (const [name, Exporter, compression] of [
  ["protobuf", ProtobufExporter, "none"],
  ["JSON", JsonExporter, "none"],
  ["protobuf, zipped", ProtobufExporter, "gzip"],
]) {
  try {
    await send(name, new Exporter({ url, headers, compression }));
    const output = execFileSync(command, [...rest, "shell", "--no-imports", "-c", code], {
      env: JSON.parse(process.env.MANAGE_ENVIRONMENT),
    });
    const records = JSON.parse(output.toString().trim().split("\n").at(-1));
    const content = "Greet 愛子. \ufffd";
    assert.deepEqual(records.at(-1), { name, messages: [{ role: "user", content }] });
    console.log(`  ok a call is sent as ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`  FAILED ${name}\n${error.stack}`);
  }
}
process.exit(failures ? 1 : 0);
