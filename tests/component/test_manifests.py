"""manifests/ on a real API server: it installs with one command, and the service account may do its work and no more."""

import itertools
import pathlib

import pytest

from apiserver import ApiServer, bin_dir_from_env

ROOT = pathlib.Path(__file__).resolve().parents[2]

ALLOWED = """
get,list,watch,patch gostat.dev gostatpolicies
patch gostat.dev gostatpolicies/status
get,list,watch,create,delete gostat.dev gostatincidents
patch gostat.dev gostatincidents/status
list,watch,patch core pods
create core pods/eviction
get,patch apps deployments
get,patch apps statefulsets
get,patch apps daemonsets
get,list apps replicasets
patch apps deployments/scale
patch apps statefulsets/scale
patch apps replicasets/scale
list,patch autoscaling horizontalpodautoscalers
get core secrets
create,patch events.k8s.io events
"""
DENIED = """
create,update,delete,deletecollection gostat.dev gostatpolicies
update gostat.dev gostatpolicies/status
update,patch,deletecollection gostat.dev gostatincidents
get,create,update,delete core pods
get,create core pods/exec
patch core pods/status
list,watch,create,update,patch,delete core secrets
list,watch,create,update,delete apps deployments
watch,create,update,patch,delete apps replicasets
get,patch apps deployments/status
get,update apps deployments/scale
get,create,update,delete autoscaling horizontalpodautoscalers
get,list,create core configmaps
get,create coordination.k8s.io leases
get,list core nodes
get,create,patch rbac.authorization.k8s.io clusterroles
create core serviceaccounts/token
"""


def rows(text):
    lines = [line.split() for line in text.strip().splitlines()]
    return [
        (v, group.replace("core", ""), resource) for verbs, group, resource in lines for v in verbs.split(",")
    ]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "manifests")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


@pytest.fixture(scope="module")
def token(api):
    return api.service_account_token("gostat-system", "gostat")


def may(api, token, verb, group, resource, namespace):
    resource, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
    status, answer = api.request(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**attributes, "namespace": namespace}},
        },
        token=token,
    )
    assert status == 201, answer
    return answer["status"]["allowed"]


@pytest.mark.parametrize("verb, group, resource", rows(ALLOWED))
def test_allowed_in_any_namespace(api, token, verb, group, resource):
    assert may(api, token, verb, group, resource, "shop")


@pytest.mark.parametrize("verb, group, resource", rows(DENIED))
def test_denied(api, token, verb, group, resource):
    assert not may(api, token, verb, group, resource, "shop")


@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_leases_in_its_own_namespace_only(api, token, verb):
    assert may(api, token, verb, "coordination.k8s.io", "leases", "gostat-system")
    assert not may(api, token, verb, "coordination.k8s.io", "leases", "shop")


def test_the_role_holds_nothing_else(api):
    """Else a right added to the file would slip past the tables above."""
    _, role = api.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/gostat")
    granted = {
        row
        for rule in role["rules"]
        for row in itertools.product(rule["verbs"], rule["apiGroups"], rule["resources"])
    }
    assert granted == set(rows(ALLOWED))
    assert not any("resourceNames" in rule or "nonResourceURLs" in rule for rule in role["rules"])


def test_applies_twice_without_a_change(api):
    done = api.kubectl("apply", "-k", ROOT / "manifests")
    assert {line.rsplit(" ", 1)[1] for line in done.stdout.splitlines()} == {"unchanged"}
