# shellcheck shell=bash
# The instance metadata service and the signed AWS calls of an instance, made with curl alone.

# ~/.curlrc belongs to the image. AWS_CA_BUNDLE is as in the AWS CLI.
ask() { curl --disable --silent "$@"; }

metadata() {
  local base=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254} token
  base=${base%/}/latest
  token=$(ask --fail --noproxy '*' --max-time 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$base/api/token") || return 1
  ask --fail --noproxy '*' --max-time 5 --header "X-aws-ec2-metadata-token: $token" "$base/meta-data/$1"
}

learn_region() {
  region=${region:-${AWS_REGION:-$(metadata placement/region)}}
  [[ $region =~ ^[a-z0-9-]+$ ]]
}

learn_credentials() {
  if [[ -n ${AWS_ACCESS_KEY_ID:-} ]]; then
    key=$AWS_ACCESS_KEY_ID secret=${AWS_SECRET_ACCESS_KEY:-} session=${AWS_SESSION_TOKEN:-}
    return
  fi
  ((SECONDS < ${credentials_until:-0})) && return
  local role answer
  role=$(metadata iam/security-credentials/) && answer=$(metadata "iam/security-credentials/${role%%$'\n'*}") || return 1
  key=$(json_string AccessKeyId <<<"$answer") && secret=$(json_string SecretAccessKey <<<"$answer") &&
    session=$(json_string Token <<<"$answer") || return 1
  credentials_until=$((SECONDS + CREDENTIALS_SECONDS))
}

# The domains are those of the partitions in the AWS SDKs (partitions.json); tests/instance/test_endpoints.py compares them.
# Where the region is of a partition that came later, the metadata service knows its domain.
learn_domain() {
  dual=api.aws
  case $region in
    cn-*) domain=amazonaws.com.cn dual=api.amazonwebservices.com.cn ;;
    eusc-*) domain=amazonaws.eu dual=api.amazonwebservices.eu ;;
    us-iso-*) domain=c2s.ic.gov dual=api.aws.ic.gov ;;
    us-isob-*) domain=sc2s.sgov.gov dual=api.aws.scloud ;;
    eu-isoe-*) domain=cloud.adc-e.uk dual=api.cloud-aws.adc-e.uk ;;
    us-isof-*) domain=csp.hci.ic.gov dual=api.aws.hci.ic.gov ;;
    *)
      [[ $region =~ ^((us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+|us-gov-[a-z]+)-[0-9]+$ ]] || domain=$(metadata services/domain)
      [[ ${domain:-} =~ ^[a-z0-9.-]+$ ]] || domain=amazonaws.com
      ;;
  esac
}

endpoint() {
  local specific=AWS_ENDPOINT_URL_${1^^} host=$1 url
  [[ $1 != autoscaling ]] || specific=AWS_ENDPOINT_URL_AUTO_SCALING
  [[ -n ${domain:-} ]] || learn_domain
  url=$domain
  if [[ ${AWS_USE_DUALSTACK_ENDPOINT:-} == true ]]; then
    # Dual-stack endpoints have their own domain, except those of S3 (Amazon S3 user guide, dual-stack endpoints).
    if [[ $1 == s3 ]]; then host=s3.dualstack; else url=$dual; fi
  fi
  url=${!specific:-${AWS_ENDPOINT_URL:-https://$host.$region.$url}}
  printf '%s/' "${url%/}"
}

# signed SERVICE PATH CURL-OPTIONS…: curl reads the secrets from standard input, because every user of the machine can
# read a command line.
signed() {
  local service=$1 path=$2
  shift 2
  {
    printf 'user = "%s:%s"\n' "$key" "$secret"
    [[ -z $session ]] || printf 'header = "x-amz-security-token: %s"\n' "$session"
  } | ask --show-error --config - --aws-sigv4 "aws:amz:$region:$service" --connect-timeout 5 \
    ${AWS_CA_BUNDLE:+--cacert "$AWS_CA_BUNDLE"} "$@" "$(endpoint "$service")$path"
}

# call_aws SERVICE PATH CURL-OPTIONS…: makes one signed call. Sets `status` (000: no answer) and `body`.
call_aws() {
  local answer
  status=000
  learn_region || { body="the region is '$region': neither AWS_REGION nor the instance metadata service gives a region"; return; }
  learn_credentials || { body="the instance metadata service has no credentials: does the instance have a role?"; return; }
  answer=$(signed "$1" "$2" --max-time 15 --write-out '\n%{http_code}' "${@:3}" 2>&1)
  status=${answer##*$'\n'} body=${answer%$'\n'*}
  [[ $body == *ExpiredToken* ]] && credentials_until=0
}

# get_parameter NAME: sets `answer` to found (and `value`), absent, or unknown (and `reason`).
get_parameter() {
  local kind
  call_aws ssm '' --header 'Content-Type: application/x-amz-json-1.1' --header 'X-Amz-Target: AmazonSSM.GetParameter' \
    --data "{\"Name\":\"$1\"}"
  kind=$(json_string __type <<<"$body")
  answer=unknown reason="HTTP $status, ${body:0:200}"
  if [[ $status == 200 ]] && value=$(json_string Value <<<"$body"); then
    answer=found
  elif [[ ${kind##*#} == ParameterNotFound ]]; then
    answer=absent
  elif [[ ${kind##*#} == AccessDeniedException ]]; then
    reason="the instance's role is not allowed to read $1 (ssm:GetParameter)"
  elif [[ $status == 000 ]]; then
    reason="no answer: ${body:0:200}${unused_proxy:+; $unused_proxy of the environment is not used: set HTTPS_PROXY in the configuration file}"
  fi
}
