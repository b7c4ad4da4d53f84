"""Prompts over HTTP: read, written, versioned, labelled, rendered, thrown away."""

import pytest
from django.test import Client

from prompts import services
from prompts.models import Prompt, PromptVersion

pytestmark = pytest.mark.django_db

GREETING = {
    "name": "support/reply",
    "content": "Hi {{ name }}",
    "syntax": "mustache",
    "variables": [{"name": "name", "type": "text"}],
}


@pytest.fixture
def admin(api):
    client = api()
    answer = client.post("prompts", GREETING | {"labels": ["production"]})
    assert answer.status_code == 201, answer.content
    return client


def problem(answer, status: int) -> dict:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"tag:autoforge,2026:{body['code']}"
    return body


def test_a_prompt_is_made_and_read_by_label_and_number(admin):
    read = admin.get("prompts/support/reply")
    assert read.status_code == 200
    body = read.json()
    assert body["content"] == "Hi {{ name }}"
    assert (body["title"], body["version"], body["author"]) == ("reply", 1, "Administrator 0")
    assert body["labels"] == ["production", "latest"]
    assert admin.get("prompts/support%2Freply").json() == body
    assert admin.get("prompts/support/reply", version=1).json() == body
    assert admin.get("prompts/support/reply", label="latest").json() == body
    assert admin.get("prompts/support/reply/-/versions/1").json() == body


def test_a_title_is_no_name(admin):
    assert problem(admin.get("prompts/reply"), 404)["code"].startswith("prompt.missing")


