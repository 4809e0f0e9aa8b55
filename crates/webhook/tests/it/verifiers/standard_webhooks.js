// Verifies requests with the JavaScript library of the Standard Webhooks project, and ed25519 with OpenSSL as Node.js
// has it. Reads {"headers", "body", "secrets", "wrong_secrets", "public_keys"} and prints how many verifications there
// were.

const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const { headers, body, secrets, wrong_secrets, public_keys } = JSON.parse(fs.readFileSync(0, "utf8"));

function hasSigned(publicKey, body) {
  assert(publicKey.startsWith("whpk_"));
  // RFC 8410: what comes before the 32 bytes of an ed25519 key.
  const der = Buffer.concat([
    Buffer.from("302a300506032b6570032100", "hex"),
    Buffer.from(publicKey.slice(5), "base64"),
  ]);
  const key = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
  const content = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  return headers["webhook-signature"]
    .split(" ")
    .map((signature) => signature.split(","))
    .some(([version, signature]) => {
      return version === "v1a" && crypto.verify(null, content, key, Buffer.from(signature, "base64"));
    });
}

for (const secret of secrets) {
  assert.deepStrictEqual(new Webhook(secret).verify(body, headers), JSON.parse(body));
  assert.throws(() => new Webhook(secret).verify(`${body} `, headers), WebhookVerificationError);
  const another = { ...headers, "webhook-id": "another" };
  assert.throws(() => new Webhook(secret).verify(body, another), WebhookVerificationError);
}
for (const secret of wrong_secrets) {
  assert.throws(() => new Webhook(secret).verify(body, headers), WebhookVerificationError);
}
for (const publicKey of public_keys) {
  assert(hasSigned(publicKey, body));
  assert(!hasSigned(publicKey, `${body} `));
}
console.log(secrets.length + public_keys.length);
