#!/bin/sh
# A Kubernetes cluster, for `executor: {kind: command}`: a batch is an Indexed Job (Kubernetes 1.29 or newer), a task one
# of its indexes. Change the manifest below to what your cluster wants: tolerations, a queue of Kueue, a user id.
#
#   WINNOW_IMAGE     an image with Node 20.19+ and, at the same path as here, winnow
#   WINNOW_VOLUME    a PersistentVolumeClaim that all nodes may write to (ReadWriteMany), with run folder and models
#   WINNOW_MOUNT     where it is mounted, here and there alike
#   WINNOW_KUBECTL   more than `kubectl`, such as "kubectl --namespace team"
#
#   queue.sh manifest NAME SCRIPT COUNT DIR CPUS GPUS MEMORY_GB MINUTES AT_ONCE EXCLUDE    prints the Job
#   queue.sh submit   (the same words)                                                     makes it
#   queue.sh poll NAME COUNT                    INDEX queued|running|held|ended [CODE] [on NODE] [: WHY]
#   queue.sh cancel NAME DIR COUNT INDEXES      INDEXES: 0,3,4
#   queue.sh find NAME
set -eu
kubectl=${WINNOW_KUBECTL:-kubectl}

# A text of YAML, whatever is in it.
text() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"; }

# The same where Kubernetes would put in variables: $(NAME).
plain() { text "$(printf '%s' "$1" | sed 's/\$/$$/g')"; }

need() {
  for name in WINNOW_IMAGE WINNOW_VOLUME WINNOW_MOUNT; do
    eval "value=\${$name:-}"
    [ -n "$value" ] || { echo "set $name: the head of $0 says to what" >&2; exit 2; }
  done
}

manifest() {
  name=$1 script=$2 count=$3 dir=$4 cpus=$5 gpus=$6 memory=$7 minutes=$8 at_once=$9
  shift 9
  memory=${memory:+memory: ${memory}G}
  limits="${gpus:+nvidia.com/gpu: $gpus}${memory:+, $memory}"
  [ "$gpus" != 0 ] || limits=$memory
  cat << EOF
apiVersion: batch/v1
kind: Job
metadata:
  name: $name
  labels: {app.kubernetes.io/managed-by: winnow}
spec:
  completionMode: Indexed
  completions: $count
  parallelism: ${at_once:-$count}
  # Winnow reads in the files what became of a task, and starts it again itself, in a Job of its own.
  backoffLimitPerIndex: 0
  podReplacementPolicy: Failed
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels: {app.kubernetes.io/managed-by: winnow}
    spec:
      restartPolicy: Never
      # Time to end a step and to save a checkpoint when the pod is evicted or its time is over.
      terminationGracePeriodSeconds: 120
      activeDeadlineSeconds: $((${minutes:-525600} * 60))
      containers:
        - name: worker
          image: $(text "$WINNOW_IMAGE")
          command: [sh, -c, 'test ! -e "\$WINNOW_BATCH/\$JOB_COMPLETION_INDEX.cancelled" || exit 143; exec sh "\$WINNOW_SCRIPT" "\$JOB_COMPLETION_INDEX"']
          env:
            - {name: WINNOW_SCRIPT, value: $(plain "$script")}
            - {name: WINNOW_BATCH, value: $(plain "$dir")}
          resources:
            requests: {cpu: $cpus${memory:+, $memory}}
            limits: {$limits}
          volumeMounts:
            - {name: shared, mountPath: $(text "$WINNOW_MOUNT")}
            # Ranks of a unit with several GPUs talk through it.
            - {name: shm, mountPath: /dev/shm}
      volumes:
        - {name: shared, persistentVolumeClaim: {claimName: $(text "$WINNOW_VOLUME")}}
        - {name: shm, emptyDir: {medium: Memory}}
EOF
  [ -z "${1:-}" ] || cat << EOF
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions:
                  - {key: kubernetes.io/hostname, operator: NotIn, values: [$(printf "'%s'" "$1" | sed "s/,/', '/g")]}
EOF
}

# 0-2,5 as 0 1 2 5
numbers() { echo "$1" | tr ',' '\n' | awk -F- '/[0-9]/ { for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i }'; }

