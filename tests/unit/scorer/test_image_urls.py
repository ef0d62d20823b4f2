"""Which URLs are fetched, and to which addresses they may lead: pure tables."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from comal_scorer.limits.image_urls import ImageUrls, read_entry
from comal_scorer.request_error import RequestError


def allowing(*texts: str) -> ImageUrls:
    entries = [read_entry(text) for text in texts]
    return ImageUrls(tuple(entry for entry in entries if entry is not None))


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("photos.example.com", "https://photos.example.com/a.jpg"),
        ("photos.example.com", "http://photos.example.com/a/b.jpg?size=3"),
        ("photos.example.com", "HTTPS://PHOTOS.example.com:443/a.jpg"),
        ("*.example.com", "https://a.b.example.com/x"),
        ("https://photos.example.com", "https://photos.example.com/"),
        ("https://photos.example.com/cats/", "https://photos.example.com/cats/1.jpg"),
        ("https://photos.example.com/cats", "https://photos.example.com/cats/1.jpg"),
        ("http://web.shop.svc:8080/img/", "http://web.shop.svc:8080/img/a.jpg"),
        ("http://[2001:db8::1]/", "http://[2001:db8::1]/a.jpg"),
        ("https://*.blob.example.net/", "https://account.blob.example.net/a?sig=%2Bx"),
    ],
)
def test_allowed(entry: str, url: str) -> None:
    assert allowing(entry).check(url).host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://photos.example.com/cats/a.jpg",
        "http://photos.example.com/cats/a.jpg",
        "https://photos.example.com/dogs/a.jpg",
        "https://photos.example.com/cats-private/a.jpg",
        "https://photos.example.com/cats/../dogs/a.jpg",
        "https://photos.example.com/cats/%2e%2e/dogs/a.jpg",
        "https://photos.example.com/cats/%2E./dogs/a.jpg",
        "https://photos.example.com/cats/..%2fdogs/a.jpg",
        "https://photos.example.com/cats//a.jpg",
        "https://photos.example.com:8443/cats/a.jpg",
        "https://photos.example.com:0/cats/a.jpg",
        "https://photos.example.com:99999/cats/a.jpg",
        "https://photos.example.com@evil.example/cats/a.jpg",
        "https://user:pw@photos.example.com/cats/a.jpg",
        "https://evil.example/?https://photos.example.com/cats/",
        "https://evil.example#photos.example.com/cats/",
        "https://photos.example.com.evil.example/cats/a.jpg",
        "https://evilphotos.example.com/cats/a.jpg",
        "https:\\\\photos.example.com/cats/a.jpg",
        "https://photos.example.com\\@evil.example/cats/a.jpg",
        "https://photos.example.com/cats/a.jpg\r\nx: y",
        "https://photos.example.com/cats/a b.jpg",
        "https://photos.example.com/cats/é.jpg",
        "https://phótos.example.com/cats/a.jpg",
        "https://photos.example.com/cats/" + "a" * 3000,
        "//photos.example.com/cats/a.jpg",
        "https:///cats/a.jpg",
        "https://photos%2eexample.com/cats/a.jpg",
        "data:image/jpeg;base64,AAAA",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(RequestError) as refusal:
        allowing("https://photos.example.com/cats/").check(url)

    assert (refusal.value.status, refusal.value.field) == (400, "image")


def test_without_a_list_nothing_is_allowed() -> None:
    with pytest.raises(RequestError):
        ImageUrls().check("https://photos.example.com/a.jpg")


@pytest.mark.parametrize(
    "text", ["", "nodots", "*.", "*", "http://", "ftp://a.example", "https://a.example/?q=1", "a b"]
)
def test_what_is_no_entry(text: str) -> None:
    assert read_entry(text) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.9.9",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2130706433",
        "photos.example.com",
        "",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not ImageUrls().permits(address)


def test_private_networks_are_permitted_by_name_but_never_metadata() -> None:
    every = tuple(map(ip_network, ("0.0.0.0/0", "::/0")))
    urls = ImageUrls(private=(*every,))

    assert ImageUrls().permits("93.184.216.34")
    assert ImageUrls().permits("2606:2800:220:1::1")
    assert ImageUrls(private=(ip_network("10.0.0.0/8"),)).permits("10.96.0.10")
    assert ImageUrls(private=(ip_network("10.0.0.0/8"),)).permits("::ffff:10.96.0.10")
    assert not ImageUrls(private=(ip_network("10.0.0.0/8"),)).permits("127.0.0.1")
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "168.63.129.16"):
        assert not urls.permits(address)
