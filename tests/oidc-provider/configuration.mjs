// How the provider is set up: who may ask it for what.
import * as jose from 'jose';

// Where users come back to after they logged in. Nobody has to listen there: tests read the redirection.
const callback = process.env.OIDC_CALLBACK ?? 'http://127.0.0.1:1/callback';
const backchannel = process.env.OIDC_BACKCHANNEL_LOGOUT ?? 'http://127.0.0.1:1/backchannel-logout';
const secret = 'a secret of the test alone';

const accounts = {
  ada: { email: 'ada@example.test', email_verified: true, name: 'Ada', groups: ['admin'] },
  bob: { email: 'bob@example.test', email_verified: true, name: 'Bob', groups: ['user'] },
  // The same address, which nobody has verified.
  mallory: { email: 'ada@example.test', email_verified: false, name: 'Mallory', groups: ['user'] },
};

const clients = [
  { // people in a browser
    client_id: 'web', client_secret: secret, redirect_uris: [callback], response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'], post_logout_redirect_uris: [`${callback}/bye`],
    backchannel_logout_uri: backchannel, backchannel_logout_session_required: true,
  },
  { // the same, with ID tokens of another algorithm
    client_id: 'web-es256', client_secret: secret, redirect_uris: [callback], response_types: ['code'],
    grant_types: ['authorization_code'], id_token_signed_response_alg: 'ES256',
  },
  { // a program that speaks for itself
    client_id: 'machine', client_secret: secret, redirect_uris: [], response_types: [],
    grant_types: ['client_credentials'],
  },
  { // a program whose tokens are bound to its key (RFC 9449)
    client_id: 'machine-dpop', client_secret: secret, redirect_uris: [], response_types: [],
    grant_types: ['client_credentials'], dpop_bound_access_tokens: true,
  },
  { // the resource server, which asks about tokens (RFC 7662)
    client_id: 'resource-server', client_secret: secret, redirect_uris: [], response_types: [], grant_types: [],
  },
];

// urn:api:NAME is a resource with JWT access tokens; the words after it change that. With `alias`, tokens name urn:api:NAME.
function resource(indicator) {
  const [urn, api, name, ...words] = indicator.split(':');
  if (urn !== 'urn' || api !== 'api') throw new Error('unknown resource');
  const algorithm = { es256: 'ES256', ps256: 'PS256', eddsa: 'EdDSA' };
  return {
    audience: words.includes('alias') ? `urn:api:${name}` : indicator,
    scope: 'orders:read orders:write',
    accessTokenTTL: words.includes('short') ? 2 : 300,
    accessTokenFormat: words.includes('opaque') ? 'opaque' : 'jwt',
    jwt: { sign: { alg: words.map((word) => algorithm[word]).find(Boolean) ?? 'RS256' } },
  };
}

export async function newKeys() {
  return Promise.all(['RS256', 'PS256', 'ES256', 'EdDSA'].map(async (alg) => {
    const { privateKey } = await jose.generateKeyPair(alg, { extractable: true, crv: alg === 'EdDSA' ? 'Ed25519' : undefined });
    return { ...await jose.exportJWK(privateKey), use: 'sig', alg, kid: `${alg}-${crypto.randomUUID()}` };
  }));
}

export function configuration(keys) {
  const lifetime = (_, token) => token.resourceServer?.accessTokenTTL ?? 300;
  return {
    jwks: { keys },
    clients,
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    scopes: ['openid', 'offline_access', 'email', 'profile', 'orders:read', 'orders:write'],
    conformIdTokenClaims: false, // the claims of a profile are in the ID token too
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA'],
    },
    // Its own calls to loopback addresses, for back-channel logout, are refused unless this guard goes.
    fetch: (url, options) => { delete options.dispatcher; return fetch(url, options); },
    cookies: { keys: ['of the test alone'] },
    ttl: {
      AccessToken: lifetime, ClientCredentials: lifetime, AuthorizationCode: 60, Grant: 600, IdToken: 300,
      Interaction: 300, RefreshToken: 600, Session: 600,
    },
    async findAccount(_, id) {
      const account = accounts[id];
      return account && { accountId: id, claims: async () => ({ sub: id, ...account }) };
    },
    extraTokenClaims: (_, token) => ({ groups: accounts[token.accountId]?.groups ?? ['service'], tenant: 'acme' }),
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      dPoP: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === 'resource-server' },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, indicator) => resource(indicator),
      },
      revocation: { enabled: true },
    },
  };
}
