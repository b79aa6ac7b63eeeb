# shellcheck shell=bash
# The last words of this host: one object in S3 under a name that only this instance may write. The functions quote it
# (shared/membership/src/report.rs) and never act on it. A report that cannot be written stops nothing.

# report SENTENCE [STATUS]: a refusal is always written; another sentence at most every 10 seconds, and the same
# sentence every ETCD_ASG_REPORT_SECONDS. What was written last outlives the runtime directory, which each stop removes.
# `hurry` is the most seconds that a call may take where something waits for this script.
report() {
  local bucket=${ETCD_ASG_REPORTS_BUCKET:-} last=$run_dir.report age=99 body status sentence=$1
  [[ -n $bucket && ${cluster:-} =~ ^[A-Za-z0-9_.-]{1,100}$ ]] || return 0
  [[ ! -e $last ]] || age=$(($(date +%s) - $(stat -c %Y "$last")))
  ((${2:-0} > AGAIN || age >= ${report_every:-60})) || { ((age >= 10)) && [[ $(<"$last") != "$sentence" ]]; } || return 0
  printf '%s\n' "$sentence" >"$last"
  learn_author || return 0
  body=$(report_body "$@")
  call_aws s3 "$bucket/reports/$cluster/${author/:/%3A}" --request PUT --connect-timeout "${hurry:-15}" \
    --max-time "${hurry:-15}" --header 'Content-Type: text/plain' \
    --header "x-amz-content-sha256: $(printf %s "$body" | sha256sum | cut -d' ' -f1)" --data-binary "$body"
  if [[ $status != 200 && ! -e $last-failed ]]; then
    : >"$last-failed"
    say "the last words could not be written to s3://$bucket/reports/$cluster/ (HTTP $status, ${body:0:200}); nothing depends on them"
  fi
}

report_body() {
  local line text word
  for line in format=1 "time=$(date -u +%FT%TZ)" "instance=${author#*:}" ${2:+"status=$2"} "says=$1" \
    ${version:+"version=$version"} "$(cat "$run_dir.etcd" 2>/dev/null)"; do
    text=${line//[[:cntrl:]]/ }
    for word in "${secret:-}" "${session:-}"; do [[ -z $word ]] || text=${text//"$word"/…}; done
    printf '%s\n' "${text:0:1500}"
  done
}

# Sets `author`: the IDs of the role and of the instance, as AWS writes them into the policy variable aws:userid.
learn_author() {
  local role=${ETCD_ASG_ROLE_ID:-} own=${instance:-${env[ETCD_NAME]:-}} status body
  [[ -z ${author:-} ]] || return 0
  author=$(cat "$run_dir.author" 2>/dev/null) && return
  [[ -n $own ]] || own=$(metadata instance-id) || return 1
  if [[ -n $role ]]; then
    author=$role:$own
  else
    call_aws sts '' --max-time "${hurry:-15}" --data 'Action=GetCallerIdentity&Version=2011-06-15'
    author=$(sed -n 's/.*<UserId>\([A-Z0-9]*:i-[0-9a-f]*\)<.*/\1/p' <<<"$body")
    [[ -n $author ]] || return 1
  fi
  printf '%s\n' "$author" >"$run_dir.author"
}
