// Langfuse's SDK for JavaScript: only the host is another one.
import assert from "node:assert/strict";
import { LangfuseClient } from "@langfuse/client";

const connect = (secretKey) =>
  new LangfuseClient({ publicKey: "autoforge", secretKey, baseUrl: process.env.AUTOFORGE_URL });
const langfuse = connect(process.env.AUTOFORGE_API_KEY);
const fresh = { cacheTtlSeconds: 0, maxRetries: 0 };
let failures = 0;

async function check(name, work) {
  try {
    await work();
    console.log(`  ok ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`  FAILED ${name}\n${error.stack}`);
  }
}

await check("a text is created, read and filled", async () => {
  const made = await langfuse.prompt.create({
    name: "support/reply",
    prompt: "Hi {{name}}, 日本",
    labels: ["production"],
    config: { model: "m" },
  });
  assert.equal(made.version, 1);
  const prompt = await langfuse.prompt.get("support/reply", fresh);
  assert.deepEqual([prompt.name, prompt.version, prompt.config], ["support/reply", 1, { model: "m" }]);
  assert.equal(prompt.compile({ name: "愛子" }), "Hi 愛子, 日本");
});

await check("versions have numbers and labels move", async () => {
  await langfuse.prompt.create({ name: "support/reply", prompt: "Hello {{name}}" });
  await langfuse.prompt.update({ name: "support/reply", version: 2, newLabels: ["staging"] });
  const staging = await langfuse.prompt.get("support/reply", { ...fresh, label: "staging" });
  const second = await langfuse.prompt.get("support/reply", { ...fresh, version: 2 });
  assert.deepEqual([staging.version, second.version], [2, 2]);
});

await check("a chat keeps its placeholders", async () => {
  await langfuse.prompt.create({
    name: "返信/会話",
    type: "chat",
    prompt: [
      { role: "system", content: "Be {{tone}}." },
      { type: "placeholder", name: "history" },
    ],
    labels: ["production"],
  });
  const chat = await langfuse.prompt.get("返信/会話", { ...fresh, type: "chat" });
  const history = [{ role: "user", content: "before" }];
  assert.deepEqual(chat.compile({ tone: "kind" }, { history }), [
    { role: "system", content: "Be kind." },
    { role: "user", content: "before" },
  ]);
});

await check("refusals and fallbacks", async () => {
  await assert.rejects(langfuse.prompt.get("none", fresh), /none|404|not found/i);
  await assert.rejects(connect("af_wrong").prompt.get("support/reply", fresh));
  const prompt = await langfuse.prompt.get("none", { ...fresh, fallback: "else {{x}}" });
  assert.equal(prompt.compile({ x: "1" }), "else 1");
});

await check("a prompt is deleted", async () => {
  await langfuse.prompt.delete("support/reply");
  await assert.rejects(langfuse.prompt.get("support/reply", { ...fresh, label: "staging" }));
});

process.exit(failures ? 1 : 0);
