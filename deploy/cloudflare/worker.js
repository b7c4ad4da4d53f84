/**
 * A Cloudflare Worker in front of AutoForge: static files from Cloudflare's cache, security headers on
 * every page, everything else passed on as it is. Events (SSE), WebSockets and bodies are streams that
 * nothing here reads.
 *
 * Variables (wrangler.toml): ORIGIN, the address of the proxy on the host, such as
 * https://origin.autoforge.example.com.
 *
 * @typedef {{ ORIGIN: string }} Environment
 * @typedef {{ match(request: Request): Promise<Response | undefined>,
 *             put(request: Request, response: Response): Promise<void> }} PageCache
 * @typedef {{ waitUntil(work: Promise<unknown>): void }} Context
 */

/** What the application sets already stays as it is. */
export const SECURITY_HEADERS = {
  "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/** Names with a hash of the content (`app.0123456789ab.css`): they never change. */
const HASHED = /^\/static\/.+\.[0-9a-f]{12}\.[a-z0-9.]+$/;
/** For machines inside the host's own network. */
const INSIDE = /^\/metrics(\/|$)/;

/** Headers in which a client could say that it is somebody else. */
const FORGEABLE = [
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Real-IP",
  "Forwarded",
];

/**
 * Return the request as the origin gets it: its address, and where it came from.
 *
 * @param {Request} request
 * @param {string} origin
 * @returns {Request}
 */
export function redirectToOrigin(request, origin) {
  const asked = new URL(request.url);
  const target = new URL(asked.pathname + asked.search, origin);
  const passed = new Request(target, request);
  for (const name of FORGEABLE) {
    passed.headers.delete(name);
  }
  // Cloudflare writes this one itself; what a client sends under its name is dropped there.
  const client = request.headers.get("CF-Connecting-IP");
  if (client) {
    passed.headers.set("X-Forwarded-For", client);
  }
  passed.headers.set("X-Forwarded-Proto", asked.protocol.replace(":", ""));
  passed.headers.set("X-Forwarded-Host", asked.host);
  return passed;
}

/**
 * Whether the answer to a request may be kept: a static file whose name changes with its content.
 *
 * @param {Request} request
 * @returns {boolean}
 */
export function isCacheable(request) {
  return request.method === "GET" && HASHED.test(new URL(request.url).pathname);
}

/**
 * Return the answer with security headers where it has none of its own. Its body stays a stream.
 *
 * @param {Response} response
 * @returns {Response}
 */
export function addSecurityHeaders(response) {
  const secured = new Response(response.body, response);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!secured.headers.has(name)) {
      secured.headers.set(name, value);
    }
  }
  secured.headers.delete("Server");
  return secured;
}

/**
 * Answer a request.
 *
 * @param {Request} request
 * @param {Environment} env
 * @param {Context} context
 * @param {{ cache: PageCache, fetch: (request: Request) => Promise<Response> }} services
 * @returns {Promise<Response>}
 */
export async function answer(request, env, context, services) {
  const { pathname } = new URL(request.url);
  // The path as the origin would read it: %6D is an m there, too.
  if (INSIDE.test(decodePath(pathname))) {
    return addSecurityHeaders(new Response("Not found.\n", { status: 404 }));
  }
  const passed = redirectToOrigin(request, env.ORIGIN);
  if (request.headers.get("Upgrade")?.toLowerCase() === "websocket") {
    return services.fetch(passed); // its answer is a pair of sockets, and cannot be made anew
  }
  if (!isCacheable(request)) {
    return addSecurityHeaders(await services.fetch(passed));
  }
  return addSecurityHeaders(await fetchFile(request, passed, context, services));
}

/**
 * Return a static file from the cache, or from the origin and into the cache.
 *
 * @param {Request} request
 * @param {Request} passed
 * @param {Context} context
 * @param {{ cache: PageCache, fetch: (request: Request) => Promise<Response> }} services
 * @returns {Promise<Response>}
 */
async function fetchFile(request, passed, context, services) {
  // By its address alone: no cookie, no parameter and no range makes another entry.
  const url = new URL(request.url);
  const key = new Request(url.origin + url.pathname);
  if (!request.headers.has("Range")) {
    const kept = await services.cache.match(key);
    if (kept) {
      return kept;
    }
    // A file is the same for everybody: nobody's login goes with the question.
    passed.headers.delete("Cookie");
    passed.headers.delete("Authorization");
  }
  const response = await services.fetch(passed);
  if (response.status === 200 && !response.headers.has("Set-Cookie")) {
    context.waitUntil(services.cache.put(key, response.clone()));
  }
  return response;
}

/**
 * Return a path with its escapes read; where one is broken, as it is.
 *
 * @param {string} path
 * @returns {string}
 */
function decodePath(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

export default {
  /**
   * @param {Request} request
   * @param {Environment} env
   * @param {Context} context
   */
  fetch(request, env, context) {
    // @ts-expect-error: `default` is Cloudflare's own cache
    const cache = caches.default;
    // The origin's redirects are for the browser.
    const services = { cache, fetch: (/** @type {Request} */ r) => fetch(r, { redirect: "manual" }) };
    return answer(request, env, context, services);
  },
};
