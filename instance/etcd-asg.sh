#!/bin/bash -p
# etcd-asg: what an instance of the Auto Scaling group runs. It makes no decision about the cluster: it reads the
# parameter that the controller creates for this instance, starts etcd with it, and completes the launch hook once this
# member is a healthy, published voter (a voter that the parameter `endpoints` names).
# It never deletes data, never abandons a launch and never evaluates what it reads.
#
#   etcd-asg prepare   ExecStartPre   waits for the parameter and compares it with the data directory
#   etcd-asg run       ExecStart      runs etcd with what prepare approved
#   etcd-asg ready     ExecStartPost  waits until this member is published, completes the launch hook and ends
#
# Needs bash, curl 7.88 or newer, awk, sed, coreutils; setpriv where ETCD_ASG_USER is set; blkid, mount and mkfs where
# ETCD_ASG_DATA_DEVICE is set. No AWS CLI. With -p, bash runs no file that BASH_ENV names and takes no functions from its
# environment.
#
# Exit statuses of run, which is the unit's main process:
#   75  it could not continue now, and another start may help (prepare ends with 75, too)
#   64  wrong usage                       78  the configuration is wrong, or no etcd is installed
#   80  the parameter is not understood   81  the data of a member that has run is gone
#   82  data of another cluster           83  data of an older generation
#   84  data of another instance          85  data of unknown origin
#   86  this minor version must not join  87  the member was removed from its cluster
#   any other: the status of etcd itself, for a member that had joined
# 64 and 78 to 87 are refusals: another start cannot help (RestartPreventExitStatus in the unit). systemd applies
# that setting only to the main process (systemd.service(5)). Therefore, when prepare refuses, it records the status in
# the runtime directory and ends with 0, and run ends with the recorded status.
#
# Settings, from the environment or else from the file ${ETCD_ASG_CONFIG:-/etc/etcd-asg/config} (KEY=value):
#   ETCD_ASG_CLUSTER               the cluster's name (required)
#   ETCD_ASG_PREFIX                the path of the parameters; default /etcd-asg
#   ETCD_ASG_USER                  the user that etcd runs as; default: the caller
#   ETCD_ASG_DATA_DIR              default /var/lib/etcd
#   ETCD_ASG_DATA_DEVICE           the data volume, under the name that the launch template gives it, such as /dev/sdf; it
#                                  is mounted at ETCD_ASG_DATA_DIR. Default: none, the data is on the root volume
#   ETCD_ASG_REPORTS_BUCKET        the bucket for this host's last words; default: none are written
#   ETCD_ASG_REPORT_SECONDS        seconds between two reports of one long wait; default 60
#   ETCD_ASG_ROLE_ID               the ID (AROA…) of the instance's role, for the name of that object; default: asked of STS
#   ETCD_ASG_RUN_DIR               default /run/etcd-asg (from the environment only)
#   ETCD_ASG_POLL_SECONDS          seconds between two looks; default 2, fractions allowed
#   ETCD_ASG_PARAMETER_PATIENCE    seconds to wait for the parameter before ending with 75; default 600
#   AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN: default from the instance metadata
#   AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SSM, AWS_ENDPOINT_URL_AUTO_SCALING, AWS_USE_DUALSTACK_ENDPOINT,
#   AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_CA_BUNDLE: as in the AWS CLI
#   HTTPS_PROXY, HTTP_PROXY, NO_PROXY (from the file only): for this script's calls to AWS, never for etcd
#   GODEBUG, GOGC, GOMAXPROCS, … (from the file only): for etcd's Go runtime
#   ETCD_… (from the file only): etcd's own settings, such as ETCD_QUOTA_BACKEND_BYTES. Where the parameter sets the
#   same name to another value, the parameter's value is used and a sentence says so. By default etcd compacts what is
#   older than an hour (ETCD_AUTO_COMPACTION_MODE, _RETENTION): without compaction every cluster runs out of space.
#
# In the data directory:
#   member-data   etcd's own data
#   stamp         the cluster, generation and instance that the data belongs to; written before etcd's first start
#   environment   the last approved parameter, for an outage of SSM
#   joined        the IDs of the cluster and the member; written once etcd has followed a leader
#   completed     the launch hook was completed by this script
set -uo pipefail
export LC_ALL=C

readonly AGAIN=75 USAGE=64 CONFIGURATION=78 NOT_UNDERSTOOD=80 DATA_GONE=81 OTHER_CLUSTER=82 OLDER_GENERATION=83
readonly OTHER_INSTANCE=84 UNKNOWN_DATA=85 MINOR=86 REMOVED=87
# An outage of SSM has to last this many polls before a member that had joined starts without it.
readonly OUTAGE_POLLS=5
# The controller completes a launch that stays pending, so this script need not try for ever.
readonly COMPLETE_ATTEMPTS=20
readonly CREDENTIALS_SECONDS=300
# These settings of etcd cannot be tuned: they name another configuration file or another place for the data or its log,
# make a cluster by force or by discovery, or take away the gateway that the functions ask.
readonly NOT_TUNING='^ETCD_(CONFIG_FILE|DATA_DIR|WAL_DIR|FORCE_NEW_CLUSTER|DISCOVERY.*|ENABLE_GRPC_GATEWAY|LISTEN_CLIENT_HTTP_URLS)$'

