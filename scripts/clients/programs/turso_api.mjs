// Turso's own client for its Platform API, against the fake that our commands are tested with: what
// it asks is accepted, what it is answered it understands. One line for each check.

import assert from "node:assert/strict";
import { createClient } from "@tursodatabase/api";

const { TURSO_URL, TURSO_TOKEN, TURSO_ORGANIZATION } = process.env;
const turso = createClient({
  org: TURSO_ORGANIZATION,
  token: TURSO_TOKEN,
  baseUrl: `${TURSO_URL}/v1/`,
});

const ok = (name) => console.log(`ok ${name}`);

/** Run SQL on a database with its token, as Hrana says. */
async function run(hostname, token, sql) {
  const response = await fetch(`http://${hostname}/v2/pipeline`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({
      requests: [{ type: "execute", stmt: { sql } }, { type: "close" }],
    }),
  });
  return { status: response.status, body: response.ok ? await response.json() : null };
}

const locations = await turso.locations.list();
assert.equal(locations.find(({ code }) => code === "aws-ap-northeast-1").description, "AWS AP NorthEast (Tokyo)");
ok("regions");

// It waits for an object here, where the OpenAPI document says a list: so it finds none.
assert.deepEqual(await turso.organizations.list(), []);
ok("organizations, as it understands them");

const group = await turso.groups.create("default", "aws-ap-northeast-1");
assert.equal(group.primary, "aws-ap-northeast-1");
assert.deepEqual((await turso.groups.list()).map(({ name }) => name), ["default"]);
assert.equal((await turso.groups.get("default")).name, "default");
await assert.rejects(() => turso.groups.create("default", "aws-ap-northeast-1"), {
  name: "TursoClientError",
  message: "group already exists",
  status: 409,
});
ok("groups");

const database = await turso.databases.create("my-db", { group: "default" });
assert.equal(database.name, "my-db");
assert.match(database.id, /^[0-9a-f-]{36}$/);
assert.equal((await turso.databases.get("my-db")).group, "default");
assert.deepEqual((await turso.databases.list()).map(({ name }) => name), ["my-db"]);
assert.deepEqual(await turso.databases.list({ group: "another" }), []);
await assert.rejects(() => turso.databases.create("my-db", { group: "default" }), { status: 409 });
await assert.rejects(() => turso.databases.create("other", { group: "none" }), {
  message: "group not found",
  status: 400,
});
await assert.rejects(() => turso.databases.get("none"), {
  message: "could not find database with name none: record not found",
  status: 404,
});
ok("databases");

const { jwt } = await turso.databases.createToken("my-db", { expiration: "2w1d30m", authorization: "full-access" });
const reading = await turso.databases.createToken("my-db", { authorization: "read-only" });
assert.equal((await run(database.hostname, jwt, "CREATE TABLE t (x)")).body.results[0].type, "ok");
assert.equal((await run(database.hostname, reading.jwt, "SELECT * FROM t")).body.results[0].type, "ok");
assert.equal((await run(database.hostname, "wrong", "SELECT 1")).status, 401);
await assert.rejects(() => turso.databases.createToken("my-db", { expiration: "soon" }), {
  message: "Invalid expiration format",
  status: 400,
});
ok("tokens that open the database");

const usage = await turso.databases.usage("my-db", { from: new Date(0), to: new Date() });
assert.ok(usage.instances[0].usage.rows_written >= 1);
ok("usage");

// The answer has no content, as the document says, and the client wants some.
await assert.rejects(() => turso.databases.rotateTokens("my-db"), SyntaxError);
assert.equal((await run(database.hostname, jwt, "SELECT 1")).status, 401);
const renewed = await turso.databases.createToken("my-db");
assert.equal((await run(database.hostname, renewed.jwt, "SELECT * FROM t")).status, 200);
ok("a rotation ends all tokens");

const created = await turso.apiTokens.create("ci");
assert.equal(created.name, "ci");
assert.deepEqual((await turso.apiTokens.list()).map(({ name }) => name), ["ci"]);
assert.equal((await turso.apiTokens.validate(TURSO_TOKEN)).expiry, -1);
assert.deepEqual(await turso.apiTokens.revoke("ci"), { token: "ci" });
ok("platform tokens");

const stranger = createClient({ org: "others", token: TURSO_TOKEN, baseUrl: `${TURSO_URL}/v1/` });
await assert.rejects(() => stranger.databases.list(), { status: 403 });
const nobody = createClient({ org: TURSO_ORGANIZATION, token: "wrong", baseUrl: `${TURSO_URL}/v1/` });
await assert.rejects(() => nobody.databases.list(), { status: 401 });
ok("who may not ask");

assert.deepEqual(await turso.databases.delete("my-db"), { database: "my-db" });
await assert.rejects(() => turso.databases.delete("my-db"), { status: 404 });
await turso.groups.delete("default");
ok("deletions");
