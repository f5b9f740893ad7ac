"""What the nginx router writes, object in, write out."""

from __future__ import annotations

import pytest

from rollouts.api.routing import NginxRouting
from rollouts.core.plan import Create, Patch
from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.traffic import Split, Traffic, nginx
from tests.builders import NAMESPACE, an_ingress

OWNER = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u1", "controller": True}
P = "nginx.ingress.kubernetes.io"


def traffic(**fields):
    return Traffic(NAMESPACE, "web", OWNER, "web-canary", "web-stable", **fields)


def stored(body, **annotations):
    meta = {**body["metadata"], "uid": "i1", "resourceVersion": "7"}
    return {**body, "metadata": {**meta, "annotations": {**meta["annotations"], **annotations}}}


def world(*objects):
    return {Ref(kinds.INGRESS, NAMESPACE, each["metadata"]["name"]): each for each in objects}.get


def routes(settings, where, about):
    return nginx.routes(settings, about, where)


def made(main, settings=None, about=None, weight=0):
    settings, about = settings or NginxRouting(stableIngress="web"), about or traffic()
    (route,) = routes(settings, world(main), about)
    return nginx.plan(settings, about, route, Split(weight, about.total))


def test_a_canary_ingress_is_made_even_at_weight_zero():
    action = made(an_ingress())

    assert isinstance(action, Create)
    assert action.ref == Ref(kinds.INGRESS, NAMESPACE, "web-web-canary")
    assert action.body["metadata"]["annotations"] == {f"{P}/canary": "true", f"{P}/canary-weight": "0"}
    assert action.body["metadata"]["ownerReferences"] == [OWNER]
    path = action.body["spec"]["rules"][0]["http"]["paths"][0]
    assert path["backend"]["service"] == {"name": "web-canary", "port": {"number": 80}}
    assert action.body["spec"]["ingressClassName"] == "nginx"


def test_only_paths_to_the_stable_service_are_copied():
    main = an_ingress()
    other = {"path": "/api", "pathType": "Prefix", "backend": {"service": {"name": "api", "port": {"number": 80}}}}
    main["spec"]["rules"][0]["http"]["paths"].append(other)
    main["spec"]["rules"].append({"host": "api.example", "http": {"paths": [other]}})
    main["spec"]["defaultBackend"] = {"service": {"name": "web-stable", "port": {"number": 80}}}

    spec = made(main).body["spec"]

    assert [[path["path"] for path in rule["http"]["paths"]] for rule in spec["rules"]] == [["/"]]
    assert "defaultBackend" not in spec


def test_a_rule_without_http_does_no_harm():
    main = an_ingress()
    main["spec"]["rules"].insert(0, {"host": "bare.example"})

    assert len(made(main).body["spec"]["rules"]) == 1


def test_class_and_tls_come_from_the_stable_ingress_and_no_other_annotation_does():
    main = an_ingress(**{nginx.CLASS_ANNOTATION: "nginx", f"{P}/rewrite-target": "/", "team": "shop"})
    main["spec"]["tls"] = [{"hosts": ["shop.example"], "secretName": "cert"}]

    body = made(main).body

    assert body["spec"]["tls"] == main["spec"]["tls"]
    assert set(body["metadata"]["annotations"]) == {nginx.CLASS_ANNOTATION, f"{P}/canary", f"{P}/canary-weight"}


def test_annotations_of_the_user_get_the_prefix_only_where_they_should():
    settings = NginxRouting(
        stableIngress="web",
        annotationPrefix="custom.nginx",
        additionalIngressAnnotations={"canary-by-header": "X-Canary", "custom.nginx/canary-by-cookie": "c"},
        canaryIngressAnnotations={"team": "shop"},
    )

    annotations = made(an_ingress(), settings, traffic(weight_max=1000), 250).body["metadata"]["annotations"]

    assert annotations == {
        "team": "shop",
        "custom.nginx/canary-by-header": "X-Canary",
        "custom.nginx/canary-by-cookie": "c",
        "custom.nginx/canary": "true",
        "custom.nginx/canary-weight": "250",
        "custom.nginx/canary-weight-total": "1000",
    }