@pytest.mark.parametrize("role", ["Viewer", "Editor"])
def test_an_etag_saves_the_body_until_anything_changes(admin, api, role):
    etag = admin.get("prompts/support/reply")["ETag"]
    reader = api(role)
    for seen in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = reader.get("prompts/support/reply", headers={"If-None-Match": seen})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
    for change in (
        {"title": "Another"},
        {"tags": ["mail"]},
        {"content": "Hello {{ name }}"},
    ):
        newest = admin.get("prompts/support/reply", label="latest")["ETag"]
        changed = admin.send("PATCH", "prompts/support/reply", change, headers={"If-Match": newest})
        assert changed.status_code == 200
        assert changed["ETag"] != newest
    answer = reader.get("prompts/support/reply", headers={"If-None-Match": etag})
    assert answer.status_code == 200  # the title and tags are part of it
    etag = answer["ETag"]
    admin.send("PUT", "prompts/support/reply/-/labels/beta", {"version": 1})
    answer = reader.get("prompts/support/reply", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.json()["labels"] == ["beta", "production"]


def test_an_edit_names_the_state_it_was_made_for(admin):
    path = "prompts/support/reply"
    etag = admin.get(path, label="latest")["ETag"]
    change = {"content": "Hello {{ name }}", "change_note": "kinder"}
    assert problem(admin.send("PATCH", path, change), 428)["code"] == "api.if-match-missing"

    edited = admin.send("PATCH", path, change, headers={"If-Match": etag})
    assert edited.json()["version"] == 2
    assert edited.json()["change_note"] == "kinder"

    body = problem(admin.send("PATCH", path, change, headers={"If-Match": etag}), 412)
    assert body["extra"]["etag"] == edited["ETag"]
    assert body["extra"]["current"] == edited.json()

    body = problem(admin.send("PATCH", path, {"content": "x", "expected_version": 1}), 409)
    assert body["code"] == "prompt.stale"
    assert PromptVersion.objects.count() == 2


def test_versions_are_listed_compared_and_restored(admin):
    path = "prompts/support/reply/-"
    for number in range(2, 6):
        made = admin.post(f"{path}/versions", {"content": f"Hi {{{{ name }}}} {number}"})
        assert (made.status_code, made.json()["version"]) == (201, number)
    numbers = []
    cursor = ""
    while cursor is not None:
        page = admin.get(
            f"{path}/versions", limit=2, **({"cursor": cursor} if cursor else {})
        ).json()
        numbers += [item["version"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert numbers == [5, 4, 3, 2, 1]

    diff = admin.get(f"{path}/diff", before=1, after=5).json()
    assert diff["changed"] == ["content"]
    [row] = diff["content"]
    assert (row["kind"], row["left"], row["right"]) == (
        "changed",
        "Hi {{ name }}",
        "Hi {{ name }} 5",
    )

    restored = admin.post(f"{path}/versions/1/restore", {"change_note": "back"})
    assert restored.json()["version"] == 6
    assert restored.json()["content"] == GREETING["content"]
    problem(admin.get(f"{path}/versions/7"), 404)
    problem(admin.get(f"{path}/diff", before=1, after=7), 404)


def test_a_version_that_says_the_same_is_no_new_one(admin):
    again = admin.post("prompts/support/reply/-/versions", {"content": GREETING["content"]})
    assert again.json()["version"] == 1


def test_labels_move_by_the_callers_rights_alone(admin, api):
    admin.post("prompts/support/reply/-/versions", {"content": "Hello {{ name }}"})
    path = "prompts/support/reply/-/labels"
    services.create_label_rule(label="guarded", is_protected=True, needs_checks=False)

    assert problem(api("Viewer").send("PUT", f"{path}/beta", {"version": 2}), 403)
    assert problem(api("Editor").send("PUT", f"{path}/guarded", {"version": 2}), 403)
    assert api("Editor").send("PUT", f"{path}/beta", {"version": 1}).json()["version"] == 1
    assert api("Publisher").send("PUT", f"{path}/guarded", {"version": 2}).status_code == 200
    assert api("Editor").send("PUT", f"{path}/beta", {"version": 2}).json()["version"] == 2
    back = api("Editor").post(f"{path}/beta/roll-back", {"reason": "worse"})
    assert back.json()["version"] == 1
    assert problem(api("Editor").post(f"{path}/none/roll-back", {}), 404)
    body = problem(api("Publisher").post(f"{path}/guarded/roll-back", {}), 404)
    assert body["code"] == "label.no-earlier"

    history = api("Viewer").get(f"{path}/beta/history").json()["items"]
    assert [(event["before"], event["after"]) for event in history] == [
        ("2", "1"),
        ("1", "2"),
        ("", "1"),
    ]
    assert {event["actor"] for event in history} == {api("Editor").get("me").json()["name"]}
    assert api("Editor").send("DELETE", f"{path}/beta").status_code == 204
    labels = api("Viewer").get(path).json()["items"]
    assert [item["label"] for item in labels] == ["guarded", "production", "latest"]
    assert problem(api("Publisher").send("PUT", f"{path}/latest", {"version": 1}), 422)


def test_a_gate_answers_with_its_verdicts(admin, api):
    services.create_label_rule(label="checked", is_protected=False, needs_checks=True)
    from prompts import extensions

    def refuse(candidate):
        return extensions.Verdict(
            passed=False, reason=f"version {candidate.number} is not measured"
        )

    extensions.register_check("measured", refuse)
    try:
        path = "prompts/support/reply/-/labels/checked"
        body = problem(api("Editor").send("PUT", path, {"version": 1}), 409)
        assert body["code"] == "label.gate"
        assert {
            "check": "measured",
            "passed": False,
            "reason": "version 1 is not measured",
        } in body["extra"]["verdicts"]
        override = {"version": 1, "override": True, "reason": "urgent"}
        assert problem(api("Editor").send("PUT", path, override), 403)
        assert admin.send("PUT", path, override).status_code == 200
    finally:
        extensions.unregister_check("measured")


def test_a_label_that_may_not_be_moved_leaves_no_prompt_behind(api):
    services.create_label_rule(label="guarded", is_protected=True, needs_checks=False)
    problem(api("Editor").post("prompts", GREETING | {"labels": ["guarded"]}), 403)
    problem(api("Editor").post("prompts", GREETING | {"labels": ["latest"]}), 422)
    assert not Prompt.objects.exists()


def test_rendering_inserts_values_and_says_what_is_wrong(admin):
    path = "prompts/support/reply/-/render"
    body = admin.post(path, {"variables": {"name": "愛子"}}).json()
    assert (body["text"], body["messages"]) == (
        "Hi 愛子",
        [{"role": "user", "content": "Hi 愛子"}],
    )
    wrong = problem(admin.post(path, {"variables": {"nmae": 1}}), 422)
    assert {entry["code"] for entry in wrong["errors"]} == {
        "template.unknown-near",
        "template.missing",
    }
    assert {entry["field"] for entry in wrong["errors"]} == {"variables"}
    assert admin.post(path, {"label": "production", "version": 1, "variables": {"name": ""}})
    problem(admin.post(path, {"label": "beta", "version": 1}), 404)


def test_label_and_number_together_must_both_hold(admin):
    admin.post("prompts/support/reply/-/versions", {"content": "Hello {{ name }}"})
    path = "prompts/support/reply"
    assert admin.get(path, label="production", version=1).status_code == 200
    problem(admin.get(path, label="production", version=2), 404)
    assert admin.get(path, label="latest", version=2).status_code == 200
    problem(admin.get(path, label="latest", version=1), 404)


def test_a_preview_names_the_place(admin):
    body = admin.post("preview", {"content": "Hi\n{% if x %}", "syntax": "jinja"}).json()
    assert body["problems"][0]["line"] == 2
    body = admin.post("preview", {"content": "Hi {{ x }}", "syntax": "jinja"}).json()
    assert body["proposed"][0]["name"] == "x"
    assert Prompt.objects.count() == 1


def test_lists_are_searched_filtered_and_paged(admin):
    for name, tag in (("a/one", "mail"), ("a/two", "日本"), ("b", 'quote"d')):
        admin.post("prompts", {"name": name, "content": f"about {name} 天気", "tags": [tag]})

    def names(**query) -> list[str]:
        return [item["name"] for item in admin.get("prompts", **query).json()["items"]]

    assert names() == ["a/one", "a/two", "b", "support/reply"]
    assert names(folder="a") == names(folder="a/") == ["a/one", "a/two"]
    assert names(tag="日本") == ["a/two"]
    assert names(tag='quote"d') == ["b"]
    assert names(tag="mai") == []
    assert names(search="天気") == ["a/one", "a/two", "b"]
    assert names(label="production") == ["support/reply"]
    assert names(status="archived") == []
    first = admin.get("prompts", limit=3).json()
    rest = admin.get("prompts", limit=3, cursor=first["next_cursor"]).json()
    assert [item["name"] for item in rest["items"]] == ["support/reply"]
    assert rest["next_cursor"] is None
    assert first["items"][0]["labels"] == {"latest": 1}
    for cursor in ("x", "e30", "WzFd", "日本", "A" * 2000):
        [entry] = problem(admin.get("prompts", cursor=cursor), 422)["errors"]
        assert (entry["field"], entry["code"]) == ("cursor", "api.cursor")
    assert problem(admin.get("prompts", limit=101), 422)["errors"][0]["field"] == "limit"
    problem(admin.get("prompts", limit="many"), 422)
    assert problem(admin.get("prompts", serch="x"), 422)["errors"][0]["code"] == "api.field-unknown"


def test_the_trash_gives_back_and_forgets(admin, api):
    assert problem(api("Editor").send("DELETE", "prompts/support/reply"), 403)
    assert api("Publisher").send("DELETE", "prompts/support/reply").status_code == 204
    problem(admin.get("prompts/support/reply"), 404)
    [item] = admin.get("trash/prompts").json()["items"]
    path = f"trash/prompts/{item['id']}"
    assert api("Editor").send("POST", path).json()["name"] == "support/reply"
    assert admin.get("trash/prompts").json()["items"] == []
    problem(admin.send("POST", path), 404)
    problem(admin.send("DELETE", path), 404)
    admin.send("DELETE", "prompts/support/reply")
    assert problem(api("Publisher").send("DELETE", path), 403)
    assert admin.send("DELETE", path).status_code == 204
    assert not Prompt.all_objects.exists()


def test_a_chat_goes_over_the_wire_as_messages(admin):
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "{{ question }}"},
    ]
    contract = [{"name": "question", "type": "text"}]
    made = admin.post(
        "prompts",
        {"name": "chat", "content": messages, "syntax": "mustache", "variables": contract},
    )
    assert made.status_code == 201, made.content
    assert (made.json()["kind"], made.json()["content"]) == ("chat", messages)
    rendered = admin.post(
        "prompts/chat/-/render", {"label": "latest", "variables": {"question": "?"}}
    )
    assert rendered.json()["messages"][1]["content"] == "?"
    broken = admin.post("prompts", {"name": "bad", "content": [{"role": "king", "content": "x"}]})
    assert problem(broken, 422)["errors"][0]["field"] == "content"


def test_placeholders_and_parts_go_over_the_wire(admin):
    image = {"type": "image", "url": "https://example.com/{{ name }}.png"}
    messages = [
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, image]},
    ]
    contract = [{"name": "name", "type": "text"}]
    made = admin.post(
        "prompts",
        {"name": "look", "content": messages, "syntax": "mustache", "variables": contract},
    )
    assert made.status_code == 201, made.content
    assert made.json()["content"] == messages
    turn = {"role": "assistant", "content": "{{ name }}"}
    values = {"name": "cat", "history": [turn]}
    path = "prompts/look/-/render"
    rendered = admin.post(path, {"label": "latest", "variables": values})
    filled = [messages[1]["content"][0], image | {"url": "https://example.com/cat.png"}]
    assert rendered.json()["messages"] == [turn, {"role": "user", "content": filled}]
    for wrong, sentence in (
        ({"history": [3]}, "placeholder “history”, message 1: a message must have only"),
        ({"name": " "}, "message 2, part 2: the address of an image or a file must begin"),
        ({"hist": []}, "unknown variable “hist”"),
    ):
        refused = admin.post(path, {"label": "latest", "variables": values | wrong})
        assert sentence in str(problem(refused, 422))


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "content", "api.field-missing"),
        ({"content": 5}, "content", "api.field-type"),
        ({"content": "x", "titel": "y"}, "titel", "api.field-unknown"),
        ({"content": "x", "name": "Not a name!"}, "name", None),
        ({"content": " ", "name": "blank"}, "content", None),
        ({"content": "x", "name": "a", "kind": "poem"}, "kind", "api.field-value"),
        ({"content": "x", "name": "a", "tags": [1]}, "tags[0]", "api.field-type"),
        ({"content": "x", "name": "a", "tags": [""]}, "tags", None),
        ({"content": "x", "name": "a", "config": []}, "config", "api.field-type"),
        ({"content": "x", "name": "a", "config": {"temperature": "hot"}}, "config", None),
        ({"content": "x{{ y }}", "name": "a", "syntax": "mustache"}, "content", None),
    ],
)
def test_wrong_input_is_refused_at_its_field(api, body, field, code):
    answer = problem(api().post("prompts", body), 422)
    assert answer["errors"][0]["field"] == field
    if code:
        assert answer["errors"][0]["code"] == code
    assert not Prompt.objects.exists()


