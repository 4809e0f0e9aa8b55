// Reads a request {"headers", "body"} with the JavaScript SDK of CloudEvents, validates it strictly, and prints the
// event as JSON.

const fs = require("node:fs");
const { HTTP } = require("cloudevents");

const { headers, body } = JSON.parse(fs.readFileSync(0, "utf8"));
const event = HTTP.toEvent({ headers, body });
event.validate();
console.log(JSON.stringify(event));
