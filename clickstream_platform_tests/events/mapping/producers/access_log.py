"""Made after the published formats of Apache's and nginx's access logs, common and combined."""

from __future__ import annotations

from typing import Any

from clickstream_platform_tests.events.mapping.producers.expected import Row, event, passed_over, rejected

SOURCE = (
    "httpd.apache.org/docs/2.4/logs.html#accesslog and nginx.org/en/docs/http/ngx_http_log_module.html, read 2026-11"
)
AT = "[10/Oct/2000:13:55:36 -0700]"
BROWSER = '"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
SEEN: dict[str, Any] = {"user_id": "127.0.0.1", "ip_address": "127.0.0.1", "timestamp": "2000-10-10T20:55:36Z"}


def common(request: str, host: str = "127.0.0.1", user: str = "-", at: str = AT, end: str = "200 2326") -> str:
    return f'{host} - {user} {at} "{request}" {end}'


def view(url: str, **columns: Any) -> Any:
    return event(**{**SEEN, "page_url": url, "event_type": "page_view", **columns})


V6 = "2001:db8::7"
ROWS: list[Row] = [
    (common("GET /apache HTTP/1.0"), view("/apache")),
    (common("GET /apache HTTP/1.0", user="frank"), view("/apache", user_id="frank")),
    (common("GET /apache HTTP/1.0", user="frank the second"), view("/apache", user_id="frank the second")),
    (common("GET / HTTP/1.1", end=f"200 12 {BROWSER}"), view("/")),
    (common("GET /?q=a+b HTTP/2.0", end=f"304 0 {BROWSER}"), view("/?q=a+b")),
    (common("GET /p/1 HTTP/1.1", end='200 12 "-" "-"'), view("/p/1")),
    (common("GET /p/1 HTTP/1.1", end=f'200 12 {BROWSER} "203.0.113.9" 0.004'), view("/p/1")),
    (common("GET /p/1 HTTP/1.1", end='200 12 "-" "a \\"quoted\\" agent"'), view("/p/1")),
    (common("GET /p/1 HTTP/1.1", end="404 -"), view("/p/1")),
    (common("GET /p/1"), view("/p/1")),
    (common("GET /caf%C3%A9 HTTP/1.1"), view("/caf%C3%A9")),
    (common("GET http://example.com/ HTTP/1.1"), view("http://example.com/")),
    (common("GET / HTTP/1.1", host=V6), view("/", user_id=V6, ip_address=V6)),
    (common("GET / HTTP/1.1", host="host.example"), view("/", user_id="host.example", ip_address="host.example")),
    (common("GET / HTTP/1.1", at="[29/Feb/2024:23:59:59 +0000]"), view("/", timestamp="2024-02-29T23:59:59Z")),
    # As Apache's vhost_combined and a proxy in front have it, and requests that a client has spoiled.
    ("shop.example:443 " + common("GET / HTTP/1.1", end=f"200 5 {BROWSER}"), view("/")),
    ("shop.example " + common("GET / HTTP/1.1", host=V6), view("/", user_id=V6, ip_address=V6)),
    (common("GET / HTTP/1.1", host="127.0.0.1, 10.0.0.1,10.0.0.2"), view("/")),
    (common('GET /a\\"b HTTP/1.1'), view('/a\\"b')),
    (common("GET /with a blank HTTP/1.1"), view("/with a blank")),
    (common("POST /cart HTTP/1.1"), event(**SEEN, event_type="POST", page_url="/cart")),
    (common("DELETE /cart/1 HTTP/1.1"), event(**SEEN, event_type="DELETE", page_url="/cart/1")),
    (common("HEAD / HTTP/1.1"), passed_over("HEAD")),
    (common("OPTIONS * HTTP/1.1"), passed_over("OPTIONS")),
    (common("GET /style.css HTTP/1.1"), passed_over("*.css")),
    (common("GET /app.js?v=3 HTTP/1.1"), passed_over("*.js?*")),
    (common("GET /robots.txt HTTP/1.1"), passed_over("/robots.txt")),
    (common("GET / HTTP/1.1", at="[10/Okt/2000:13:55:36 -0700]"), rejected("bad_timestamp")),
    (common("GET / HTTP/1.1", at="[31/Feb/2000:13:55:36 -0700]"), rejected("bad_timestamp")),
    (common("-", end="408 -"), rejected("missing_event_type")),
    ('127.0.0.1 - - "GET / HTTP/1.1" 200 1', rejected("malformed_line")),
]
HOSTILE: Row = (common('\\x16\\x03\\x01\\x02 ] \\" GET / HTTP/1.1', end="400 166"), rejected("missing_event_type"))
