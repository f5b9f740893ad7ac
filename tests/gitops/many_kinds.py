"""One of each kind that people keep in git, written as people write them: terse, with defaults left out."""

from __future__ import annotations

from typing import Any

import yaml

TEXT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {password: hunter2}
data: {token: dG9rZW4=}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, labels: {}}
data: {colour: blue}
---
apiVersion: v1
kind: LimitRange
metadata: {name: web}
spec: {limits: [{type: Container, default: {cpu: 1000m, memory: 1024Mi}, defaultRequest: {cpu: "0.1"}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: web}
spec: {hard: {pods: 50, requests.cpu: "100", limits.memory: 1024Gi}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: web}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: metrics, port: 9090}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec:
      serviceAccountName: web
      securityContext: {}
      initContainers: [{name: init, image: busybox, command: [sh, -c, "true"]}]
      containers:
        - name: web
          image: web:1
          ports: [{name: http, containerPort: 8080}, {containerPort: 9090}]
          env:
            - {name: A, value: ""}
            - name: NODE
              valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
            - name: CPU
              valueFrom: {resourceFieldRef: {resource: limits.cpu}}
          resources: {limits: {cpu: 1000m, memory: 1024Mi}, requests: {cpu: 0.1, memory: 128M}}
          readinessProbe: {httpGet: {path: /, port: http}}
          volumeMounts: [{name: config, mountPath: /etc/web}, {name: scratch, mountPath: /tmp}]
      volumes:
        - name: config
          projected: {sources: [{configMap: {name: web}}, {secret: {name: web}}]}
        - {name: scratch, emptyDir: {sizeLimit: 1024Mi}}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: web}}
status: {}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "db:1"}]}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}], tolerations: [{operator: Exists}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 3 * * *
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: job, image: "job:1"}]}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 9
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {}
  ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}]}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
    - host: web.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}, {kind: Group, name: shop}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cars.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Car, plural: cars}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                wheels: {type: integer, default: 4}
                colour: {type: string}
                doors:
                  type: array
                  items: {type: object, properties: {name: {type: string}, locked: {type: boolean, default: true}}}
---
apiVersion: example.com/v1
kind: Car
metadata: {name: red}
spec: {colour: red, doors: [{name: left}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: slow}
spec:
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow}}
    spec: {containers: [{name: web, image: "web:1", resources: {limits: {cpu: 1000m}}}]}
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}
"""


def manifests() -> list[dict[str, Any]]:
    """All of them."""
    return list(yaml.safe_load_all(TEXT))
