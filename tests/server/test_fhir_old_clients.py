"""What hospital systems of all ages send: each is served, or told in words what to change."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, Hospital, HospitalKey, hospital

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "王"}]}
BODY = json.dumps(PATIENT, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def fhir(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("old")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            assert caller("PUT", "/Patient/p", {**PATIENT, "id": "p"}).status == 201
            yield caller


class TestBodies:
    """Media types, encodings and byte order marks."""

    @pytest.mark.parametrize(
        "media_type",
        ["application/fhir+json", "application/fhir+json; charset=UTF-8", "application/json", "application/json+fhir",
         "application/fhir+json;fhirVersion=4.0", "APPLICATION/JSON; charset=utf-8", "text/json"],
    )  # fmt: skip
    def test_media_types_of_json(self, fhir: Caller, media_type: str) -> None:
        reply = fhir("POST", "/Patient", BODY, Content_Type=media_type)
        assert (reply.status, reply.json["name"][0]["family"]) == (201, "王")

    def test_byte_order_mark(self, fhir: Caller) -> None:
        assert fhir("POST", "/Patient", b"\xef\xbb\xbf" + BODY).status == 201

    def test_gzip_body(self, fhir: Caller) -> None:
        assert fhir("POST", "/Patient", gzip.compress(BODY), Content_Encoding="gzip").status == 201

    def test_gzip_body_that_is_none(self, fhir: Caller) -> None:
        assert fhir("POST", "/Patient", BODY, Content_Encoding="gzip").status == 400

    def test_gzip_bomb(self, fhir: Caller) -> None:
        bomb = gzip.compress(b" " * (64 << 20))
        assert fhir("POST", "/Patient", bomb, Content_Encoding="gzip").status == 413

    def test_gbk_is_told_apart(self, fhir: Caller) -> None:
        reply = fhir("POST", "/Patient", BODY.decode().encode("gb18030"), Content_Type="application/json; charset=GBK")
        assert (reply.status, "UTF-8" in reply.json["issue"][0]["diagnostics"]) == (400, True)

    @pytest.mark.parametrize(("method", "path"), [("POST", "/Patient"), ("PUT", "/Patient/p"), ("POST", "")])
    def test_xml_is_refused_in_words(self, fhir: Caller, method: str, path: str) -> None:
        reply = fhir(method, path, b"<Patient/>", Content_Type="application/fhir+xml")
        assert (reply.status, "application/fhir+json" in reply.json["issue"][0]["diagnostics"]) == (415, True)

    def test_search_form_without_a_body(self, fhir: Caller) -> None:
        for media_type in ("application/x-www-form-urlencoded", "application/fhir+json", "text/plain"):
            assert fhir("POST", "/Patient/_search?_id=p", None, Content_Type=media_type).ids == ["p"]


class TestHeaders:
    """Accept, Authorization, conditions, and HTTP's own."""

    @pytest.mark.parametrize(
        "accept",
        ["application/fhir+json", "application/json", "*/*", "application/*", "application/fhir+json; charset=utf-8",
         "application/json;q=0.9, application/fhir+xml;q=1.0", "text/html, */*;q=0.1", ""],
    )  # fmt: skip
    def test_accept(self, fhir: Caller, accept: str) -> None:
        reply = fhir("GET", "/Patient/p", Accept=accept)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/fhir+json; charset=utf-8")

    @pytest.mark.parametrize("accept", ["*", "application/FHIR+JSON", "text/*", "text/html, *; q=.2, */*; q=.2"])
    def test_accept_of_odd_libraries(self, fhir: Caller, accept: str) -> None:
        assert fhir("GET", "/Patient/p", Accept=accept).status == 200

    @pytest.mark.parametrize(
        "wanted",
        ["json", "JSON", "", "text/json", "application/json;charset=utf-8", "application/fhir%2Bjson",
         "application/fhir+json", "application/fhir%2Bjson;%20fhirVersion=4.0"],
    )  # fmt: skip
    def test_format(self, fhir: Caller, wanted: str) -> None:
        assert fhir("GET", f"/Patient?_id=p&_format={wanted}").ids == ["p"]

    @pytest.mark.parametrize("wanted", ["xml", "application/fhir%2Bxml", "html", "ttl"])
    def test_other_format_is_406(self, fhir: Caller, wanted: str) -> None:
        assert fhir("GET", f"/Patient?_id=p&_format={wanted}", Accept="application/json").status == 406

    @pytest.mark.parametrize("accept", ["application/fhir+xml", "text/xml", "text/turtle"])
    def test_other_formats_are_406(self, fhir: Caller, accept: str) -> None:
        reply = fhir("GET", "/Patient/p", Accept=accept)
        assert (reply.status, reply.json["resourceType"]) == (406, "OperationOutcome")

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
    def test_scheme_in_any_case(self, fhir: Caller, scheme: str) -> None:
        assert fhir("GET", "/Patient/p", Authorization=f"{scheme} {fhir.token}").status == 200

    @pytest.mark.parametrize("path", ["/Patient/p/", "/Patient/", "/Patient/p/_history/", "/metadata/", "/"])
    def test_slash_at_the_end(self, fhir: Caller, path: str) -> None:
        assert fhir("GET", path).status == 200

    def test_head(self, fhir: Caller) -> None:
        reply = fhir("HEAD", "/Patient/p")
        assert (reply.status, reply.raw, reply.version) == (200, b"", 'W/"1"')
        assert int(reply.headers["Content-Length"]) == len(fhir("GET", "/Patient/p").raw)

    def test_pretty(self, fhir: Caller) -> None:
        assert fhir("GET", "/Patient/p?_pretty=true").raw.startswith(b'{\n  "resourceType": "Patient"')

    def test_expect_100_continue(self, fhir: Caller) -> None:
        """curl sends it with every body over 1 kB, and waits."""
        where = urlsplit(fhir.server.base)
        head = (
            f"POST /fhir/Patient HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {fhir.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
        )
        with socket.create_connection((where.hostname, where.port), timeout=10) as line:
            line.sendall(head.encode())
            assert line.recv(4096).startswith(b"HTTP/1.1 100")
            line.sendall(BODY)
            assert line.recv(4096).startswith(b"HTTP/1.1 201")


