"""The endpoint as a real server, asked over HTTP: every answer it gives, and what it never does."""

from __future__ import annotations

import json
import time

import pytest
from tests.push.world import NOTE, TICKET, event

from backoffice.push.keys import add_push_key, push_keys, retire_push_keys
from backoffice.push.signature import signed_headers


def test_a_signed_event_is_accepted_and_again_as_a_duplicate(served):
    sent = event(1, subject="Blåbær", customer={"id": "C1"}, value=12.5)
    assert served.push(sent).json() == {"accepted": 1, "duplicates": 0}
    answer = served.push(sent)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "duplicates": 1})
    other_order = json.dumps(dict(reversed(sent.items())), indent=2).encode()
    assert served.push(other_order).json()["duplicates"] == 1
    assert served.push(sent | {"traceparent": "00-1"}).json()["duplicates"] == 1


def test_an_id_with_another_content_is_a_conflict(served):
    assert served.push(event(2)).status_code == 202
    for changed in (event(2, subject="x"), event(2, "crm.ticket.changed"), event(2) | {"time": "2026-11-20T08:30:01Z"}):
        answer = served.push(changed)
        assert answer.status_code == 409 and answer.headers["content-type"] == "application/problem+json"
    assert served.push(event(2) | {"source": "https://other.example.com"}).json()["accepted"] == 1


def test_a_batch_is_taken_as_a_whole_or_not_at_all(served):
    answer = served.push([event(10), event(11), event(10)])
    assert answer.json() == {"accepted": 2, "duplicates": 1}
    assert served.push([event(12), event(11, subject="x")]).status_code == 409
    assert served.push([event(13), event(13, subject="x")]).status_code == 409
    answer = served.push([event(12), event(14, value="x"), {}])
    assert answer.status_code == 422
    assert [problem[:8] for problem in answer.json()["errors"]] == ["event 1:"] + ["event 2:"] * 4
    assert served.push([event(12), event(13)]).json()["accepted"] == 2
    assert served.push([]).status_code == 422


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"webhook_signature": "v1,AAAA"}, "does not fit"),
        ({"webhook_id": "m2"}, "does not fit"),
        ({"seconds_away": -301}, "from now"),
        ({"seconds_away": 400}, "from now"),
        ({"webhook_signature": ""}, "are needed"),
    ],
)
def test_a_request_that_is_not_signed_is_refused(served, change, detail):
    if "seconds_away" in change:  # counted when the test runs, not when it is collected
        change = {"webhook_timestamp": str(int(time.time()) + change["seconds_away"])}
    answer = served.push(event(20), **change)
    assert answer.status_code == 401 and detail in answer.json()["detail"]
    assert answer.json()["title"] == "Not signed with a valid key, or not in time"


def test_a_signature_is_asked_for_before_anything_is_said_of_the_body(served):
    assert served.push(b"{", webhook_signature="v1,AAAA").status_code == 401
    assert served.push(b"{").status_code == 422


def test_a_source_that_is_not_pushed_is_not_found(served):
    for name in ("shop", "..", "crm2", "ø"):
        assert served.push(event(1), source=name).status_code == 404


def test_only_uncompressed_json_cloudevents_are_taken(served):
    kinds = ("application/json", "", "application/cloudevents", "application/cloudevents+json; charset=latin-1")
    for kind in kinds:
        assert served.push(event(1), content_type=kind).status_code == 415
    assert served.push(event(1), content_encoding="gzip").status_code == 415
    assert served.push(event(31), content_type="application/CloudEvents+json; charset=UTF-8").status_code == 202


def test_binary_mode_is_refused_because_its_headers_are_not_signed(served):
    said = {"ce_id": "9", "ce_source": "x", "ce_type": "crm.ticket.created", "ce_specversion": "1.0"}
    assert served.push({"id": 9}, content_type="application/json", **said).status_code == 415


