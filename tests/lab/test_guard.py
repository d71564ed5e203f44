"""Who may ask the lab, and what every answer says."""

from __future__ import annotations

import pytest
from tests.lab.conftest import BEARER, HERE, HOST, TOKEN, Asking

from steepest.lab.guard import Address

COOKIE = {"cookie": f"steepest-lab-8765={TOKEN}"}


def sentence(answer: object) -> str:
    found = answer.json()["error"]  # type: ignore[attr-defined]
    assert isinstance(found, str)
    assert found.endswith(".")
    return found


def test_the_first_address_gives_a_cookie_and_leads_to_the_page(lab: Asking) -> None:
    answer = lab("GET", f"/?token={TOKEN}", headers={"authorization": ""})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"steepest-lab-8765={TOKEN};")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    page = lab("GET", "/", headers={"authorization": "", **COOKIE})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


def test_along_a_link_from_another_site_the_page_is_asked_for_once_more(lab: Asking) -> None:
    headers = {"authorization": "", "sec-fetch-site": "cross-site"}
    answer = lab("GET", f"/?token={TOKEN}", headers=headers)
    assert answer.status_code == 200
    assert "url=/" in answer.text
    assert TOKEN not in answer.text
    assert "set-cookie" in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"cookie": "steepest-lab-8765=other"}, id="another-token"),
        pytest.param({"cookie": f"steepest-lab-8766={TOKEN}"}, id="cookie-of-another-lab"),
        pytest.param({"cookie": "steepest-lab-8765="}, id="empty-cookie"),
        pytest.param({"cookie": "steepest-lab-8765=\xe9"}, id="no-ascii"),
        pytest.param({"authorization": TOKEN}, id="not-a-bearer"),
        pytest.param({"authorization": "Bearer "}, id="empty-bearer"),
        pytest.param({"authorization": f"Basic {TOKEN}"}, id="basic"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/examples", "/api/runs", "/api/nothing", "/nothing"])
def test_without_the_token_nothing_is_said(lab: Asking, headers: dict[str, str], path: str) -> None:
    coded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = lab("GET", path, headers={"authorization": "", **coded})
    assert answer.status_code == 401
    assert "token" in answer.text


def test_a_wrong_token_in_the_address(lab: Asking) -> None:
    answer = lab("GET", "/?token=wrong&token=too", headers={"authorization": ""})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:8765.evil",
        "",
        ":",
    ],
)
def test_another_host_is_refused(lab: Asking, host: str) -> None:
    answer = lab("GET", "/api/examples", headers={"host": host})
    assert answer.status_code == 403
    assert "address" in sentence(answer)


@pytest.mark.parametrize("host", [HOST, "localhost:8765", "LOCALHOST:8765", "[::1]:8765"])
def test_the_lab_answers_by_its_own_names(lab: Asking, host: str) -> None:
    assert lab("GET", "/api/examples", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("name", "is_called"),
    [
        ("192.168.1.7:80", True),
        ("192.168.1.7", True),
        ("10.0.0.1:80", True),
        ("[fe80::1]:80", True),
        ("evil.example", False),
        ("192.168.1.7.evil.example:80", False),
    ],
)
def test_a_shared_lab_has_any_address_but_no_foreign_name(name: str, is_called: bool) -> None:
    assert Address("192.168.1.7", 80, is_shared=True).is_called(name) is is_called
    assert not Address("127.0.0.1", 80).is_called("192.168.1.7")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8765", "http://127.0.0.1:1", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_origin_is_refused(lab: Asking, method: str, origin: str) -> None:
    path = {"GET": "/api/examples", "POST": "/api/live", "DELETE": "/api/runs/x"}[method]
    answer = lab(method, path, headers={"origin": origin, "authorization": "", **COOKIE})
    assert answer.status_code == 403
    assert sentence(answer)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/live"), ("DELETE", "/api/runs/x")])
def test_a_change_by_cookie_needs_an_origin(lab: Asking, method: str, path: str) -> None:
    by_cookie = {"authorization": "", **COOKIE}
    assert lab(method, path, headers=by_cookie).status_code == 403
    own = {**by_cookie, "origin": HERE}
    assert lab(method, path, headers=own).status_code in (404, 415)
    assert lab(method, path, headers=BEARER).status_code in (404, 415)


@pytest.mark.parametrize(
    "path", ["/", "/static/lab.html", "/api/examples", "/api/nothing", "/api/live"]
)
def test_every_answer_has_the_headers(lab: Asking, path: str) -> None:
    for method in ("GET", "POST", "HEAD", "PUT", "OPTIONS"):
        answer = lab(method, path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_the_page_has_no_script_of_its_own(lab: Asking) -> None:
    page = lab("GET", "/").text
    assert "<script>" not in page
    assert "<style" not in page
    assert "onload=" not in page
