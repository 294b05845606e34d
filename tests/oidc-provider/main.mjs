// The certified npm package `oidc-provider` on a loopback port, and a control port beside it. Prints one line of JSON when
// both listen, and ends when its standard input does: it does not outlive the test that started it.
//
//   POST /rotate?keep=1|0                     new keys; the old ones stay in the key set or go
//   POST /fault?path=/jwks&status=503&ms=0&n=3  the next n answers on that path are this status, after so long; status 0
//                                             delays alone; a body of the request becomes the body of the answers
//   GET  /stats                               {"/jwks": 2, ...}: how often each path was asked
//   POST /shutdown
import http from 'node:http';
import { Provider } from 'oidc-provider';
import { configuration, newKeys } from './configuration.mjs';

const asked = {};
const faults = new Map();
let keys = await newKeys();
let handler;

async function answer(request, response) {
  const path = request.url.split('?')[0];
  asked[path] = (asked[path] ?? 0) + 1;
  const fault = faults.get(path);
  if (fault?.n > 0) {
    fault.n -= 1;
    await new Promise((resume) => setTimeout(resume, fault.ms));
    if (fault.status) {
      response.writeHead(fault.status, { 'content-type': 'application/json' }).end(fault.body);
      return;
    }
  }
  handler(request, response);
}

async function control(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://control');
  const number = (name) => Number(searchParams.get(name) ?? 0);
  let body = '';
  for await (const chunk of request) body += chunk;
  const reply = (value) => response.end(JSON.stringify(value));
  switch (`${request.method} ${pathname}`) {
    case 'POST /rotate': {
      const fresh = await newKeys();
      keys = number('keep') ? [...fresh, ...keys] : fresh;
      start(); // tokens and sessions are kept elsewhere and survive
      return reply(keys.map((key) => key.kid));
    }
    case 'POST /fault':
      faults.set(searchParams.get('path'), { n: number('n'), status: number('status'), ms: number('ms'), body });
      return reply('set');
    case 'GET /stats':
      return reply(asked);
    case 'POST /shutdown':
      reply('bye');
      return process.exit(0);
    default:
      response.statusCode = 404;
      return reply('no such control');
  }
}

const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const issuer = `http://127.0.0.1:${await listening(http.createServer(answer))}`;

function start() {
  const provider = new Provider(issuer, configuration(keys));
  provider.on('server_error', (_, error) => console.error('server error', error));
  handler = provider.callback();
}

start();
const controlPort = await listening(http.createServer(control));
console.log(JSON.stringify({ issuer, control: `http://127.0.0.1:${controlPort}` }));
process.stdin.resume().on('end', () => process.exit(0));
