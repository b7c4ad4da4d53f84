// `node workerd.mjs`: the Worker in Cloudflare's own runtime (workerd), in front of a server on loopback.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";

// wrangler keeps its cache from run to run: another name each time.
const FILE = `/static/app.${randomBytes(6).toString("hex")}.css`;
const WEBSOCKET_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455

/** Return a port of loopback that nobody listens on now. */
function findPort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Wait until the Worker answers. */
async function waitFor(url, child) {
  while (child.exitCode === null) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  throw new Error(`wrangler ended with ${child.exitCode}`);
}

test("the Worker in workerd", { timeout: 120_000 }, async (t) => {
  let goOn;
  const seen = [];
  const server = http.createServer((request, response) => {
    seen.push(request);
    if (request.url === "/stream") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("data: 1\n\n");
      goOn.then(() => response.end("data: 2\n\n"));
      return;
    }
    response.writeHead(200, { "Cache-Control": "public, max-age=315360000, immutable" });
    response.end("body{}");
  });
  server.on("upgrade", (request, socket) => {
    const key = request.headers["sec-websocket-key"] + WEBSOCKET_ID;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(Buffer.from([0x81, 5, ...Buffer.from("hello")])); // one text frame
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = await findPort();
  const wrangler = spawn(
    process.execPath,
    [
      "node_modules/wrangler/bin/wrangler.js", "dev", "--env", "staging",
      "--ip", "127.0.0.1", "--port", String(port),
      "--var", `ORIGIN:http://127.0.0.1:${server.address().port}`,
    ],
    { stdio: ["ignore", "ignore", "ignore"], detached: true },
  );
  t.after(() => {
    process.kill(-wrangler.pid); // workerd is a child of its own
    server.closeAllConnections();
    server.close();
  });
  const site = `http://127.0.0.1:${port}/`;
  await waitFor(new URL("/metrics", site), wrangler);

  await t.test("keeps a static file", async () => {
    for (let time = 0; time < 2; time += 1) {
      const response = await fetch(new URL(FILE, site), { headers: { Cookie: "a=1" } });
      assert.equal(await response.text(), "body{}");
      assert.equal(response.headers.get("X-Frame-Options"), "DENY");
    }
    assert.equal(seen.length, 1);
    assert.equal(seen[0].headers.cookie, undefined);
  });

  await t.test("passes events on as they come", async () => {
    let release;
    goOn = new Promise((resolve) => { release = resolve; });
    const response = await fetch(new URL("/stream", site));
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    assert.equal(decoder.decode((await reader.read()).value), "data: 1\n\n");
    release();
    assert.equal(decoder.decode((await reader.read()).value), "data: 2\n\n");
  });

  await t.test("passes a WebSocket through", async () => {
    const socket = new WebSocket(new URL("/ws", site).href.replace("http:", "ws:"));
    const message = await new Promise((resolve, reject) => {
      socket.onmessage = (event) => resolve(event.data);
      socket.onerror = () => reject(new Error("no WebSocket"));
      socket.onclose = () => reject(new Error("the WebSocket was closed"));
    });
    assert.equal(message, "hello");
    socket.close();
  });

  await t.test("keeps metrics inside", async () => {
    assert.equal((await fetch(new URL("/metrics", site))).status, 404);
  });
});