# The installed command is a link to this file, which stands beside its lib folder as in the repository.
lib=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib
readonly lib
# shellcheck source=lib/words.sh
source "$lib/words.sh"
# shellcheck source=lib/files.sh
source "$lib/files.sh"
# shellcheck source=lib/environment.sh
source "$lib/environment.sh"
# shellcheck source=lib/aws.sh
source "$lib/aws.sh"
# shellcheck source=lib/report.sh
source "$lib/report.sh"
# shellcheck source=lib/volume.sh
source "$lib/volume.sh"
# shellcheck source=lib/removed.sh
source "$lib/removed.sh"
# shellcheck source=lib/data.sh
source "$lib/data.sh"
# shellcheck source=lib/prepare.sh
source "$lib/prepare.sh"
# shellcheck source=lib/run.sh
source "$lib/run.sh"
# shellcheck source=lib/ready.sh
source "$lib/ready.sh"

read_configuration() {
  local file=${ETCD_ASG_CONFIG:-/etc/etcd-asg/config} name wrong=''
  load_configuration "$file" || wrong=yes
  cluster=${ETCD_ASG_CLUSTER:-}
  [[ -z $wrong ]] || refuse_configuration "in $file, $problem"
  for name in "${!tuning[@]}"; do
    [[ ! $name =~ $NOT_TUNING ]] || refuse_configuration "in $file, $name cannot be set: it would override the parameter that keeps the cluster safe"
  done
  if [[ -z ${tuning[ETCD_AUTO_COMPACTION_MODE]:-}${tuning[ETCD_AUTO_COMPACTION_RETENTION]:-} ]]; then
    tuning[ETCD_AUTO_COMPACTION_MODE]=periodic tuning[ETCD_AUTO_COMPACTION_RETENTION]=1h
  fi
  prefix=${ETCD_ASG_PREFIX:-/etcd-asg} user=${ETCD_ASG_USER:-}
  poll=${ETCD_ASG_POLL_SECONDS:-2} patience=${ETCD_ASG_PARAMETER_PATIENCE:-600}
  data_dir=${ETCD_ASG_DATA_DIR:-/var/lib/etcd}
  member_data=$data_dir/member-data stamp_file=$data_dir/stamp
  [[ $cluster =~ ^[A-Za-z0-9_.-]{1,100}$ ]] ||
    refuse_configuration "ETCD_ASG_CLUSTER is '$cluster': set it in $file to the cluster's name, 1 to 100 characters of A-Z a-z 0-9 _ . -"
  [[ $prefix =~ ^(/[A-Za-z0-9_.-]+)+$ ]] ||
    refuse_configuration "ETCD_ASG_PREFIX is '$prefix': it must be a parameter path such as /etcd-asg"
  [[ $poll =~ ^[0-9]+(\.[0-9]+)?$ && $patience =~ ^[0-9]{1,9}$ ]] ||
    refuse_configuration "ETCD_ASG_POLL_SECONDS is '$poll' and ETCD_ASG_PARAMETER_PATIENCE '$patience': both must be numbers of seconds"
  [[ ${ETCD_ASG_REPORT_SECONDS:-60} =~ ^[0-9]{1,9}$ ]] ||
    refuse_configuration "ETCD_ASG_REPORT_SECONDS is '$ETCD_ASG_REPORT_SECONDS': it must be a number of seconds"
  report_every=${ETCD_ASG_REPORT_SECONDS:-60}
  [[ ${AWS_REGION:-none} =~ ^[a-z0-9-]+$ ]] ||
    refuse_configuration "AWS_REGION is '$AWS_REGION': it must be a region such as eu-central-1, or be left out"
}

refuse_configuration() { refuse "$CONFIGURATION" "$*"; }

# prepare has already printed the reason: run only passes the status on, and ready has nothing to wait for.
end_if_refused() {
  [[ $command != prepare && -s $run_dir/refused ]] || return 0
  [[ $command != run ]] || exit "$(<"$run_dir/refused")"
  exit 0
}

declare -A env config tuning stamp
command=${1:-}
run_dir=${ETCD_ASG_RUN_DIR:-/run/etcd-asg}
case $command in
  prepare | run | ready)
    [[ $# -eq 1 ]] || { say "usage: etcd-asg prepare|run|ready"; exit "$USAGE"; }
    end_if_refused
    clean_environment
    read_configuration
    "$command"
    ;;
  *)
    say "usage: etcd-asg prepare|run|ready"
    exit "$USAGE"
    ;;
esac
