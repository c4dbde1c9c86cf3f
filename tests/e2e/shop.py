"""A namespace with Deployments, a Secret and policies, and what can be said of it. One thread may use a Shop at a time."""

import base64
import datetime
import json
import os
import pathlib
import secrets
import time
import urllib.request

import kubernetes
import yaml
from world import FINALIZER, GROUP, VERSION, until

LEAVES = {
    "channel": "main.(*orders).publish",
    "lock": "main.(*ledger).post",
    "cancel": "main.(*session).watch",
    "io": "main.(*prices).fetchQuote",
}
GRADES = ("Suspected", "Probable", "Proven")
NEVER = 86400  # LEAK_AFTER of a program that leaks when it is told to
COST = "controller.kubernetes.io/pod-deletion-cost"


def merged(base, more):
    """Objects merged, all else replaced."""
    if not isinstance(base, dict) or not isinstance(more, dict):
        return more
    return base | {k: merged(base[k], v) if k in base else v for k, v in more.items()}


class Shop:
    def __init__(self, world, name):
        self.world = world
        self._closed = False
        self.controllers = []  # whose logs are shown when something fails
        self.ns = f"e2e-{name}-{secrets.token_hex(3)}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "gostat-e2e": "1"}
        world.core.create_namespace({"metadata": {"name": self.ns, "labels": labels}})

    def close(self):
        """Policies first: a finalizer whose controller is gone would keep the namespace for ever."""
        if self._closed:
            return
        self._closed = True
        w = self.world
        for p in w.custom.list_namespaced_custom_object(GROUP, VERSION, self.ns, "gostatpolicies")["items"]:
            name = p["metadata"]["name"]
            w.custom.delete_namespaced_custom_object(GROUP, VERSION, self.ns, "gostatpolicies", name)
            try:
                w.custom.patch_namespaced_custom_object(
                    GROUP, VERSION, self.ns, "gostatpolicies", name, {"metadata": {"finalizers": None}}
                )
            except kubernetes.client.ApiException as e:
                if e.status != 404:
                    raise
        w.core.delete_namespace(self.ns, grace_period_seconds=0)

    # What is put in

    def deployment(self, name="payments", program="leaky", replicas=2, labels=None, kind="Deployment", spec=None, **env):
        """kind: Deployment, StatefulSet or DaemonSet; spec: merged into the object's."""
        labels = {"app": name, **(labels or {})}
        container = {
            "name": "main",
            "image": f"docker.io/library/{program}:e2e",
            "imagePullPolicy": "Never",
            "env": [{"name": k, "value": str(v)} for k, v in env.items()],
            "ports": [{"name": "http", "containerPort": 6060}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
            "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        pod = {
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        }
        of_kind = {
            "Deployment": {"replicas": replicas},
            "StatefulSet": {"replicas": replicas, "serviceName": name, "podManagementPolicy": "Parallel"},
            "DaemonSet": {},
        }
        template = {"metadata": {"labels": labels}, "spec": pod}
        body = of_kind[kind] | {"selector": {"matchLabels": {"app": name}}, "template": template}
        create = {
            "Deployment": self.world.apps.create_namespaced_deployment,
            "StatefulSet": self.world.apps.create_namespaced_stateful_set,
            "DaemonSet": self.world.apps.create_namespaced_daemon_set,
        }
        create[kind](self.ns, {"metadata": {"name": name}, "spec": merged(body, spec or {})})

    def autoscaler(self, minimum=2, maximum=6, keda=False, name="payments"):
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
        self.world.hpa.create_namespaced_horizontal_pod_autoscaler(
            self.ns,
            {
                "metadata": {
                    "name": f"{name}-hpa",
                    "labels": {"scaledobject.keda.sh/name": name} if keda else {},
                },
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "minReplicas": minimum,
                    "maxReplicas": maximum,
                    "metrics": [metric],
                },
            },
        )

    def autoscaler_minimum(self, name="payments"):
        return self.world.hpa.read_namespaced_horizontal_pod_autoscaler(f"{name}-hpa", self.ns).spec.min_replicas

    def disruptions(self, allowed):
        """A PodDisruptionBudget: how many pods of payments may be missing."""
        policy = kubernetes.client.PolicyV1Api(self.world.api)
        spec = {"maxUnavailable": allowed, "selector": {"matchLabels": {"app": "payments"}}}
        try:
            policy.create_namespaced_pod_disruption_budget(self.ns, {"metadata": {"name": "pdb"}, "spec": spec})
        except kubernetes.client.ApiException as e:
            if e.status != 409:
                raise
            policy.patch_namespaced_pod_disruption_budget("pdb", self.ns, {"spec": spec})

    def secret(self, name="gostat-s3", usable=True):
        def b64(text):
            return base64.b64encode(text.encode()).decode()

        labels = {"gostat.dev/usable": "true"} if usable else {}
        data = {
            "accessKeyId": b64(os.environ["S3_ACCESS_KEY"]),
            "secretAccessKey": b64(os.environ["S3_SECRET_KEY"]),
            "ca.crt": b64(pathlib.Path(os.environ["S3_CA"]).read_text()),
        }
        self.world.core.create_namespaced_secret(self.ns, {"metadata": {"name": name, "labels": labels}, "data": data})

    def policy(self, name="shop", mode="Enforce", interval=2, labels=None, windows=None, secret="gostat-s3", spec=None):
        """windows: (windowSeconds, windows) of the rule floor; None: the defaults. spec: merged into the policy's."""
        detection = {"floor": {"windowSeconds": windows[0], "windows": windows[1]}} if windows else {}
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "GostatPolicy",
            "metadata": {"name": name},
            "spec": {
                "mode": mode,
                "selector": {"matchLabels": labels or {"app": "payments"}},
                "endpoint": {"pprof": {"port": "http"}, "metrics": {"port": "http"}},
                "sampling": {"intervalSeconds": interval, "timeoutSeconds": 1},
                "detection": detection,
                "snapshot": {
                    "s3": {
                        "endpoint": os.environ["S3_ENDPOINT"],
                        "bucket": self.world.bucket,
                        "prefix": "e2e",
                        "credentialsSecretRef": {"name": secret},
                        "caSecretRef": {"name": secret},
                    }
                },
                "healing": {"actions": [{"type": "ScaleOut", "scaleOut": {"step": 1, "maxReplicas": 5}}]},
            },
        }
        body["spec"] = merged(body["spec"], spec or {})
        self.world.custom.create_namespaced_custom_object(GROUP, VERSION, self.ns, "gostatpolicies", body)

    def change_policy(self, spec, name="shop"):
        self.world.custom.patch_namespaced_custom_object(GROUP, VERSION, self.ns, "gostatpolicies", name, {"spec": spec})

    def leaking_shop(
        self, leak="channel", mode="Enforce", interval=2, windows=None, replicas=2, kind="Deployment", spec=None, **env
    ):
        """The usual: payments, which leaks when it is told to, its Secret, its policy; the pods are Ready and sampled."""
        self.deployment(replicas=replicas, kind=kind, LEAK=leak, RATE=4, LEAK_AFTER=NEVER, **env)
        self.secret()
        self.policy(mode=mode, interval=interval, windows=windows, spec=spec)
        if kind == "Deployment":
            self.wait_sampled()
        else:
            self.until(150, "the pods are ready", lambda: len([p for p in self.pods() if self.is_ready(p)]) >= replicas)
            self.wait_collecting()

    # What is there

    def get_policy(self, name="shop"):
        return self.world.custom.get_namespaced_custom_object(GROUP, VERSION, self.ns, "gostatpolicies", name)

    def incidents(self):
        return self.world.custom.list_namespaced_custom_object(GROUP, VERSION, self.ns, "gostatincidents")["items"]

    def incident(self):
        """The only one; None: there is none yet, or it has no status yet."""
        found = self.incidents()
        assert len(found) <= 1, f"{len(found)} incidents:\n{self.show()}"
        return found[0] if found and found[0].get("status", {}).get("patterns") else None

    def actions(self):
        i = self.incident()
        return i["status"].get("actions", []) if i else []

    def replicas(self, name="payments"):
        return self.world.apps.read_namespaced_deployment(name, self.ns).spec.replicas

    def pods(self, name="payments"):
        """Those that run and are not about to go."""
        found = self.world.core.list_namespaced_pod(self.ns, label_selector=f"app={name}").items
        return [p for p in found if p.status.pod_ip and not p.metadata.deletion_timestamp]

    @staticmethod
    def is_ready(pod):
        return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])

    def ready(self, count, name="payments"):
        s = self.world.apps.read_namespaced_deployment(name, self.ns).status
        return s.ready_replicas == count and s.updated_replicas == count and s.replicas == count

    def finalizers(self, name="shop"):
        return self.get_policy(name)["metadata"].get("finalizers", [])

    # What is done to it

    def leak(self, pods=None, kind=None):
        """These pods of payments (None: all) leak from now on, in this way (None: as before); the time before that."""
        since = time.time()
        for p in pods or self.pods():
            self._post(p, "/leak?on=true" + (f"&kind={kind}" if kind else ""))
        return since

    def _post(self, pod, path):
        request = urllib.request.Request(f"http://{pod.status.pod_ip}:6060{path}", data=b"", method="POST")
        with urllib.request.urlopen(request, timeout=5) as r:
            return r.read()

    def fix(self, name="payments"):
        """Rolls the program out that does not leak."""
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "LEAK", "value": "off"}]}]}}}}
        self.world.apps.patch_namespaced_deployment(name, self.ns, patch)

    def half_rollout(self, **env):
        """Rolls out payments with this environment, and stops in the middle: a new pod counts after five minutes only."""
        half = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "50%"}}
        container = {"name": "main", "env": [{"name": k, "value": str(v)} for k, v in env.items()]}
        spec = {"minReadySeconds": 300, "strategy": half, "template": {"spec": {"containers": [container]}}}
        self.world.apps.patch_namespaced_deployment("payments", self.ns, {"spec": spec})

    def scale(self, replicas, name="payments"):
        self.world.apps.patch_namespaced_deployment_scale(name, self.ns, {"spec": {"replicas": replicas}})

    # What is waited for

    def until(self, seconds, what, probe, every=0.25):
        return until(seconds, f"{what} ({self.ns})", probe, self.show, every)

    def wait_sampled(self, name="shop", deployments=("payments",)):
        """All pods are Ready, and some are sampled: the counts of a status may come up to 30 s later."""

        for d in deployments:
            self.until(150, f"the pods of {d} are ready", lambda d=d: self.ready(self.replicas(d), d))
        self.wait_collecting(name)

    def condition(self, kind, name="shop"):
        """{"status", "reason", "message"}, or nothing."""
        found = self.get_policy(name).get("status", {}).get("conditions", [])
        return next((c for c in found if c["type"] == kind), {})

    def wait_collecting(self, name="shop"):
        self.until(30, "pods are sampled", lambda: self.condition("Collecting", name).get("status") == "True")

    def wait_refused(self, reason, seconds=90, condition=None, incidents=1):
        """Refused for this reason, told in an incident, by an Event and in the condition Healing (another one: its reason by
        now; "": nobody knows); the incident."""

        def refused(i):
            done = i.get("status", {}).get("actions", [])
            return any(a["outcome"] == "Refused" and a["reason"].startswith(reason + ": ") for a in done)

        i = self.until(seconds, f"refused: {reason}", lambda: next(filter(refused, self.incidents()), None))
        assert len(self.incidents()) == incidents, self.show()
        if condition != "":
            self.wait_healing(condition or reason, 10)
        self.until(10, "an Event ActionRefused", lambda: "ActionRefused" in self.events(i))
        self.world.refusals.add(reason)
        return i

    def wait_healing(self, reason, seconds=20):
        """The condition Healing says why nothing is done."""
        self.until(seconds, f"the condition Healing: {reason}", lambda: self.condition("Healing").get("reason") == reason)
        self.world.refusals.add(reason)

    def wait_incident(self, seconds=90):
        return self.until(seconds, "an incident", self.incident)

    def wait_grade(self, grade, seconds=90):
        """That grade, or a surer one; the incident."""
        enough = GRADES[GRADES.index(grade) :]

        def graded():
            i = self.incident()
            return i if i and i["status"].get("grade") in enough else None

        return self.until(seconds, f"graded {grade}", graded)

    def wait_evidence(self, pieces, seconds=20):
        """So many snapshots are stored; the incident."""

        def stored():
            i = self.incident()
            return i if i and len(i["status"].get("evidence", [])) >= pieces else None

        return self.until(seconds, f"{pieces} pieces of evidence", stored)

    def events(self, incident):
        """What people were told of an incident: the reasons, one for each time."""
        found = self.world.core.list_namespaced_event(self.ns).items
        uid = incident["metadata"]["uid"]
        mine = [e for e in found if e.involved_object.kind == "GostatIncident" and e.involved_object.uid == uid]
        return [e.reason for e in mine for _ in range((e.series.count if e.series else e.count) or 1)]

    def wait_action(self, outcome, seconds=90):
        """An action with this outcome; the incident."""

        def there():
            i = self.incident()
            return i if i and any(a["outcome"] == outcome for a in i["status"].get("actions", [])) else None

        return self.until(seconds, f"an action {outcome}", there)

    def wait_undone(self, replicas=2, seconds=120):
        """Resolved, taken back, let go; the incident."""

        def resolved():
            i = self.incident()
            return i if i and i["status"]["phase"] == "Resolved" else None

        self.until(seconds, "the incident is resolved", resolved)
        self.until(20, f"the scale is {replicas} again", lambda: self.replicas() == replicas)
        self.wait_action("Undone", 20)
        self.wait_let_go()
        return self.incident()

    def wait_let_go(self, seconds=20):
        self.until(seconds, "the policy's finalizer is gone", lambda: FINALIZER not in self.finalizers())

    def assert_one_scale_out(self, replicas=2):
        """Exactly one ScaleOut by gostat, in the audit log, in the Deployment and in the only incident."""
        set_to = [n for n, _ in self.world.audit.scalings(self.ns)]
        assert [n for n in set_to if n > replicas] == [replicas + 1], f"gostat set the scale to {set_to}\n{self.show()}"
        done = [a for a in self.actions() if a["outcome"] != "Refused"]
        assert len(done) == 1, f"{len(done)} actions\n{self.show()}"
        assert (done[0]["type"], done[0]["from"], done[0]["to"]) == ("ScaleOut", replicas, replicas + 1), self.show()

    def show(self):
        """All that helps to see why."""
        parts = [f"--- namespace {self.ns} at {datetime.datetime.now(datetime.UTC):%H:%M:%S.%f}"]
        for what in ("gostatpolicies", "gostatincidents"):
            try:
                items = self.world.custom.list_namespaced_custom_object(GROUP, VERSION, self.ns, what)["items"]
                for o in items:
                    o["metadata"].pop("managedFields", None)
                    if what == "gostatpolicies":
                        o.pop("spec", None)
                    parts.append(yaml.safe_dump(json.loads(json.dumps(o)), sort_keys=False, width=140))
            except Exception as e:  # pylint: disable=broad-except
                parts.append(f"{what}: {e!r}")
        parts.append(f"scale set by gostat: {self.world.audit.scalings(self.ns)}")
        parts += [c.tail() for c in self.controllers]
        return "\n".join(parts)