def with_canary(weight, **annotations):
    settings, about = NginxRouting(stableIngress="web"), traffic()
    target = stored(made(an_ingress(), weight=weight).body, **annotations)
    return settings, about, routes(settings, world(an_ingress(), target), about)[0]


def test_a_new_weight_is_one_annotation():
    settings, about, route = with_canary(20, team="theirs")

    action = nginx.plan(settings, about, route, Split(40))

    assert isinstance(action, Patch)
    assert (action.uid, action.version) == ("i1", "7")
    assert action.body == {"metadata": {"annotations": {f"{P}/canary-weight": "40"}}}


def test_the_same_split_is_no_write_and_foreign_annotations_are_no_difference():
    settings, about, route = with_canary(20, team="theirs")

    assert nginx.plan(settings, about, route, Split(20)) is None
    assert nginx.verify(settings, route, Split(20)) and not nginx.verify(settings, route, Split(40))


def test_the_canary_follows_the_stable_ingress():
    settings, about, route = with_canary(20)
    route.main["spec"]["rules"][0]["host"] = "new.example"

    action = nginx.plan(settings, about, route, Split(20))

    assert action.body["spec"]["rules"][0]["host"] == "new.example"


@pytest.mark.parametrize(
    ("annotations", "weight"),
    [
        ({f"{P}/canary-weight": "x"}, 0),
        ({f"{P}/canary-weight": "٣"}, 0),
        ({f"{P}/canary": "false"}, 0),
        ({f"{P}/canary-weight": "900"}, 100),
    ],
)
def test_a_weight_is_read_back_with_care(annotations, weight):
    assert with_canary(20, **annotations)[2].weight == weight


def test_the_ingress_of_somebody_else_is_refused_and_counts_for_nothing():
    foreign = stored(made(an_ingress(), weight=50).body)
    foreign["metadata"]["ownerReferences"] = [{**OWNER, "uid": "other"}]

    (route,) = routes(NginxRouting(stableIngress="web"), world(an_ingress(), foreign), traffic())

    assert route.refusal == "canary ingress `web-web-canary` controlled by different object"
    assert route.weight == 0


def test_several_stable_ingresses_get_one_canary_each():
    settings = NginxRouting(stableIngresses=("web", "admin"))

    found = routes(settings, world(an_ingress(), an_ingress("admin")), traffic())

    assert [route.ref.name for route in found] == ["web-web-canary", "web-admin-canary"]


def test_a_long_name_is_cut_so_that_the_suffix_stays():
    name = nginx.canary_name("r" * 200, "i" * 100)

    assert len(name) == 253 and name.endswith("-canary")


def test_two_rollouts_on_one_stable_ingress_have_a_canary_ingress_each():
    other = Traffic(NAMESPACE, "shop", {**OWNER, "name": "shop", "uid": "u2"}, "shop-canary", "web-stable")
    ours = stored(made(an_ingress(), weight=50).body)

    (route,) = routes(NginxRouting(stableIngress="web"), world(an_ingress(), ours), other)

    assert (route.ref.name, route.refusal, route.weight) == ("shop-web-canary", "", 0)


def test_names_that_are_cut_to_the_same_text_are_refused_and_not_shared():
    long = "w" * 250
    name = nginx.canary_name("web", long)
    ours = stored(made(an_ingress(), weight=50).body)
    ours["metadata"] = {**ours["metadata"], "name": name, "ownerReferences": [{**OWNER, "uid": "u2"}]}

    (route,) = routes(NginxRouting(stableIngress=long), world(an_ingress(long), ours), traffic())

    assert len(name) == 253
    assert route.refusal == f"canary ingress `{name}` controlled by different object"


def test_a_header_that_somebody_else_set_stays_on_the_canary_ingress():
    settings, about, route = with_canary(20, **{f"{P}/canary-by-header": "X-Beta"})

    action = nginx.plan(settings, about, route, Split(0))

    assert action.body == {"metadata": {"annotations": {f"{P}/canary-weight": "0"}}}
