"""URLs of endpoints: what is refused, and the one form of what is not (FC-20)."""

from __future__ import annotations

import pytest

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.targets import Target, parse_target


def refusal(url: str, *, allow_http: bool = False, allow_loopback: bool = False) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_target(url, allow_http=allow_http, allow_loopback=allow_loopback)
    return caught.value.code


def parsed(url: str, *, allow_http: bool = False, allow_loopback: bool = False) -> Target:
    return parse_target(url, allow_http=allow_http, allow_loopback=allow_loopback)


BLOCKED_TEXT = """
http://127.0.0.1/ https://127.0.0.1:8443/h https://10.0.0.5/ https://172.31.255.1/
https://192.168.1.10/ https://169.254.169.254/latest/meta-data/ https://169.254.170.2/
https://100.64.0.1/ https://100.100.100.200/ https://0.0.0.0/ https://255.255.255.255/
https://224.0.0.5/ https://192.0.0.192/ https://198.18.0.1/ https://[::1]/ https://[::]/
https://[fe80::1]/ https://[fd00:ec2::254]/ https://[::ffff:127.0.0.1]/
https://[::ffff:a9fe:a9fe]/ https://[64:ff9b::a9fe:a9fe]/ https://[64:ff9b:1::a00:5]/
https://[2002:7f00:1::]/ https://[::169.254.169.254]/ https://2130706433/ https://0x7f.1/
https://0177.0.0.1/ https://127.1/ https://localhost/ https://localhost./ https://0x7F000001/
https://017700000001 https://127.0.0x1 https://0/ https://010.0.0.1/ https://127.0.0.1./
https://127%2e0%2e0%2e1/ https://%31%32%37.0.0.1/ https://loc%61lhost/ https://１２７.0.0.1/
https://127。0。0。1/ https://①②⑦.0.0.1/ https://ⓛocalhost/ https://[fe80::1%25eth0]/
https://[fe80::1%eth0]/ https://[2606:4700::1111%25eth0]/ https://[::ffff:7f00:1]:8443/
https://[2001:470::5efe:10.0.0.5]/ https://[2001:0:1::]/ https://a.localhost/
https://metadata.google.internal/ https://printer.local/ https://nas.home.arpa/
https://intranet/ HTTPS://LOCALHOST/
"""
BLOCKED = BLOCKED_TEXT.split()

MALFORMED = [
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//hooks.example.com/x",
    "https:///x",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "",
    "hooks.example.com",
    "https:/hooks.example.com/",
    "https:hooks.example.com",
    "https://user@hooks.example.com/",
    "https://user:word@hooks.example.com/",
    "https://hooks.example.com@10.0.0.1/",
    "https://@hooks.example.com/",
    "https://hooks.example.com\\@10.0.0.1/",
    "https://hooks.example.com /",
    " https://hooks.example.com/",
    "https://hooks.example.com/\r\nEvil: 1",
    "https://hooks.example.com/\x00",
    "https://hooks.example.com/a\u00a0b",
    "https://hooks.example.com/a\u2028b",
    "https://hooks.example.com/\ud800",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:1023/",
    "https://hooks.example.com:0443/",
    "https://hooks.example.com:/",
    "https://hooks.example.com:４４３/",
    "https://hooks.example.com:+443/",
    "https://a..example.com/",
    "https://.example.com/",
    "https://hooks.example.com../",
    "https://-a.example.com/",
    "https://*.example.com/",
    "https://a" + "b" * 63 + ".example.com/",
    "https://" + "a." * 127 + "example/",
    "https://hooks%2eexample%2ecom/",
    "https://hooks.example.com%00.example.org/",
    "https://[::1/",
    "https://::1/",
    "https://[v1.a]/",
    "https://[hooks.example.com]/",
    "https://1.2.3.4.5/",
    "https://4294967296/",
    "https://256.1.1.1/",
    "https://1.2.3.08/",
    "https://0x5db8d822/",
    "https://93.184.55330/",
    "https://[２６０６:4700::1111]/",
    "https://💩.example/",
    "https://2606:4700::1111/",
    "https://::1/",
    "https://hooks.example.com/" + "a" * 2048,
]


