"""manifests/ on a real API server: they install with one command each, the service account may do its work and no more, and
a team's members get what the roles view and edit promise."""

import itertools
import pathlib

import pytest

from apiserver import ApiServer, bin_dir_from_env

MANIFESTS = pathlib.Path(__file__).resolve().parents[2] / "manifests"

ALLOWED = """
get,list,watch,patch gostat.dev gostatpolicies
patch gostat.dev gostatpolicies/status
list,watch,create,delete gostat.dev gostatincidents
patch gostat.dev gostatincidents/status
list,watch core pods
create core pods/eviction
get apps deployments
get apps statefulsets
get apps daemonsets
get,list apps replicasets
patch apps deployments/scale
patch apps statefulsets/scale
patch apps replicasets/scale
list,patch autoscaling horizontalpodautoscalers
get core secrets
create,patch events.k8s.io events
"""
# Granted by manifests/actions, and not before.
ACTIONS = """
patch core pods
patch apps deployments
patch apps statefulsets
patch apps daemonsets
"""
REVIEWS = """
create authentication.k8s.io tokenreviews
create authorization.k8s.io subjectaccessreviews
"""
DENIED = """
create,update,delete,deletecollection gostat.dev gostatpolicies
update gostat.dev gostatpolicies/status
get,update,patch,deletecollection gostat.dev gostatincidents
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
get,create,patch coordination.k8s.io leases
get,list core nodes
get,create,patch rbac.authorization.k8s.io clusterroles
create core serviceaccounts/token
"""
# A member of the team by the role: what it may, what it may not.
MEMBERS = {
    "view": (
        "get,list,watch gostat.dev gostatpolicies\nget,list,watch gostat.dev gostatincidents",
        "create,update,patch,delete gostat.dev gostatpolicies\ncreate,update,patch,delete gostat.dev gostatincidents",
    ),
    "edit": (
        "get,list,watch,create,update,patch,delete,deletecollection gostat.dev gostatpolicies\n"
        "get,list,watch gostat.dev gostatincidents",
        "update,patch gostat.dev gostatpolicies/status\nupdate,patch gostat.dev gostatincidents/status\n"
        "create,update,patch,delete,deletecollection gostat.dev gostatincidents",
    ),
}
MEMBERS["admin"] = MEMBERS["edit"]


def rows(text):
    lines = [line.split() for line in text.splitlines() if line]
    return [
        (v, group.replace("core", ""), resource) for verbs, group, resource in lines for v in verbs.split(",")
    ]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", MANIFESTS)
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


@pytest.fixture(scope="module")
def token(api):
    return api.service_account_token("gostat-system", "gostat")


def review(api, spec, token=None):
    kind = "SelfSubjectAccessReview" if token else "SubjectAccessReview"
    path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    status, answer = api.request("POST", path, body, token=token)
    assert status == 201, answer
    return answer["status"]["allowed"]


def attributes(verb, group, resource, namespace, name=""):
    resource, _, subresource = resource.partition("/")
    asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
    return {"resourceAttributes": {**asked, "namespace": namespace, "name": name}}


def may(api, token, verb, group, resource, namespace, name=""):
    return review(api, attributes(verb, group, resource, namespace, name), token)


@pytest.mark.parametrize("verb, group, resource", rows(ALLOWED + REVIEWS))
def test_allowed_in_any_namespace(api, token, verb, group, resource):
    assert may(api, token, verb, group, resource, "shop")


@pytest.mark.parametrize("verb, group, resource", rows(DENIED + ACTIONS))
def test_denied(api, token, verb, group, resource):
    assert not may(api, token, verb, group, resource, "shop")


