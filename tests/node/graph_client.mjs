// A bot on Microsoft's @microsoft/microsoft-graph-client, told what to do: each line of standard input is a JSON object
// {"do": NAME, "with": [...]}, each line of standard output what it returned, {"returned": ...}, or {"thrown": ...}.
// Arguments: the base URL. DTMF_AUDIO_NODE_MODULES is the node_modules folder that holds the client.

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(process.env.DTMF_AUDIO_NODE_MODULES, "..", "index.js"));
const { Client } = require("@microsoft/microsoft-graph-client");

let tokensAskedFor = 0;
const authProvider = { getAccessToken: async () => `token ${++tokensAskedFor}` };
const client = Client.initWithMiddleware({ authProvider, baseUrl: process.argv[2], defaultVersion: "v1.0" });

const does = {
  createCall: (callbackUri) =>
    client.api("/communications/calls").post({
      "@odata.type": "#microsoft.graph.call",
      callbackUri,
      targets: [
        {
          "@odata.type": "#microsoft.graph.invitationParticipantInfo",
          identity: {
            "@odata.type": "#microsoft.graph.identitySet",
            user: {
              "@odata.type": "#microsoft.graph.identity",
              displayName: "John",
              id: "112f7296-5fa4-42ca-bae8-6a692b15d4b8",
            },
          },
        },
      ],
      requestedModalities: ["audio"],
      mediaConfig: { "@odata.type": "#microsoft.graph.appHostedMediaConfig", blob: "<Media Session Configuration>" },
      tenantId: "aa67bd4c-8475-432d-bd41-39f255720e0a",
    }),

  // The documentation's example; the id of the call is given.
  documentedExample: async (callId) => {
    const sendDtmfTonesOperation = {
      tones: [
        'tone1',
        'tone2',
        'tone3',
        'tone4',
        'tone5',
        'tone6',
        'tone7',
        'tone8',
        'tone9',
        'tone0',
        'star',
        'pound'
      ],
      delayBetweenTonesMs: 1000,
      clientContext: 'e0be71f1-a14f-4cec-b65a-e7aba5db7c53'
    };

    return await client.api(`/communications/calls/${callId}/microsoft.graph.sendDtmfTones`)
      .post(sendDtmfTonesOperation);
  },

  get: (path) => client.api(path).get(),
  post: (path, body) => client.api(path).post(body),
  delete: (path) => client.api(path).delete(),
  tokensAskedFor: () => tokensAskedFor,
};

function told(error) {
  const { name, statusCode, code, message, requestId, date } = error;
  return { name: error.constructor.name ?? name, statusCode, code, message, requestId, date };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, with: given } = JSON.parse(line);
  let answer;
  try {
    const returned = await does[name](...given);
    answer = returned === undefined ? { returned: "undefined" } : { returned };
  } catch (error) {
    answer = { thrown: told(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
