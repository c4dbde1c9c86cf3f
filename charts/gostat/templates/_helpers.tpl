{{- define "gostat.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "gostat.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "gostat.fullname" .) }}
{{- end }}

{{- define "gostat.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gostat.labels" -}}
{{ include "gostat.selector" . }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* All pods of the release. */}}
{{- define "gostat.family" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- end }}

{{/* Of pods that the Service and the PodDisruptionBudget must not take for the controller's. */}}
{{- define "gostat.hookLabels" -}}
{{ include "gostat.family" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "gostat.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "gostat.pullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the Pod Security Standard "restricted" asks for, of a pod and of its container. */}}
{{- define "gostat.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "gostat.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A role with these rules for the controller: (list $ SUFFIX RULES). With rbac.namespaces a Role in each of them. */}}
{{- define "gostat.grant" -}}
{{- $ := index . 0 }}
{{- $name := printf "%s%s" (include "gostat.fullname" $) (index . 1) }}
{{- $rules := index . 2 }}
{{- $cluster := empty $.Values.rbac.namespaces }}
{{- range $namespace := $cluster | ternary (list "") $.Values.rbac.namespaces }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $cluster | ternary "ClusterRole" "Role" }}
metadata:
  name: {{ $name }}
  {{- if not $cluster }}
  namespace: {{ $namespace }}
  {{- end }}
  labels: {{- include "gostat.labels" $ | nindent 4 }}
rules:
{{ $rules | trim }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $cluster | ternary "ClusterRoleBinding" "RoleBinding" }}
metadata:
  name: {{ $name }}
  {{- if not $cluster }}
  namespace: {{ $namespace }}
  {{- end }}
  labels: {{- include "gostat.labels" $ | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $cluster | ternary "ClusterRole" "Role" }}
  name: {{ $name }}
subjects:
- kind: ServiceAccount
  name: {{ include "gostat.serviceAccount" $ }}
  namespace: {{ $.Release.Namespace }}
---
{{- end }}
{{- end }}
