"""A receiver of anchore-engine's notifications that believes in the contract (sections 5 and 6) and in nothing else.

Prints its port, answers one request with 200 if every field is as the contract says, else with 400 and the reason.
"""

import base64
import json
import re
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


def check_keys(given, names):
    assert set(given) == set(names.split()), f"keys {sorted(given)}"


def check_event(event):
    check_keys(event, "type level message details timestamp resource source")
    assert event["level"] in ("INFO", "ERROR"), event["level"]
    assert isinstance(event["type"], str) and isinstance(event["message"], str)
    assert isinstance(event["details"], dict)
    assert TIMESTAMP.fullmatch(event["timestamp"]), event["timestamp"]
    check_keys(event["resource"], "user_id type id")
    check_keys(event["source"], "servicename hostid base_url request_id")


def check_body(body, user):
    check_keys(
        body,
        "queueId userId dataId created_at last_updated record_state_key record_state_val tries max_tries data",
    )
    assert body["queueId"] == "event_log" and body["userId"] == user
    assert str(uuid.UUID(body["dataId"])) == body["dataId"]
    for name in ("created_at", "last_updated", "tries", "max_tries"):
        assert type(body[name]) is int, name
    assert body["tries"] == 0 and body["last_updated"] == body["created_at"] <= body["max_tries"]
    assert body["record_state_key"] == "active" and body["record_state_val"] is None
    data = body["data"]
    check_keys(data, "notification_user notification_user_email notification_type notification_payload")
    assert data["notification_user"] == user and data["notification_type"] == "event_log"
    assert "@" in data["notification_user_email"]
    payload = data["notification_payload"]
    check_keys(payload, "userId notificationId generated_uuid created_at event")
    assert payload["userId"] == user and payload["notificationId"] == body["dataId"]
    assert re.fullmatch("[0-9a-f]{32}", payload["generated_uuid"])
    assert TIMESTAMP.fullmatch(payload["created_at"])
    check_event(payload["event"])
    assert payload["event"]["resource"]["user_id"] == user


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        status, answer = 200, b""
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/json"
            assert self.headers["Authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()
            assert self.path == "/event_log/admin", self.path
            check_body(body, "admin")
        except Exception as error:
            status, answer = 400, repr(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.handle_request()
