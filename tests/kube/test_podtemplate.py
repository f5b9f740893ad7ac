"""The pod template hash against vectors made with Kubernetes' own structs, and equality without server defaults."""

from __future__ import annotations

import pytest

from rollouts.kube.podtemplate import HASH_LABEL, canonical_bytes, comparable, labelled, template_hash
from tests.builders import a_template

BASIC = {
    "metadata": {"labels": {"app": "basic"}},
    "spec": {
        "containers": [
            {
                "name": "basic",
                "image": "nginx:1.19-alpine",
                "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}},
            }
        ]
    },
}
WITH_A_PORT = {
    "metadata": {"labels": {"app": "canary-scaledowndelay"}},
    "spec": {
        "containers": [
            {
                "name": "canary-scaledowndelay",
                "image": "nginx:1.19-alpine",
                "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
                "resources": {"requests": {"memory": "16Mi", "cpu": "5m"}},
            }
        ]
    },
}
WITH_A_GATE = {
    "metadata": {"labels": {"app": "dynamic-stable-scale"}},
    "spec": {
        "readinessGates": [{"conditionType": "argoproj.io/e2e-readiness"}],
        "containers": [{**WITH_A_PORT["spec"]["containers"][0], "name": "dynamic-stable-scale"}],
    },
}
RICH = {
    "spec": {
        "containers": [
            {
                "name": "a",
                "image": 'x<&>\u2028é"\\\t\u0001\b',
                "command": ["a", "b"],
                "env": [
                    {"name": "E", "value": ""},
                    {"name": "F", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ],
                "ports": [{"containerPort": 80, "name": "http"}],
                "livenessProbe": {
                    "httpGet": {"port": "http", "path": "/"},
                    "initialDelaySeconds": 0,
                    "periodSeconds": 5,
                },
                "readinessProbe": {"tcpSocket": {"port": 80}},
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                "volumeMounts": [{"name": "v", "mountPath": "/x"}],
                "securityContext": {"runAsNonRoot": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "initContainers": [{"name": "i"}],
        "volumes": [
            {"name": "v", "emptyDir": {}},
            {"name": "c", "configMap": {"name": "cm", "items": [{"key": "k", "path": "p"}]}},
            {
                "name": "e",
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                    }
                },
            },
        ],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "podAffinityTerm": {
                            "topologyKey": "h",
                            "labelSelector": {"matchLabels": {"b": "1", "a": "2"}},
                        },
                    }
                ]
            },
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}]
                }
            },
        },
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 0,
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
        ],
    },
    "metadata": {"annotations": {"z": "1", "a": "2"}, "labels": {}},
}
SPARSE = {
    "metadata": {"creationTimestamp": None, "labels": {"a": "b"}},
    "spec": {
        "containers": [{"name": "x", "image": "y", "resources": {}}],
        "securityContext": {},
        "overhead": {"cpu": "0.5"},
        "hostNetwork": False,
        "dnsConfig": {"options": [{"name": "ndots", "value": "5"}]},
        "volumes": [
            {
                "name": "t",
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "p"}}, {"clusterTrustBundle": {"path": "x"}}]
                },
            },
            {"name": "s", "scaleIO": {"gateway": "g"}},
        ],
    },
}


@pytest.mark.parametrize(
    ("template", "plain", "after_a_collision"),
    [
        (BASIC, "5d5454d97c", "5b546b67f6"),
        (RICH, "76b4854b95", "5fd69f64f4"),
        (SPARSE, "55967cdbd5", "7b8469844"),
        ({}, "658c46c486", "6746d5bbc"),
        ({"spec": {}}, "658c46c486", "6746d5bbc"),
    ],
)
def test_the_hash_is_the_one_that_kubernetes_structs_give(template, plain, after_a_collision):
    found = canonical_bytes(template)

    assert (template_hash(found), template_hash(found, 1)) == (plain, after_a_collision)


@pytest.mark.parametrize(("template", "plain"), [(WITH_A_PORT, "674d8cf959"), (WITH_A_GATE, "6b56c8cdb4")])
def test_the_hash_is_the_one_that_the_contract_gives_to_known_pods(template, plain):
    assert template_hash(canonical_bytes(template)) == plain


def test_the_order_of_keys_does_not_matter():
    turned = {"spec": dict(reversed(BASIC["spec"].items())), "metadata": BASIC["metadata"]}

    assert canonical_bytes(turned) == canonical_bytes(BASIC)


def test_unknown_fields_and_fields_of_another_type_do_not_count():
    container = {**BASIC["spec"]["containers"][0], "wibble": 1, "workingDir": 5}

    assert canonical_bytes({**BASIC, "spec": {"containers": [container]}}) == canonical_bytes(BASIC)


def test_equal_quantities_hash_alike():
    container = {**BASIC["spec"]["containers"][0], "resources": {"requests": {"cpu": "0.001", "memory": "16384Ki"}}}

    assert canonical_bytes({**BASIC, "spec": {"containers": [container]}}) == canonical_bytes(BASIC)


def test_what_the_api_server_fills_in_makes_no_difference():
    stored = {
        "metadata": {"creationTimestamp": None, "labels": {"app": "web", HASH_LABEL: "abc"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "shop/web:1",
                    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                    "imagePullPolicy": "IfNotPresent",
                }
            ],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        },
    }

    assert comparable(stored) == comparable(a_template())


@pytest.mark.parametrize(
    "other",
    [
        a_template("shop/web:2"),
        a_template(tier="front"),
        {**a_template(), "spec": {**a_template()["spec"], "dnsPolicy": "Default"}},
    ],
)
def test_a_real_difference_is_seen(other):
    assert comparable(other) != comparable(a_template())


@pytest.mark.parametrize(
    "broken",
    [{"resources": {"requests": {"memory": "invalid"}}}, {"command": "sh"}, {"env": [{"name": 1}]}, {"stdin": "yes"}],
)
def test_one_ephemeral_container_that_does_not_decode_takes_the_list_along(broken):
    good = {"name": "debug", "image": "shop/debug:1", "resources": {"requests": {"memory": "1Gi"}}, "stdin": True}
    plain = a_template()
    bad = {**plain, "spec": {**plain["spec"], "ephemeralContainers": [good, {**good, **broken}]}}
    kept = {**plain, "spec": {**plain["spec"], "ephemeralContainers": [good]}}

    assert labelled(bad, "abc") == labelled(plain, "abc")
    assert canonical_bytes(bad) == canonical_bytes(plain)
    assert labelled(kept, "abc")["spec"]["ephemeralContainers"] == [good]


def test_parts_that_no_api_server_would_decode_are_left_out():
    template = {
        "spec": {
            "containers": [
                {"name": "a", "resources": {"requests": "invalid", "limits": {"cpu": "x", "memory": "1Gi"}}}
            ],
            "ephemeralContainers": "none",
        }
    }

    made = labelled(template, "abc")

    assert made == {
        "metadata": {"labels": {HASH_LABEL: "abc"}},
        "spec": {"containers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}]},
    }
