"""Reads a list of addresses and prints those that are not public (`is_global`), with every IPv4 address inside."""

import ipaddress
import json
import sys

NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address):
    if address.version == 6 and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if address.version == 6 and address in NAT64:
        return is_public(ipaddress.ip_address(address.packed[12:]))
    inside = address.version == 6 and (address.sixtofour or address.teredo)
    return address.is_global and not address.is_multicast and not inside


print(json.dumps([text for text in json.load(sys.stdin) if not is_public(ipaddress.ip_address(text))]))