class TestAddresses:
    """Searches as they are escaped, or not."""

    @pytest.mark.parametrize(
        "query",
        ["identifier=urn:his%7CA%5C%7C1", "identifier=urn:his|A\\|1", "identifier=urn%3Ahis%7Ca%5C%7c1",
         "family=%E7%8E%8B%5C%2C", "&family=%E7%8E%8B&", "given=a%2Bb", "given=50%2541", "_id=odd&&", "_id=odd&_id=odd",
         "_id:not=p,x&given=a%2b"],
    )  # fmt: skip
    def test_escapes(self, fhir: Caller, query: str) -> None:
        odd = {"resourceType": "Patient", "id": "odd", "name": [{"family": "王,x|y$z", "given": ["a+b", "50%41"]}],
               "identifier": [{"system": "urn:his", "value": "A|1"}]}  # fmt: skip
        assert fhir("PUT", "/Patient/odd", odd).status in (200, 201)
        assert "odd" in fhir("GET", URL(f"{fhir.server.base}/Patient?{query}", encoded=True)).ids
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        assert "odd" in fhir("POST", "/Patient/_search", query.encode(), **form).ids

    def test_gbk_is_refused(self, fhir: Caller) -> None:
        """Read as UTF-8 it would find nobody, and a conditional create make a second patient."""
        gbk = "family=%CD%F5"
        replies = [fhir("GET", URL(f"{fhir.server.base}/Patient?{gbk}", encoded=True)),
                   fhir("POST", "/Patient", BODY, If_None_Exist=gbk),
                   fhir("POST", "/Patient/_search", gbk, Content_Type="application/x-www-form-urlencoded")]  # fmt: skip
        entry = {"resource": PATIENT, "request": {"method": "POST", "url": "Patient", "ifNoneExist": gbk}}
        replies.append(fhir("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}))
        assert [r.status for r in replies] == [400] * 4
        assert all("UTF-8" in r.json["issue"][0]["diagnostics"] for r in replies)

    def test_a_search_too_long_for_an_address(self, fhir: Caller) -> None:
        form = ("_id=" + ",".join(["p", *(f"none-{n:040d}" for n in range(199))])).encode()
        assert len(form) > 8_190
        assert fhir("POST", "/Patient/_search", form, Content_Type="application/x-www-form-urlencoded").ids == ["p"]

    def test_a_form_has_an_end(self, fhir: Caller) -> None:
        reply = fhir("POST", "/Patient/_search", b"_id=" + b"\\," * 200_000,
                     Content_Type="application/x-www-form-urlencoded")  # fmt: skip
        assert reply.status == 413


class TestLines:
    """HTTP itself, as it was."""

    def asked(self, fhir: Caller, head: str, body: bytes = b"") -> bytes:
        where = urlsplit(fhir.server.base)
        sent = head.format(host=where.netloc, token=fhir.token).replace("\n", "\r\n").encode()
        with socket.create_connection((where.hostname, where.port), timeout=30) as line:
            line.sendall(sent + body)
            return line.recv(100)

    def test_http_1_0(self, fhir: Caller) -> None:
        get = "GET /fhir/Patient/p HTTP/1.0\nauthorization: Bearer {token}\n\n"
        post = "POST /fhir/Patient HTTP/1.0\nAUTHORIZATION: Bearer {token}\nCONTENT-TYPE: text/json\n"
        post += f"CONTENT-LENGTH: {len(BODY)}\n\n"
        assert self.asked(fhir, get).startswith(b"HTTP/1.0 200")
        assert self.asked(fhir, post, BODY).startswith(b"HTTP/1.0 201")

    def test_chunks(self, fhir: Caller) -> None:
        head = ("POST /fhir/Patient HTTP/1.1\nHost: {host}\nAuthorization: Bearer {token}\n"
                "Content-Type: application/fhir+json\nTransfer-Encoding: chunked\n\n")  # fmt: skip
        pieces = [BODY[n : n + 7] for n in range(0, len(BODY), 7)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
        assert self.asked(fhir, head, body).startswith(b"HTTP/1.1 201")


class TestTokens:
    """/auth/token as clients of all kinds ask it."""

    def test_charset_in_the_form_s_media_type(self, fhir: Caller) -> None:
        server, key = fhir.server, HospitalKey()
        server.register("form", ["system/*.rs"], jwks={"keys": [key.jwk]})
        status, headers, body = self.post(server, key.assertion("form", server.token_url))
        assert (status, body["token_type"]) == (200, "bearer")
        assert (headers["Cache-Control"], headers["Pragma"]) == ("no-store", "no-cache")

    def test_slash_at_the_end_of_the_audience(self, fhir: Caller) -> None:
        server, key = fhir.server, HospitalKey()
        server.register("slash", ["system/*.rs"], jwks={"keys": [key.jwk]})
        status, _, body = self.post(server, key.assertion("slash", server.token_url + "/"))
        assert (status, body["error"]) == (401, "invalid_client")
        assert "aud" in body["error_description"]

    def test_basic_authentication_is_told(self, fhir: Caller) -> None:
        status, _, body = self.post(fhir.server, None, Authorization="Basic eDp5")
        assert (status, body["error"]) == (400, "invalid_request")

    def post(self, server: Hospital, assertion: str | None, **headers: str) -> tuple[int, Any, Any]:
        form = {"grant_type": "client_credentials", "scope": "system/*.rs",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}  # fmt: skip
        form |= {"client_assertion": assertion} if assertion else {}
        media_type = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}

        async def send() -> tuple[int, Any, Any]:
            async with (
                aiohttp.ClientSession() as session,
                session.post(server.token_url, data=form, headers={**media_type, **headers}) as answer,
            ):
                return answer.status, dict(answer.headers), await answer.json()

        return server.call(send())