def test_its_own_lease_only(api, token):
    """It comes with the manifests, so nobody needs to make one; its spec is the leader's, also when applied again."""
    lease = ("coordination.k8s.io", "leases")
    for verb in ("get", "patch"):
        assert may(api, token, verb, *lease, "gostat-system", "gostat")
        assert not may(api, token, verb, *lease, "gostat-system", "another")
        assert not may(api, token, verb, *lease, "shop", "gostat")
    assert not may(api, token, "create", *lease, "gostat-system", "gostat")
    path = "/apis/coordination.k8s.io/v1/namespaces/gostat-system/leases/gostat"
    held = {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}
    assert api.request("PATCH", path, held, token=token, content_type="application/merge-patch+json")[0] == 200
    api.kubectl("apply", "-k", MANIFESTS)
    assert api.request("GET", path)[1]["spec"] == held["spec"]


def granted(api, role):
    _, found = api.request("GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}")
    assert not any("resourceNames" in rule or "nonResourceURLs" in rule for rule in found["rules"])
    return {
        row
        for rule in found["rules"]
        for row in itertools.product(rule["verbs"], rule["apiGroups"], rule["resources"])
    }


def test_the_roles_hold_nothing_else(api):
    """Else a right added to the files would slip past the tables above."""
    assert granted(api, "gostat") == set(rows(ALLOWED))
    assert granted(api, "gostat-metrics-auth") == set(rows(REVIEWS))
    _, bindings = api.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings")
    ours = [
        b["roleRef"]["name"]
        for b in bindings["items"]
        if any(s.get("namespace") == "gostat-system" for s in b.get("subjects", []))
    ]
    assert sorted(ours) == ["gostat", "gostat-metrics-auth"]


def test_who_may_read_metrics(api):
    """Whoever is bound to the role for it; the controller itself is not."""
    path = {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}
    assert not review(api, {"user": "prometheus", **path})
    api.kubectl("create", "clusterrolebinding", "scrapes", "--clusterrole=gostat-metrics-reader", "--user=prometheus")
    assert review(api, {"user": "prometheus", **path})
    assert not review(api, {"user": "prometheus", "nonResourceAttributes": {"verb": "get", "path": "/debug"}})
    assert not review(api, {"user": "system:serviceaccount:gostat-system:gostat", **path})


@pytest.mark.parametrize("role", MEMBERS)
def test_members_of_a_team(api, role):
    """Through the label that aggregates: no controller adds these up here, so its rule is followed by hand."""
    allowed, denied = MEMBERS[role]
    for cluster_role in ("view",) if role == "view" else ("view", "edit"):
        _, found = api.request("GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/gostat-{cluster_role}")
        label = f"rbac.authorization.k8s.io/aggregate-to-{cluster_role}"
        assert found["metadata"]["labels"][label] == "true"
        api.kubectl(
            "-n", "default", "create", "rolebinding", f"{role}-{cluster_role}",
            f"--clusterrole=gostat-{cluster_role}", f"--user={role}",
        )  # fmt: skip
    for wanted, table in ((True, allowed), (False, denied)):
        for row in rows(table):
            assert review(api, {"user": role, **attributes(*row, "default")}) == wanted, row
            assert not review(api, {"user": role, **attributes(*row, "other")})


def test_applies_twice_without_a_change(api):
    """kubectl sends a PodDisruptionBudget's selector each time; the API server finds nothing new in it."""
    path = "/apis/policy/v1/namespaces/gostat-system/poddisruptionbudgets/gostat"
    version = api.request("GET", path)[1]["metadata"]["resourceVersion"]
    done = api.kubectl("apply", "-k", MANIFESTS)
    changed = [line for line in done.stdout.splitlines() if not line.endswith(" unchanged")]
    assert changed in ([], ["poddisruptionbudget.policy/gostat configured"])
    assert api.request("GET", path)[1]["metadata"]["resourceVersion"] == version


def test_the_job_that_undoes(api):
    done = api.kubectl("apply", "--dry-run=server", "-k", MANIFESTS / "undo")
    assert done.stdout == "job.batch/gostat-undo created (server dry run)\n"


def test_actions_are_granted_apart(api, token):
    """The last test: it grants what the others find denied."""
    api.kubectl("apply", "-k", MANIFESTS / "actions")
    assert granted(api, "gostat-pods") | granted(api, "gostat-restart") == set(rows(ACTIONS))
    for row in rows(ACTIONS):
        assert may(api, token, *row, "shop")
