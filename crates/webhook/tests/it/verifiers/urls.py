"""Reads a list of {"url", "host", "port"} and prints each URL that Python takes to another place."""

import json
import sys
from urllib.parse import urlsplit

for given in json.load(sys.stdin):
    url = urlsplit(given["url"])
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    if (url.hostname, port, url.username) != (given["host"], given["port"], None):
        print(given, url)
