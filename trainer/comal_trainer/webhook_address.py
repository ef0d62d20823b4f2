"""Where a webhook may be: an address that a person wrote into a Secret, and that may be any."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from comal_trainer.failure import UnavailableError, UserError

_IN_CLUSTER = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?")
# Azure's own service for its machines: who may talk to it may read their set-up.
_WIRE_SERVER = ipaddress.ip_address("168.63.129.16")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """A webhook's address, taken apart; never shown, since whoever knows it may use it."""

    host: str
    port: int
    path: str
    is_secure: bool


def read_address(text: str) -> Address:
    """Return the address; raise UserError, which does not repeat it."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong("is no address") from None
    if not url or len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise _wrong("must be one line of at most 4096 ASCII characters")
    if parts.scheme not in ("https", "http") or not host:
        raise _wrong("must begin with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise _wrong("must not hold user:password@")
    if parts.scheme == "http" and not _IN_CLUSTER.fullmatch(host):
        # What it says and its own address would be read by everyone on the way.
        raise _wrong("must be https://, but for http://<service>.<namespace>.svc")
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    secure = parts.scheme == "https"
    return Address(host, port or (443 if secure else 80), path, secure)


def is_allowed(ip: str) -> bool:
    """Return whether an IP is none of this machine's own and none where clouds hand out logins."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address == _WIRE_SERVER or address == ipaddress.ip_address("fd00:ec2::254"):
        return False
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )


def resolved(address: Address, allowed: Callable[[str], bool] = is_allowed) -> str:
    """Return an IP of the host, to which the connection is made: asked again, DNS may lie.

    Raises UserError when one of them is not allowed, UnavailableError when there is none.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnavailableError("the webhook's host cannot be resolved") from None
    ips = [str(where[0]) for *_, where in found]
    if not all(allowed(ip) for ip in ips):
        raise _wrong("must not lead to this machine, nor to its cloud's metadata")
    return ips[0]


def _wrong(what: str) -> UserError:
    return UserError(f"the webhook's address (in the Secret of notify) {what}: correct it there")
