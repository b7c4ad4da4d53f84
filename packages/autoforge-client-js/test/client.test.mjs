// Run by `make clients`, which starts a server: AUTOFORGE_URL, AUTOFORGE_API_KEY, VIEWER_KEY.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as library from "../dist/index.js";

const { AutoForge, compile } = library;
const variables = [{ name: "name", type: "text" }];
const GREETING = { syntax: "mustache", variables, labels: ["production"] };

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A client whose answers can be replaced. */
function connect(options = {}) {
  const seen = [];
  const troubles = [];
  const client = new AutoForge({
    ...options,
    fetch: async (url, sent) => {
      seen.push({ url: String(url), ...sent });
      const trouble = troubles.shift();
      if (trouble?.afterWork) await fetch(url, sent);
      if (trouble?.cut) throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
      if (trouble) return new Response(trouble.body ?? "", trouble);
      return fetch(url, sent);
    },
  });
  return { client, seen, troubles };
}

test("a prompt is created, read and rendered", async () => {
  const { client } = connect({ freshFor: 0 });
  await client.createPrompt("js/返信", "Hi {{ name }}", GREETING);
  const prompt = await client.getPrompt("js/返信");
  assert.deepEqual([prompt.version, prompt.labels], [1, ["production", "latest"]]);
  const { text } = await client.render("js/返信", { name: "愛子 $& $1" });
  assert.equal(text, "Hi 愛子 $& $1");
  assert.equal(compile(prompt, { name: "愛子 $& $1" }), text);
  assert.throws(() => compile(prompt, {}), library.CompileError);
  assert.throws(() => compile({ ...prompt, syntax: "jinja" }, { name: "x" }), /render/);
});

test("versions, labels, differences and lists", async () => {
  const { client } = connect();
  assert.equal((await client.createVersion("js/返信", { content: "Hello {{ name }}" })).version, 2);
  assert.equal((await client.getPrompt("js/返信")).version, 1);
  await client.moveLabel("js/返信", "production", 2);
  assert.equal((await client.getPrompt("js/返信")).version, 2, "what was written here is seen here");
  assert.equal((await client.rollBackLabel("js/返信", "production", "x")).version, 1);
  assert.deepEqual((await client.diff("js/返信", 1, 2)).changed, ["content"]);
  assert.deepEqual((await client.versions("js/返信")).map((item) => item.version), [2, 1]);
  const { etag } = await client.getPrompt("js/返信", { label: "latest" });
  assert.deepEqual((await client.editPrompt("js/返信", etag, { tags: ["a"] })).tags, ["a"]);
  await assert.rejects(client.editPrompt("js/返信", etag, { tags: [] }), (error) => {
    return error instanceof library.Conflict && error.extra.etag !== etag;
  });
  const names = [];
  for await (const item of client.listPrompts({ folder: "js", limit: 1 })) names.push(item.name);
  assert.deepEqual(names, ["js/返信"]);
  await client.removeLabel("js/返信", "production", "x");
  await client.moveLabel("js/返信", "production", 1, { reason: "x" });
});

test("refusals", async () => {
  await assert.rejects(connect().client.getPrompt("none"), library.NotFound);
  const viewer = new AutoForge({ key: process.env.VIEWER_KEY });
  await assert.rejects(viewer.createPrompt("x", "x"), library.Forbidden);
  await assert.rejects(new AutoForge({ key: "af_wrong" }).me(), library.AuthenticationError);
  await assert.rejects(connect().client.render("js/返信", { nmae: 1 }), (error) => {
    return error.status === 422 && error.errors.some((entry) => entry.field === "variables");
  });
  assert.throws(() => new AutoForge({ key: "a b" }), /characters/);
  assert.throws(() => new AutoForge({ baseUrl: "ftp://x" }), /http/);
  await assert.rejects(connect().client.getPrompt("a/../b"), TypeError);
});

test("a stale prompt is used at once, refreshed by one request with its ETag", async () => {
  const { client, seen } = connect({ freshFor: 0 });
  await client.getPrompt("js/返信");
  const many = await Promise.all(Array.from({ length: 50 }, () => client.getPrompt("js/返信")));
  assert.equal(new Set(many.map((prompt) => prompt.version)).size, 1);
  assert.equal(seen.length, 2);
  assert.match(seen[1].headers["If-None-Match"], /^"/);
});

test("bad answers take nothing away, only a 404 of AutoForge evicts", async () => {
  const problem = { "Content-Type": "application/problem+json" };
  for (const trouble of [
    { status: 404, body: "<h1>nginx</h1>" },
    { status: 200, body: "<h1>It works!</h1>" },
    { status: 200, body: "{}" },
    { status: 404, body: '{"detail":"","code":"api.no-operation"}', headers: problem },
    { status: 500 },
  ]) {
    const { client, seen, troubles } = connect({ freshFor: 0 });
    await client.getPrompt("js/返信");
    troubles.push(trouble);
    await client.getPrompt("js/返信");
    await until(() => seen.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await client.getPrompt("js/返信")).name, "js/返信");
    troubles.push(trouble);
    await assert.rejects(connect({ fetch: undefined }).client.getPrompt("none"));
  }
  const { client, troubles } = connect({ freshFor: 0, attempts: 1 });
  await client.getPrompt("js/返信");
  const gone = '{"detail":"","code":"prompt.missing-name"}';
  troubles.push({ status: 404, body: gone, headers: problem }, { cut: true });
  await client.getPrompt("js/返信");
  await new Promise((resolve) => setTimeout(resolve, 10));
  await assert.rejects(client.getPrompt("js/返信"), library.ConnectionFailed);
});

test("a lost answer makes one version, a fallback stands in", async () => {
  const { client, seen, troubles } = connect();
  troubles.push({ cut: true, afterWork: true }, { status: 503, afterWork: true });
  assert.equal((await client.createVersion("js/返信", { content: "Hey {{ name }}" })).version, 3);
  assert.equal(new Set(seen.map((sent) => sent.headers["Idempotency-Key"])).size, 1);
  troubles.push({ status: 503 });
  await assert.rejects(client.moveLabel("js/返信", "beta", 1), library.Unavailable);
  const away = new AutoForge({ baseUrl: "http://127.0.0.1:9", attempts: 1 });
  const prompt = await away.getPrompt("other", { fallback: "Hi" });
  assert.deepEqual([prompt.content, prompt.isFallback], ["Hi", true]);
  await assert.rejects(away.getPrompt("other"), library.ConnectionFailed);
});

test("the key is in no text", async () => {
  const key = process.env.AUTOFORGE_API_KEY;
  const client = new AutoForge();
  const { inspect } = await import("node:util");
  const error = await client.getPrompt("none").catch((reason) => reason);
  for (const text of [inspect(client, { showHidden: true, depth: 9 }), inspect(error), JSON.stringify(client)]) {
    assert.ok(!text.includes(key));
  }
});
