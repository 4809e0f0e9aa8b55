"""Reads a request {"headers", "body"} with the Python SDK of CloudEvents, and prints the event as JSON."""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event

given = json.load(sys.stdin)
event = from_http_event(HTTPMessage(given["headers"], given["body"].encode()))
attributes = dict(event.get_attributes())
attributes["time"] = event.get_time().isoformat()
print(json.dumps(attributes | {"data": event.get_data()}))
