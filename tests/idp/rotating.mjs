// An OAuth 2 server (npm: oauth2-mock-server) that signs with each of its keys in turn. Its first argument says which keys and which port;
// to rotate them it is started anew. Says its issuer in a line, and ends with its input.
import { OAuth2Server } from "oauth2-mock-server";

const { port, keys } = JSON.parse(process.argv[1]);
const server = new OAuth2Server();
await Promise.all(keys.map((key) => server.issuer.keys.add(key)));
server.service.on("beforeTokenSigning", ({ payload }) => { payload.sub = "cart-service"; });
await server.start(port, "127.0.0.1");
console.log(server.issuer.url);
process.stdin.resume().on("end", () => process.exit());
