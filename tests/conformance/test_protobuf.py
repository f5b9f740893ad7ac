"""Bodies in protobuf, as typed Go clients send them for built-in kinds, mean the same on both servers."""

from __future__ import annotations

from tests.conformance.api import Api

PROTOBUF = "application/vnd.kubernetes.protobuf"


def varint(value: int) -> bytes:
    """A number on the wire."""
    value &= (1 << 64) - 1
    found = b""
    while value >= 0x80:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def message(*fields: tuple[int, str | bytes | int]) -> bytes:
    """A message of text, inner messages and numbers."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(raw)) + raw
    return found


def enveloped(api_version: str, kind: str, raw: bytes) -> bytes:
    """An object as it is sent."""
    return b"k8s\0" + message((1, message((1, api_version), (2, kind))), (2, raw), (3, ""), (4, ""))


def test_what_is_said_in_protobuf_is_kept(api: Api):
    meta = message((1, "m"), (2, ""), (12, message((1, "l"), (2, "é"))), (8, b""))
    raw = message((1, meta), (2, message((1, "x"), (2, "1"))), (3, message((1, "b"), (2, b"\0\xff"))), (4, 0))
    made = api.must("POST", api.path("configmaps"), enveloped("v1", "ConfigMap", raw), PROTOBUF)

    assert made.body["data"] == {"x": "1"}
    assert made.body["binaryData"] == {"b": "AP8="}
    assert made.body["immutable"] is False
    assert made.meta["annotations"] == {"l": "é"}
    assert "generateName" not in made.meta


def test_zero_that_is_meant_is_not_left_out(api: Api):
    labels = message((1, "app"), (2, "a"))
    container = message((1, "c"), (2, "demo/web:good-1"), (15, message((4, 0))))
    volume = message((1, "v"), (2, message((2, b""))))
    template = message((1, message((11, labels))), (2, message((1, volume), (2, container))))
    update = message((1, message((1, 1), (2, 0), (3, "25%"))), (2, message((1, 0), (2, 2), (3, ""))))
    spec = message(
        (1, 0), (2, message((1, labels))), (3, template), (4, message((1, "RollingUpdate"), (2, update))), (9, 30)
    )
    raw = message((1, message((1, "d"))), (2, spec), (3, b""))
    path = f"/apis/apps/v1/namespaces/{api.namespace}/deployments"
    made = api.must("POST", path, enveloped("apps/v1", "Deployment", raw), PROTOBUF).body["spec"]

    assert made["replicas"] == 0
    assert made["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": 2}
    assert made["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert made["template"]["spec"]["containers"][0]["securityContext"] == {"runAsUser": 0}
    assert made["template"]["metadata"]["labels"] == {"app": "a"}


def test_deletion_may_be_asked_for_in_protobuf(api: Api):
    for name, uid in (("a", "another"), ("b", "")):
        api.must("POST", api.path("configmaps"), {"metadata": {"name": name}})
        asked = message((2, message((1, uid))) if uid else (4, "Background"))
        answer = api.ask("DELETE", api.path("configmaps", name), enveloped("v1", "DeleteOptions", asked), PROTOBUF)

        assert answer.status == (409 if uid else 200), answer.body


def test_a_body_that_is_cut_short_is_refused(api: Api):
    whole = enveloped("v1", "ConfigMap", message((1, message((1, "m")))))
    for raw in (whole[:-6], b"k8s\0\xff\xff", b"nonsense"):
        assert 400 <= api.ask("POST", api.path("configmaps"), raw, PROTOBUF).status < 500


def test_rights_are_asked_for(api: Api):
    asked = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    may = api.must("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked)
    who = api.must("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    rules = api.must(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": api.namespace}}
    )

    assert (may.status, may.body["kind"], may.body["status"]["allowed"]) == (201, "SelfSubjectAccessReview", True)
    assert who.body["status"]["userInfo"]["username"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in rules.body["status"]["resourceRules"]