@pytest.mark.parametrize("url", BLOCKED)
def test_fc_20_an_address_of_the_inside_is_blocked_in_any_spelling(url: str) -> None:
    assert refusal(url) == "blocked_address"


@pytest.mark.parametrize("url", MALFORMED)
def test_fc_20_a_malformed_url_has_a_code_of_its_own(url: str) -> None:
    assert refusal(url) == "invalid_url"


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        (
            "https://hooks.example.com/in?x=1&y=%2F#frag",
            "https://hooks.example.com/in?x=1&y=%2F",
        ),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("HTTPS://Hooks.Example.COM", "https://hooks.example.com/"),
        ("https://hooks.example.com./x", "https://hooks.example.com/x"),
        ("https://hooks.example.com:443/x", "https://hooks.example.com/x"),
        ("https://hooks.example.com:80/x", "https://hooks.example.com:80/x"),
        ("https://hooks.example.com:8443?q", "https://hooks.example.com:8443/?q"),
        ("https://hooks.example.com/a/../b//c/.", "https://hooks.example.com/a/../b//c/."),
        ("https://hooks.example.com/?", "https://hooks.example.com/?"),
        ("https://bücher.example/ä?q=ü", "https://xn--bcher-kva.example/%C3%A4?q=%C3%BC"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ('https://hooks.example.com/"<>^`{|}[]', None),
        ("https://under_score.example/", "https://under_score.example/"),
        ("https://[2606:4700:0:0::1111]:8443/", "https://[2606:4700::1111]:8443/"),
    ],
)
def test_fc_20_what_is_good_has_one_form(url: str, normalised: str | None) -> None:
    target = parsed(url)
    assert target.url == (normalised or "https://hooks.example.com/%22%3C%3E%5E%60%7B%7C%7D%5B%5D")
    assert parsed(target.url) == target


def test_the_parts_are_those_that_are_used() -> None:
    target = parsed("https://[2606:4700::1111]:8443/a?b=c")
    assert target.host == target.address == "2606:4700::1111"
    assert (target.port, target.path_and_query) == (8443, "/a?b=c")
    assert target.authority == "[2606:4700::1111]:8443"
    assert parsed("https://hooks.example.com/").address is None


def test_http_must_be_allowed_and_the_refusal_says_how() -> None:
    with pytest.raises(InvalidInput, match=r"Use https, or allow http first: PATCH the project"):
        parsed("http://hooks.example.com/")
    assert refusal("http://hooks.example.com/") == "http_not_allowed"


def test_http_that_is_allowed() -> None:
    target = parsed("http://hooks.example.com/", allow_http=True)
    assert (target.url, target.port) == ("http://hooks.example.com/", 80)
    assert parsed("http://hooks.example.com:443/", allow_http=True).authority.endswith(":443")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "http://127.9.9.9/", "http://[::1]/", "http://localhost/"]
)
def test_the_local_stack_may_allow_loopback(url: str) -> None:
    assert parsed(url, allow_http=True, allow_loopback=True).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::]/",
        "http://0.0.0.0/",
        "http://a.localhost/",
        "http://host.internal/",
    ],
)
def test_the_loopback_exception_lets_nothing_else_through(url: str) -> None:
    assert refusal(url, allow_http=True, allow_loopback=True) == "blocked_address"


def test_the_message_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match=r"^Write the address in its usual form: 93\.184"):
        parsed("https://0x5db8d822/")
    with pytest.raises(InvalidInput, match=r"an IPv6 address stands in brackets"):
        parsed("https://2606:4700::1111/")
    with pytest.raises(InvalidInput, match=r"carries 169\.254\.169\.254: link-local"):
        parsed("https://[64:ff9b::a9fe:a9fe]/")
