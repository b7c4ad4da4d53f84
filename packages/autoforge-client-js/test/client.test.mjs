// Run by `make clients`, which starts a server: AUTOFORGE_URL, AUTOFORGE_API_KEY, VIEWER_KEY; MANAGE
// and MANAGE_ENVIRONMENT start another one on its database.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import * as library from "../dist/index.js";

const { AutoForge, compile } = library;
const variables = [{ name: "name", type: "text" }];
const GREETING = { syntax: "mustache", variables, labels: ["production"] };

async function collect(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

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
  const path = `prompts/${encodeURIComponent("js")}/${encodeURIComponent("返信")}/-/versions`;
  const saved = await client.request("POST", path, { body: { content: "Hello {{ name }}" } });
  assert.equal((await saved.json()).version, 2);
  assert.equal((await client.getPrompt("js/返信")).version, 1);
  await client.moveLabel("js/返信", "production", 2);
  assert.equal((await client.getPrompt("js/返信")).version, 2, "what was written here is seen here");
  assert.equal((await client.rollBackLabel("js/返信", "production", "x")).version, 1);
  assert.deepEqual((await client.diff("js/返信", 1, 2)).changed, ["content"]);
  assert.deepEqual((await collect(client.listVersions("js/返信"))).map((item) => item.version), [2, 1]);
  const { etag } = await client.getPrompt("js/返信", { label: "latest" });
  assert.deepEqual((await client.editPrompt("js/返信", etag, { tags: ["a"] })).tags, ["a"]);
  await assert.rejects(client.editPrompt("js/返信", etag, { tags: [] }), (error) => {
    return error instanceof library.Conflict && error.extra.etag !== etag;
  });
  const prompts = await collect(client.listPrompts({ folder: "js", limit: 1 }));
  assert.deepEqual(prompts.map((item) => item.name), ["js/返信"]);
  await client.createPrompt("js/other", "x");
  assert.equal((await collect(client.listPrompts({ folder: "js", limit: 1 }))).length, 2, "two pages");
  const label = path.replace("versions", "labels/production");
  const removed = await client.request("DELETE", label, { query: { reason: "x" } });
  assert.equal(removed.status, 204);
  await client.moveLabel("js/返信", "production", 1, "x");
  const labels = await collect(client.listLabels("js/返信"));
  assert.deepEqual(labels.map((item) => [item.label, item.version]), [["production", 1], ["latest", 2]]);
});

test("refusals", async () => {
  await assert.rejects(connect().client.getPrompt("none"), library.NotFound);
  const viewer = new AutoForge({ key: process.env.VIEWER_KEY });
  assert.equal((await viewer.me()).role, "Viewer");
  await assert.rejects(viewer.createPrompt("x", "x"), library.Forbidden);
  await assert.rejects(new AutoForge({ key: "af_wrong" }).me(), library.AuthenticationError);
  await assert.rejects(connect().client.render("js/返信", { nmae: 1 }), (error) => {
    return error.status === 422 && error.errors.some((entry) => entry.field === "variables");
  });
  assert.throws(() => new AutoForge({ key: "a b" }), /characters/);
  assert.throws(() => new AutoForge({ baseUrl: "ftp://x" }), /http/);
  assert.throws(() => new AutoForge({ baseUrl: "https://user:pass@x" }), /http/);
  await assert.rejects(connect().client.request("GET", "../../admin/"), TypeError);
  await assert.rejects(connect().client.getPrompt("a/../b"), TypeError);
});

test("50 callers at once make one request", async () => {
  const { client, seen } = connect();
  const many = await Promise.all(Array.from({ length: 50 }, () => client.getPrompt("js/返信")));
  assert.deepEqual([new Set(many.map((prompt) => prompt.version)).size, seen.length], [1, 1]);
  const failing = connect({ attempts: 1 });
  failing.troubles.push({ status: 503 });
  const calls = Array.from({ length: 50 }, () => failing.client.getPrompt("js/返信", { fallback: "Hi" }));
  const prompts = await Promise.all(calls);
  assert.deepEqual([prompts.every((prompt) => prompt.isFallback), failing.seen.length], [true, 1]);
});

