// A real OpenID Connect provider for the tests: node provider.mjs FOLDER PORT KEY_ID [PAGE]
// PAGE is the viewer's address, to which people are sent back when they have signed in.
import { createRequire } from "node:module";
import { generateKeyPairSync } from "node:crypto";
import { pathToFileURL } from "node:url";

const [folder, port, keyId, page] = process.argv.slice(2);
const found = createRequire(`${folder}/package.json`).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(found));
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const SERVICE = "urn:service:endolink";
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "room-2",
      client_secret: "not-a-secret",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
    {
      client_id: "viewer",
      token_endpoint_auth_method: "none",
      application_type: "native",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: page ? [page] : [],
      post_logout_redirect_uris: page ? [page] : [],
      response_types: ["code"],
    },
  ].filter(({ client_id: id }) => page || id !== "viewer"),
  clientBasedCORS: () => true,
  issueRefreshToken: () => true,
  findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (context, { uid }) => `/people/${uid}` },
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: keyId, alg: "RS256", use: "sig" }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => SERVICE,
      useGrantedResource: () => true,
      getResourceServerInfo: (context, indicator) => ({
        scope: "endolink:score endolink:stream endolink:metrics",
        audience: indicator.split(":").at(-1),
        accessTokenFormat: "jwt",
        accessTokenTTL: page ? 4 : 600,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});

// Where people say who they are; one button is enough here.
provider.use(async (context, next) => {
  if (!context.path.startsWith("/people/")) return next();
  if (context.method === "GET") {
    context.type = "html";
    context.body = `<form method="post"><button>I am Dr Lin</button></form>`;
    return;
  }
  const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
  const result = {};
  if (prompt.name === "login") {
    result.login = { accountId: "dr-lin" };
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope("openid");
    grant.addResourceScope(SERVICE, params.scope);
    result.consent = { grantId: await grant.save() };
  }
  await provider.interactionFinished(context.req, context.res, result);
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
