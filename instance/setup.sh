#!/bin/bash
# setup.sh SOURCE [SHA256]: makes this machine ready for its place in the cluster, as the last step of its user data: the
# unit, the command, and etcd (install-etcd.sh). An image that has these files already runs it with the source `image`.
home=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
chmod +x "$home"/*.sh
ln -sfn "$home/etcd-asg.sh" /usr/local/bin/etcd-asg
install -m 644 "$home/etcd-asg.service" /etc/systemd/system/
# Where etcd could not be installed, the unit refuses with the reason.
"$home/install-etcd.sh" "$@"
systemctl daemon-reload
# The unit is "activating" until this member is published. cloud-init does not wait for that.
systemctl enable etcd-asg.service
systemctl start --no-block etcd-asg.service
# The example's parameter JournalDays: the journal goes to CloudWatch Logs, on Amazon Linux. It comes after etcd's start.
journal=$(sed -n 's/^ETCD_ASG_JOURNAL=//p' "${ETCD_ASG_CONFIG:-/etc/etcd-asg/config}")
if [[ -n $journal ]]; then
  { dnf -qy install rsyslog amazon-cloudwatch-agent && systemctl enable --now rsyslog &&
    /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c "ssm:$journal"; } ||
    echo 'etcd-asg: the journal is not shipped: see /var/log/cloud-init-output.log' >/dev/console
fi
