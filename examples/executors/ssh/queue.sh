#!/bin/sh
# A few machines that share a folder, by ssh, for `executor: {kind: command}`. WINNOW_HOSTS names them ("gpu1 gpu2");
# tasks go to them in turn, all at once (executor.atOnce is not kept). Keys, ports and users belong into ~/.ssh/config;
# WINNOW_SSH may say more ("ssh -F FILE").
#
#   queue.sh submit SCRIPT COUNT DIR     the batch is known by its folder
#   queue.sh poll DIR COUNT              INDEX running|ended [CODE] on HOST
#   queue.sh cancel DIR INDEX            SIGTERM
#   queue.sh find DIR                    `submitted`, where it was
ssh="${WINNOW_SSH:-ssh} -o BatchMode=yes -o ConnectTimeout=10"

quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

case $1 in
submit)
  [ -n "$WINNOW_HOSTS" ] || { echo 'set WINNOW_HOSTS to the hosts, such as "gpu1 gpu2"' >&2; exit 2; }
  dir=$(quoted "$4")
  i=0
  while [ "$i" -lt "$3" ]; do
    for host in $WINNOW_HOSTS; do
      [ "$i" -lt "$3" ] || break
      # What was started before a connection broke is not started again.
      if [ ! -f "$4/$i.host" ]; then
        task="sh $(quoted "$2") $i & echo \$! > $dir/$i.pid; wait \$!; echo \$? > $dir/$i.tmp; mv $dir/$i.tmp $dir/$i.code"
        $ssh "$host" "setsid sh -c $(quoted "$task") > /dev/null 2>&1 < /dev/null &" || exit 1
        echo "$host" > "$4/$i.host"
      fi
      i=$((i + 1))
    done
  done
  touch "$4/submitted"
  echo submitted
  ;;
poll)
  i=0
  while [ "$i" -lt "$3" ]; do
    host=$(cat "$2/$i.host" 2> /dev/null)
    if [ -f "$2/$i.code" ]; then
      echo "$i ended $(cat "$2/$i.code") on $host"
    elif [ -z "$host" ] || [ ! -f "$2/$i.pid" ]; then
      echo "$i queued"
    elif $ssh "$host" "kill -0 $(cat "$2/$i.pid")" 2> /dev/null; then
      echo "$i running on $host"
    elif [ $? -ne 255 ]; then
      # 255 is ssh's own: the host cannot be asked, and nothing is said of the task.
      [ -f "$2/$i.code" ] && echo "$i ended $(cat "$2/$i.code") on $host" || echo "$i ended on $host"
    fi
    i=$((i + 1))
  done
  ;;
cancel)
  $ssh "$(cat "$2/$3.host")" "kill -TERM $(cat "$2/$3.pid")" 2> /dev/null || echo 'has ended'
  ;;
find)
  [ -f "$2/submitted" ] && echo submitted
  exit 0
  ;;
*)
  echo "unknown: $1" >&2
  exit 2
  ;;
esac
