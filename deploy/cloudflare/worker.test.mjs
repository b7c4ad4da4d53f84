// `node --test`: the Worker against a real server on loopback, and a fake of Cloudflare's cache.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { SECURITY_HEADERS, addSecurityHeaders, answer, isCacheable } from "./worker.js";

const SITE = "https://autoforge.example.com";
const FILE = "/static/autoforge/admin.0123456789ab.css";

/** A fake of `caches.default`: what was put is there by its address. */
class FakeCache {
  constructor() {
    this.kept = new Map();
  }
  async match(request) {
    return this.kept.get(request.url)?.clone();
  }
  async put(request, response) {
    this.kept.set(request.url, response);
  }
}

let server;
let origin;
let seen;
let goOn;
let services;
let works;

before(async () => {
  server = http.createServer((request, response) => {
    seen.push(request);
    if (request.url === "/stream") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("data: 1\n\n");
      goOn.then(() => response.end("data: 2\n\n"));
      return;
    }
    if (request.url === "/echo") {
      response.writeHead(200, { "X-Frame-Options": "SAMEORIGIN", Server: "gunicorn" });
      request.pipe(response);
      return;
    }
    if (request.url === "/admin/") {
      response.writeHead(302, { Location: "/admin/login/", "Set-Cookie": "a=1" });
      response.end();
      return;
    }
    response.writeHead(request.url.includes("missing") ? 404 : 200, { "Content-Type": "text/css" });
    response.end("body{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.close());

beforeEach(() => {
  seen = [];
  works = [];
  services = {
    cache: new FakeCache(),
    fetch: (request) => fetch(request, { redirect: "manual" }),
  };
});

async function ask(path, options = {}) {
  const context = { waitUntil: (work) => works.push(work) };
  const response = await answer(
    new Request(SITE + path, options), { ORIGIN: origin }, context, services,
  );
  await Promise.all(works);
  return response;
}

test("the origin is told where a request came from, and no client can say something else", async () => {
  await ask("/api/v1/prompts?page=2", {
    headers: {
      "CF-Connecting-IP": "203.0.113.7",
      "X-Forwarded-For": "198.51.100.1",
      "X-Forwarded-Proto": "http",
      "X-Real-IP": "198.51.100.1",
      Forwarded: "for=198.51.100.1",
      Authorization: "Bearer key",
    },
  });
  const [{ url, headers }] = seen;
  assert.equal(url, "/api/v1/prompts?page=2");
  assert.equal(headers["x-forwarded-for"], "203.0.113.7");
  assert.equal(headers["x-forwarded-proto"], "https");
  assert.equal(headers["x-forwarded-host"], "autoforge.example.com");
  assert.equal(headers["x-real-ip"], undefined);
  assert.equal(headers.forwarded, undefined);
  assert.equal(headers.authorization, "Bearer key");
});

test("a static file is asked for once, without anybody's cookie", async () => {
  for (const query of ["", "?x=1"]) {
    const response = await ask(FILE + query, { headers: { Cookie: "sessionid=secret" } });
    assert.equal(await response.text(), "body{}");
    assert.equal(response.headers.get("X-Content-Type-Options"), "nosniff");
  }
  assert.equal(seen.length, 1);
  assert.equal(seen[0].headers.cookie, undefined);
});

test("what is missing is asked for again", async () => {
  await ask("/static/missing.0123456789ab.css");
  const response = await ask("/static/missing.0123456789ab.css");
  assert.equal(response.status, 404);
  assert.equal(seen.length, 2);
});

for (const [path, method, expected] of [
  [FILE, "GET", true],
  [FILE, "HEAD", false],
  [FILE, "POST", false],
  ["/static/autoforge/admin.css", "GET", false],
  ["/static/admin.0123456789AB.css", "GET", false],
  ["/admin/static/a.0123456789ab.css", "GET", false],
  ["/admin/", "GET", false],
  ["/api/v1/prompts", "GET", false],
]) {
  test(`${method} ${path} is ${expected ? "" : "not "}kept`, () => {
    assert.equal(isCacheable(new Request(SITE + path, { method })), expected);
  });
}

test("pages and their cookies are never kept", async () => {
  for (let time = 0; time < 2; time += 1) {
    const response = await ask("/admin/", { headers: { Cookie: "sessionid=mine" } });
    assert.equal(response.status, 302);
    assert.equal(response.headers.get("Location"), "/admin/login/");
    assert.equal(response.headers.get("Set-Cookie"), "a=1");
  }
  assert.deepEqual(seen.map((request) => request.headers.cookie), ["sessionid=mine", "sessionid=mine"]);
  assert.equal(services.cache.kept.size, 0);
});

test("security headers are added, and the application's own stay", async () => {
  const response = await ask("/echo", { method: "POST", body: "hello" });
  assert.equal(await response.text(), "hello");
  assert.equal(response.headers.get("X-Frame-Options"), "SAMEORIGIN");
  assert.equal(response.headers.get("Server"), null);
  for (const name of Object.keys(SECURITY_HEADERS)) {
    assert.ok(response.headers.has(name), name);
  }
});

test("events are passed on as they come", async () => {
  let release;
  goOn = new Promise((resolve) => { release = resolve; });
  const response = await ask("/stream");
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  // The server sends the second one only when the first has arrived here.
  assert.equal(decoder.decode((await reader.read()).value), "data: 1\n\n");
  release();
  assert.equal(decoder.decode((await reader.read()).value), "data: 2\n\n");
});

test("an answer to a WebSocket is returned untouched", async () => {
  const sockets = { status: 101, webSocket: {} };
  services.fetch = async () => sockets;
  // A Request of Node drops `Upgrade`, which Cloudflare's keeps.
  const request = new Request(`${SITE}/ws`);
  Object.defineProperty(request, "headers", { value: new Map([["Upgrade", "WebSocket"]]) });
  const passed = await answer(request, { ORIGIN: origin }, { waitUntil() {} }, services);
  assert.equal(passed, sockets);
});

for (const path of ["/metrics", "/metrics/", "/%6Detrics", "/metrics/x"]) {
  test(`${path} is not for outside`, async () => {
    const response = await ask(path);
    assert.equal(response.status, 404);
    assert.equal(seen.length, 0);
  });
}

test("a broken escape is the origin's to answer", async () => {
  assert.equal((await ask("/%E0%A4%A")).status, 200);
});

test("the status of an answer stays", () => {
  const response = addSecurityHeaders(new Response("no", { status: 418 }));
  assert.equal(response.status, 418);
});
