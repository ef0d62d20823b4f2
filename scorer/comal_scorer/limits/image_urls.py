"""From where pictures may be fetched: an allow-list of URLs, and which addresses it may lead to.

Pure: text in, a checked URL or a `RequestError` out. Whoever fetches connects only to what
`permits`, and checks every redirect again.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from comal_scorer.request_error import RequestError, bad_request, shown

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_LONGEST = 2048
# Printable ASCII without quotes, spaces, backslashes and others on which parsers disagree.
_PLAIN = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+").fullmatch
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]").fullmatch
_DOTS = re.compile(r"(^|/)(\.|%2e){1,2}(/|$)", re.IGNORECASE).search
_ENCODED_SLASH = re.compile(r"%2f|%5c|%00", re.IGNORECASE).search

# Where clouds answer with credentials; the second one has a public address.
_METADATA = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::254/128"),
)
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Location:
    """A URL taken apart once, so that nobody parses it a second time in another way."""

    scheme: str
    host: str
    port: int
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the allow-list; a None scheme or port admits any usual one."""

    scheme: str | None
    host: str
    port: int | None
    path: str

    def admits(self, location: Location) -> bool:
        """Return whether the location lies below this entry."""
        usual = location.port == _PORTS[location.scheme]
        below = location.path == self.path or location.path.startswith(self.path.rstrip("/") + "/")
        suffix = self.host[1:] if self.host.startswith("*.") else None
        host = location.host.endswith(suffix) if suffix else location.host == self.host
        scheme = self.scheme in {None, location.scheme}
        return host and scheme and below and (location.port == self.port if self.port else usual)


@dataclass(frozen=True, slots=True)
class ImageUrls:
    """The allow-list of a deployment; an empty one admits nothing."""

    entries: tuple[Entry, ...] = ()
    private: tuple[Network, ...] = ()

    def check(self, url: str) -> Location:
        """Return the URL's parts when it is allowed; raises `RequestError` naming `image`."""
        location = _parse(url)
        if location is None:
            message = f"image is {shown(url)}, expected a plain http:// or https:// URL"
            raise refused(message)
        if not any(entry.admits(location) for entry in self.entries):
            message = f"image {shown(url)} is not below any URL that this deployment allows"
            raise refused(message)
        return location

    def permits(self, address: str) -> bool:
        """Return whether a connection may be opened: public, or a private network named."""
        try:
            found = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if any(found in network for network in _METADATA):
            return False
        if any(found in network for network in self.private):
            return True
        return found.is_global and not found.is_multicast


def read_entry(text: str) -> Entry | None:
    """Return one entry of the allow-list, None for a text that is none.

    `https://host/path/`, `http://host:8080`, `host` or `*.host`; a path admits what is below it.
    """
    if "://" not in text:
        host = text.removeprefix("*.")
        bare = _HOST(host) and "." in host.strip(".") and not host.startswith(".")
        return Entry(None, text.lower(), None, "/") if bare else None
    scheme, _, rest = text.partition("://")
    wild = rest.startswith("*.")
    location = _parse(f"{scheme}://{rest[2:] if wild else rest}")
    if location is None or location.query or (wild and "." not in location.host):
        return None
    host = f"*.{location.host}" if wild else location.host
    return Entry(location.scheme, host, location.port, location.path)


def refused(message: str) -> RequestError:
    """Return the error for a URL that is not fetched."""
    return bad_request("image-url-refused", "image", message)


def _parse(url: str) -> Location | None:
    if len(url) > _LONGEST or not _PLAIN(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, netloc = parts.scheme.lower(), parts.netloc
    host = netloc[: netloc.rindex(":")] if port is not None else netloc.removesuffix(":")
    path = parts.path or "/"
    if scheme not in _PORTS or "@" in netloc or not _HOST(host) or parts.fragment or port == 0:
        return None
    if _DOTS(path) or _ENCODED_SLASH(path) or "//" in path:
        return None
    return Location(scheme, host.lower(), port or _PORTS[scheme], path, parts.query)


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _EMBEDDING:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