def test_errors_are_in_the_language_of_the_request(api):
    answer = api().get("prompts/none", headers={"Accept-Language": "ja"})
    assert "プロンプト" in answer.json()["detail"]
    assert answer["Content-Language"] == "ja"


def test_what_is_no_json_is_told_with_its_place(api):
    client = api().client
    answer = client.post(
        "/api/v1/prompts", data=b'{"content":\n ,}', content_type="application/json"
    )
    assert (problem(answer, 400)["errors"][0]["line"]) == 2
    answer = client.post("/api/v1/prompts", data=b"content=x", content_type="text/plain")
    assert problem(answer, 400)["code"] == "api.not-json"


def test_the_same_idempotency_key_makes_one_prompt(api):
    editor = api("Editor")
    key = {"Idempotency-Key": "4711"}
    first = editor.post("prompts", GREETING, headers=key)
    again = editor.post("prompts", GREETING, headers=key)
    assert (again.status_code, again.content, again["ETag"]) == (201, first.content, first["ETag"])
    assert again["Idempotency-Replayed"] == "true"
    assert Prompt.objects.count() == 1
    body = problem(editor.post("prompts", GREETING | {"name": "x"}, headers=key), 400)
    assert body["code"] == "api.idempotency-reused"
    assert (
        api("Publisher").post("prompts", GREETING | {"name": "y"}, headers=key).status_code == 201
    )
    problem(editor.post("prompts", GREETING, headers={"Idempotency-Key": "x" * 256}), 400)


