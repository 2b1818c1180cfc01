// @ts-check
/** The HTTP API: JSON in, JSON out, RFC 9457 problems as one error class. */

// A clinic's slowest line answers in a few seconds; longer than this the person is told and may retry.
const TIMEOUT_MS = 15_000;

/** The server answered with a problem document, or could not be reached (code `offline`). */
export class ApiProblem extends Error {
  /** @param {number} status 0 when there was no answer @param {import('./types.js').ProblemDocument} document */
  constructor(status, document) {
    super(document.code);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = document.code;
    this.document = document;
  }
}

/** @param {unknown} error @returns {string} the stable code, or `unexpected` */
export function codeOf(error) {
  return error instanceof ApiProblem ? error.code : 'unexpected';
}

/**
 * One request. Unsafe methods carry the header that a foreign page cannot send (server/http/README.md).
 * @param {'GET'|'POST'|'PUT'|'DELETE'} method @param {string} path
 * @param {{body?: unknown, ifMatch?: string|number, signal?: AbortSignal, keepalive?: boolean}} [options]
 * @returns {Promise<any>} the parsed body, or null when there is none
 */
export async function request(method, path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json, application/problem+json' };
  if (method !== 'GET') headers['X-Requested-With'] = 'teleconsult';
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.ifMatch !== undefined) headers['If-Match'] = `"${options.ifMatch}"`;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal && 'any' in AbortSignal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const response = await reach(path, { method, headers, body, signal, keepalive: options.keepalive, credentials: 'same-origin' });
  return read(response);
}

/** @param {string} path @param {RequestInit} init @returns {Promise<Response>} */
async function reach(path, init) {
  try {
    return await fetch(path, init);
  } catch (error) {
    const code = error instanceof DOMException && error.name === 'TimeoutError' ? 'timeout' : 'offline';
    throw new ApiProblem(0, { code });
  }
}

/** @param {Response} response */
async function read(response) {
  const type = response.headers.get('Content-Type') ?? '';
  const document = type.includes('json') ? await response.json().catch(() => null) : null;
  if (response.ok) return document;
  const retry = Number(response.headers.get('Retry-After')) || undefined;
  throw new ApiProblem(response.status, { code: 'unexpected', retry_after_s: retry, ...(document ?? {}) });
}

/** @param {string} path */
export const get = (path) => request('GET', path);
/** @param {string} path @param {unknown} [body] */
export const post = (path, body = {}) => request('POST', path, { body });
/** @param {string} path @param {unknown} body @param {string|number} [ifMatch] */
export const put = (path, body, ifMatch) => request('PUT', path, { body, ifMatch });
/** @param {string} path */
export const remove = (path) => request('DELETE', path);
