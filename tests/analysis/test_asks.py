"""A question carries empty slots, not secrets."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from analysis.asks import (
    REDACTED,
    BasicAuth,
    HttpCall,
    HttpReply,
    OAuth2,
    PromQuery,
    SecretRef,
    fill,
    json_text,
    missing_secret,
    redact,
    secrets,
    shown,
    slot,
)  # fmt: skip
from analysis.errors import AnalysisError

TOKEN, PASSWORD = SecretRef("prom", "token"), SecretRef("prom", "password")


def a_question():
    return PromQuery(
        "http://prom:9090",
        f'up{{x="{slot(TOKEN)}"}}',
        headers=(("Authorization", f"Bearer {slot(TOKEN)}"),),
        basic=BasicAuth("me", slot(PASSWORD)),
        oauth2=OAuth2("http://idp/token", "id", slot(PASSWORD), ("read",)),
    )


def test_a_question_tells_which_secrets_it_wants():
    assert secrets(a_question()) == (PASSWORD, TOKEN)
    assert secrets(PromQuery("http://prom:9090", "up")) == ()


def test_slots_are_filled_as_the_question_leaves():
    filled = fill(a_question(), {TOKEN: "s3cret", PASSWORD: "pa55"})

    assert filled.query == 'up{x="s3cret"}'
    assert filled.headers == (("Authorization", "Bearer s3cret"),)
    assert filled.basic and filled.basic.password == "pa55"
    assert filled.oauth2 and filled.oauth2.client_secret == "pa55"


def test_a_secret_in_json_is_filled_in_as_json_writes_it():
    question = HttpCall(
        "http://x", "POST", body=json_text({"a": [f"Bearer {slot(TOKEN)}", "\\u0002é"], slot(TOKEN): 1})
    )

    filled = fill(question, {TOKEN: 'say "ü"\\\n'})

    assert secrets(question) == (TOKEN,)
    assert json.loads(filled.body) == {"a": ['Bearer say "ü"\\\n', "\\u0002é"], 'say "ü"\\\n': 1}
    assert shown(question.body) == '{"a":["Bearer *****","\\\\u0002\\u00e9"],"*****":1}'


def test_no_repr_shows_a_filled_secret():
    filled = fill(a_question(), {TOKEN: "s3cret", PASSWORD: "pa55"})

    assert "s3cret" not in repr(filled)
    assert "pa55" not in repr(filled)


def test_a_missing_secret_is_an_error_without_any_value():
    with pytest.raises(AnalysisError, match="secret prom key password missing"):
        fill(a_question(), {TOKEN: "s3cret"})
    assert missing_secret("shop", TOKEN) == "secret shop/prom key token missing"


def test_secrets_are_struck_out_of_what_comes_back():
    reply = HttpReply(400, b'{"error": "bad token s3cret"}')

    assert redact(reply, ["s3cret"]).body == b'{"error": "bad token *****"}'
    assert redact({"s3cret": ["a s3cret b", 1, None]}, ["s3cret"]) == {REDACTED: [f"a {REDACTED} b", 1, None]}
    assert shown(f"up{slot(TOKEN)}") == "up*****"


WORD = 'pa55/w"örd&=+x'


@pytest.mark.parametrize(
    "said",
    [
        WORD,
        json.dumps({"token": WORD}),
        json.dumps({"token": WORD}, ensure_ascii=False),
        json.dumps({"token": WORD}, ensure_ascii=False).replace("&", "\\u0026"),
        json.dumps({"token": WORD}).replace("/", "\\/"),
        html.escape(WORD),
        quote(WORD),
        quote(WORD, safe=""),
        quote_plus(WORD),
        json.dumps(json.dumps({"token": json.dumps(WORD)})),
        json.dumps({"html": html.escape(quote(WORD))}),
        *(base64.b64encode(f"{user}:{WORD}".encode()).decode() for user in ("", "a", "ab", "abc")),
        *(base64.urlsafe_b64encode(f"{user}:{WORD}:x".encode()).decode() for user in ("", "a", "ab")),
    ],
)
def test_a_secret_is_struck_out_however_a_server_writes_it_back(said):
    (struck,) = redact([f"You sent: {said}."], [WORD])
    reply = redact(HttpReply(401, b"\xff " + said.encode()), [WORD])

    assert REDACTED in struck and REDACTED.encode() in reply.body
    for text in (struck, reply.body.decode(errors="replace")):
        assert not any(part in text for part in ("pa55", "rd&", "26%3D", quote("ö"), "\\u00f6"))
        for coded in re.findall(r"[A-Za-z0-9_+/-]{4,}", text):
            assert not any(part in decoded(coded) for part in (b"pa55", b'w"', b"rd&"))


@pytest.mark.parametrize(
    "word",
    [
        "\\\\\\\\host\\share",
        "line\none",
        "🚀ship",
        "tab\tbed",
        "!!!!!!",
        "a b c d",
        ".*.*",
        "((((",
        "'quoted'",
        ",".join(map(str, range(2_000))),
    ],
)
def test_any_text_is_struck_out_of_any_form_and_at_once(word):
    forms = [word, html.escape(word), quote(word), quote_plus(word), json.dumps(json.dumps(word))[3:-3]]

    assert {redact(form, [word]).strip("*") for form in forms} == {""}
    near = word[:-1] + "\0"
    for flood in (near * (1_000_000 // len(near)) + word, "\\" * 1_000_000 + word, word * (1_000_000 // len(word))):
        assert word not in redact(flood, [word])


def decoded(text):
    """What a piece of base64 says, wherever it was cut off."""
    plain = text.replace("-", "+").replace("_", "/")
    starts = (plain[start:] for start in range(4))
    return b" ".join(base64.b64decode(each[: len(each) // 4 * 4]) for each in starts)


def test_the_form_of_a_range_query_carries_its_bounds():
    question = PromQuery("http://prom:9090/", "up", "range", 10.0, 20.5, 5.0, timeout_s=7)

    assert question.endpoint == "http://prom:9090/api/v1/query_range"
    assert dict(question.form) == {
        "query": "up", "timeout": "7s", "start": "10.000", "end": "20.500", "step": "5.000",
    }  # fmt: skip
