// A certified OpenID provider (npm: oidc-provider) with a key for each algorithm. Its clients, one for each algorithm, get access tokens as JWTs
// (RFC 9068) by client credentials for a resource (RFC 8707), by the key of their algorithm. Says its issuer in a line, and ends with its input.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider, errors } from "oidc-provider";

const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519"],
};
const SCOPES = "events:publish events:read";
const ALGORITHMS = Object.keys(KINDS);

function key(alg) {
  const { privateKey } = generateKeyPairSync(...KINDS[alg]);
  return { ...privateKey.export({ format: "jwk" }), kid: `key-${alg}`, alg, use: "sig" };
}

function client(alg) {
  return {
    client_id: alg, client_secret: "secret", grant_types: ["client_credentials"], response_types: [], redirect_uris: [], scope: SCOPES,
    introspection_signed_response_alg: alg,
  };
}

const settings = {
  jwks: { keys: ALGORITHMS.map(key) },
  clients: ALGORITHMS.map(client),
  scopes: SCOPES.split(" "),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_context, resource, { clientId }) {
        if (!resource.startsWith("urn:shop:")) throw new errors.InvalidTarget();
        return { scope: SCOPES, audience: resource, accessTokenFormat: "jwt", jwt: { sign: { alg: clientId } } };
      },
    },
  },
  enabledJWA: { introspectionSigningAlgValues: ALGORITHMS },
};

const server = createServer((request, response) => answer(request, response));
let answer;
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://localhost:${server.address().port}`;
  answer = new Provider(issuer, settings).callback();
  console.log(issuer);
});
process.stdin.resume().on("end", () => process.exit());