def test_what_was_refused_may_be_mended_under_the_same_key(api):
    key = {"Idempotency-Key": "4712"}
    problem(api().post("prompts", GREETING | {"content": ""}, headers=key), 422)
    assert api().post("prompts", GREETING, headers=key).status_code == 201


def test_limits_are_counted_and_said(api):
    from core.access import services as keys
    from tests.api.conftest import Api

    new = keys.create_key(name="slow", role="Viewer", requests_per_minute=2)
    client = Api(new.text)
    first = client.get("me")
    assert first["RateLimit-Policy"] == '"key";q=2;w=60'
    assert first["RateLimit"].startswith('"key";r=1;t=')
    client.get("me")
    refused = client.get("me")
    assert problem(refused, 429)["code"] == "api.limit-reached"
    assert 0 < int(refused["Retry-After"]) <= 60


def test_nobody_gets_in_without_a_key(db):
    for path in ("/api/v1/me", "/api/v1/prompts", "/api/v1/prompts/x"):
        answer = Client().get(path)
        assert problem(answer, 401)["code"] == "access.no-credentials"
        assert answer["WWW-Authenticate"] == 'Bearer realm="AutoForge"'


def test_other_methods_and_addresses_are_problems_too(api):
    answer = api().send("DELETE", "me")
    assert problem(answer, 405)["code"] == "api.method"
    assert answer["Allow"] == "GET"
    assert problem(api().get("nothing"), 404)["code"] == "api.no-operation"
    assert problem(api().get("me", headers={"Accept": "text/html"}), 406)
