#!/bin/sh
# A queue of background processes of this machine, for `executor: {kind: command}`: the smallest that works, to try the
# way of a queue on a laptop and to start one of your own from. They live on when winnow is stopped.
#
#   queue.sh submit SCRIPT COUNT DIR     starts every task and the batch is known by its folder
#   queue.sh poll DIR COUNT              INDEX running|ended [CODE]
#   queue.sh cancel DIR INDEX            SIGTERM
#   queue.sh find DIR                    `submitted`, where it was
case $1 in
submit)
  i=0
  while [ "$i" -lt "$3" ]; do
    # setsid: Ctrl-C of the terminal is not theirs. The exit code is written whole or not at all.
    setsid sh -c 'sh "$0" "$1" & echo $! > "$2/$1.pid"; wait $!; echo $? > "$2/$1.tmp"; mv "$2/$1.tmp" "$2/$1.code"' \
      "$2" "$i" "$4" > /dev/null 2>&1 < /dev/null &
    i=$((i + 1))
  done
  touch "$4/submitted"
  echo submitted
  ;;
poll)
  i=0
  while [ "$i" -lt "$3" ]; do
    if [ -f "$2/$i.code" ]; then
      echo "$i ended $(cat "$2/$i.code")"
    elif [ ! -f "$2/$i.pid" ]; then
      echo "$i queued"
    elif kill -0 "$(cat "$2/$i.pid")" 2> /dev/null; then
      echo "$i running on $(hostname)"
    else
      echo "$i ended"
    fi
    i=$((i + 1))
  done
  ;;
cancel)
  kill -TERM "$(cat "$2/$3.pid")" 2> /dev/null || echo 'has ended'
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
