// Reads a list of {"url", "host", "port"} and prints each URL that the WHATWG's rules take to another place.

const fs = require("node:fs");

for (const { url, host, port } of JSON.parse(fs.readFileSync(0, "utf8"))) {
  const parsed = new URL(url);
  const theirs = Number(parsed.port) || { "http:": 80, "https:": 443 }[parsed.protocol];
  if (parsed.hostname.replace(/[[\]]/g, "") !== host || theirs !== port || parsed.username !== "") {
    console.log({ url, host, port }, parsed);
  }
}