test("a read that began before a write is not remembered", async () => {
  const { client, seen } = connect();
  const early = client.getPrompt("js/返信", { label: "latest" });
  const { etag } = await connect().client.getPrompt("js/返信", { label: "latest" });
  await client.editPrompt("js/返信", etag, { title: "Reply" });
  await early;
  assert.equal((await client.getPrompt("js/返信", { label: "latest" })).title, "Reply");
  assert.equal(seen.filter((sent) => sent.method === "GET").length, 2);
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
  assert.equal((await client.createPrompt("js/again", "Hey {{ name }}")).version, 1);
  assert.equal(seen.length, 3);
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

/** A suite of three cases, and a choice to run it. */
async function prepareRun(client) {
  const made = await client.request("POST", "suites", { body: { name: `質問 ${Math.random()}` } });
  const suite = await made.json();
  for (const name of ["a", "b", "c"]) {
    const body = { name, variables: { name }, assertions: [{ type: "contains", value: "Hi" }] };
    await client.request("POST", `suites/${suite.id}/cases`, { body });
  }
  return { suite_id: suite.id, prompts: ["js/返信:1"], models: ["echo"] };
}

test("a run is estimated, started once, waited for and read", async () => {
  const { client, seen, troubles } = connect();
  const choice = await prepareRun(client);
  const estimate = await client.estimateRun({ ...choice, repeats: 2 });
  assert.deepEqual([estimate.cases, estimate.estimate.calls], [3, 6]);
  seen.length = 0;
  troubles.push({ cut: true, afterWork: true });
  const started = await client.startRun(choice);
  assert.equal(new Set(seen.map((sent) => sent.headers["Idempotency-Key"])).size, 1);
  const key = seen[0].headers["Idempotency-Key"];
  assert.equal((await client.startRun(choice, key)).id, started.id, "the same key starts one run");
  const progress = [];
  const run = await client.waitForRun(started.id, { timeoutMs: 60_000, onProgress: (now) => progress.push(now) });
  assert.deepEqual([run.status, run.progress.done, run.progress.passed], ["completed", 3, 3]);
  assert.equal(progress.at(-1), run);
  seen.length = 0;
  assert.equal(await client.getRun(started.id, run), run, "unchanged: 304");
  assert.equal(seen[0].headers["If-None-Match"], run.etag);
  const results = await collect(client.listResults(started.id, { limit: 2 }));
  assert.deepEqual(results.map((item) => [item.case, item.state]), [["a", "pass"], ["b", "pass"], ["c", "pass"]]);
  assert.equal((await collect(client.listResults(started.id, { state: "fail" }))).length, 0);
  assert.equal((await client.cancelRun(started.id)).status, "completed", "what has ended stays");
  const report = await client.request("GET", `runs/${started.id}/report`, { query: { format: "csv" } });
  assert.match(await report.text(), /a/);
});

test("who waits for a run outlasts a server that restarts, but not a run that is not there", async () => {
  const { client, seen, troubles } = connect();
  const { id } = await client.startRun(await prepareRun(client));
  seen.length = 0;
  troubles.push(
    { cut: true },
    { status: 502, body: "<h1>Bad Gateway</h1>" },
    { status: 503, headers: { "Retry-After": "2" } },
  );
  const began = Date.now();
  assert.equal((await client.waitForRun(id)).status, "completed");
  assert.ok(Date.now() - began >= 4000, "a second, a second, two as the server asks");
  assert.ok(seen.length >= 4);
  const missing = client.waitForRun("00000000-0000-0000-0000-000000000007");
  await assert.rejects(missing, library.NotFound);
  const away = new AutoForge({ baseUrl: "http://127.0.0.1:9" });
  await assert.rejects(away.waitForRun(id, { timeoutMs: 50 }), library.RunNotEnded);
});

/** Start a second server on the same database; return what stops it. */
async function startServer(port) {
  const [python] = JSON.parse(process.env.MANAGE);
  const env = { ...JSON.parse(process.env.MANAGE_ENVIRONMENT), PORT: String(port) };
  const server = spawn(python, ["-m", "gunicorn", "-c", "gunicorn.conf.py", "autoforge.wsgi"], { env });
  const health = `http://127.0.0.1:${port}/api/public/health`;
  await until(() => fetch(health).then((response) => response.ok, () => false));
  return async () => {
    server.kill("SIGQUIT"); // SIGTERM would wait for connections that are kept open
    await once(server, "exit");
  };
}

test("a real server is stopped and started again while a run is waited for", async () => {
  const { id } = await connect().client.startRun(await prepareRun(connect().client));
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  const client = new AutoForge({ baseUrl: `http://127.0.0.1:${port}`, attempts: 1 });
  const stop = await startServer(port);
  const prompt = await client.getPrompt("js/返信");
  await stop();
  await assert.rejects(client.me(), library.ConnectionFailed);
  assert.equal(await client.getPrompt("js/返信"), prompt, "the last answer");
  const waiting = client.waitForRun(id, { timeoutMs: 120_000 });
  const stopAgain = await startServer(port);
  try {
    assert.equal((await waiting).status, "completed");
  } finally {
    await stopAgain();
  }
});