def test_a_large_body_is_refused_whether_it_is_declared_or_not(served):
    body = json.dumps(event(1, subject="x" * 1_100_000)).encode()
    assert served.push(body).status_code == 413
    headers = served.headers(body)
    answer = served.client.post(
        "/push/crm", content=(body[n : n + 65536] for n in range(0, len(body), 65536)), headers=headers
    )
    assert answer.status_code == 413
    assert served.push(event(32, subject="x" * 900_000)).status_code == 202


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"specversion": "0.3"}, "specversion: must be 1.0"),
        ({"id": ""}, "id: must be a text that is not empty"),
        ({"subject": ""}, "subject: must be a text that is not empty"),
        ({"id": None}, "id: is required"),
        ({"id": 7}, "id: must be a text"),
        ({"id": "x" * 1025}, "id: longer"),
        ({"source": "a\nb"}, "source: holds a control character"),
        ({"type": "crm.ticket.closed"}, "is none of crm.ticket.changed, crm.ticket.created, crm.ticket.deleted"),
        ({"time": "yesterday"}, "time: no time such as"),
        ({"time": "2026-11-20T08:30:00"}, "time: an instant without"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"data_base64": "eA=="}, "data_base64"),
        ({"data": [1]}, "data: must be an object"),
        ({"data": {}}, "data.id: is the key"),
        ({"data": {"id": "x"}}, "data.id: no number (BIGINT): 'x'"),
        ({"data": {"id": 1, "value": 1.005}}, "data.value: does not fit DECIMAL(9,2) exactly"),
        ({"data": {"id": 1, "urgent": "yes"}}, "data.urgent: neither true nor false"),
        ({"data": {"id": 1, "due": "20/11/2026"}}, "data.due: no date"),
        ({"data": {"id": 1, "customer": {"id": "a\x00"}}}, "data.customer.id: a text with a NUL"),
    ],
)
def test_what_does_not_fit_is_named(served, change, problem):
    answer = served.push(event(40) | change)
    assert answer.status_code == 422 and any(problem in found for found in answer.json()["errors"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'"x"',
        b"[" * 100_000,
        b'{"a":' * 5000,
        b"NaN",
        b"1" * 5000,
        b"0.1e" + b"9" * 30,
    ],
)
def test_a_body_that_is_no_event_breaks_nothing(served, body):
    assert served.push(body).status_code == 422


def test_data_is_needed_but_for_a_deletion_named_otherwise(served):
    sent = event(41)
    del sent["data"]
    assert served.push(sent).json()["errors"] == ["data: is required"]
    assert served.push(event(42, "crm.ticket.deleted")).status_code == 202


def test_keys_are_changed_while_it_runs(push_world):
    body = json.dumps(event(1)).encode()
    with push_world.endpoint():
        (old,) = push_keys(push_world.settings, "crm")
        new = add_push_key(push_world.settings, "crm")

        def answer(key):
            return push_world.push(body, **signed_headers(key, body, "m")).status_code

        _until(lambda: answer(new) == 202)
        assert answer(old) == 202
        retire_push_keys(push_world.settings, "crm")
        _until(lambda: answer(old) == 401)
        assert answer(new) == 202


def test_a_source_that_is_added_or_changed_is_served_without_a_restart(push_world):
    with push_world.endpoint():
        assert push_world.push(event(1), source="erp").status_code == 404
        push_world.write_source({"ticket": TICKET}, "erp")
        _until(lambda: push_world.push(event(1), source="erp").status_code == 401)
        push_world.write_source({"ticket": TICKET, "note": NOTE})
        changed = event(2, "crm.ticket.changed")
        assert push_world.push(changed).status_code == 202
        (push_world.settings.sources_dir / "crm.yaml").write_text("source: crm\nreads: [")
        time.sleep(1.5)
        assert push_world.push(event(3)).status_code == 202  # as it was before its file broke
        (push_world.settings.sources_dir / "crm.yaml").unlink()
        _until(lambda: push_world.push(event(4)).status_code == 404)


def test_what_is_declared_and_cannot_be_served_is_asked_again(push_world):
    push_world.write_source({"ticket": TICKET | {"contract": "crm.customer/nobody"}})
    (push_world.settings.sources_dir / "erp.yaml").write_text("source: erp\nreads: [")
    with push_world.endpoint():
        for name in ("crm", "erp"):
            answer = push_world.push(event(1), source=name)
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        push_world.write_source({"ticket": TICKET})
        _until(lambda: push_world.push(event(1)).status_code == 202)


def test_a_contract_s_schema_is_asked_too(push_world):
    customer = {
        "events": "crm.customer",
        "contract": "crm.customer/customer",
        "columns": {"customer_id": "VARCHAR", "name": "VARCHAR"},
        "primary_key": ["customer_id"],
    }
    push_world.write_source({"customer": customer})
    data = {
        "customer_id": "C1",
        "customer_number": "C1",
        "name": "Acme",
        "customer_type": "company",
        "country_code": "DK",
        "currency_code": "DKK",
        "payment_terms_days": 30,
        "status": "active",
        "acquired_date": "2026-01-01",
        "created_at": "2026-01-01T00:00:00Z",
    }
    with push_world.endpoint():
        assert push_world.push(event(1, "crm.customer") | {"data": data}).status_code == 202
        answer = push_world.push(event(2, "crm.customer") | {"data": data | {"customer_type": "dog", "colour": "red"}})
        assert answer.status_code == 422
        assert any("'dog' is not one of" in problem for problem in answer.json()["errors"])
        assert any("'colour' was unexpected" in problem for problem in answer.json()["errors"])


def test_the_pages_fetch_nothing_from_elsewhere(served):
    page = served.client.get("/docs").text
    assert "http" not in page.replace(str(served.client.base_url), "")
    document = served.client.get("/openapi.json").json()
    operation = document["paths"]["/push/crm"]["post"]
    assert set(operation["responses"]) == {"202", "401", "404", "409", "413", "415", "422", "503"}
    assert served.client.get("/static-offline-docs/swagger-ui-bundle.js").is_success


def _until(holds, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