case ${1:-} in
manifest)
  shift
  need
  manifest "$@"
  ;;
submit)
  shift
  need
  manifest "$@" > "$4/manifest.yaml"
  if ! said=$($kubectl create -f "$4/manifest.yaml" 2>&1); then
    case $said in
    # Made by a driver that was stopped before it could note it.
    *AlreadyExists*) ;;
    *'failed to download openapi'* | *'exceeded quota'*) echo "$said" >&2; exit 1 ;;
    # Wrong whenever it is tried: a field, a right that is missing.
    *Invalid* | *Forbidden* | *BadRequest* | *'error parsing'* | *'error validating'*) echo "$said" >&2; exit 2 ;;
    *) echo "$said" >&2; exit 1 ;;
    esac
  fi
  echo "$1"
  ;;
poll)
  # A Job that is gone (or its time to live over): nothing of it runs.
  job=$($kubectl get job "$2" --ignore-not-found -o 'jsonpath=there {.status.completedIndexes};{.status.failedIndexes}')
# A sidecar may stand first among the containers.
  own='.status.containerStatuses[?(@.name=="worker")].state'
  each='{.metadata.labels.batch\.kubernetes\.io/job-completion-index};{.status.phase}'
  each="$each;{$own.terminated.exitCode};{$own.waiting.reason};{.spec.nodeName};{$own.terminated.reason};{.status.reason}"
  each="$each;{.status.conditions[?(@.type==\"DisruptionTarget\")].reason}"
  pods=$($kubectl get pods -l "batch.kubernetes.io/job-name=$2" -o "jsonpath={range .items[*]}$each{\"\\n\"}{end}")
  done=${job#there } failed=
  case $job in
  there*) failed=${done#*;} done=${done%;*} ;;
  *) failed=0-$(($3 - 1)) done= ;;
  esac
  {
    numbers "$done" | sed 's/$/;Complete;0;;/'
    numbers "$failed" | sed 's/$/;Over;;;/'
    echo "$pods"
  } | awk -F';' -v count="$3" '
    $1 == "" { next }
    {
      on = $5 == "" ? "" : " on " $5
      # The cluster says why: OOMKilled, DeadlineExceeded, evicted (EvictionByEvictionAPI, PreemptionByScheduler, …).
      why = $6 == "Error" || $6 == "Completed" ? $7 : $6 " " $7
      sub(/DeadlineExceeded/, "deadline exceeded", why)
      if ($8 != "") why = why " evicted: " $8
      if (why ~ /[A-Za-z]/) on = on ": " why
    }
    $2 == "Complete" || $2 == "Over" { if (!($1 in says)) says[$1] = "ended" ($3 == "" ? "" : " " $3); next }
    $2 == "Succeeded" || $2 == "Failed" { says[$1] = "ended" ($3 == "" ? "" : " " $3) on; next }
    $2 == "Running" { says[$1] = "running" on; next }
    # An image or a secret that is not there: somebody has to do something.
    $4 ~ /ErrImage|ImagePull|InvalidImage|CreateContainer/ { says[$1] = "held" on ": " $4; next }
    { says[$1] = "queued" on }
    END { for (i = 0; i < count; i++) print i, (i in says) ? says[i] : "queued" }'
  ;;
cancel)
  left=0 i=0
  for index in $(numbers "$5"); do
    # A task that has no pod yet finds it when it begins.
    touch "$3/$index.cancelled"
  done
  while [ "$i" -lt "$4" ]; do
    [ -e "$3/$i.cancelled" ] || left=1
    i=$((i + 1))
  done
  if [ "$left" = 0 ]; then
    $kubectl delete job "$2" --ignore-not-found --wait=false
  else
    $kubectl delete pods -l "batch.kubernetes.io/job-name=$2,batch.kubernetes.io/job-completion-index in ($5)" --wait=false
  fi
  ;;
find)
  $kubectl get job "$2" --ignore-not-found -o 'jsonpath={.metadata.name}'
  ;;
*)
  echo "unknown: ${1:-}" >&2
  exit 2
  ;;
esac
